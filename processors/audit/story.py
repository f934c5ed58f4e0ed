"""What is the story of one customer? What was told when, what was answered, what it rests on, and what would change it.

    story = tell(from_events(events, policy, until), policy, Asked(subscription_id=...))
    story = tell(from_journal(entries, published, policy), policy, Asked())

Both of one customer: events are told in the order of canonical replay, a journal in its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from processors.audit.entries import Entry
from processors.audit.supposing import Supposed, Supposing
from processors.core.conclusions import ConsentPosition
from processors.core.decisions import Answer, Cause, Decision
from processors.core.events import Event, ReviewDue
from processors.core.fold import additions
from processors.core.handle import Disposition, handle, pairs_under, settling_of
from processors.core.pairs import answer_of
from processors.core.policy import Policy
from processors.core.replay import Step, canonical_steps
from processors.core.state import RECENT_MAX, CustomerState

Pair: TypeAlias = tuple[str, str | None]
ANY_PARTNER: Final = "-"
SUPPOSED_FOR_MAX: Final = 100
"""For so many answers at most it is tried what else would change them."""


class NotKnownError(ValueError):
    """Something that was asked for is not known of this customer; `what` is its name, `candidates` what is known of that kind."""

    def __init__(self, what: str, asked: str, candidates: Iterable[str]) -> None:
        super().__init__(what, asked)
        self.what = what
        self.asked = asked
        self.candidates = tuple(candidates)


@dataclass(frozen=True, slots=True)
class Asked:
    """About which answers; None is no condition, the partner ANY_PARTNER is the any-partner. Without a decision_id: those in force."""

    subscription_id: str | None = None
    partner_tenant_id: str | None = None
    decision_id: str | None = None

    def has(self, pair: Pair) -> bool:
        """Whether a pair is asked for."""
        subscription_id, partner = pair
        if self.subscription_id is not None and subscription_id != self.subscription_id:
            return False
        return self.partner_tenant_id is None or (partner or ANY_PARTNER) == self.partner_tenant_id


@dataclass(frozen=True, slots=True)
class Known:
    """One step: an event with its number, or time passing (`event` None, `number` None)."""

    number: int | None
    instant: int
    event: Event | None
    cause: Cause
    disposition: Disposition
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What time alone makes of an answer, and when."""

    at: int
    answer: Answer
    rule: str
    consent_position: ConsentPosition | None
    policy_version: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision: until when it was in force and what replaced it, and what was ahead of it.

    `ahead` and `supposed` look from the instant at which the story ends, of a decision that was replaced from when it was made.
    `supposed` is None where it was not tried.
    """

    decision: Decision
    replaced_by: Decision | None
    earlier: tuple[Decision, ...]
    ahead: Ahead | None
    supposed: tuple[Supposed, ...] | None
    reproduced: bool  # the same events give the same answer under the settings as they are


@dataclass(frozen=True, slots=True)
class Story:
    """All of it; `numbers` are those of the events by id, of an event told again that of the first time."""

    customer_tenant_id: str
    as_of: int
    policy: Policy
    known: tuple[Known, ...]
    explained: tuple[Explained, ...]
    numbers: Mapping[str, int]
    by_number: Mapping[int, Known]
    shown: frozenset[int]  # numbers of the events that concern what was asked for


class Seen(NamedTuple):
    """A step as it is made now, what became of it, and what it led to, as it was published where that is known."""

    step: Step
    disposition: Disposition
    decisions: tuple[Decision, ...]


def from_events(told: Iterable[tuple[Event, Cause]], policy: Policy, until: int) -> Iterator[Seen]:
    """The steps of canonical replay."""
    for step in canonical_steps(told, policy, until):
        yield Seen(step, step.handled.disposition, step.handled.decisions)


def from_journal(
    entries: Iterable[Entry], published: Mapping[str, Decision], policy: Policy, recent_max: int = RECENT_MAX
) -> Iterator[Seen]:
    """The steps of a customer's journal. `published` are the decisions by id; where one is missing, it is what the core says now."""
    state: CustomerState | None = None
    for entry in entries:
        state = state or CustomerState(entry.told.customer_tenant_id, recent_max)
        handled = handle(state, entry.event, entry.cause, policy)
        now = {decision.decision_id: decision for decision in handled.decisions}
        decisions = tuple(published.get(each) or now.get(each) for each in entry.told.decision_ids)
        told = tuple(decision for decision in decisions if decision is not None)
        yield Seen(Step(entry.event, entry.cause, handled, state), Disposition(entry.told.disposition.value), told)


