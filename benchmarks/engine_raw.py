"""Contestant: the plainest fast exactly-once loop on aiokafka, one transaction per poll, batches built by hand; it restores nothing.

Usage: `run` with the arguments BOOTSTRAP PREFIX.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.engine_job import INPUTS, State, decode_event, encode_state, handle

RECORDS_MAX = 4_000
BATCH_BYTES = 900_000


class Sender:
    """Collects the records of one transaction into batches per topic and partition."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._builders: dict[tuple[str, int], Any] = {}
        self._futures: list[Any] = []

    async def add(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        """Append a record, sending the batch before it when it is full."""
        place = (topic, partition)
        builder = self._builders.get(place)
        if builder is None:
            builder = self._builders[place] = self._producer.create_batch()
        if builder.append(key=key, value=value, timestamp=None) is None:
            self._futures.append(await self._producer.send_batch(builder, topic, partition=partition))
            self._builders[place] = builder = self._producer.create_batch()
            builder.append(key=key, value=value, timestamp=None)

    async def flush(self) -> None:
        """Send what is left and wait for every answer."""
        for (topic, partition), builder in self._builders.items():
            self._futures.append(await self._producer.send_batch(builder, topic, partition=partition))
        await asyncio.gather(*self._futures)


async def main(bootstrap: str, prefix: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    group = prefix + "raw"
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=group, linger_ms=0, max_batch_size=BATCH_BYTES, retry_backoff_ms=20
    )
    consumer = AIOKafkaConsumer(
        *INPUTS, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", fetch_max_wait_ms=100, max_partition_fetch_bytes=262_144,
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    states: dict[bytes, State] = {}
    while not stopping.is_set():
        polled = await consumer.getmany(timeout_ms=100, max_records=RECORDS_MAX)
        if not polled:
            continue
        async with producer.transaction():
            sender = Sender(producer)
            offsets = {}
            for place, records in polled.items():
                changed = set()
                for record in records:
                    states[record.key], entry, decision = handle(states.get(record.key), decode_event(record.value))
                    changed.add(record.key)
                    await sender.add(prefix + "journal", place.partition, record.key, entry)
                    await sender.add(prefix + "decisions", place.partition, record.key, decision)
                for key in changed:
                    await sender.add(prefix + "changelog", place.partition, key, encode_state(states[key]))
                offsets[place] = records[-1].offset + 1
            await sender.flush()
            await producer.send_offsets_to_transaction(offsets, group)
    await consumer.stop()
    await producer.stop()


def run() -> None:
    """Compete, as the command line says."""
    asyncio.run(main(*sys.argv[1:]))
