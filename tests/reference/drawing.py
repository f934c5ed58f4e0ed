"""From what are random histories drawn: themes, plans, and a pool of instants at which something could happen?

A history keeps a pool of instants at which something could happen (term ends, windows, limits, lapses, version dates) and likes to put
events and told instants exactly there, one microsecond before or one after. A *theme* says which kind of trouble is looked for.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.reference.instants import DAY, FIRST, HOUR, LAST, read_instant, write_instant

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

Value = TypeVar("Value")

VERSION_DATES = tuple(
    read_instant(text)
    for text in (
        "2020-06-17T00:00:00Z", "2020-09-30T00:00:00Z", "2021-07-21T00:00:00Z", "2021-10-14T00:00:00Z", "2022-03-12T00:00:00Z",
        "2022-03-19T00:00:00Z", "2023-10-09T00:00:00Z", "2024-06-01T00:00:00Z",
    )
)  # fmt: skip


@dataclass
class Case:
    """One history with how it is replayed; `licence_transfer_from`: an instant as text, "off", or None as shipped."""

    events: list[dict[str, Any]]
    until: str | None = None
    licence_transfer_from: str | None = None
    name: str = ""


@dataclass
class Plan:
    """What a subscription is most of the time."""

    service_type: str
    acquisition_channel: str
    seller: str | None
    cloud: str
    commerce_platform: str
    azure_offer: str | None


@dataclass
class Party:
    """What a partner is most of the time."""

    tenant: str
    partner_type: str
    country: str | None
    provider: str | None
    evidence: str
    mca: bool | None


@dataclass
class Account:
    """One customer while its history is made."""

    tenant: str
    country: str | None
    is_csp: bool | None
    subscriptions: dict[str, Plan] = field(default_factory=dict)
    partners: list[Party] = field(default_factory=list)
    consent_ids: list[str | None] = field(default_factory=list)
    transfer_ids: list[str] = field(default_factory=list)


class Author:
    """Draws one history from a random source."""

    def __init__(self, source: random.Random, theme: str) -> None:
        self.source = source
        self.theme = theme
        self.pool: list[int] = []
        self.own: dict[str, list[int]] = {}
        self.windows: dict[str, list[int]] = {}
        self.subject = ""
        self.now = self.start()
        self.anchors = [self.now + days * DAY for days in self.one([(0,), (0, 30), (0, 1, 90), (0, 7, 365)])]
        self.pool += [date for date in VERSION_DATES if abs(date - self.now) < 900 * DAY]

    # -- drawing -----------------------------------------------------------------------------------------------------

    def chance(self, percent: float) -> bool:
        return self.source.random() * 100 < percent

    def one(self, values: Sequence[Value]) -> Value:
        return values[self.source.randrange(len(values))]

    def weighted(self, weights: dict[Value, int]) -> Value:
        return self.source.choices(list(weights), list(weights.values()))[0]

    def identity(self) -> str:
        return str(uuid.UUID(int=self.source.getrandbits(128), version=4))

    # -- instants ----------------------------------------------------------------------------------------------------

    def start(self) -> int:
        if self.theme == "extremes":
            return self.one(
                [FIRST, FIRST + 3 * DAY, LAST - 800 * DAY, LAST - 40 * DAY, LAST - 2 * DAY, read_instant("1969-12-30T12:00:00Z")]
            )
        date = self.one(VERSION_DATES)
        if self.theme in {"azure", "abroad"} and self.chance(50):
            date = self.one(VERSION_DATES[:3])
        if self.theme in {"licences", "consents", "links", "government"} and self.chance(50):
            date = self.one(VERSION_DATES[-2:])
        return date + self.one([-400, -120, -40, -10, -3, -1, 0, 1, 5, 40]) * DAY + self.one([0, 0, 9 * HOUR, 8 * HOUR + 1])

    def remember(self, *instants: int | None) -> None:
        """Put instants into the pool, and into that of the subscription or partner the event is about."""
        usable = [instant for instant in instants if instant is not None and FIRST + 10 <= instant <= LAST - 10]
        self.pool += usable
        self.own.setdefault(self.subject, []).extend(usable)

    def edge(self) -> int:
        """An instant of the pool, exactly or a microsecond beside it."""
        back = 500 * DAY if self.chance(25) else 0
        pool = self.own.get(self.subject, self.pool) if self.chance(50) else self.pool
        near = [instant for instant in pool if -back <= instant - self.now < 800 * DAY] or [self.now]
        return self.one(near) + self.one([0, 0, 0, -1, 1])

    def moment(self) -> int:
        """When the next event occurs; moves on mostly, sometimes back. Where ties are looked for, one of few instants."""
        if self.theme == "ties":
            return self.one(self.anchors) + self.one([0, 0, 0, 0, 1, -1])
        if self.chance(42):
            chosen = self.edge()
        elif self.chance(12):
            chosen = self.now
        else:
            step = self.weighted({HOUR: 2, DAY: 4, 3 * DAY: 3, 10 * DAY: 4, 30 * DAY: 3, 89 * DAY: 1, 200 * DAY: 1, 366 * DAY: 1})
            chosen = self.now + self.source.randrange(step) // 1_000_000 * 1_000_000
        chosen = min(max(chosen, FIRST), LAST)
        if self.chance(85):
            self.now = max(self.now, chosen)
        self.remember(chosen)
        return chosen

    def told_instant(self, near: int) -> int:
        """An instant told in a field of an event that occurs at `near`."""
        if self.theme == "ties" and self.chance(60):
            chosen = self.one(self.anchors) + self.one([0, 0, 1, -1])
        elif self.chance(50):
            chosen = self.edge()
        else:
            chosen = near + self.one([0, 0, 1, -1, HOUR, -HOUR, DAY, -DAY, 10 * DAY, -10 * DAY, 30 * DAY, 90 * DAY, 365 * DAY])
        chosen = min(max(chosen, FIRST), LAST)
        self.remember(chosen)
        return chosen

    def write(self, instant: int) -> str:
        """RFC 3339, sometimes with an offset or with more digits than are read."""
        text = write_instant(instant)
        if self.chance(3) and FIRST + 3 * DAY < instant < LAST - 3 * DAY:
            return write_instant(instant + 2 * HOUR)[:-1] + "+02:00"
        if self.chance(3) and "." in text:
            return text[:-1] + "999Z"
        return text

    # -- words -------------------------------------------------------------------------------------------------------

    def symbol(self, usual: str | None, others: Sequence[str], *, odd: float = 6, absent: float = 0) -> str | None:
        """The usual symbol; sometimes another one, an unreadable one, or none."""
        if self.chance(absent):
            return None
        if self.chance(odd):
            return self.one([*others, *others, "UNKNOWN", "NEWER_SYMBOL"])
        return usual

    def spelled(self, identity: str) -> str:
        return identity.upper() if self.chance(2) else identity
