"""Which events does a file hold? JSON Lines or an Avro object container file, told apart by its first bytes.

A line is `{"topic": ..., "value": {...}}`, optionally with partition, offset and timestamp; a container file holds one record type,
whose name says the topic. Every complaint names file and line, or file and record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import fastavro

from processors.codec.avro_bytes import Reader
from processors.codec.instants import read_instant
from processors.codec.json_form import LONG, SHOWN_MAX, UnknownNames, expected, nearest
from processors.codec.messages import TopicCodec, topic_codec
from processors.codec.rejected import MessageRejected, invalid, undecodable
from processors.codec.shapes import Values
from processors.contract import ErrorCode, contract
from processors.contract.avro import Record, SchemaError, parse_text, short
from processors.core.events import Event

LINE_BYTES_MAX: Final = 4 * 1024 * 1024
CONTAINER: Final = b"Obj\x01"
BOM: Final = b"\xef\xbb\xbf"
LINE_NAMES: Final = ("topic", "value", "partition", "offset", "timestamp")


@dataclass(frozen=True, slots=True)
class Located:
    """An event and where it was read; `timestamp` is microseconds; `place` is for messages: file and line, or file and record."""

    event: Event
    topic: str
    partition: int | None
    offset: int | None
    timestamp: int | None
    place: str


def read_file(
    path: Path,
    *,
    unknown: UnknownNames | None = None,
    on_rejected: Callable[[MessageRejected], None] | None = None,
) -> Iterator[Located]:
    """The events of a file, one at a time.

    The first invalid one raises MessageRejected with its place; with `on_rejected` it is handed to that instead and reading goes on
    (except where a container file is damaged: nothing after the damage can be trusted). OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        yield from read_stream(file, str(path), unknown=unknown, on_rejected=on_rejected)


def read_stream(
    file: BinaryIO,
    name: str,
    *,
    unknown: UnknownNames | None = None,
    on_rejected: Callable[[MessageRejected], None] | None = None,
) -> Iterator[Located]:
    """As `read_file`, from a file that is open at its start and can seek; `name` is what messages call it."""
    head = file.read(len(CONTAINER))
    file.seek(0)
    events = _container(file, name, unknown) if head == CONTAINER else _lines(file, name, unknown)
    for found in events:
        if isinstance(found, Located):
            yield found
        elif on_rejected is None:
            raise found
        else:
            on_rejected(found)


def _lines(file: BinaryIO, name: str, unknown: UnknownNames | None) -> Iterator[Located | MessageRejected]:
    number = 0
    while raw := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        place = f"{name}:{number}"
        if len(raw) > LINE_BYTES_MAX:
            _skip_rest_of_line(file, raw)
            yield MessageRejected(ErrorCode.TOO_LARGE, None, f"the line has more than {LINE_BYTES_MAX:,} bytes", place)
            continue
        text = raw.removeprefix(BOM) if number == 1 else raw
        if text.strip():
            try:
                yield read_line(text, place, unknown)
            except MessageRejected as rejected:
                yield rejected.at(place)


