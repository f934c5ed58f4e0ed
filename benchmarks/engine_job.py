"""What does every contestant compute for one event: Avro in, a check, a state by key, three Avro records out.

Standard library and fastavro only, so that it runs in Quix Streams' own environment, too.
"""

from __future__ import annotations

import io
import os
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

INPUTS = tuple(f"{os.environ.get('BENCH_INPUTS', 'bench-')}{name}" for name in ("orders", "payments", "returns"))
PARTITIONS = 4

EVENT = parse_schema({
    "type": "record", "name": "Event", "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "customer", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["ORDER", "PAYMENT", "RETURN"]}},
        {"name": "amount", "type": "long"},
        {"name": "occurred_at", "type": "long"},
        {"name": "note", "type": ["null", "string"]},
    ],
})  # fmt: skip
STATE = parse_schema({
    "type": "record", "name": "State", "fields": [
        {"name": "events", "type": "long"},
        {"name": "balance", "type": "long"},
        {"name": "last", "type": "long"},
        {"name": "kinds", "type": {"type": "map", "values": "long"}},
    ],
})  # fmt: skip
ENTRY = parse_schema({
    "type": "record", "name": "Entry", "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "sequence", "type": "long"},
        {"name": "occurred_at", "type": "long"},
    ],
})  # fmt: skip
DECISION = parse_schema({
    "type": "record", "name": "Decision", "fields": [
        {"name": "customer", "type": "string"},
        {"name": "caused_by", "type": "string"},
        {"name": "allowed", "type": "boolean"},
        {"name": "balance", "type": "long"},
        {"name": "occurred_at", "type": "long"},
    ],
})  # fmt: skip

State = dict[str, Any]


def _encoded(schema: Any, value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema, value)
    return out.getvalue()


def encode_event(event: dict[str, Any]) -> bytes:
    return _encoded(EVENT, event)


def encode_state(state: State) -> bytes:
    return _encoded(STATE, state)


def decode_state(row: bytes) -> State:
    state: State = schemaless_reader(io.BytesIO(row), STATE, None)  # type: ignore[assignment]
    return state


def decode_event(data: bytes) -> dict[str, Any]:
    """Decode and check one event. Raises ValueError."""
    event: dict[str, Any] = schemaless_reader(io.BytesIO(data), EVENT, None)  # type: ignore[assignment]
    if not event["customer"] or not 0 <= event["amount"] <= 1_000_000 or event["occurred_at"] <= 0:
        raise ValueError(event)
    return event


def handle(state: State | None, event: dict[str, Any]) -> tuple[State, bytes, bytes]:
    """The new state, the journal entry and the decision."""
    state = {"events": 0, "balance": 0, "last": 0, "kinds": {}} if state is None else state
    kinds = dict(state["kinds"])
    kind = event["kind"]
    kinds[kind] = kinds.get(kind, 0) + 1
    balance = state["balance"] + (event["amount"] if kind == "PAYMENT" else -event["amount"])
    sequence = state["events"] + 1
    new = {"events": sequence, "balance": balance, "last": event["occurred_at"], "kinds": kinds}
    entry = _encoded(ENTRY, {"event_id": event["event_id"], "sequence": sequence, "occurred_at": event["occurred_at"]})
    decision = {
        "customer": event["customer"], "caused_by": event["event_id"], "allowed": balance > -1_000, "balance": balance,
        "occurred_at": event["occurred_at"],
    }  # fmt: skip
    return new, entry, _encoded(DECISION, decision)
