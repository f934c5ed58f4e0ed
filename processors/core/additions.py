"""What can one event add to what is known? Names, writes and entries of consent, all under the event's key (policy.md 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from processors.core.events import (
    Cancellation,
    ConsentGranted,
    Event,
    ReviewDue,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
)
from processors.core.facts import End, Extension, Grant, Key, Slot, Transfer, Value

RANKS: Final[dict[type[Event], int]] = {
    ReviewDue: 0,
    SubscriptionPurchased: 1,
    SubscriptionStateChanged: 2,
    SubscriptionTransfer: 3,
    ConsentGranted: 4,
    Cancellation: 5,
}
"""Beginnings before ends, so that at one instant the end wins."""


class Additions:
    """What one event adds: names, writes by the thing they belong to, and entries of consent."""

    __slots__ = (
        "customer",
        "end",
        "extension",
        "first_purchase",
        "grants",
        "key",
        "of_partner",
        "of_subscriptions",
        "partner",
        "partners",
        "subscriptions",
        "transfer",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.subscriptions: tuple[str, ...] = ()  # decided for from now on
        self.partners: tuple[str, ...] = ()  # the same
        self.customer: list[tuple[int, int, Value]] = []  # (register, in force from, value)
        self.of_subscriptions: dict[str, list[tuple[int, int, Value]]] = {}  # the same, by subscription
        self.first_purchase: str | None = None
        self.partner: str | None = None  # whom the next ones are about
        self.of_partner: Sequence[tuple[int, int, Value]] = ()  # (register, in force from, value)
        self.grants: tuple[tuple[Slot, Grant], ...] = ()
        self.extension: tuple[str | None, Extension] | None = None
        self.end: End | None = None
        self.transfer: tuple[str, Transfer] | None = None


def key_of(event: Event) -> Key:
    """(occurred_at, rank, event_id): the order of events, and the name under which a write is known."""
    return event.occurred_at, RANKS[type(event)], event.event_id


def effective(event: SubscriptionStateChanged | Cancellation) -> int:
    """An effective_at in the past changes nothing, one in the future waits."""
    return event.occurred_at if event.effective_at is None else max(event.occurred_at, event.effective_at)
