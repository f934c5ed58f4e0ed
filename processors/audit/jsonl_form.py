"""How does an exported record look as a line? As `consume` prints it, and with the bytes as they are: those are the evidence."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Self

from processors.audit.entries import Record
from processors.codec import MessageRejected, Schemas, view
from processors.codec.instants import write_instant


def line_of(record: Record, schemas: Schemas | None) -> bytes:
    """The line, line feed included; `value` is null where the bytes cannot be read."""
    try:
        value: dict[str, Any] | None = None if record.value is None else view(record.topic, record.value, registry=schemas)
    except MessageRejected:
        value = None
    told = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp is None else write_instant(record.timestamp),
        "key": None if record.key is None else base64_or_text(record.key),
        "value": value,
        "value_base64": None if record.value is None else base64.b64encode(record.value).decode(),
    }
    if isinstance(told["key"], dict):
        told |= {"key": None, "key_base64": told["key"]["base64"]}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def base64_or_text(key: bytes) -> str | dict[str, str]:
    """A key as text; one that is no UTF-8 as base64."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(key).decode()}


class JsonLinesFile:
    """A file of lines that is being written."""

    def __init__(self, path: Path, topic: str) -> None:  # noqa: ARG002 - of every topic alike
        self._file = path.open("wb")

    def write(self, record: Record, schemas: Schemas | None) -> None:
        """One more record."""
        self._file.write(line_of(record, schemas))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
