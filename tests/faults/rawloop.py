"""The plainest correct loop that does the job, a worker of its own: it shows that oracle and supervisor work without the engine.

Partitions are dealt out by slot number, so there is no rebalance; one transactional id per slot fences a second process in the same slot.
With
`defect` set it does what a careless program does, and the oracle has to notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.faults import job
from tests.faults.oracle import Marker, Record

MARKER = b"\0marker:"


def marker(record: Record) -> tuple[Marker, ...] | None:
    """The oracle's view of this worker's changelog."""
    if not record.key.startswith(MARKER):
        return None
    return (Marker(record.key.removeprefix(MARKER).decode(), int(record.value or b"0")),)


class Loop:
    """One process: restore, then one transaction per poll until SIGTERM."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._prefix: str = spec["prefix"]
        self._defect: str = spec.get("defect", "")
        self._draw = random.Random(f"{spec.get('seed', 0)}-{os.getpid()}")
        self._rows: dict[bytes, bytes] = {}
        self._marks: dict[TopicPartition, int] = {}
        slots, slot = int(spec["slots"]), int(spec["slot"].rsplit("-", 1)[-1])
        self._mine = [partition for partition in range(spec["partitions"]) if partition % slots == slot % slots]
        identity = f"{self._prefix}raw-{slot % slots}" + (f"-{os.getpid()}" if self._defect == "no fencing" else "")
        client = {"bootstrap_servers": spec["bootstrap"], "metadata_max_age_ms": 10_000, "request_timeout_ms": 6_000}
        self._producer = AIOKafkaProducer(
            **client, transactional_id=identity, transaction_timeout_ms=30_000, linger_ms=0, retry_backoff_ms=20
        )
        self._consumer = AIOKafkaConsumer(
            **client, group_id=spec["group"], enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none"
        )
        self._stopping = asyncio.Event()

    def _failpoint(self) -> None:
        if self._draw.random() < self._spec.get("failpoint", 0.0):
            os.kill(os.getpid(), signal.SIGKILL)

    def _die_once(self) -> None:
        """With `dies_once`, the path of a file: whoever makes it first dies here, where the transaction's records are in the log."""
        if "dies_once" in self._spec:
            with contextlib.suppress(FileExistsError):
                Path(self._spec["dies_once"]).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopping.set)
        await self._producer.start()
        await self._consumer.start()
        inputs = [TopicPartition(self._prefix + topic, partition) for topic in job.INPUTS for partition in self._mine]
        self._consumer.assign(inputs)
        await self._restore()
        if self._defect == "no restore":
            self._rows.clear()
        for place in inputs:
            believed = await self._consumer.committed(place) if self._defect == "commit before flush" else self._marks.get(place)
            self._consumer.seek(place, believed or 0)
        while not self._stopping.is_set():
            records = await self._consumer.getmany(timeout_ms=100, max_records=self._spec.get("batch", 200))
            if records:
                await self._transact(records)
        await self._consumer.stop()
        await self._producer.stop()

    async def _restore(self) -> None:
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._spec["bootstrap"],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await reader.start()
        try:
            places = [TopicPartition(self._prefix + job.CHANGELOG, partition) for partition in self._mine]
            reader.assign(places)
            ends = await reader.end_offsets(places)
            while any([await reader.position(place) < end for place, end in ends.items()]):
                for place, records in (await reader.getmany(timeout_ms=100)).items():
                    for record in records:
                        self._take(place.partition, record.key, record.value)
        finally:
            await reader.stop()

    def _take(self, partition: int, key: bytes, value: bytes) -> None:
        if key.startswith(MARKER):
            self._marks[TopicPartition(self._prefix + key.removeprefix(MARKER).decode(), partition)] = int(value)
        else:
            self._rows[key] = value

    async def _transact(self, records: dict[TopicPartition, list[Any]]) -> None:
        sends: list[tuple[str, int, bytes, bytes]] = []
        offsets: dict[TopicPartition, int] = {}
        for place, batch in records.items():
            changed: set[bytes] = set()
            topic = place.topic.removeprefix(self._prefix)
            for record in batch:
                sends += [(name, place.partition, record.key, value) for name, value in self._apply(topic, record, changed)]
            sends += [(job.CHANGELOG, place.partition, key, self._rows[key]) for key in sorted(changed)]
            offsets[place] = batch[-1].offset + 1
            sends.append((job.CHANGELOG, place.partition, MARKER + topic.encode(), str(offsets[place]).encode()))
        if self._defect == "commit before flush":
            await self._consumer.commit(offsets)
            self._failpoint()
        async with self._producer.transaction():
            self._failpoint()
            futures = [await self._producer.send(self._prefix + name, value, key, partition) for name, partition, key, value in sends]
            self._failpoint()
            await asyncio.gather(*futures)
            self._die_once()
            self._failpoint()
            await self._producer.send_offsets_to_transaction(offsets, self._spec["group"])
            self._failpoint()
        self._failpoint()

    def _apply(self, topic: str, record: Any, changed: set[bytes]) -> list[tuple[str, bytes]]:
        try:
            effect = job.handle(self._rows.get(record.key), topic, record.offset, record.value)
        except job.UndecodableError:
            return [(job.DEAD_LETTERS, job.refusal(topic, record.offset, job.Refusal.UNDECODABLE))]
        if effect.decision is not None and len(effect.decision) > 900_000:
            return [(job.DEAD_LETTERS, job.refusal(topic, record.offset, job.Refusal.TOO_LARGE))]
        self._rows[record.key] = effect.state.encode()
        changed.add(record.key)
        made = [(job.JOURNAL, effect.journal)]
        return made if effect.decision is None else [*made, (job.DECISIONS, effect.decision)]


async def main() -> None:
    await Loop(json.loads(Path(sys.argv[1]).read_text())).run()


if __name__ == "__main__":
    asyncio.run(main())
