"""How does a batch become one Kafka transaction?

Promises: every output is acknowledged before offsets are sent, offsets are in before the transaction ends, and any error in between is
raised, never swallowed. There is one writer per partition; its transactional id fences every former one. A writer that failed is never
used again: the process ends.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from processors.engine.batch import RECORD_OVERHEAD_BYTES, Emitted, Target
from processors.engine.ends import ended
from processors.engine.faults import Defect, Failpoint, Faults, defective, reached
from processors.engine.fencing import Fencing, Scope, Session
from processors.engine.marker import MARKER_KEY
from processors.engine.offsets import GroupOffsets
from processors.engine.settings import EngineSettings
from processors.engine.store import Row
from processors.engine.tasks import persistently

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """All that is written together. ``offsets`` are the next offsets of every input topic of the partition."""

    emitted: Sequence[Emitted]
    rows: Sequence[Row]
    marker: bytes
    offsets: Mapping[str, int]


_NO_HEADERS: list[tuple[str, bytes]] = []


class _Filling:
    """A record batch under way. ``append`` is the compiled one inside of the client's builder, whose own takes twice as long."""

    __slots__ = ("append", "builder", "count", "room")

    def __init__(self, builder: Any, limit: int) -> None:  # noqa: ANN401 the client's builder
        self.builder = builder
        self.append = builder._builder.append  # noqa: SLF001 the client passes each record on to it
        self.count = 0
        self.room = limit

    def filled(self) -> Any:  # noqa: ANN401 the client's builder
        """Return the builder, which is told how many records it holds."""
        self.builder._relative_offset = self.count  # noqa: SLF001 it counts in its own append
        return self.builder


