"""How are messages drawn at random? One hypothesis strategy per record, made from the dataclasses' own types."""

from __future__ import annotations

import dataclasses
from enum import EnumType
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from processors.contract import DeadLetter, JournalEntry, contract
from processors.contract.avro import Fixed
from processors.core import events
from processors.core.calendar import FIRST_INSTANT, LAST_INSTANT
from processors.core.decisions import Decision

TOPICS: dict[str, type] = {
    "subscription-purchased": events.SubscriptionPurchased,
    "consent-granted": events.ConsentGranted,
    "cancellation": events.Cancellation,
    "subscription-state-changed": events.SubscriptionStateChanged,
    "subscription-transfer": events.SubscriptionTransfer,
    "review-due": events.ReviewDue,
    "multi-channel-support-decisions": Decision,
    "customer-journal": JournalEntry,
    "dead-letters": DeadLetter,
}
INSTANTS = {
    "occurred_at", "recorded_at", "effective_start_date", "cancellation_allowed_until", "valid_from", "valid_until", "effective_at",
    "expires_at", "not_before", "not_after", "eligible_from", "consent_valid_until", "review_at", "as_of", "timestamp",
}  # fmt: skip
COUNTRIES = {"customer_country", "partner_country"}
SMALL = {"quantity", "partition", "core_revision"}
DURATIONS = {
    "term_duration": ["P1M", "P1Y", "P3Y"],
    "duration": ["P1D", "PT24H", "P180D", "P1Y"],
    "auto_extend_duration": ["P0D", "PT0S", "P180D"],
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
INSTANT = st.integers(FIRST_INSTANT, LAST_INSTANT) | st.integers(1_600_000_000, 1_900_000_000).map(lambda seconds: seconds * 1_000_000)


def message(topic: str) -> st.SearchStrategy[Any]:
    """Any valid message of a topic."""
    digests = {field.name: field.type.size for field in contract().schema(topic).type.fields if isinstance(field.type, Fixed)}
    drawn = of_class(TOPICS[topic], event=contract().topic(topic).is_input, digests=digests)
    return drawn.filter(told_enough) if contract().topic(topic).is_input else drawn


def told_enough(event: Any) -> bool:
    """Whether the door lets it in; test_door.py says whether the door is right."""
    from processors.codec import MessageRejected, encode
    from processors.codec.door import admit

    values = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    try:
        admit(type(event).__name__, values)
        encode(next(topic for topic, cls in TOPICS.items() if cls is type(event)), event)
    except MessageRejected:
        return False
    return True


def of_class(cls: type, *, event: bool, digests: dict[str, int]) -> st.SearchStrategy[Any]:
    """Any value of a dataclass."""
    hints = get_type_hints(cls)
    drawn = {field.name: of_type(field.name, hints[field.name], event=event, digests=digests) for field in dataclasses.fields(cls)}
    return st.builds(cls, **drawn)


def of_type(name: str, hint: Any, *, event: bool, digests: dict[str, int]) -> st.SearchStrategy[Any]:
    """Any value of a field."""
    if isinstance(hint, UnionType):
        (inner,) = (one for one in get_args(hint) if one is not type(None))
        return st.none() | of_type(name, inner, event=event, digests=digests)
    if get_origin(hint) is tuple:
        return st.lists(of_type(name, get_args(hint)[0], event=event, digests=digests), max_size=3).map(tuple)
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return of_class(hint, event=event, digests=digests)
    if isinstance(hint, EnumType):
        return st.sampled_from(list(hint))
    if hint is str:
        return text(name, event=event)
    if hint is int:
        return number(name)
    if hint is bytes:
        return st.binary(min_size=digests[name], max_size=digests[name]) if name in digests else st.binary(max_size=20)
    assert hint is bool
    return st.booleans()


def text(name: str, *, event: bool) -> st.SearchStrategy[str]:
    """Any text as the codec would hand it out: of an event never empty, ids in lower case, countries in upper case."""
    if not event:
        return TEXT
    if name in DURATIONS:
        return st.sampled_from(DURATIONS[name])
    if name.endswith("_id") or name == "gdap_roles":
        return TEXT.map(str.lower).filter(lambda one: one and one == one.lower())
    if name in COUNTRIES:
        return TEXT.map(str.upper).filter(lambda one: one and one == one.upper())
    return TEXT.filter(bool)


def number(name: str) -> st.SearchStrategy[int]:
    """Any number that the field's type holds."""
    if name in INSTANTS:
        return INSTANT
    if name == "commitment_end_date":
        return st.integers(FIRST_INSTANT, LAST_INSTANT).map(lambda instant: instant // 86_400_000_000)
    return st.integers(-(2**31), 2**31 - 1) if name in SMALL else st.integers(-(2**63), 2**63 - 1)
