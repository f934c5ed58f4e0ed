"""Where are journal and decisions read from? Kafka or files, behind one small interface.

    with KafkaSource(settings, bootstrap_servers) as source:             # or open_files(path)
        for entry in entries_of(source.records(JOURNAL, customer=customer), source.schemas):
            ...

Records come one at a time, those of a partition in their order; nothing is kept. A source can be read any number of times. Kafka is read
at read_committed up to the ends as they were when reading began. Reading does not need an event loop and must not happen inside one
(`asyncio.to_thread`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from processors.audit.entries import Record
from processors.codec import Schemas


class SourceUnreadable(Exception):  # noqa: N818 - a condition, not a fault of the program
    """The source cannot be read: no broker, no such topic, no such file, a line that is no record. The message names the place."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of a topic: all that are left at None are no condition.

    `since` and `until` are compared with the record's own timestamp, in microseconds, both included; `offset` is the first one wanted.
    """

    partition: int | None = None
    customer: str | None = None
    since: int | None = None
    until: int | None = None
    offset: int | None = None

    def has(self, record: Record) -> bool:
        """Whether the record is wanted."""
        if self.partition is not None and record.partition != self.partition:
            return False
        if self.customer is not None and not belongs_to(record.key, self.customer):
            return False
        if self.offset is not None and record.offset < self.offset:
            return False
        if record.timestamp is None:
            return True
        return (self.since is None or record.timestamp >= self.since) and (self.until is None or record.timestamp <= self.until)


def belongs_to(key: bytes | None, customer: str) -> bool:
    """Whether a record's key is the customer's, or that of one of its pairs (`customer|subscription|partner`)."""
    wanted = customer.encode()
    return key is not None and key.startswith(wanted) and (len(key) == len(wanted) or key[len(wanted)] == ord("|"))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a source that is read at one go, apart from the others; topic and partition are None where it holds several."""

    topic: str | None = None
    partition: int | None = None


class Source(Protocol):
    """Anything that records are read from."""

    name: str
    """What messages call it."""

    @property
    def schemas(self) -> Schemas | None:
        """What Confluent's framing in the records read so far needs to be decoded; None where it cannot be."""

    def partitions(self, topic: str) -> tuple[int, ...]:
        """The partitions of the topic that can be read; empty where the source has nothing of it. SourceUnreadable."""

    def records(self, topic: str, wanted: Wanted = ...) -> Iterator[Record]:
        """The records of the topic, those of one partition in their order. SourceUnreadable, also after some were handed out."""

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:
        """Everything that has to be read for these topics. SourceUnreadable."""

    def read_part(self, part: Part, wanted: Wanted = ...) -> Iterator[Record]:
        """Its records, those of one topic and partition in their order."""

    def expected_bytes(self, topics: Sequence[str]) -> int:
        """About how much there is to read."""

    def close(self) -> None:
        """Nothing more is read."""

    def __enter__(self) -> Self:
        """Close it afterwards."""

    def __exit__(self, *_: object) -> None:
        """It is closed."""
