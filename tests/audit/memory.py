"""A source of records in memory: what the tamper suite damages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from processors.audit.entries import Record
from processors.audit.sources import Part, Wanted
from processors.codec import Schemas


class MemorySource:
    """Records by topic, as they were read."""

    schemas: Schemas | None = None
    name = "memory"

    def __init__(self, records: Iterable[Record]) -> None:
        self.held: dict[str, list[Record]] = {}
        for record in records:
            self.held.setdefault(record.topic, []).append(record)

    def partitions(self, topic: str) -> tuple[int, ...]:
        return tuple(sorted({record.partition for record in self.held.get(topic, ())}))

    def records(self, topic: str, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008
        return (record for record in self.held.get(topic, ()) if wanted.has(record))

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:
        return tuple(Part(topic) for topic in topics if topic in self.held)

    def read_part(self, part: Part, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008
        assert part.topic is not None
        return self.records(part.topic, wanted)

    def expected_bytes(self, topics: Sequence[str]) -> int:
        return 0

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