class Writer:
    """The transactional producer of one partition."""

    def __init__(
        self,
        settings: EngineSettings,
        group: str,
        partition: int,
        *,
        changelog: str,
        targets: Mapping[str, Target],
        inputs: Collection[str],
        faults: Faults | None = None,
    ) -> None:
        """Prepare a client; ``start`` makes it the owner."""
        self.partition = partition
        self._group = group
        self._changelog = changelog
        self._targets = targets
        self._inputs = inputs
        self._faults = faults
        self._records: dict[Place, int] = {}
        self._written: dict[TopicPartition, int] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self._settings = settings
        own = f"-{uuid.uuid4()}" if defective(faults, Defect.NO_FENCING) else ""
        self.transactional_id = f"{group}-{partition}{own}"
        self._producer = AIOKafkaProducer(
            **settings.client(f"writer-{partition}"),
            transactional_id=self.transactional_id,
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=settings.producer_request_timeout_ms,
            retry_backoff_ms=settings.retry_backoff_ms,
            linger_ms=0,
            max_batch_size=settings.producer_batch_bytes,
            max_request_size=max([settings.producer_batch_bytes, *(target.limit_bytes for target in targets.values())]),
            compression_type=settings.compression,
        )
        self._group_offsets = GroupOffsets(settings, group, self._producer.client)
        self._batch_bytes = settings.producer_batch_bytes

    async def start(self, own: Session | None = None) -> bool:
        """Fence every former writer of the partition, end what they left open, and learn the metadata of every output.

        Return whether a former writer's transaction was under way and is aborted by this.

        ``own`` is the session of the writer that this one renews; it is refused if it has lost the partition.
        """
        await reached(self._faults, Failpoint.FENCING_BEFORE, self.partition)
        fencing = Fencing(self._settings, self.transactional_id, self._group, self._scope(), self._faults)
        aborted = False
        try:
            if not defective(self._faults, Defect.LEFT_OPEN):
                await fencing.start()
                aborted = await fencing.end_former(own)
            await persistently(self._producer.start, f"the producer of partition {self.partition}")
            if not defective(self._faults, Defect.LEFT_OPEN):
                await fencing.nothing_open(TopicPartition(self._changelog, self.partition))
        finally:
            await fencing.stop()
        for topic in self._targets:
            await self._producer.partitions_for(topic)
        await reached(self._faults, Failpoint.FENCING_DONE, self.partition)
        return aborted

    async def stop(self) -> None:
        """Stop the client; may take as long as a commit, so callers put it under a limit."""
        await self._producer.stop()

    @property
    def session(self) -> Session:
        """The producer id and epoch that this writer writes with."""
        manager = self._producer._txn_manager  # noqa: SLF001 the client tells nobody
        return Session(manager.producer_id, manager.producer_epoch)

    async def ended(self) -> bool:
        """Wait until the last transaction has ended everywhere; False: a part of it is forgotten, and this writer must be renewed.

        Waits without limit while the broker is away, so callers put it under one.
        """
        if defective(self._faults, Defect.UNPROVEN_END):
            return True
        return await ended(self._producer.client, self._group_offsets, self._written, self._offsets)

    def records_max(self) -> int:
        """Return the largest number of records written to one output partition since ``start``."""
        return max(self._records.values(), default=0)

    async def commit(self, work: Transaction) -> int:
        """Write one transaction and return the changelog offset of its marker.

        Raises:
            Exception: whatever went wrong; the transaction is not acknowledged and the process must end.

        """
        producer, faults, partition = self._producer, self._faults, self.partition
        offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "") for topic, offset in work.offsets.items()}
        if defective(faults, Defect.COMMIT_BEFORE_FLUSH):
            await self._commit_offsets_alone(offsets)
        await producer.begin_transaction()
        await reached(faults, Failpoint.COMMIT_BEGUN, partition)
        futures = [await producer.send_batch(builder, topic, partition=number) for (topic, number), builder in self._build(work)]
        await reached(faults, Failpoint.COMMIT_SENT, partition)
        marker_offset = -1
        if defective(faults, Defect.OFFSETS_WITH_SENDS):
            await producer.send_offsets_to_transaction(offsets, self._group)
        if not defective(faults, Defect.UNAWAITED_SENDS):
            answers = await asyncio.gather(*futures)
            marker_offset = answers[-1].offset + self._last_count - 1
            self._written = {answer.topic_partition: answer.offset for answer in answers}
            self._offsets = {place: committed.offset for place, committed in offsets.items()}
        await reached(faults, Failpoint.COMMIT_PRODUCED, partition)
        if not faults or not faults.defects & {Defect.COMMIT_BEFORE_FLUSH, Defect.OFFSETS_WITH_SENDS}:
            await producer.send_offsets_to_transaction(offsets, self._group)
        await reached(faults, Failpoint.COMMIT_OFFSETS, partition)
        await producer.commit_transaction()
        await reached(faults, Failpoint.COMMIT_ENDED, partition)
        return marker_offset

    def _scope(self) -> Scope:
        """Return everything that this writer's transactions may contain."""
        own = [TopicPartition(topic, self.partition) for topic, target in self._targets.items() if target.copartitioned]
        shared = [
            TopicPartition(topic, number)
            for topic, target in self._targets.items()
            if not target.copartitioned
            for number in range(target.partitions)
        ]
        return Scope(self.partition, own, shared, [TopicPartition(topic, self.partition) for topic in self._inputs])

    def _build(self, work: Transaction) -> list[tuple[Place, Any]]:
        """Fill record batches by output partition; the changelog comes last and the marker is its last record."""
        filling: dict[Place, _Filling] = {}
        built: list[tuple[Place, Any]] = []
        now = time.time_ns() // 1_000_000
        for topic, partition, key, value, headers, timestamp, size in work.emitted:
            place = (topic, partition)
            target = filling.get(place)
            if target is None or target.room < size:
                target = self._renewed(filling, built, place)
            target.room -= size
            at = now if timestamp is None else timestamp
            if target.append(target.count, at, key, value, [*headers] if headers else _NO_HEADERS) is None:
                raise RuntimeError(f"the client refused a record of {size} bytes for {topic!r}")
            target.count += 1
        place = (self._changelog, self.partition)
        target = self._renewed(filling, built, place)
        for row_key, data in itertools.chain(work.rows, [(MARKER_KEY, work.marker)]):
            size = RECORD_OVERHEAD_BYTES + len(row_key) + (len(data) if data is not None else 0)
            if target.room < size:
                target = self._renewed(filling, built, place)
            target.room -= size
            if target.append(target.count, now, row_key, data, _NO_HEADERS) is None:
                raise RuntimeError(f"the client refused a row of {size} bytes")
            target.count += 1
        del filling[place]
        built.extend((where, other.filled()) for where, other in filling.items())
        built.append((place, target.filled()))
        self._last_count = target.count
        for where, builder in built:
            self._records[where] = self._records.get(where, 0) + builder.record_count()
        return built

    def _renewed(self, filling: dict[Place, _Filling], built: list[tuple[Place, Any]], place: Place) -> _Filling:
        """Put the full batch of a place aside and begin the next."""
        full = filling.get(place)
        if full is not None:
            built.append((place, full.filled()))
        limit = min(self._batch_bytes, self._targets[place[0]].limit_bytes)
        filling[place] = new = _Filling(self._producer.create_batch(), limit)
        return new

    async def _commit_offsets_alone(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        await self._producer.begin_transaction()
        await self._producer.send_offsets_to_transaction(dict(offsets), self._group)
        await self._producer.commit_transaction()
