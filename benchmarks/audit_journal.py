"""Which journal is verified? One as a worker writes it, with decisions and view, laid down in files so fast that a million entries can be.

The core is asked for some customers, told in order of arrival and reviewed as they fall due; each of them stands there several times
under other ids, with decision ids, hashes and chain of its own. That the copies are right is not believed: `verify` computes all of them.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self, TypeAlias
from uuid import UUID, uuid5

from benchmarks.portfolio import Arrivals
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.audit.sources import Part, Wanted
from processors.codec import encode
from processors.contract import Disposition, JournalEntry
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.core import chunks
from processors.core.decisions import Cause, Decision
from processors.core.emission import decision_id
from processors.core.events import Event, ReviewDue
from processors.core.handle import handle, wake
from processors.core.policy import Policy
from processors.core.revision import REVISION
from processors.core.state import CustomerState
from processors.core.symbols import ReviewCause
from processors.topology.partitioning import partition_of
from processors.topology.portfolio import TOPICS
from processors.topology.reviews import review

PARTITIONS: Final = 8
IN_TURNS: Final = 40
"""Customers whose entries come mixed."""
POLICY: Final = Policy.shipped()
_TOPICS: Final = {**TOPICS, ReviewDue: "review-due"}
_FRAME: Final = struct.Struct(">qii")
_BUFFER_BYTES: Final = 1024 * 1024
Putting: TypeAlias = Callable[[str, bytes, bytes, int, int], None]
"""Topic, key, value, timestamp in microseconds, partition."""

_NAMESPACE: Final = UUID("0d0f8f0e-5f3c-4b1c-8a53-1f3f6f1b6c55")


@dataclass
class Laid:
    """The records of one topic and partition, laid down in a file as frames."""

    path: Path
    raw: bytearray = field(default_factory=bytearray)

    def add(self, key: bytes, value: bytes, timestamp: int) -> None:
        """One more record."""
        self.raw += _FRAME.pack(timestamp, len(key), len(value)) + key + value
        if len(self.raw) > _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """To the disk."""
        with self.path.open("ab") as file:
            file.write(self.raw)
        self.raw.clear()


@dataclass
class LaidSource:
    """A source of such files."""

    folder: Path
    name: str = "laid down"
    schemas: None = None

    def partitions(self, topic: str) -> tuple[int, ...]:
        """All, of a topic that was laid down."""
        return tuple(range(PARTITIONS)) if (self.folder / f"{topic}.0").exists() else ()

    def records(self, topic: str, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """Partition by partition."""
        for partition in self.partitions(topic):
            yield from self.read_part(Part(topic, partition), wanted)

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:
        """Every file."""
        return tuple(Part(topic, partition) for topic in topics for partition in self.partitions(topic))

    def read_part(self, part: Part, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """One file."""
        topic, partition, offset = str(part.topic), part.partition or 0, 0
        with (self.folder / f"{topic}.{partition}").open("rb") as file:
            while raw := file.read(_FRAME.size):
                timestamp, keys, values = _FRAME.unpack(raw)
                key, value = file.read(keys), file.read(values)
                record = Record(topic, partition, offset, timestamp, key, value, f"{topic} {partition}/{offset}")
                if wanted.has(record):
                    yield record
                offset += 1

    def expected_bytes(self, topics: Sequence[str]) -> int:
        """What is on the disk."""
        return sum((self.folder / f"{part.topic}.{part.partition}").stat().st_size for part in self.parts(topics))

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def lay_down(folder: Path, customers: Iterable[Arrivals], entries: int, copies: int) -> int:
    """Journal, decisions and view of at least so many entries, all customers whole; how many there are."""
    files = {(topic, each): Laid(folder / f"{topic}.{each}") for topic in (JOURNAL, DECISIONS, IN_FORCE) for each in range(PARTITIONS)}

    def put(topic: str, key: bytes, value: bytes, at: int, partition: int) -> None:
        files[topic, partition].add(key, value, at)

    laid = 0
    offsets = dict.fromkeys(_TOPICS.values(), 0)
    coming = iter(customers)
    turns: deque[Iterator[None]] = deque()
    while True:
        while laid < entries and len(turns) < IN_TURNS and (one := next(coming, None)) is not None:
            turns.append(_told(one, copies, offsets, put))
        if not turns:
            break
        turn = turns.popleft()
        if next(turn, turn) is turn:  # told whole
            continue
        turns.append(turn)
        laid += copies
        if laid % 200_000 == 0:
            print(f"  {laid:,} entries laid down", flush=True)
    for file in files.values():
        file.flush()
    return laid


def inputs_of(one: Arrivals, state: CustomerState) -> Iterator[Event]:
    """The customer's events in order of arrival, and before each the reviews that fall due."""
    for event in one.events:
        while (due := wake(state)) is not None and 0 < due < event.occurred_at:
            yield review(one.customer_tenant_id, due, ReviewCause.TIME)
        yield event


