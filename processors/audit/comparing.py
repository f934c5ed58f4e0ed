"""What would be different? Two canonical replays of each customer side by side, from pair to pair and from instant to instant.

What is counted: *at the end*, the pairs whose answers in force at the last instant are not the same on both sides; *over time*, the
instants at which either side decides for a pair anew and after which the two sides hold different answers. Answers are compared as
policy.md 1 says, so another rule, policy version or decision id alone is no difference; a pair that one side does not know is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Final, TypeAlias

from processors.core.decisions import Answer, Cause, Decision
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.replay import canonical_replay

Told: TypeAlias = tuple[Event, Cause]
Pair: TypeAlias = tuple[str, str | None]
Change: TypeAlias = tuple[str, str]
"""From which outcome to which; `-` where a side does not know the pair."""

NOT_KNOWN: Final = "-"
_FIELDS: Final = tuple(each.name for each in fields(Answer))


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two replays decides from, and under which policy."""

    told: tuple[Told, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Difference:
    """From `since` on the two sides hold different answers for a pair: `actual` as it is, `other` as it would be; None: no answer."""

    since: int
    customer_tenant_id: str
    subscription_id: str
    partner_tenant_id: str | None
    actual: Decision | None
    other: Decision | None

    @property
    def change(self) -> Change:
        """From which outcome to which."""
        return _outcome(self.actual), _outcome(self.other)

    @property
    def differing(self) -> tuple[str, ...]:
        """The parts of the answer that are not the same, in the order of the record; all of them where one side has no answer."""
        if self.actual is None or self.other is None:
            return _FIELDS
        return tuple(name for name in _FIELDS if getattr(self.actual.answer, name) != getattr(self.other.answer, name))


@dataclass(slots=True)
class Tally:
    """How many differences there are, of how many customers, by what they change."""

    differences: Counter[Change] = field(default_factory=Counter)
    customers: Counter[Change] = field(default_factory=Counter)
    customers_in_all: int = 0

    def add(self, differences: Iterable[Difference]) -> None:
        """Count the differences of one customer."""
        found = Counter(difference.change for difference in differences)
        self.differences += found
        self.customers.update(found.keys())
        self.customers_in_all += bool(found)


@dataclass(slots=True)
class Report:
    """What was compared and what differs, over all customers added so far."""

    events: int = 0
    customers: int = 0
    pairs: int = 0
    decisions: list[int] = field(default_factory=lambda: [0, 0])
    at_end: Tally = field(default_factory=Tally)
    over_time: Tally = field(default_factory=Tally)
    first: Difference | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The differences of one customer: at the end by pair, over time in the order of their instants."""

    at_end: tuple[Difference, ...]
    over_time: tuple[Difference, ...]


def compare(actual: Side, other: Side, until: int, report: Report) -> Iterator[Compared]:
    """Customer by customer, in the order of their ids, both sides up to `until`; each is added to the report before it is handed out."""
    ours, theirs = _by_customer(actual.told), _by_customer(other.told)
    for customer in sorted(ours.keys() | theirs.keys()):
        told = ours.get(customer, []), theirs.get(customer, [])
        timelines = [
            _timelines(canonical_replay(events, side.policy, until), report, place)
            for place, (events, side) in enumerate(zip(told, (actual, other), strict=True))
        ]
        compared = _compare_customer(customer, *timelines)
        report.events += len(told[0])
        report.customers += 1
        report.pairs += len(timelines[0].keys() | timelines[1].keys())
        report.at_end.add(compared.at_end)
        report.over_time.add(compared.over_time)
        for difference in compared.over_time[:1]:
            if report.first is None or difference.since < report.first.since:
                report.first = difference
        yield compared


def _by_customer(told: Iterable[Told]) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for event, cause in told:
        found.setdefault(event.customer_tenant_id, []).append((event, cause))
    return found


_Timelines: TypeAlias = dict[Pair, dict[int, Decision]]
"""Of each pair the decision in force from each instant on at which one was made; of several at one instant the last."""


def _timelines(decisions: Iterable[Decision], report: Report, place: int) -> _Timelines:
    timelines: _Timelines = {}
    for decision in decisions:
        timelines.setdefault((decision.subscription_id, decision.partner_tenant_id), {})[decision.as_of] = decision
        report.decisions[place] += 1
    return timelines


def _compare_customer(customer: str, actual: _Timelines, other: _Timelines) -> Compared:
    at_end: list[Difference] = []
    over_time: list[Difference] = []
    for pair in sorted(actual.keys() | other.keys(), key=lambda pair: (pair[0], pair[1] or "")):
        found, still = _along(customer, pair, actual.get(pair, {}), other.get(pair, {}))
        over_time += found
        if still is not None:
            at_end.append(still)
    over_time.sort(key=lambda difference: difference.since)
    return Compared(tuple(at_end), tuple(over_time))


def _along(
    customer: str, pair: Pair, actual: dict[int, Decision], other: dict[int, Decision]
) -> tuple[list[Difference], Difference | None]:
    """The differences of a pair in the order of time, and what still differs at the end, since it began to differ without a break."""
    found: list[Difference] = []
    ours = theirs = None
    differs_since: int | None = None
    for instant in sorted(actual.keys() | other.keys()):
        ours, theirs = actual.get(instant, ours), other.get(instant, theirs)
        if _answer(ours) == _answer(theirs):
            differs_since = None
            continue
        differs_since = instant if differs_since is None else differs_since
        found.append(Difference(instant, customer, *pair, ours, theirs))
    return found, None if differs_since is None else Difference(differs_since, customer, *pair, ours, theirs)


def _answer(decision: Decision | None) -> Answer | None:
    return None if decision is None else decision.answer


def _outcome(decision: Decision | None) -> str:
    return NOT_KNOWN if decision is None else decision.answer.outcome
