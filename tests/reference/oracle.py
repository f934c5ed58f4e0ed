"""What does policy.md decide for a history, by the most obvious way to compute it (policy.md 9)?

    python -m tests.reference.oracle FILE... [--until T] [--licence-transfer-from T | off]

prints the decisions of canonical replay as JSON Lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.reference import reading
from tests.reference.commerce import last_events, transfer_expiry
from tests.reference.consents import REQUEST_LAPSE, all_slots
from tests.reference.facts import Facts
from tests.reference.finishing import answer, text
from tests.reference.instants import DAY, later, read_instant
from tests.reference.moment import Moment
from tests.reference.positions import partner_evidence_slots
from tests.reference.reading import Event, RawEvent, read_event
from tests.reference.terms import term_end
from tests.reference.versions import SHIPPED_LICENCE_TRANSFER_FROM, WINDOWS, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACE = uuid.UUID("6f1d0a52-3c0e-4f7b-9a6d-2e8b5c74d913")

PairId: TypeAlias = tuple[str, str | None]
Said: TypeAlias = tuple[dict[str, Any], str, str | None]
Decision: TypeAlias = dict[str, Any]


class Known:
    """One set of facts with all that was asked of it at any instant."""

    def __init__(self, events: Iterable[Event], policy: Policy) -> None:
        """Start from scratch."""
        self.facts = Facts(events)
        self.policy = policy
        self._moments: dict[int, Moment] = {}
        self._said: dict[tuple[PairId, int], Said] = {}

    def at(self, instant: int) -> Moment:
        """These facts at an instant."""
        if instant not in self._moments:
            self._moments[instant] = Moment(self.facts, self.policy, instant)
        return self._moments[instant]

    def pairs(self) -> list[PairId]:
        """All pairs in the order of 9.3."""
        partners: list[str | None] = [None, *sorted(self.facts.partners)]
        return [(subscription, partner) for subscription in sorted(self.facts.subscriptions) for partner in partners]

    def say(self, pair: PairId, instant: int) -> Said:
        """Answer, rule and consent position of a pair at an instant."""
        if (pair, instant) not in self._said:
            self._said[pair, instant] = answer(self.at(instant), *pair)
        return self._said[pair, instant]

    def instants_after(self, as_of: int) -> list[int]:
        """The instants of 9.2 later than as_of, in order."""
        return sorted({instant for instant in all_instants(self.at(as_of)) if instant is not None and instant > as_of})

    def review_at(self, pair: PairId, as_of: int) -> int | None:
        """The first instant of 9.2 after as_of at which the pair's answer differs."""
        now = self.say(pair, as_of)[0]
        return next((instant for instant in self.instants_after(as_of) if self.say(pair, instant)[0] != now), None)


def all_instants(moment: Moment) -> list[int | None]:
    """Every instant of 9.2, past ones and none included."""
    facts, found = moment.facts, list[int | None]()
    found += [version.effective_from for version in moment.policy.versions]
    for subscription in facts.subscriptions:
        end = term_end(moment, subscription)
        found += [end, later(end, 30 * DAY), later(end, 120 * DAY)]
        started = moment.of(subscription, "term_started_at")
        found += [later(started, window.length) for window in WINDOWS]
        found.append(later(moment.of(subscription, "cancellation_allowed_until"), 1))
    for register, writes in facts.writes.items():
        for write in writes:
            found.append(write.in_force_from)
            if register[2] == "status" and write.value in {"EXPIRED", "DISABLED"}:
                found += [later(write.in_force_from, days * DAY) for days in (30, 90, 120)]
            if register[2] == "request GDAP":
                found.append(later(write.value.occurred_at, REQUEST_LAPSE))
    found += [end.effective for end in facts.ends]
    for partner in facts.partners:
        for cloud in ("PUBLIC", "US_GOVERNMENT"):
            for slot in all_slots(moment, partner, cloud):
                found += [slot.begins, slot.limit]
    found += [transfer_expiry(event) for event in last_events(moment) if event.kind == "REQUESTED"]
    return found


def evidence(moment: Moment, subscription: str, partner: str | None) -> list[str]:
    """Ids of the events that an answer rests on (9.5)."""
    events = moment.subscription_evidence(subscription) + moment.customer_evidence()
    if partner is not None:
        events += moment.profile_evidence(partner)
        for slot in partner_evidence_slots(moment, partner, subscription):
            events += [slot.newest, *slot.extensions]
            if slot.ending is not None and slot.ending.by is not None:
                events.append(slot.ending.by)
    for event in last_events(moment):
        named = event.told("subscription_id") == subscription
        if named or (event.kind == "COMPLETED" and event.told("new_subscription_id") == subscription):
            events.append(event)
    return sorted({event.event_id for event in events})


