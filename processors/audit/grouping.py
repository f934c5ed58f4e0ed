"""How are a partition's records brought together by customer, without all of them being in memory? Through files, a bucket each.

A customer's records go to one bucket. A bucket is worked on alone, so memory is bounded by the largest bucket: the number of buckets is
chosen so that each holds some megabytes; a single customer is never split.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from processors.audit.decided import derives
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record, entry_of
from processors.audit.tree import Tree, leaf_of
from processors.codec import MessageRejected, Schemas, decode_decision
from processors.codec.avro_bytes import read_bytes
from processors.codec.messages import CONFLUENT
from processors.contract import contract
from processors.contract.chain import entry_hash

BUCKET_BYTES: Final = 8 * 1024 * 1024
BUCKETS_MAX: Final = 4_096
BUFFERED_BYTES: Final = 32 * 1024 * 1024
CUSTOMER_BYTES_MAX: Final = 1_000
_FRAME: Final = struct.Struct(">BiqqiiHH")
_REGISTERED: Final = bytes((CONFLUENT,))
_NO_TIMESTAMP: Final = -(1 << 63)
_TOPICS: Final = tuple(contract().topics)
_NUMBERS: Final = {topic: number for number, topic in enumerate(_TOPICS)}


def buckets_for(expected_bytes: int) -> int:
    """How many buckets so many bytes need."""
    return max(8, min(BUCKETS_MAX, expected_bytes // BUCKET_BYTES))


@dataclass(slots=True)
class PartitionRead:
    """What was met of a partition on the way; of the journal also its tree, and the tree's root after as many records as were asked for."""

    records: int = 0
    first_offset: int = -1
    last_offset: int = -1
    tree: Tree = field(default_factory=Tree)
    root_then: bytes = b""
    registered: int = 0
    """Of the journal's records those in Confluent's framing, which names a schema by its id in a registry."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a checkpoint wants the tree of a partition looked at: after `count` records, in blocks of 2 to the power of `level`."""

    level: int
    count: int


class Reading:
    """Notes what goes by."""

    def __init__(self, marks: Mapping[int, Mark]) -> None:
        """`marks` are of partitions of the journal."""
        self._marks = marks
        self.read: dict[tuple[str, int], PartitionRead] = {}

    def note(self, record: Record) -> None:
        """One more record."""
        read = self.read.get((record.topic, record.partition))
        mark = self._marks.get(record.partition) if record.topic == JOURNAL else None
        if read is None:
            read = self.read[record.topic, record.partition] = PartitionRead(first_offset=record.offset)
            if mark is not None:
                read.tree = Tree(fixed=True, level=mark.level)
        read.records += 1
        read.first_offset = min(read.first_offset, record.offset)
        read.last_offset = max(read.last_offset, record.offset)
        if record.topic == JOURNAL:
            read.registered += record.value is not None and record.value[:1] == _REGISTERED
            read.tree.append(leaf_of(record))
            if mark is not None and read.tree.count == mark.count:
                read.root_then = read.tree.root


class Scattering:
    """Takes records in and lays each down in its customer's bucket, under `folder`; several may write there, each with its own `name`."""

    def __init__(self, folder: Path, name: str, buckets: int, marks: Mapping[int, Mark]) -> None:
        """`marks` are of partitions of the journal."""
        self._folder = folder
        self._name = name
        self._buckets = buckets
        self._reading = Reading(marks)
        self._buffers: dict[int, bytearray] = defaultdict(bytearray)
        self._buffered = 0

    @property
    def read(self) -> dict[tuple[str, int], PartitionRead]:
        """What went by."""
        return self._reading.read

    def take(self, records: Iterable[Record], schemas: Schemas | None, last_offset: int | None = None) -> None:
        """All of them, up to an offset where one is given."""
        for record in records:
            if last_offset is not None and record.offset > last_offset:
                break
            self._reading.note(record)
            customer = owner_of(record, schemas)[:CUSTOMER_BYTES_MAX]
            frame = _frame(record, customer)
            self._buffers[zlib.crc32(customer) % self._buckets] += frame
            self._buffered += len(frame)
            if self._buffered > BUFFERED_BYTES:
                self.flush()

    def flush(self) -> None:
        """Lay down what is still in memory."""
        for bucket, raw in self._buffers.items():
            with (self._folder / f"{bucket}.{self._name}").open("ab") as file:
                file.write(raw)
        self._buffers.clear()
        self._buffered = 0


def owner_of(record: Record, schemas: Schemas | None) -> bytes:
    """Whose record it is: the key says so; where the value says something else, and can prove it, the value."""
    key = record.key
    if record.topic == IN_FORCE and key is not None:
        key = key.partition(b"|")[0]
    told = _told_customer(record)
    if told == key or told is None or record.topic not in {JOURNAL, DECISIONS, IN_FORCE}:
        return key or b""
    try:
        if record.topic == JOURNAL:
            entry = entry_of(record, schemas).told
            proved = entry_hash(entry) == entry.entry_hash
            customer = entry.customer_tenant_id
        else:
            decision = decode_decision(record.value, registry=schemas)
            proved, customer = derives(decision), decision.customer_tenant_id
    except (MessageRejected, ValueError):
        return key or b""
    return customer.encode() if proved else key or b""


def _told_customer(record: Record) -> bytes | None:
    """The customer's id in the value, by the place at which it stands there; None where that cannot be read."""
    value = record.value
    if value is None or not value:
        return None
    position = 5 if value[0] == CONFLUENT else 10
    try:
        told, position = read_bytes(value, position)
        if record.topic != JOURNAL:  # a decision's own id stands before it
            told, position = read_bytes(value, position)
    except (MessageRejected, IndexError):
        return None
    return told


def _frame(record: Record, customer: bytes) -> bytes:
    key, value, place = record.key, record.value, record.place.encode()
    head = _FRAME.pack(
        _NUMBERS[record.topic],
        record.partition,
        record.offset,
        _NO_TIMESTAMP if record.timestamp is None else record.timestamp,
        -1 if key is None else len(key),
        -1 if value is None else len(value),
        len(place),
        len(customer),
    )
    return b"".join((head, key or b"", value or b"", place, customer))


def customers_of(folder: Path, bucket: int, names: Iterable[str]) -> dict[bytes, dict[str, list[Record]]]:
    """A bucket's records by customer and topic, in the order in which they were laid down, those of earlier names first."""
    found: dict[bytes, dict[str, list[Record]]] = {}
    for name in names:
        path = folder / f"{bucket}.{name}"
        if path.exists():
            _take_apart(path.read_bytes(), found)
    return found


def _take_apart(raw: bytes, found: dict[bytes, dict[str, list[Record]]]) -> None:
    position, size, end = 0, _FRAME.size, len(raw)
    while position < end:
        number, partition, offset, timestamp, keys, values, places, customers = _FRAME.unpack_from(raw, position)
        at_value = position + size + max(keys, 0)
        at_place = at_value + max(values, 0)
        at_customer = at_place + places
        key = None if keys < 0 else raw[position + size : at_value]
        value = None if values < 0 else raw[at_value:at_place]
        position = at_customer + customers
        topic = _TOPICS[number]
        told = None if timestamp == _NO_TIMESTAMP else timestamp
        record = Record(topic, partition, offset, told, key, value, raw[at_place:at_customer].decode())
        found.setdefault(raw[at_customer:position], {}).setdefault(topic, []).append(record)
