"""Which records does a file of JSON Lines hold? What `multichannel consume TOPIC` prints, and what `export` writes in that form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from processors.audit.entries import Record
from processors.audit.sources import Part, SourceUnreadable, Wanted
from processors.codec import MessageRejected, Schemas, encode, read_json, view
from processors.codec.files import parse_json
from processors.codec.instants import read_instant
from processors.codec.rejected import invalid
from processors.contract import contract

LINE_BYTES_MAX: Final = 8 * 1024 * 1024
"""A journal entry of a megabyte, told as JSON and once more as base64."""


class FileSource:
    """One file of JSON Lines; lines of several topics may stand in it."""

    schemas = None

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def partitions(self, topic: str) -> tuple[int, ...]:
        """The partitions that lines of the topic name."""
        return tuple(sorted({record.partition for record in self.records(topic)}))

    def records(self, topic: str, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """The records of the topic, in the order of the lines."""
        return (record for record in self.lines() if record.topic == topic and wanted.has(record))

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:  # noqa: ARG002 - whatever they are, the file is read once
        """The whole file."""
        return (Part(),)

    def read_part(self, part: Part, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: ARG002, B008 - there is one only; frozen
        """The records of all lines."""
        return (record for record in self.lines() if wanted.has(record))

    def expected_bytes(self, topics: Sequence[str]) -> int:  # noqa: ARG002 - they stand mixed
        """The size of the file."""
        try:
            return self._path.stat().st_size
        except OSError as error:
            raise SourceUnreadable(f"{self._path}: {error.strerror or error}") from error

    def lines(self) -> Iterator[Record]:
        """The records of all lines."""
        try:
            with self._path.open("rb") as file:
                yield from read_lines(file, self.name)
        except OSError as error:
            raise SourceUnreadable(f"{self._path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Nothing is open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_lines(file: BinaryIO, name: str, schemas: Schemas | None = None) -> Iterator[Record]:
    """The records of a file that is open at its start; SourceUnreadable with file, line and field."""
    number = 0
    while raw := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        place = f"{name}:{number}"
        if len(raw) > LINE_BYTES_MAX:
            raise SourceUnreadable(f"{place}: the line has more than {LINE_BYTES_MAX:,} bytes")
        if raw.strip():
            try:
                yield read_line(raw, place, schemas)
            except MessageRejected as rejected:
                raise SourceUnreadable(str(rejected.at(place))) from None


def read_line(raw: bytes, place: str, schemas: Schemas | None = None) -> Record:
    """The record of one line; MessageRejected with the field."""
    line = parse_json(raw)
    if not isinstance(line, dict):
        raise invalid('expected an object {"topic": ..., "value": ...}')
    topic = line.get("topic")
    if not isinstance(topic, str) or topic not in contract().topics:
        raise invalid("expected the name of a topic of topics.yaml", "topic")
    partition, offset = _place(line, "partition", 2**31), _place(line, "offset", 2**63)
    return Record(topic, partition, offset, _timestamp(line.get("timestamp")), _key(line), _value(topic, line, schemas), place)


def _place(line: dict[str, Any], name: str, end: int) -> int:
    value = line.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end:
        raise invalid("expected a whole number, 0 or more", name)
    return value


def _timestamp(value: object) -> int | None:
    if value is None:
        return None
    instant = read_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise invalid("expected an instant like 2024-05-31T23:59:59Z", "timestamp")
    return instant


def _key(line: dict[str, Any]) -> bytes | None:
    if line.get("key_base64") is not None:
        return _bytes(line["key_base64"], "key_base64")
    value = line.get("key")
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid("expected a text", "key")
    return value.encode("utf-8", "surrogatepass")


def _value(topic: str, line: dict[str, Any], schemas: Schemas | None) -> bytes | None:
    """The bytes as they were, if they stand there; else the bytes that the fields are written as."""
    told = line.get("value")
    if line.get("value_base64") is not None:
        raw = _bytes(line["value_base64"], "value_base64")
        if told is not None and told != _view(topic, raw, schemas):
            raise invalid("is not what the bytes in value_base64 say", "value")
        return raw
    if told is None:
        return None
    if contract().topic(topic).record is None:
        raise invalid("the topic carries no records that could be told as JSON", "value")
    try:
        return encode(topic, read_json(topic, told))
    except MessageRejected as rejected:
        raise rejected.within("value") from None


def _view(topic: str, raw: bytes, schemas: Schemas | None) -> dict[str, Any] | None:
    try:
        return view(topic, raw, registry=schemas)
    except MessageRejected:
        return None


def _bytes(told: object, field: str) -> bytes:
    try:
        if isinstance(told, str):
            return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise invalid("expected bytes in base64", field)
