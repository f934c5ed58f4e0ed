"""Are these bytes exactly those in which a message is written? With the version of the schema and the framing that the bytes name."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from processors.codec import MessageRejected, Schemas
from processors.codec.avro_writer import Writer, record_writer
from processors.codec.messages import CONFLUENT, SINGLE_OBJECT
from processors.contract import contract
from processors.contract.avro import fingerprint

_HEAD: Final = len(SINGLE_OBJECT) + 8
_FRAME: Final = 5


def body_of(value: bytes, record: str, schemas: Schemas | None) -> tuple[Writer, bytes] | None:
    """Who writes such bytes, and the bytes without their frame; None where no released version of `record` does."""
    if value.startswith(SINGLE_OBJECT):
        writer = _writers(record).get(value[len(SINGLE_OBJECT) : _HEAD])
        return None if writer is None else (writer, value[_HEAD:])
    if value[:1] != bytes((CONFLUENT,)) or schemas is None:
        return None
    try:
        writer = _writer_of_text(record, schemas.schema(int.from_bytes(value[1:_FRAME], "big")))
    except MessageRejected:
        return None
    return None if writer is None else (writer, value[_FRAME:])


def is_written_as(value: bytes | None, topic: str, message: Any, schemas: Schemas | None) -> bool:  # noqa: ANN401 - one of our messages
    """Whether `value` is exactly what the message is written as."""
    record = contract().topic(topic).record
    assert record is not None
    found = None if value is None else body_of(value, record, schemas)
    if found is None:
        return False
    writer, body = found
    out = bytearray()
    try:
        writer(out, message)
    except MessageRejected:
        return False
    return out == body


@cache
def _writers(record: str) -> dict[bytes, Writer]:
    return {version.fingerprint: record_writer(version.type) for version in contract().schemas[record]}


@cache
def _writer_of_text(record: str, text: str) -> Writer | None:
    return _writers(record).get(fingerprint(json.loads(text)))