def tell(seen: Iterable[Seen], policy: Policy, asked: Asked) -> Story:
    """The story of the one customer of all steps.

    Raises:
        NotKnownError: there are no steps, or what was asked for is not known of this customer.
    """
    known: list[Known] = []
    numbers: dict[str, int] = {}
    by_number: dict[int, Known] = {}
    chains: dict[Pair, list[Decision]] = {}
    differing: set[str] = set()
    state: CustomerState | None = None
    then: tuple[Ahead | None, tuple[Supposed, ...]] = None, ()  # what lay ahead of the decision asked for when it was made
    for step, disposition, decisions in seen:
        state = step.state
        number = None
        if step.event is not None:
            number = len(by_number) + 1
            numbers.setdefault(step.event.event_id, number)
        now = {decision.decision_id: decision.answer for decision in step.handled.decisions}
        for decision in decisions:
            if decision.answer != now.get(decision.decision_id):
                differing.add(decision.decision_id)
            chains.setdefault((decision.subscription_id, decision.partner_tenant_id), []).append(decision)
            if decision.decision_id == asked.decision_id:
                then = ahead(state, policy, decision), Supposing(state, policy).about(decision)
        instant = state.facts.as_of if step.event is None else step.event.occurred_at
        known.append(Known(number, instant, step.event, step.cause, disposition, decisions))
        if number is not None:
            by_number[number] = known[-1]
    if state is None:
        raise NotKnownError("customer", "", ())
    _check(state, chains, asked)
    chosen = {pair: chain for pair, chain in sorted(chains.items(), key=_order) if asked.has(pair)}
    explained = (
        tuple(_explain_asked(chosen, asked.decision_id, then, differing))
        if asked.decision_id is not None
        else tuple(_explain_in_force(chosen, state, policy, differing))
    )
    shown = frozenset(_concerning(known, numbers, explained, asked))
    return Story(state.facts.customer_tenant_id, state.facts.as_of, policy, tuple(known), explained, numbers, by_number, shown)


def ahead(state: CustomerState, policy: Policy, decision: Decision) -> Ahead | None:
    """What time alone makes of the answer of the decision's pair, the facts staying as the state knows them; None: nothing."""
    outlook, pairs = settling_of(state, policy).outlook, pairs_under(policy)
    of = decision.subscription_id, decision.partner_tenant_id
    at = pairs.changes_at(outlook, *of, pairs.at(outlook, *of, state.facts.as_of))
    if at is None:
        return None
    then = pairs.at(outlook, *of, at)
    return Ahead(at, answer_of(then.standing), then.decided.rule, then.decided.position, policy.version_at(at).name)


def _explain_in_force(
    chains: Mapping[Pair, list[Decision]], state: CustomerState, policy: Policy, differing: set[str]
) -> Iterator[Explained]:
    supposing = Supposing(state, policy) if len(chains) <= SUPPOSED_FOR_MAX else None
    for chain in chains.values():
        decision = chain[-1]
        supposed = None if supposing is None else supposing.about(decision)
        reproduced = decision.decision_id not in differing
        yield Explained(decision, None, tuple(chain[:-1]), ahead(state, policy, decision), supposed, reproduced)


def _explain_asked(
    chains: Mapping[Pair, list[Decision]], decision_id: str, then: tuple[Ahead | None, tuple[Supposed, ...]], differing: set[str]
) -> Iterator[Explained]:
    for chain in chains.values():
        for place, decision in enumerate(chain):
            if decision.decision_id == decision_id:
                replaced_by = chain[place + 1] if place + 1 < len(chain) else None
                yield Explained(decision, replaced_by, tuple(chain[:place]), *then, decision_id not in differing)


def _check(state: CustomerState, chains: Mapping[Pair, list[Decision]], asked: Asked) -> None:
    facts = state.facts
    if asked.subscription_id is not None and asked.subscription_id not in facts.subscriptions:
        raise NotKnownError("subscription", asked.subscription_id, facts.subscriptions)
    partners = {ANY_PARTNER, *facts.partners}
    if asked.partner_tenant_id is not None and asked.partner_tenant_id not in partners:
        raise NotKnownError("partner", asked.partner_tenant_id, facts.partners)
    if asked.decision_id is not None:
        ids = [decision.decision_id for pair, chain in chains.items() if asked.has(pair) for decision in chain]
        if asked.decision_id not in ids:
            raise NotKnownError("decision", asked.decision_id, ids)


def _concerning(known: Iterable[Known], numbers: Mapping[str, int], explained: Iterable[Explained], asked: Asked) -> Iterator[int]:
    """The events to show: those that name what was asked for, or nothing of the kind, and all that an explained answer rests on."""
    for each in explained:
        decisions = (each.decision, *each.earlier, *((each.replaced_by,) if each.replaced_by is not None else ()))
        for event_id in {event_id for decision in decisions for event_id in (*decision.evidence, decision.caused_by.event_id)}:
            if event_id in numbers:
                yield numbers[event_id]
    of = [each.decision for each in explained] if asked.decision_id is not None else []
    subscriptions = {asked.subscription_id, *(decision.subscription_id for decision in of)} - {None}
    partners = {asked.partner_tenant_id, *(decision.partner_tenant_id for decision in of)} - {None, ANY_PARTNER}
    for step in known:
        if step.event is None or step.number is None or isinstance(step.event, ReviewDue):
            continue
        added = additions(step.event)
        of_subscription = not subscriptions or not added.subscriptions or not subscriptions.isdisjoint(added.subscriptions)
        of_partner = not partners or not added.partners or not partners.isdisjoint(added.partners)
        if of_subscription and of_partner:
            yield step.number


def _order(item: tuple[Pair, list[Decision]]) -> tuple[str, str]:
    return item[0][0], item[0][1] or ""
