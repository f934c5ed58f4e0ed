"""How is a record shown to a person or a program? One JSON object a line, in the form that `replay` and `produce` read."""

from __future__ import annotations

import base64
from typing import Any

from aiokafka import ConsumerRecord

from processors.codec import MessageRejected, Schemas, view
from processors.codec.instants import write_instant
from processors.contract import contract


def line(record: ConsumerRecord[bytes | None, bytes | None], topic: str, registry: Schemas | None = None) -> dict[str, Any]:
    """The record as `{"topic", "partition", "offset", "timestamp", "key", "value"}`.

    `topic` is its name in the contract, without a prefix. A value that cannot be read stands as `value_base64` beside an
    `error`; a topic without a record (the changelog) has `value_base64` only; a tombstone's value is null.
    """
    shown: dict[str, Any] = {"topic": topic, "partition": record.partition, "offset": record.offset}
    shown["timestamp"] = None if record.timestamp < 0 else write_instant(record.timestamp * 1000)
    shown["key"] = None if record.key is None else record.key.decode("utf-8", "backslashreplace")
    if record.value is None:
        shown["value"] = None
        return shown
    known = contract().topics.get(topic)
    if known is None or known.record is None:
        shown["value_base64"] = base64.b64encode(record.value).decode()
        return shown
    try:
        shown["value"] = view(topic, record.value, registry=registry)
    except MessageRejected as rejected:
        shown["error"] = {"error_code": rejected.code.value, "error_message": rejected.text}
        shown["value_base64"] = base64.b64encode(record.value).decode()
    return shown
