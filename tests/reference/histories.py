"""Which histories are worth comparing? A seeded generator of plausible and nasty ones, as raw JSON events.

    python -m tests.reference.histories --seed 7 [--theme links] [--refused]

prints one as JSON Lines. `cases()` is the same as a hypothesis strategy, so that hypothesis can shrink what it finds.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from typing import TYPE_CHECKING, Any

from hypothesis import strategies

from tests.reference import reading, weights
from tests.reference.door import is_let_in
from tests.reference.drawing import VERSION_DATES, Account, Case, Party, Plan
from tests.reference.instants import DAY, LAST, write_instant
from tests.reference.reading import read_event
from tests.reference.telling import Teller

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


class Storyteller(Teller):
    """Tells a whole history."""

    def plan(self, account: Account) -> Plan:
        licence_share = {"licences": 94, "azure": 4, "clocks": 90, "consents": 75, "ends": 85, "abroad": 25}.get(self.theme, 52)
        service = "LICENSE_BASED" if self.chance(licence_share) else "USAGE_BASED" if self.chance(92) else "OTHER"
        csp_share = {"consents": 20, "ends": 20, "transfers": 75, "abroad": 75, "links": 45}.get(self.theme, 52)
        channel = "CSP" if self.chance(csp_share) else self.one([*weights.CHANNELS, "EA", "EA"])
        cloud = "PUBLIC" if self.chance(90) else self.one(["US_GOVERNMENT", "CHINA_21VIANET", "GERMANY"])
        if self.theme == "government" and self.chance(80):
            cloud = "US_GOVERNMENT"
        platform = ("NEW_COMMERCE" if self.chance(70) else self.one(weights.PLATFORMS)) if channel == "CSP" else "NOT_CSP"
        offer = self.one(weights.OFFERS if self.chance(30) else weights.OFFERS[:2]) if service == "USAGE_BASED" else None
        if offer is not None and self.theme == "abroad" and self.chance(60):
            offer = "LEGACY_0145P"
        seller = self.partner(account).tenant if channel == "CSP" or self.chance(3) else None
        return Plan(service, channel, seller, cloud, platform, offer)

    def country_of_partner(self, account: Account) -> str | None:
        if self.chance(20):
            return None
        if self.chance(20 if self.theme == "abroad" else 15):
            return self.one(weights.COUNTRIES)
        return weights.NEIGHBOURS[str(account.country)] if self.chance(60) else account.country

    def account(self) -> Account:
        account = Account(
            tenant=self.identity(),
            country=self.one(["CZ", "CZ", "CZ", "US", "BR", "cz"]),
            is_csp=self.one([True, False]) if self.chance(14) else None,
        )
        few = self.theme in {"consents", "ends", "government"}
        tenants = [self.identity() for _ in range(self.one([1, 1, 2] if few else [1, 2, 2, 3, 3, 4]))]
        if self.chance(8):
            tenants.append(account.tenant)
        for tenant in tenants:
            kind = self.weighted(weights.PARTNER_TYPES)
            party = Party(
                tenant=tenant,
                partner_type=kind,
                country=self.country_of_partner(account),
                provider=self.one([*tenants, *tenants, self.identity()]) if kind == "INDIRECT_RESELLER" or self.chance(10) else None,
                evidence=self.one(["PARTNER_CENTER", "CUSTOMER_STATEMENT", "INFERRED"]),
                mca=self.one([True, True, True, False, None, None]),
            )
            account.partners.append(party)
        first, second = self.identity(), self.identity()
        account.consent_ids = self.one([[None], [None, first], [first, second], [None, first, second], [None, None, first, second]])
        account.transfer_ids = [self.identity() for _ in range(3)]
        for _ in range(self.one([1, 1, 2, 3]) + (2 if self.theme in {"links", "azure"} else 0)):
            account.subscriptions[self.identity()] = self.plan(account)
        return account

    def events_of(self, account: Account, count: int) -> list[dict[str, Any]]:
        """About `count` events that the door lets in."""
        events = [self.purchase(account, first=subscription) for subscription in account.subscriptions if self.chance(95)]
        makers = self.makers()
        frequencies = weights.MAKERS_BY_THEME[self.theme]
        while len(events) < count:
            events.append(makers[self.weighted(frequencies)](account))
            if self.chance(6):
                events.append(copy.deepcopy(self.one(events)))
            if self.chance(2):
                events.append(self.impostor(self.one(events), makers[self.weighted(frequencies)](account)))
            if self.chance(8):
                self.at_the_same_instant(events)
        return [self.without_nulls(event) for event in events if is_let_in(event)]

    def impostor(self, told: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """Another event under an id that is taken."""
        return {**other, "value": {**other["value"], "event_id": told["value"]["event_id"]}}

    def at_the_same_instant(self, events: list[dict[str, Any]]) -> None:
        """Put the newest event at the instant of another one."""
        events[-1]["value"]["occurred_at"] = self.one(events)["value"]["occurred_at"]

    def without_nulls(self, event: dict[str, Any]) -> dict[str, Any]:
        """A field not told is left out mostly, sometimes null."""
        told = {name: value for name, value in event["value"].items() if value is not None or self.chance(10)}
        placed = {"partition": self.source.randrange(6), "offset": self.source.randrange(1000)} if self.chance(20) else {}
        return {"topic": event["topic"], "value": told, **placed}

    def case(self) -> Case:
        events: list[dict[str, Any]] = []
        for _ in range(self.one([1, 1, 1, 1, 2, 3] if self.theme != "extremes" else [1])):
            account = self.account()
            events += self.events_of(account, self.one([3, 5, 8, 12, 16, 22, 30]))
        self.source.shuffle(events)
        last = max((read_event(event).occurred_at for event in events), default=0)
        until = None
        if self.chance(60):
            until = write_instant(min(self.one([last + DAY, last + 40 * DAY, last + 400 * DAY, last + 1200 * DAY, self.edge()]), LAST))
        switch = None
        if self.chance(15):
            beside = write_instant(min(max(self.edge(), VERSION_DATES[-2] + 1), LAST))
            switch = self.one(["off", "2024-04-01T00:00:00Z", "2024-06-18T09:00:00.000001Z", beside])
        return Case(events, until, switch)


def history(seed: int, theme: str | None = None) -> Case:
    """The history of a seed; themes take turns where none is told."""
    chosen = theme or weights.THEMES[seed % len(weights.THEMES)]
    case = Storyteller(random.Random(f"{seed}-{chosen}"), chosen).case()
    case.name = f"seed {seed}, {chosen}"
    return case


def cases(theme: str | None = None) -> SearchStrategy[Case]:
    """Histories for hypothesis."""
    themes = strategies.sampled_from(weights.THEMES) if theme is None else strategies.just(theme)
    return strategies.builds(lambda source, chosen: Storyteller(source, chosen).case(), strategies.randoms(use_true_random=False), themes)


def refused(seed: int) -> dict[str, Any]:
    """One event that the door must refuse: a valid one with something taken away or made unreadable."""
    source = random.Random(f"{seed}-refused")
    while True:
        case = history(source.randrange(10**9))
        if not case.events:
            continue
        event = copy.deepcopy(source.choice(case.events))
        value, name = event["value"], source.choice(list(event["value"]))
        value[name] = source.choice([None, "", "yesterday", "2021-02-30", "P99Y", 5, [], True])
        try:
            let_in = is_let_in(event)
        except (AttributeError, TypeError):
            let_in = False
        if not let_in and event["topic"] in reading.RANKS:
            return event


def main() -> None:
    """Print one history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--theme", choices=weights.THEMES)
    parser.add_argument("--refused", action="store_true", help="one event that must be refused instead")
    told = parser.parse_args()
    if told.refused:
        sys.stdout.write(json.dumps(refused(told.seed)) + "\n")
        return
    case = history(told.seed, told.theme)
    sys.stderr.write(f"{case.name}, until {case.until}, licence transfer from {case.licence_transfer_from}\n")
    for event in case.events:
        sys.stdout.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    main()
