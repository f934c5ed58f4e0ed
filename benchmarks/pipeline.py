"""What does the real topology cost on a real broker, beside its bare core and beside a loop that only moves bytes?

`python -m benchmarks.pipeline [--customers N] [--seconds S] [--rounds R]`; it starts a broker of its own under `.broker/bench`. It prints
CPU microseconds an event by stage (measured alone, in memory), then, in turns, events/s and CPU of the worker and of a transactional loop
that writes the recorded outputs, latency at 50 and 500 events/s, and memory for the customers. What the engine adds is the worker's CPU
time outside of the agent's work over that inside of it, both of the same run. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import statistics
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine_raw import Sender
from benchmarks.pipeline_stages import JOURNAL, MICRO, PARTITIONS, Work, stages
from processors.broker import start_broker, stop_broker
from processors.contract import contract
from processors.engine.batch import Batch
from processors.settings import Settings
from processors.topics import apply
from processors.topology import Topology, build
from processors.topology.deciding import Deciding
from processors.topology.partitioning import partition_of

RATES = (50, 500)
DEADLINE_SECONDS = 600.0


async def fill(settings: Settings, arguments: dict[str, Any], told: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Everything onto the topics, a millisecond apart, so that the worker takes it in the order of arrival."""
    await apply(arguments, contract().topics.values(), settings.topic_prefix)
    producer = AIOKafkaProducer(**arguments, linger_ms=20, max_batch_size=100_000)  # below the topics' max.message.bytes
    await producer.start()
    first = int(time.time() * 1000) - 3_600_000
    sent = []
    for number, (topic, key, value) in enumerate(told):
        place = settings.topic_prefix + topic, partition_of(key, PARTITIONS)
        sent.append(await producer.send(place[0], value, key=key, partition=place[1], timestamp_ms=first + number))
    await asyncio.gather(*sent)
    await producer.stop()


def cpu() -> float:
    """Seconds of this process, clients included."""
    return time.process_time()


def memory_mib() -> float:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


async def running(settings: Settings, arguments: dict[str, Any]) -> Topology:
    """A worker in this process whose clock stands still: no reviews, so that only the events count."""
    topology = build(settings, arguments, clock=lambda: 0.0)
    await topology.app.start()
    while topology.reasons_not_ready():  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.05)
    return topology


@dataclass
class Inside:
    """CPU seconds in the agent's work: decode, core, encode, journal and chunks, as the worker does them."""

    seconds: float = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Until it is left every step of the agent's work is timed."""
        work_through = Deciding.work_through

        def timed(deciding: Deciding, batch: Batch) -> Iterator[None]:
            work = work_through(deciding, batch)
            while True:
                began = time.thread_time()
                try:
                    next(work)
                except StopIteration:
                    return
                finally:
                    self.seconds += time.thread_time() - began
                yield

        with patch.object(Deciding, "work_through", timed):
            yield


async def worker_speed(settings: Settings, arguments: dict[str, Any], count: int) -> tuple[float, float]:
    """From the moment at which it is ready to the last commit; CPU us an event, and what the engine adds to the agent's work."""
    before = memory_mib()
    topology = await running(settings, arguments)
    began, spent_before, first = time.monotonic(), cpu(), topology.pipeline.figures.records
    inside = Inside()
    with inside.measured():
        while topology.pipeline.figures.records < count:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0.02)
    wall, used, done = time.monotonic() - began, cpu() - spent_before, count - first
    added = used / inside.seconds - 1
    print(f"worker             {done / wall:10,.0f} events/s   {used / done * MICRO:8.0f} us CPU/event   {done:,} events after its start")
    print(f"  the agent's work                       {inside.seconds / done * MICRO:8.0f} us CPU/event   the engine adds {added:.0%}")
    print(f"  transactions     {topology.pipeline.figures.batches:10,}            {topology.pipeline.figures.batches / wall:8.1f} /s")
    customers = topology.customers.count()
    print(
        f"  memory           {(memory_mib() - before) / customers * 100_000 / 1024:10,.2f} GiB per 100,000 customers, all of them decoded"
    )
    await topology.app.stop()
    topology.pipeline.wiring.watchdog.stop()
    return used / done * MICRO, added


