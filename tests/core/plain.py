"""Plain JSON to events and decisions back to plain JSON: the codec of these tests, written without the real one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import typing
from typing import Any

from processors.core.decisions import Cause, Decision
from processors.core.events import (
    Cancellation,
    ConsentGranted,
    Event,
    ReviewDue,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
)
from processors.core.symbols import Symbol

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
RECORDS: dict[str, type[Event]] = {
    "subscription-purchased": SubscriptionPurchased,
    "consent-granted": ConsentGranted,
    "cancellation": Cancellation,
    "subscription-state-changed": SubscriptionStateChanged,
    "subscription-transfer": SubscriptionTransfer,
    "review-due": ReviewDue,
}
INSTANTS = {
    "occurred_at",
    "recorded_at",
    "effective_start_date",
    "cancellation_allowed_until",
    "valid_from",
    "valid_until",
    "effective_at",
    "expires_at",
}
COUNTRIES = {"customer_country", "partner_country"}


def instant(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


def text_of(instant: int | None) -> str | None:
    if instant is None:
        return None
    moment = EPOCH + dt.timedelta(microseconds=instant)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def symbols_of(record: type[Event]) -> dict[str, type[Symbol]]:
    found: dict[str, type[Symbol]] = {}
    for name, hint in typing.get_type_hints(record).items():
        for part in (hint, *(typing.get_args(hint) if isinstance(hint, types.UnionType) else ())):
            if isinstance(part, type) and issubclass(part, Symbol):
                found[name] = part
    return found


def read_event(line: dict[str, Any]) -> tuple[Event, Cause]:
    """The event of a line of a story, as the codec hands it over, and its cause."""
    record = RECORDS[line["topic"]]
    known = {field.name for field in dataclasses.fields(record)}
    fields: dict[str, Any] = {}
    for name, told in line["value"].items():
        if name not in known or told is None or told == "":
            continue
        fields[name] = told
        if name in INSTANTS:
            fields[name] = instant(told)
        elif name == "commitment_end_date":
            fields[name] = dt.date.fromisoformat(told).toordinal() - EPOCH.toordinal()
        elif name in COUNTRIES:
            fields[name] = told.upper()
        elif name in symbols_of(record):
            fields[name] = symbols_of(record)[name].read(told)
        elif isinstance(told, list):
            fields[name] = tuple(told)
        elif name.endswith("_id"):
            fields[name] = told.lower()
    event = record(**fields)
    return event, Cause(event.event_id, line["topic"], line.get("partition"), line.get("offset"))


def plain(decision: Decision) -> dict[str, Any]:
    """A decision with the names of `events.md`."""
    answer = decision.answer
    whole = dataclasses.asdict(decision) | dataclasses.asdict(answer)
    del whole["answer"]
    whole["next_steps"] = [
        dataclasses.asdict(step) | {"not_before": text_of(step.not_before), "not_after": text_of(step.not_after)}
        for step in answer.next_steps
    ]
    for name in ("eligible_from", "cancellation_allowed_until", "consent_valid_until", "review_at", "as_of"):
        whole[name] = text_of(whole[name])
    return {name: list(value) if isinstance(value, tuple) else value for name, value in whole.items()}