def _skip_rest_of_line(file: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = file.readline(LINE_BYTES_MAX)


def read_line(raw: bytes, place: str, unknown: UnknownNames | None = None) -> Located:
    """The event of one line of JSON Lines."""
    line = parse_json(raw)
    if not isinstance(line, dict):
        raise expected('an object {"topic": ..., "value": ...}', line)
    if unknown is not None and not line.keys() <= set(LINE_NAMES):
        unknown("a line", line.keys() - set(LINE_NAMES), LINE_NAMES)
    codec = _input(line.get("topic"))
    partition = _position(line, "partition", 2**31)
    offset = _position(line, "offset", 2**63)
    timestamp = _timestamp(line.get("timestamp"))
    event = codec.read_json(line.get("value"), unknown) if line.get("value") is not None else _no_value()
    if len(raw) > codec.limit:
        codec.encode(event, None)  # a short line cannot be a long record: only now is it worth the time
    return Located(cast("Event", event), codec.topic, partition, offset, timestamp, place)


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Parsed JSON; INVALID for everything that is none, repeated names, NaN and numbers without end included."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise invalid(f"is not UTF-8 at byte {error.start}") from None
    try:
        return json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise invalid(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise invalid("is nested too deeply") from None
    except ValueError:
        raise invalid("holds a number with too many digits") from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise invalid("is told twice", repr(repeated[:SHOWN_MAX])[1:-1])
    return told


def _no_constant(text: str) -> Any:  # noqa: ANN401 - never returns
    raise invalid(f"{text} is no JSON")


def _input(topic: object) -> TopicCodec:
    inputs = contract().inputs
    if topic is None or topic == "":
        raise invalid("must be told", "topic")
    if not isinstance(topic, str):
        raise expected("a text", topic).within("topic")
    if topic in inputs:
        return topic_codec(topic)
    if topic in contract().topics:
        raise invalid(f"{topic} is no input; the inputs are {', '.join(inputs)}", "topic")
    hint = nearest(topic, inputs) or f"; the inputs are {', '.join(inputs)}"
    raise invalid(f"{topic[:SHOWN_MAX]!r} is no topic{hint}", "topic")


def _no_value() -> Event:
    raise invalid("must be told", "value")


def _position(line: dict[str, Any], name: str, end: int) -> int | None:
    value = line.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end or value not in LONG:
        raise expected("a whole number, 0 or more", value).within(name)
    return value


def _timestamp(value: object) -> int | None:
    if value is None or value == "":
        return None
    instant = read_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise expected("an instant like 2024-05-31T23:59:59Z", value).within("timestamp")
    return instant


def _container(file: BinaryIO, name: str, unknown: UnknownNames | None) -> Iterator[Located | MessageRejected]:
    number = 0
    try:
        blocks = fastavro.block_reader(file)
        codec, read = _writer(blocks, unknown)
        end = file.tell()
        for block in blocks:
            end = block.offset + block.size
            for values in _records(block, read):
                number += 1
                yield _located(codec, values, f"{name}, record {number}")
        _check_nothing_follows(file, end)
    except MessageRejected as rejected:
        yield rejected.at(f"{name}, after record {number}" if number else name)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises whatever it likes about damaged files
        complaint = undecodable(f"the container file is damaged: {type(error).__name__}: {error!s:.200}")
        yield complaint.at(f"{name}, after record {number}")


def _records(block: Any, read: Reader) -> Iterator[Values]:  # noqa: ANN401 - the library's block
    data, position = block.bytes_.getvalue(), 0
    for _ in range(block.num_records):
        values, position = read(data, position)
        yield values
    if position != len(data):
        raise undecodable(f"{len(data) - position} bytes follow the last record of a block")


def _located(codec: TopicCodec, values: Values, place: str) -> Located | MessageRejected:
    try:
        return Located(cast("Event", codec.message(values)), codec.topic, None, None, None, place)
    except MessageRejected as rejected:
        return rejected.at(place)


def _check_nothing_follows(file: BinaryIO, end: int) -> None:
    """The library takes a block whose count is cut off for the end of the file."""
    size = file.seek(0, os.SEEK_END)
    if size != end:
        raise undecodable(f"{size - end} bytes follow the last whole block")


def _writer(blocks: Any, unknown: UnknownNames | None) -> tuple[TopicCodec, Reader]:  # noqa: ANN401 - the library's reader
    """The topic of a container file, by the name of its record, and the reader for its writer's schema."""
    text = blocks.metadata["avro.schema"]
    try:
        writer = parse_text(text)
    except SchemaError as error:
        raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, f"the writer's schema cannot be used: {error}") from None
    name = short(writer.name) if isinstance(writer, Record) else type(writer).__name__
    records = {topic_codec(topic).record: topic_codec(topic) for topic in contract().inputs}
    if not isinstance(writer, Record) or name not in records:
        message = f"holds {name}, which is no record of an input{nearest(name, records)}"
        raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, message)
    codec = records[name]
    if unknown is not None and (strange := {field.name for field in writer.fields} - codec.names):
        unknown(codec.topic, strange, codec.names)
    return codec, codec.foreign(text, "the writer's schema", codec.plan)
