"""What is kept of a customer between events? The facts, the last decision of every pair, and what was applied last."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from processors.core.facts import Customer
from processors.core.pairs import Standing
from processors.core.settling import Settling

RECENT_MAX: Final = 100
"""How many event ids are remembered, unless a setting says otherwise (policy.md 4.6)."""


class Recent:
    """The ids of the events applied last, as digests."""

    __slots__ = ("_members", "_order")

    def __init__(self, most: int) -> None:
        self._order: deque[bytes] = deque(maxlen=most)
        self._members: set[bytes] = set()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._members

    def add(self, digest: bytes) -> None:
        """Remember one more; the oldest makes room."""
        order = self._order
        if order.maxlen == len(order) and order:
            self._members.discard(order[0])
        order.append(digest)
        if order:
            self._members.add(digest)

    def in_order(self) -> tuple[bytes, ...]:
        """The oldest first."""
        return tuple(self._order)


@dataclass(slots=True)
class Emitted:
    """The last decision of a pair; `standing` is None after loading, until it is decided again."""

    sequence: int
    digest: bytes
    standing: Standing | None
    decision_id: str | None = None  # the same, to be derived anew


class CustomerState:
    """The state of one customer; `handle` changes it in place.

    `journal_sequence` and `journal_head` belong to whoever writes the journal; they are stored with the header and no part of `state_hash`.
    """

    __slots__ = (
        "chunk_hashes",
        "dirty_partners",
        "dirty_subscriptions",
        "emitted",
        "facts",
        "hashed_header",
        "journal_head",
        "journal_sequence",
        "recent",
        "sequence",
        "settling",
        "stored_wake",
        "told_bytes",
    )

    def __init__(self, customer_tenant_id: str, recent_max: int = RECENT_MAX) -> None:
        self.facts = Customer(customer_tenant_id)
        self.sequence = 0
        self.recent = Recent(recent_max)
        self.emitted: dict[str, dict[str | None, Emitted]] = {}
        self.settling: Settling | None = None  # views, made when first needed; never stored
        self.stored_wake: int | None = None  # as loaded; counts until there are views
        self.journal_sequence = 0
        self.journal_head = b""
        self.dirty_subscriptions: set[str] = set()  # whose chunk changed since it was last encoded
        self.dirty_partners: set[str] = set()
        self.chunk_hashes: dict[str, bytes] = {}  # by chunk name, but for the header
        self.told_bytes: dict[str, bytes] = {}  # of a subscription's chunk all but the last answers, as long as the facts stay
        self.hashed_header: bytes | None = None  # as last encoded, until something is handled

    def note_changed(self, subscriptions: Iterable[str], partners: Iterable[str]) -> None:
        """What is known of these is other than before, and so is what the header says: what was encoded of them is of no use any more."""
        self.hashed_header = None
        self.dirty_partners.update(partners)
        for subscription_id in subscriptions:
            self.dirty_subscriptions.add(subscription_id)
            self.told_bytes.pop(subscription_id, None)


def digest_of(event_id: str) -> bytes:
    """Eight bytes by which an event id is remembered."""
    return hashlib.blake2b(event_id.encode(), digest_size=8).digest()