async def raw_speed(settings: Settings, arguments: dict[str, Any], work: Work) -> float:
    """Consume the same inputs and write the recorded outputs, a transaction a poll; nothing is decoded, nothing decided."""
    group = f"{settings.topic_prefix}raw"
    topics = [settings.topic_prefix + topic for topic in sorted({topic for topic, _, _ in work.told})]
    options = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    consumer = AIOKafkaConsumer(*topics, **arguments, group_id=group, **options)
    producer = AIOKafkaProducer(**arguments, transactional_id=group, max_batch_size=900_000, retry_backoff_ms=20)
    outputs = {key: iter(records) for key, records in work.outputs.items()}
    began, spent_before, done = time.monotonic(), cpu(), 0
    await producer.start()
    await consumer.start()
    while done < len(work.told):
        polled = await consumer.getmany(timeout_ms=100, max_records=4_000)
        if not polled:
            continue
        async with producer.transaction():
            sender = Sender(producer)
            for records in polled.values():
                for record in records:
                    for topic, partition, key, value in next(outputs[record.key]):
                        await sender.add(settings.topic_prefix + topic, partition, key, value)
                done += len(records)
            await sender.flush()
            await producer.send_offsets_to_transaction({place: records[-1].offset + 1 for place, records in polled.items()}, group)
    wall, used = time.monotonic() - began, cpu() - spent_before
    print(f"raw loop           {done / wall:10,.0f} events/s   {used / done * MICRO:8.0f} us CPU/event   recorded outputs, nothing decided")
    await consumer.stop()
    await producer.stop()
    return used / done * MICRO


async def latency(settings: Settings, arguments: dict[str, Any], told: list[tuple[str, bytes, bytes]], rate: int, seconds: float) -> None:
    """From sending an event to reading its journal entry at read_committed; worker, producer and consumer share this process."""
    await apply(arguments, contract().topics.values(), settings.topic_prefix)
    topology = await running(settings, arguments)
    consumer = AIOKafkaConsumer(**arguments, isolation_level="read_committed", fetch_max_wait_ms=10)
    await consumer.start()
    consumer.assign([TopicPartition(settings.topic_prefix + JOURNAL, number) for number in range(PARTITIONS)])
    await consumer.seek_to_beginning()
    producer = AIOKafkaProducer(**arguments, linger_ms=0)
    await producer.start()
    count = int(rate * seconds)
    found: list[float] = []

    async def send() -> None:
        began = time.monotonic()
        for number, (topic, key, value) in enumerate(told[:count]):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            sent = [("traceparent", repr(time.monotonic()).encode())]
            await producer.send(settings.topic_prefix + topic, value, key=key, partition=partition_of(key, PARTITIONS), headers=sent)

    sending = asyncio.create_task(send())
    while len(found) < count:
        for records in (await consumer.getmany(timeout_ms=50)).values():
            now = time.monotonic()
            found += [now - float(dict(record.headers)["traceparent"]) for record in records]
    await sending
    for client in (producer, consumer):
        await client.stop()
    await topology.app.stop()
    topology.pipeline.wiring.watchdog.stop()
    cuts = statistics.quantiles(found, n=100)
    print(f"latency {rate:5,}/s    p50 {cuts[49] * 1000:8.1f} ms   p99 {cuts[98] * 1000:8.1f} ms   {count:,} events")


def spread(found: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def settings_for(servers: tuple[str, ...]) -> Settings:
    """Topics of their own for each measurement."""
    return Settings(kafka_bootstrap_servers=servers, topic_prefix=f"bench-{uuid.uuid4().hex[:8]}-")


async def on_broker(servers: tuple[str, ...], work: Work, seconds: float, rounds: int, in_memory: float) -> None:
    """Everything that needs a broker."""
    arguments = {"bootstrap_servers": list(servers)}
    workers, raw = [], []
    for _ in range(rounds):
        settings = settings_for(servers)
        await fill(settings, arguments, work.told)
        workers.append(await worker_speed(settings, arguments, len(work.told)))
        settings = settings_for(servers)
        await fill(settings, arguments, work.told)
        raw.append(await raw_speed(settings, arguments, work))
    print(f"the engine adds    {spread([added * 100 for _, added in workers])} % of CPU to the agent's work; wanted: under 25")
    print(f"worker             {spread([used / in_memory for used, _ in workers])} times the CPU of the stages in memory")
    print(f"worker             {spread([used / loop for (used, _), loop in zip(workers, raw, strict=True)])} times the CPU of the raw loop")
    for rate in RATES:
        await latency(settings_for(servers), arguments, work.told, rate, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_500, help="of the portfolio; 20 events each")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of latency")
    parser.add_argument("--rounds", type=int, default=3, help="of worker and raw loop in turns")
    options = parser.parse_args()
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # fresh topics have no leader for a moment: said for each partition
    gc.set_threshold(100_000, 50, 100)  # as the worker does
    work, found = stages(options.customers)
    print(f"{len(work.told):,} events of {options.customers:,} customers; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, microseconds in found.items():
        print(f"  {name:<24}{microseconds:8.1f} us/event")
    in_memory = sum(found.values())
    print(f"  {'in memory, together':<24}{in_memory:8.1f} us/event")
    folder = Path(".broker/bench")
    broker_settings = Settings(
        broker_folder=folder, broker_cache_folder=Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER", ".broker/cache"))
    )
    broker = start_broker(broker_settings, print, by="java")
    try:
        measured = on_broker(broker.bootstrap_servers, work, options.seconds, options.rounds, in_memory)
        asyncio.run(asyncio.wait_for(measured, DEADLINE_SECONDS * options.rounds))
    finally:
        stop_broker(broker_settings)


if __name__ == "__main__":
    main()