class Customer:
    """One customer in canonical replay."""

    def __init__(self, policy: Policy) -> None:
        """Nothing is known yet."""
        self.known = Known((), policy)
        self.policy = policy
        self.as_of: int | None = None
        self.last: dict[PairId, Decision] = {}
        self.said: dict[PairId, dict[str, Any]] = {}
        self.sequence = 0

    def next_review(self) -> int | None:
        """The next instant of 9.2."""
        if self.as_of is None:
            return None
        return next(iter(self.known.instants_after(self.as_of)), None)

    def move_on(self, instant: int, cause: Event | None) -> list[Decision]:
        """Apply an event, or (cause None) review at an instant; the decisions of this step."""
        if cause is not None and cause.topic != reading.REVIEW_DUE:
            self.known = Known([*self.known.facts.events, cause], self.policy)
        self.as_of = instant if self.as_of is None else max(self.as_of, instant)
        return [self.decide(pair, cause) for pair in self.known.pairs() if self.said.get(pair) != self.known.say(pair, self.as_of)[0]]

    def decide(self, pair: PairId, cause: Event | None) -> Decision:
        """A decision for a pair whose answer has changed."""
        as_of = self.as_of or 0
        said, rule, position = self.known.say(pair, as_of)
        customer, (subscription, partner) = self.known.facts.customer, pair
        self.sequence += 1
        previous = self.last.get(pair)
        decision = {
            "decision_id": str(uuid.uuid5(NAMESPACE, f"{customer}|{self.sequence}|{subscription}|{partner or '-'}")),
            "customer_tenant_id": customer,
            "subscription_id": subscription,
            "partner_tenant_id": partner,
            "sequence": self.sequence,
            "supersedes": None if previous is None else previous["decision_id"],
            **said,
            "rule": rule,
            "consent_position": position,
            "review_at": text(self.known.review_at(pair, as_of)),
            "policy_version": self.policy.at(as_of).name,
            "as_of": text(as_of),
            "caused_by": {
                "event_id": None if cause is None else cause.event_id,
                "topic": reading.REVIEW_DUE if cause is None else cause.topic,
                "partition": None if cause is None else cause.partition,
                "offset": None if cause is None else cause.offset,
            },
            "evidence": evidence(self.known.at(as_of), subscription, partner),
        }
        self.last[pair] = decision
        self.said[pair] = said
        return decision


def without_repeats(events: Iterable[Event]) -> list[Event]:
    """The first read of each event_id of a customer."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        first.setdefault((event.customer, event.event_id), event)
    return list(first.values())


def replay_customer(events: list[Event], until: int, policy: Policy) -> list[tuple[tuple[Any, ...], list[Decision]]]:
    """The steps of one customer, each with what orders it among those of all customers."""
    customer = Customer(policy)
    name = events[0].customer
    steps = []
    waiting = sorted(events, key=lambda event: event.key)
    while True:
        review = customer.next_review()
        if review is not None and review <= until and (not waiting or review <= waiting[0].occurred_at):
            steps.append(((review, 0, name, 0), customer.move_on(review, None)))
        elif waiting:
            event = waiting.pop(0)
            if event.topic == reading.REVIEW_DUE:
                order: tuple[Any, ...] = (event.occurred_at, 0, name, 1)
            else:
                order = (event.occurred_at, 1, event.key, name)
            steps.append((order, customer.move_on(event.occurred_at, event)))
        else:
            return steps


def canonical_replay(raw_events: Iterable[RawEvent], until: int | None = None, policy: Policy | None = None) -> list[Decision]:
    """The decisions of 9.4 as dicts with the names of events.md."""
    read = [read_event(raw) for raw in raw_events]
    if not read:
        return []
    last = max(event.occurred_at for event in read) if until is None else until
    kept = [event for event in without_repeats(read) if event.occurred_at <= last]
    steps = []
    for name in sorted({event.customer for event in kept}):
        steps += replay_customer([event for event in kept if event.customer == name], last, policy or Policy())
    steps.sort(key=lambda step: step[0])
    return [decision for _, decisions in steps for decision in decisions]


def read_switch(told: str) -> int | None:
    """The value of --licence-transfer-from."""
    return None if told == "off" else read_instant(told)


def main() -> None:
    """Print the decisions of the files named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--until", type=read_instant)
    parser.add_argument("--licence-transfer-from", type=read_switch, default=SHIPPED_LICENCE_TRANSFER_FROM)
    told = parser.parse_args()
    raw = [json.loads(line) for file in told.files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    for decision in canonical_replay(raw, told.until, Policy(told.licence_transfer_from)):
        sys.stdout.write(json.dumps(decision) + "\n")


if __name__ == "__main__":
    main()
