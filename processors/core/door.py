"""Would an event name more than may be decided for? The limits at the door (events.md)."""

from __future__ import annotations

from collections.abc import Container, Sized
from dataclasses import dataclass
from typing import Protocol

from processors.core.events import Event
from processors.core.fold import additions
from processors.core.state import CustomerState, digest_of


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be decided for per customer; the any-partner does not count."""

    subscriptions: int = 2_000
    partners: int = 200
    product: int = 20_000


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The limit that an event would go over, and the number it would come to."""

    limit: str
    most: int
    would_be: int

    def __str__(self) -> str:
        names = {
            "subscriptions": "subscriptions decided for per customer",
            "partners": "partners decided for per customer",
            "product": "subscriptions times partners decided for per customer",
        }
        return f"limit {self.limit}: {self.would_be} {names[self.limit]}, at most {self.most} are allowed"


class Names(Container[str], Sized, Protocol):
    """The ids that a customer's events have named so far."""


def too_large(state: CustomerState, event: Event, limits: Limits) -> TooLarge | None:
    """The first limit that a new event would go over; None lets it in, as it does an event applied before."""
    if digest_of(event.event_id) in state.recent:
        return None
    return would_exceed(state.facts.subscriptions, state.facts.partners, event, limits)


def would_exceed(subscriptions: Names, partners: Names, event: Event, limits: Limits) -> TooLarge | None:
    """The same against the ids named so far, for an event that is known to be no repeat."""
    added = additions(event)
    new_subscriptions = {name for name in added.subscriptions if name not in subscriptions}
    new_partners = {name for name in added.partners if name not in partners}
    if not new_subscriptions and not new_partners:
        return None
    count, partner_count = len(subscriptions) + len(new_subscriptions), len(partners) + len(new_partners)
    if new_subscriptions and count > limits.subscriptions:
        return TooLarge("subscriptions", limits.subscriptions, count)
    if new_partners and partner_count > limits.partners:
        return TooLarge("partners", limits.partners, partner_count)
    if count * partner_count > limits.product:
        return TooLarge("product", limits.product, count * partner_count)
    return None
