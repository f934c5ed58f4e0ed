"""What can one event add to what is known? Names, writes and entries of consent, all under the event's key (policy.md 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
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
from processors.core.facts import End, Extension, Grant, Slot, Transfer
from processors.core.registers import Key, Value

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
    """What one event adds: names, writes by the thing they belong to, and entries of consent.

    An event adds few of these; of the others the class itself says that there is nothing.
    """

    subscriptions: tuple[str, ...] = ()
    """Decided for from now on."""
    partners: tuple[str, ...] = ()
    """The same."""
    customer: Sequence[tuple[int, int, Value]] = ()
    """(register, in force from, value)."""
    of_subscriptions: Mapping[str, list[tuple[int, int, Value]]] = MappingProxyType({})
    """The same, by subscription."""
    first_purchase: str | None = None
    partner: str | None = None
    """Whom the next ones are about."""
    of_partner: Sequence[tuple[int, int, Value]] = ()
    """(register, in force from, value)."""
    grants: tuple[tuple[Slot, Grant], ...] = ()
    extension: tuple[str | None, Extension] | None = None
    end: End | None = None
    transfer: tuple[str, Transfer] | None = None

    def __init__(self, key: Key) -> None:
        self.key = key


def key_of(event: Event) -> Key:
    """(occurred_at, rank, event_id): the order of events, and the name under which a write is known."""
    return event.occurred_at, RANKS[type(event)], event.event_id


def effective(event: SubscriptionStateChanged | Cancellation) -> int:
    """An effective_at in the past changes nothing, one in the future waits."""
    return event.occurred_at if event.effective_at is None else max(event.occurred_at, event.effective_at)