def _told(one: Arrivals, count: int, offsets: dict[str, int], put: Putting) -> Iterator[None]:
    """Entry by entry, that of the customer and those of its copies."""
    state = CustomerState(one.customer_tenant_id)
    copies = [_Copy(one.customer_tenant_id, number) for number in range(count)]
    for event in inputs_of(one, state):
        topic = _TOPICS[type(event)]
        offset = offsets[topic] = offsets[topic] + 1
        # where it came from is told alike of all copies: the number of the original's partition
        cause = Cause(event.event_id, topic, partition_of(one.customer_tenant_id.encode(), PARTITIONS), offset)
        handled = handle(state, event, cause, POLICY)
        chunks.touched_chunks(state)
        state.journal_sequence += 1
        entry = JournalEntry(
            customer_tenant_id=one.customer_tenant_id,
            sequence=state.journal_sequence,
            topic=topic,
            partition=cause.partition or 0,
            offset=offset,
            timestamp=event.occurred_at,
            event=encode(topic, event),
            disposition=Disposition(handled.disposition.value),
            decision_ids=(),
            state_hash=chunks.state_hash(state),
            core_revision=REVISION,
            policy_fingerprint=POLICY.fingerprint,
            previous_hash=NO_ENTRY,
            entry_hash=NO_ENTRY,
        )
        decided = [(decision, encode(DECISIONS, decision)) for decision in handled.decisions]
        for copy in copies:
            copy.put(entry, decided, put)
        yield


class _Copy:
    """A customer told as another one was, under an id of its own."""

    def __init__(self, original: str, number: int) -> None:
        self.original = original.encode()
        self.customer = str(uuid5(_NAMESPACE, f"{original}|{number}"))
        self.key = self.customer.encode()
        self.partition = partition_of(self.key, PARTITIONS)
        self.ids: dict[str, str] = {}
        self.last = NO_ENTRY

    def put(self, entry: JournalEntry, decided: Sequence[tuple[Decision, bytes]], put: Putting) -> None:
        """One entry and what it led to: all ids are of one length, so the bytes can be changed in place."""
        at = entry.timestamp or 0
        for decision, raw in decided:
            subscription, partner = decision.subscription_id, decision.partner_tenant_id
            own = self.ids[decision.decision_id] = decision_id(self.customer, decision.sequence, subscription, partner)
            value = raw.replace(self.original, self.key).replace(decision.decision_id.encode(), own.encode())
            if decision.supersedes is not None:
                value = value.replace(decision.supersedes.encode(), self.ids.pop(decision.supersedes).encode())
            put(DECISIONS, self.key, value, at, self.partition)
            pair = f"{self.customer}|{subscription}|{'-' if partner is None else partner}".encode()
            put(IN_FORCE, pair, value, at, partition_of(pair, PARTITIONS))
        told = replace(
            entry,
            customer_tenant_id=self.customer,
            event=entry.event.replace(self.original, self.key),
            decision_ids=tuple(self.ids[decision.decision_id] for decision, _ in decided),
            previous_hash=self.last,
        )
        self.last = entry_hash(told)
        put(JOURNAL, self.key, encode(JOURNAL, replace(told, entry_hash=self.last)), at, self.partition)
