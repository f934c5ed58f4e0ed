"""What stands in for Kafka in tests that need none?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from processors.engine.batch import Batch, Target
from processors.engine.records import Position
from processors.engine.rows import PartitionRows, RawRows
from processors.engine.store import MemoryStore


@dataclasses.dataclass
class Sample:
    """A record."""

    topic: str
    offset: int
    timestamp: int = 0
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    partition: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Owner:
    """Notes what happens to its batches."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.errors: list[BaseException] = []

    def entered(self, batch: Batch) -> None:
        self.said.append("entered")

    def left(self, batch: Batch) -> None:
        self.said.append("left")

    def failed(self, batch: Batch, error: BaseException) -> None:
        self.said.append("failed")
        self.errors.append(error)


TARGETS = {
    "out": Target(2, copartitioned=True, limit_bytes=1_000),
    "elsewhere": Target(7, copartitioned=False, limit_bytes=1_000),
    "log": Target(2, copartitioned=True, limit_bytes=1_000),
}


def some_rows() -> PartitionRows:
    return PartitionRows(MemoryStore(), RawRows(), "log", cache_rows_max=3)


def some_batch(rows: PartitionRows | None = None, owner: Owner | None = None, records: Sequence[Sample] = (), partition: int = 1) -> Batch:
    return Batch(partition, records, {"a": Position(0)}, rows or some_rows(), TARGETS, owner or Owner())
