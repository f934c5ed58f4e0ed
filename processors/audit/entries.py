"""What does a record say? Where it was read, its bytes, and of a journal record the entry and the event in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from processors.codec import MessageRejected, Schemas, decode_event, decode_journal_entry
from processors.codec.rejected import invalid
from processors.contract import JournalEntry
from processors.core.decisions import Cause
from processors.core.events import Event

JOURNAL: Final = "customer-journal"
DECISIONS: Final = "multi-channel-support-decisions"
IN_FORCE: Final = "customer-channel-support"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic as it was read; nothing of it has been looked at yet.

    `topic` is the contract's name, without a prefix; `timestamp` is the record's own, in microseconds. `place` is for messages: topic,
    partition and offset, or file and line.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    place: str


@dataclass(frozen=True)
class Entry:
    """An entry of the journal, and the record that carried it."""

    told: JournalEntry
    record: Record

    @cached_property
    def event(self) -> Event:
        """The event as it was applied; MessageRejected, with the place, where its bytes are none."""
        try:
            return decode_event(self.told.topic, self.told.event)
        except KeyError:
            raise unreadable(self.record, f"topic: {self.told.topic!r:.80} is no input") from None
        except MessageRejected as rejected:
            raise rejected.within("event").at(self.record.place) from None

    @property
    def cause(self) -> Cause:
        """What the decisions that it led to name as their cause."""
        return Cause(self.event.event_id, self.told.topic, self.told.partition, self.told.offset)


def entry_of(record: Record, schemas: Schemas | None = None) -> Entry:
    """The entry in a record of the journal; MessageRejected with the place and, where it is one, the field."""
    try:
        return Entry(decode_journal_entry(record.value, registry=schemas), record)
    except MessageRejected as rejected:
        raise rejected.at(record.place) from None


def entries_of(records: Iterable[Record], schemas: Schemas | None = None) -> Iterator[Entry]:
    """The entries in records, in their order; records of other topics are passed over."""
    return (entry_of(record, schemas) for record in records if record.topic == JOURNAL)


def unreadable(record: Record, message: str) -> MessageRejected:
    """The record says something that cannot be read as what it should be."""
    return invalid(message).at(record.place)
