"""What does the real topology cost on a real broker, beside its bare core and beside a loop that only moves bytes?

`python -m benchmarks.pipeline [--customers N] [--seconds S]`; it starts a broker of its own under `.broker/bench`. It prints CPU
microseconds an event by stage (measured alone, in memory), events/s and CPU of the worker and of a transactional loop that writes
the recorded outputs, latency at 50 and 500 events/s, and memory for the customers. Nothing is asserted.
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
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine_raw import Sender
from benchmarks.portfolio import portfolio
from processors.broker import start_broker, stop_broker
from processors.codec import decode_event, encode
from processors.contract import Disposition, JournalEntry, contract
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Cause, Decision
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.state import CustomerState
from processors.settings import Settings
from processors.topics import apply
from processors.topology import Topology, build
from processors.topology.cloud_events import decision_headers
from processors.topology.deciding import pair_key
from processors.topology.partitioning import partition_of
from processors.topology.portfolio import TOPICS

PARTITIONS = 8
RATES = (50, 500)
DEADLINE_SECONDS = 600.0
MICRO = 1_000_000
JOURNAL, DECISIONS, IN_FORCE = "customer-journal", "multi-channel-support-decisions", "customer-channel-support"
CHANGELOG = "multichannel-customers-changelog"


@dataclass
class Work:
    """The portfolio in the order of arrival, and what each stage makes of it."""

    told: list[tuple[str, bytes, bytes]] = field(default_factory=list)  # topic, key, value
    outputs: dict[bytes, list[list[tuple[str, int, bytes, bytes]]]] = field(default_factory=lambda: defaultdict(list))


def arrivals(customers: int) -> list[Event]:
    """Customers take turns, as they would."""
    rows = [each.events for each in portfolio(customers)]
    return [events[turn] for turn in range(max(map(len, rows))) for events in rows if turn < len(events)]


def spent(what: str, work: Callable[[], Any], events: int, found: dict[str, float]) -> Any:
    """Run it, and note the CPU time for each event."""
    gc.collect()
    gc.freeze()
    began = time.process_time()
    result = work()
    found[what] = (time.process_time() - began) / events * MICRO
    return result


def stages(customers: int) -> tuple[Work, dict[str, float]]:
    """Every stage alone, over the whole portfolio, in memory; and the outputs for the raw loop."""
    events, work, policy = arrivals(customers), Work(), Policy.shipped()
    found: dict[str, float] = {}
    count = len(events)
    topics = [TOPICS[type(event)] for event in events]
    values = [encode(topic, event) for topic, event in zip(topics, events, strict=True)]
    work.told = [(topic, event.customer_tenant_id.encode(), value) for topic, event, value in zip(topics, events, values, strict=True)]
    told = spent("decode", lambda: [decode_event(topic, value) for topic, value in zip(topics, values, strict=True)], count, found)

    def decide(*, store: bool) -> list[tuple[core.Handled, dict[str, bytes], bytes, bytes]]:
        states: dict[str, CustomerState] = {}
        made = []
        for number, (topic, event) in enumerate(zip(topics, told, strict=True)):
            state = states.get(event.customer_tenant_id)
            if state is None:
                state = states[event.customer_tenant_id] = CustomerState(event.customer_tenant_id)
            handled = core.handle(state, event, Cause(event.event_id, topic, 0, number), policy)
            if store:
                made.append((handled, chunks.touched_chunks(state), chunks.state_hash(state), chunks.header(state, core.wake(state))))
            else:
                made.append((handled, {}, b"", b""))
        return made

    spent("warm-up", lambda: decide(store=False), count, found)
    spent("core", lambda: decide(store=False), count, found)
    made = spent("core and chunks", lambda: decide(store=True), count, found)
    found["chunks and state hash"] = found.pop("core and chunks") - found["core"]
    del found["warm-up"]

    def entries() -> list[bytes]:
        written = []
        for number, ((topic, _, value), event, (handled, _, state_hash, _)) in enumerate(zip(work.told, told, made, strict=True)):
            ids = tuple(each.decision_id for each in handled.decisions)
            disposition = Disposition(handled.disposition.value)
            fields = (topic, 0, number, 0, value, disposition, ids, state_hash, 1, policy.fingerprint, NO_ENTRY, NO_ENTRY)
            entry = JournalEntry(**dict(zip(NAMES, (event.customer_tenant_id, number, *fields), strict=True)))
            hashed = {name: getattr(entry, name) for name in NAMES} | {"entry_hash": entry_hash(entry)}
            written.append(encode(JOURNAL, JournalEntry(**hashed)))
        return written

    journal = spent("journal entry and hash", entries, count, found)

    def decisions() -> list[list[tuple[Decision, bytes, bytes]]]:
        return [
            [(each, encode(DECISIONS, each), pair_key(each)) for each in handled.decisions if decision_headers(each, ())]
            for handled, _, _, _ in made
        ]

    encoded = spent("decisions and headers", decisions, count, found)
    for (_, key, _), (_, changed, _, header), entry, decided in zip(work.told, made, journal, encoded, strict=True):
        partition = partition_of(key, PARTITIONS)
        records = [(JOURNAL, partition, key, entry)]
        for _, value, pair in decided:
            records += [(DECISIONS, partition, key, value), (IN_FORCE, partition_of(pair, PARTITIONS), pair, value)]
        records += [(CHANGELOG, partition, key + name.encode(), chunk) for name, chunk in (*changed.items(), ("h", header))]
        work.outputs[key].append(records)
    return work, found


NAMES = tuple(JournalEntry.__dataclass_fields__)


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


async def worker_speed(settings: Settings, arguments: dict[str, Any], count: int) -> None:
    """From the moment at which it is ready to the last commit."""
    before = memory_mib()
    topology = await running(settings, arguments)
    began, spent_before, first = time.monotonic(), cpu(), topology.pipeline.figures.records
    while topology.pipeline.figures.records < count:  # noqa: ASYNC110 - the engine has no event for it
        await asyncio.sleep(0.02)
    wall, used, done = time.monotonic() - began, cpu() - spent_before, count - first
    print(f"worker             {done / wall:10,.0f} events/s   {used / done * MICRO:8.0f} us CPU/event   {done:,} events after its start")
    print(f"  transactions     {topology.pipeline.figures.batches:10,}            {topology.pipeline.figures.batches / wall:8.1f} /s")
    customers = topology.customers.count()
    print(
        f"  memory           {(memory_mib() - before) / customers * 100_000 / 1024:10,.2f} GiB per 100,000 customers, all of them decoded"
    )
    await topology.app.stop()
    topology.pipeline.wiring.watchdog.stop()


async def raw_speed(settings: Settings, arguments: dict[str, Any], work: Work) -> None:
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


def settings_for(servers: tuple[str, ...]) -> Settings:
    """Topics of their own for each measurement."""
    return Settings(kafka_bootstrap_servers=servers, topic_prefix=f"bench-{uuid.uuid4().hex[:8]}-")


async def on_broker(servers: tuple[str, ...], work: Work, seconds: float) -> None:
    """Everything that needs a broker."""
    arguments = {"bootstrap_servers": list(servers)}
    settings = settings_for(servers)
    await fill(settings, arguments, work.told)
    await worker_speed(settings, arguments, len(work.told))
    settings = settings_for(servers)
    await fill(settings, arguments, work.told)
    await raw_speed(settings, arguments, work)
    for rate in RATES:
        await latency(settings_for(servers), arguments, work.told, rate, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_500, help="of the portfolio; 20 events each")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of latency")
    options = parser.parse_args()
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # fresh topics have no leader for a moment: said for each partition
    gc.set_threshold(100_000, 50, 100)  # as the worker does
    work, found = stages(options.customers)
    print(f"{len(work.told):,} events of {options.customers:,} customers; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, microseconds in found.items():
        print(f"  {name:<24}{microseconds:8.1f} us/event")
    print(f"  {'in memory, together':<24}{sum(found.values()):8.1f} us/event")
    folder = Path(".broker/bench")
    broker_settings = Settings(
        broker_folder=folder, broker_cache_folder=Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER", ".broker/cache"))
    )
    broker = start_broker(broker_settings, print, by="java")
    try:
        asyncio.run(asyncio.wait_for(on_broker(broker.bootstrap_servers, work, options.seconds), DEADLINE_SECONDS))
    finally:
        stop_broker(broker_settings)


if __name__ == "__main__":
    main()
