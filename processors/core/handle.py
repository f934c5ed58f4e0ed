"""What does an event lead to? `handle` keeps what it tells and decides what is other than before (policy.md 9.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from processors.core.decisions import Cause, Decision
from processors.core.emission import answer_digest, decision_id
from processors.core.events import Event
from processors.core.evidence import Evidence
from processors.core.evolve import Touched, evolve, is_known
from processors.core.fold import additions
from processors.core.pairs import Pair, Pairs, answer_of, make_pair
from processors.core.policy import FOREVER, Policy
from processors.core.settling import Settling
from processors.core.state import CustomerState, Emitted, digest_of


class Disposition(Enum):
    """What became of an event (policy.md 4.6)."""

    APPLIED = "APPLIED"
    DUPLICATE_IGNORED = "DUPLICATE_IGNORED"
    STALE_IGNORED = "STALE_IGNORED"


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of the event, and the decisions it led to, in order."""

    disposition: Disposition
    decisions: tuple[Decision, ...]


def handle(state: CustomerState, event: Event, cause: Cause, policy: Policy) -> Handled:
    """Apply an event to the state in place, and decide as of the greatest occurred_at applied so far.

    An event whose key is known, or whose id was applied lately, is a duplicate; one that comes too late to change anything is stale.
    Both leave the state as it was.
    """
    facts = state.facts
    remembered = digest_of(event.event_id)
    if remembered in state.recent:
        return Handled(Disposition.DUPLICATE_IGNORED, ())
    added = additions(event)
    if event.occurred_at <= facts.as_of and is_known(facts, added):
        return Handled(Disposition.DUPLICATE_IGNORED, ())
    as_of = max(facts.as_of, event.occurred_at)
    touched = evolve(facts, added, as_of, policy)
    if not touched.news and event.occurred_at < facts.as_of:
        return Handled(Disposition.STALE_IGNORED, ())
    state.recent.add(remembered)
    facts.as_of = as_of
    return Handled(Disposition.APPLIED, _decide(state, touched, cause, policy))


def review(state: CustomerState, instant: int, cause: Cause, policy: Policy) -> tuple[Decision, ...]:
    """What time alone changed until an instant that is not before as_of."""
    state.facts.as_of = max(state.facts.as_of, instant)
    return _decide(state, Touched(), cause, policy)


def wake(state: CustomerState) -> int | None:
    """The next instant at which time alone may change an answer of this customer; never later than the first that does."""
    settling = state.settling
    if settling is None:
        return state.stored_wake
    return settling.due if settling.due < FOREVER else None


@lru_cache(maxsize=4)
def pairs_under(policy: Policy) -> Pairs:
    """What was decided for which case under a policy; shared by all customers."""
    return Pairs(policy)


def settling_of(state: CustomerState, policy: Policy) -> Settling:
    """The views of a customer under a policy, made where there are none yet."""
    settling = state.settling
    if settling is None or settling.policy is not policy:
        settling = state.settling = Settling(state.facts, policy)
    return settling


def _decide(state: CustomerState, touched: Touched, cause: Cause, policy: Policy) -> tuple[Decision, ...]:
    """Ask the pairs that may have changed, and tell those that did."""
    as_of = state.facts.as_of
    settling = state.settling
    if settling is None or settling.policy is not policy:
        settling = settling_of(state, policy)  # made of all that is known, this event too
    else:
        settling.take_in(touched, as_of)
    state.note_changed(touched.subscriptions, touched.partners)
    if as_of >= settling.waiting:
        state.note_changed(*settling.let_waiting_in(as_of))
    changed = settling.changed_pairs(as_of)
    if not changed:
        return ()
    pairs, answers = pairs_under(policy), state.emitted
    grounds: Evidence | None = None
    decisions = []
    for subscription_id, partner, seen, seen_partner in changed:
        standing, decided = pairs.of(seen, seen_partner, partner)
        before = answers[subscription_id].get(partner) if subscription_id in answers else None
        if before is not None:
            if before.standing is None and before.digest == answer_digest(standing):
                before.standing = standing  # decided again after loading, and found the same
            if before.standing == standing:
                continue
        if grounds is None:
            grounds = Evidence(state.facts, settling.outlook, as_of)
        pair = make_pair(standing, decided, seen, seen_partner)
        decisions.append(_emit(state, settling, subscription_id, partner, pair, before, cause, grounds))
    return tuple(decisions)


def _emit(
    state: CustomerState,
    settling: Settling,
    subscription_id: str,
    partner: str | None,
    pair: Pair,
    before: Emitted | None,
    cause: Cause,
    grounds: Evidence,
) -> Decision:
    """Decide, and remember it as the last decision of the pair."""
    customer, as_of, policy = state.facts.customer_tenant_id, state.facts.as_of, settling.policy
    supersedes = None
    if before is not None:
        supersedes = before.decision_id or decision_id(customer, before.sequence, subscription_id, partner)
    sequence = state.sequence = state.sequence + 1
    name = decision_id(customer, sequence, subscription_id, partner)
    emitted = Emitted(sequence, answer_digest(pair.standing), pair.standing, name)
    state.emitted.setdefault(subscription_id, {})[partner] = emitted
    state.dirty_subscriptions.add(subscription_id)
    return Decision(
        decision_id=name,
        customer_tenant_id=customer,
        subscription_id=subscription_id,
        partner_tenant_id=partner,
        sequence=sequence,
        supersedes=supersedes,
        answer=answer_of(pair.standing),
        rule=pair.decided.rule,
        consent_position=pair.decided.position,
        review_at=pairs_under(policy).changes_at(settling.outlook, subscription_id, partner, pair),
        policy_version=policy.version_at(as_of).name,
        as_of=as_of,
        caused_by=cause,
        evidence=grounds.of(subscription_id, partner, pair.subscription.face.context),
    )
