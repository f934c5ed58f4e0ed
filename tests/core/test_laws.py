"""Do the laws of policy.md hold for random histories that hit their boundaries exactly? (about 40 s)"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from processors.core import chunks
from processors.core.conclusions import SupportAccess
from processors.core.decisions import Cause, Decision
from processors.core.events import Event
from processors.core.handle import Disposition, handle, pairs_under, review, settling_of, wake
from processors.core.pairs import answer_of
from processors.core.policy import FOREVER, Policy
from processors.core.registers import values_of
from processors.core.replay import canonical_replay
from processors.core.settling import Settling
from processors.core.state import CustomerState
from tests.reference.core_replay import caused, shipped
from tests.reference.drawing import Case
from tests.reference.histories import cases

POLICY = Policy.shipped()
FIVE_YEARS = 5 * 366 * 86_400 * 1_000_000

examples = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.generate],
)


def told(case: Case) -> list[tuple[Event, Cause]]:
    """The events with distinct ids: two different events under one id are outside the law."""
    first: dict[tuple[str, str], tuple[Event, Cause]] = {}
    for raw in case.events:
        event, cause = caused(raw)
        first.setdefault((event.customer_tenant_id, event.event_id), (event, cause))
    return list(first.values())


def live(events: list[tuple[Event, Cause]], policy: Policy) -> dict[str, CustomerState]:
    states: dict[str, CustomerState] = {}
    for event, cause in events:
        handle(states.setdefault(event.customer_tenant_id, CustomerState(event.customer_tenant_id)), event, cause, policy)
    return states


def known(state: CustomerState) -> dict[str, bytes]:
    """The facts alone, as bytes: without what was decided on the way, which may differ by the order of arrival."""
    copy = CustomerState(state.facts.customer_tenant_id)
    copy.facts = state.facts
    copy.dirty_subscriptions = set(state.facts.subscriptions)
    copy.dirty_partners = set(state.facts.partners)
    return chunks.touched_chunks(copy) | {chunks.HEADER: chunks.header(copy, None)}


def answers(state: CustomerState) -> dict[tuple[str, str | None], bytes]:
    return {(name, partner): last.digest for name, pairs in state.emitted.items() for partner, last in pairs.items()}


@examples
@given(cases(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_state_and_the_same_last_answers(case: Case, source: random.Random) -> None:
    events = told(case)
    shuffled = list(events)
    source.shuffle(shuffled)
    one, other = live(events, shipped(case)), live(shuffled, shipped(case))
    for customer, state in one.items():
        assert known(state) == known(other[customer])
        assert answers(state) == answers(other[customer])


@examples
@given(cases(), st.randoms(use_true_random=False))
def test_a_live_run_reviewed_up_to_an_instant_holds_the_last_answers_of_canonical_replay(case: Case, source: random.Random) -> None:
    events, policy = told(case), shipped(case)
    source.shuffle(events)
    until = max(event.occurred_at for event, _ in events)
    last = {
        (decision.customer_tenant_id, decision.subscription_id, decision.partner_tenant_id): decision.answer
        for decision in canonical_replay(events, policy, until)
    }
    for customer, state in live(events, policy).items():
        review(state, until, Cause(None, "review-due"), policy)
        settling = Settling(state.facts, policy)
        for subscription_id, partner in answers(state):
            pair = pairs_under(policy).at(settling.outlook, subscription_id, partner, until)
            assert answer_of(pair.standing) == last.pop((customer, subscription_id, partner))
    assert last == {}


@examples
@given(cases(), st.integers(0, 3))
def test_repeats_change_nothing(case: Case, remembered: int) -> None:
    events = told(case)
    states = {event.customer_tenant_id: CustomerState(event.customer_tenant_id, remembered) for event, _ in events}
    for event, cause in events:
        handle(states[event.customer_tenant_id], event, cause, POLICY)
    before = {customer: (known(state), answers(state), state.sequence) for customer, state in states.items()}
    for event, cause in events:
        handled = handle(states[event.customer_tenant_id], event, cause, POLICY)
        assert handled.decisions == ()
    assert before == {customer: (known(state), answers(state), state.sequence) for customer, state in states.items()}


@examples
@given(cases())
def test_what_is_ignored_leaves_every_byte_as_it_was(case: Case) -> None:
    states: dict[str, CustomerState] = {}
    for raw in case.events:
        event, cause = caused(raw)
        state = states.setdefault(event.customer_tenant_id, CustomerState(event.customer_tenant_id))
        before = chunks.state_hash(state), state.facts.as_of
        handled = handle(state, event, cause, POLICY)
        written = chunks.touched_chunks(state)
        if handled.disposition is not Disposition.APPLIED:
            assert (handled.decisions, written, (chunks.state_hash(state), state.facts.as_of)) == ((), {}, before)


@examples
@given(cases(), st.floats(0, 1))
def test_replay_up_to_an_instant_is_the_beginning_of_replay_at_once(case: Case, part: float) -> None:
    events, policy = told(case), shipped(case)
    instants = sorted(event.occurred_at for event, _ in events)
    middle = instants[int(part * (len(instants) - 1))]
    whole = list(canonical_replay(events, policy))
    start = list(canonical_replay(events, policy, middle))
    assert whole[: len(start)] == start
    assert all(decision.as_of > middle for decision in whole[len(start) :])


@examples
@given(cases())
def test_without_a_new_event_an_answer_changes_at_its_review_at_and_never_before(case: Case) -> None:
    events, policy = told(case), shipped(case)
    last_told = max(event.occurred_at for event, _ in events)
    until = min(last_told + FIVE_YEARS, 250_000_000_000_000_000)
    of_customer: dict[str, list[Event]] = {}
    for event, _ in events:
        of_customer.setdefault(event.customer_tenant_id, []).append(event)
    for before, after in consecutive(list(canonical_replay(events, policy, max(until, last_told)))):
        told_between = [
            event
            for event in of_customer[before.customer_tenant_id]
            if before.as_of <= event.occurred_at
            and event.event_id != before.caused_by.event_id
            and (after is None or event.occurred_at <= after.as_of)
        ]
        if told_between:
            continue  # an event may change what lies ahead
        if after is not None and after.as_of > before.as_of:
            assert before.review_at == after.as_of
        elif after is None:
            assert before.review_at is None or before.review_at > until


def consecutive(decisions: list[Decision]) -> Iterator[tuple[Decision, Decision | None]]:
    by_pair: dict[tuple[str, str, str | None], list[Decision]] = {}
    for decision in decisions:
        by_pair.setdefault((decision.customer_tenant_id, decision.subscription_id, decision.partner_tenant_id), []).append(decision)
    for of_pair in by_pair.values():
        yield from itertools.pairwise([*of_pair, None])


@examples
@given(cases())
def test_every_decision_says_something_new_in_one_unbroken_sequence(case: Case) -> None:
    decisions = list(canonical_replay([caused(raw) for raw in case.events], shipped(case)))
    sequences: dict[str, int] = {}
    for decision in decisions:
        sequences[decision.customer_tenant_id] = sequences.get(decision.customer_tenant_id, 0) + 1
        assert decision.sequence == sequences[decision.customer_tenant_id]
        assert list(decision.evidence) == sorted(set(decision.evidence))
    for before, after in consecutive(decisions):
        if after is not None:
            assert before.answer != after.answer
            assert after.supersedes == before.decision_id
    assert len({decision.decision_id for decision in decisions}) == len(decisions)


@examples
@given(cases())
def test_neither_consent_nor_cancellation_nor_time_changes_who_bills(case: Case) -> None:
    for before, after in consecutive(list(canonical_replay(told(case), shipped(case)))):
        if after is not None and after.caused_by.topic not in {"subscription-purchased", "subscription-transfer"}:
            assert before.answer.billing_owner == after.answer.billing_owner


@examples
@given(cases())
def test_a_consent_or_a_service_that_cannot_be_read_never_authorises(case: Case) -> None:
    for topic, field in (("consent-granted", "kind"), ("consent-granted", "granted_by_role"), ("subscription-purchased", "service_type")):
        changed: list[dict[str, Any]] = []
        for raw in case.events:
            value = raw["value"]
            unread = "OTHER" if field == "granted_by_role" else "A_SYMBOL_OF_TOMORROW"
            if raw["topic"] == topic and (value.get("kind") != "GDAP_MICROSOFT_LED" or field != "granted_by_role"):
                value = value | {field: unread}
            elif raw["topic"] == topic:
                value = value | {"kind": "GDAP_APPROVED", field: unread, "duration": None}
            changed.append(raw | {"value": value})
        for decision in canonical_replay([caused(raw) for raw in changed], shipped(case)):
            assert decision.answer.support_access is not SupportAccess.AUTHORIZED


@examples
@given(cases(), st.randoms(use_true_random=False))
def test_every_question_about_an_instant_has_one_answer_until_its_bound(case: Case, source: random.Random) -> None:
    policy = shipped(case)
    for state in live(told(case), policy).values():
        as_of = state.facts.as_of
        asked = Settling(state.facts, policy).outlook
        for subscription_id in state.facts.subscriptions:
            for partner in (None, *state.facts.partners):
                instant = as_of
                for _ in range(4):
                    pair = pairs_under(policy).at(asked, subscription_id, partner, instant)
                    view = asked.subscription(subscription_id, instant)
                    assert instant < pair.until
                    ends = min(pair.until, instant + FIVE_YEARS)
                    for later in {ends - 1, source.randrange(instant, ends)}:
                        afresh = Settling(state.facts, policy).outlook
                        again = pairs_under(policy).at(afresh, subscription_id, partner, later)
                        assert again.standing == pair.standing
                        assert again.decided == pair.decided
                        assert later >= view.until or afresh.subscription(subscription_id, later).looks_like(view)
                        assert afresh.partner(partner, view.context, later).looks_like(asked.partner(partner, view.context, instant))
                    if pair.until == FOREVER:
                        break
                    instant = pair.until


def assert_kept_looks_as_made_afresh(state: CustomerState, policy: Policy) -> None:
    """Now and after each of the next bounds, for every subscription and partner."""
    facts = state.facts
    of_subscriptions = [known.registers for known in facts.subscriptions.values()]
    of_partners = [known.registers for known in facts.partners.values()]
    for registers in (facts.registers, *of_subscriptions, *of_partners):
        assert registers.values == values_of(registers.current)
    kept, afresh = settling_of(state, policy).outlook, Settling(state.facts, policy).outlook
    for subscription_id in state.facts.subscriptions:
        instant = state.facts.as_of
        for _ in range(5):
            view = afresh.subscription(subscription_id, instant)
            assert kept.subscription(subscription_id, instant).looks_like(view)
            for partner in (None, *state.facts.partners):
                assert kept.partner(partner, view.context, instant).looks_like(afresh.partner(partner, view.context, instant))
            if view.until == FOREVER:
                break
            instant = view.until


@examples
@given(cases(), st.randoms(use_true_random=False))
def test_what_is_kept_between_events_looks_as_what_is_made_afresh(case: Case, source: random.Random) -> None:
    policy = shipped(case)
    states: dict[str, CustomerState] = {}
    arriving = told(case)
    if source.random() < 0.5:
        source.shuffle(arriving)
    for event, cause in arriving:
        state = states.setdefault(event.customer_tenant_id, CustomerState(event.customer_tenant_id))
        if handle(state, event, cause, policy).disposition is not Disposition.APPLIED:
            continue
        assert_kept_looks_as_made_afresh(state, policy)


USUAL = {"customer_tenant_id": "c1", "source_system": "crm", "evidence_level": "DOCUMENT"}
LICENCE = {
    "subscription_id": "s1", "kind": "NEW_PURCHASE", "acquisition_channel": "CSP", "cloud": "PUBLIC", "seller_partner_tenant_id": "p1",
    "status": "ACTIVE", "service_type": "LICENSE_BASED", "commerce_platform": "NEW_COMMERCE", "term_duration": "P1Y",
    "auto_renew_enabled": False,
}  # fmt: skip
ACTIVE = {"subscription_id": "s1", "status": "ACTIVE"}
EXPIRED = {"subscription_id": "s1", "status": "EXPIRED"}
CANCELLED = {
    "subscription_id": "s1", "kind": "SUBSCRIPTION_CANCELLED", "cancellation_status": "COMPLETED", "azure_services": [],
    "initiated_by": "CUSTOMER",
}  # fmt: skip
RENEWING = {"auto_renew_enabled": True}
LAPSING = {"subscription_id": "s1", "auto_renew_enabled": False, "effective_at": "2024-09-01T00:00:00Z"}
REQUESTED = CANCELLED | {"cancellation_status": "REQUESTED"}
UNREADABLE = CANCELLED | {"cancellation_status": "A_SYMBOL_OF_TOMORROW"}


ASKED: dict[str, Any] = {
    "partner_tenant_id": "p1", "kind": "CONSENT_REQUESTED", "requested_consent": "GDAP", "partner_type": "DIRECT_BILL", "consent_id": "g1",
    "granted_by_role": "UNKNOWN", "includes_delegated_admin": None, "gdap_roles": [],
}  # fmt: skip
GRANTED = ASKED | {"kind": "GDAP_APPROVED", "granted_by_role": "GLOBAL_ADMIN", "duration": "P30D"}
DECLINED = {
    "partner_tenant_id": "p1", "kind": "CONSENT_DECLINED", "cancellation_status": "COMPLETED", "consent_family": "GDAP",
    "azure_services": [], "initiated_by": "CUSTOMER",
}  # fmt: skip


@pytest.mark.parametrize(
    "told_again",
    [
        pytest.param([("state", "2025-08-01", ACTIVE)], id="active after the term's end"),
        pytest.param(
            [
                ("correction", "2024-06-18", RENEWING),
                ("state", "2024-06-19", LAPSING),
                ("purchase", "2024-10-01", {"subscription_id": "s2"}),
                ("state", "2025-08-01", ACTIVE),
            ],
            id="active after the term's end, which lapses since what waited came into force",
        ),
        pytest.param([("state", "2024-09-01", EXPIRED), ("state", "2024-09-20", EXPIRED)], id="a status that ends"),
        pytest.param([("state", "2024-09-01", ACTIVE | {"effective_at": "2025-08-01T00:00:00Z"})], id="a value that waits"),
        pytest.param([("cancellation", "2024-09-01", CANCELLED), ("state", "2024-09-20", ACTIVE)], id="active after a cancellation"),
        pytest.param([("cancellation", "2024-06-18", REQUESTED), ("cancellation", "2024-09-01", REQUESTED)], id="a request, too late"),
        pytest.param([("purchase", "2024-06-18", {"kind": "UNREADABLE"}), ("correction", "2024-06-19", {})], id="a mark cleared"),
        pytest.param([("cancellation", "2024-06-18", UNREADABLE), ("correction", "2024-06-19", {})], id="the other mark cleared"),
        pytest.param([("consent", "2024-06-18", ASKED), ("consent", "2024-08-18", ASKED)], id="a request, which lapses later"),
        pytest.param([("consent", "2024-06-18", GRANTED), ("consent", "2024-08-18", GRANTED)], id="a grant, which ends later"),
        pytest.param(
            [("cancellation", "2024-06-18", DECLINED), ("consent", "2024-06-19", ASKED), ("cancellation", "2024-06-20", DECLINED)],
            id="a decline, now after the request",
        ),
    ],
)
def test_a_value_told_again_counts_where_it_matters_when_it_was_told(told_again: list[tuple[str, str, dict[str, Any]]]) -> None:
    topics = {"state": "subscription-state-changed", "cancellation": "cancellation", "consent": "consent-granted"}
    corrected = LICENCE | {"kind": "CORRECTION"}
    state = CustomerState("c1")
    for number, (what, day, value) in enumerate([("purchase", "2024-06-17", {}), *told_again]):
        record = (corrected if what == "correction" else LICENCE) | value if what not in topics else value
        told_at = {"event_id": f"e{number}", "occurred_at": f"{day}T00:00:00Z"}
        event, cause = caused({"topic": topics.get(what, "subscription-purchased"), "value": USUAL | record | told_at})
        assert handle(state, event, cause, POLICY).disposition is Disposition.APPLIED
        assert_kept_looks_as_made_afresh(state, POLICY)


@examples
@given(cases())
def test_a_worker_is_woken_before_any_answer_changes(case: Case) -> None:
    policy = shipped(case)
    for state in live(told(case), policy).values():
        settling = Settling(state.facts, policy)
        due = wake(state)
        for subscription_id, partner in answers(state):
            pair = pairs_under(policy).at(settling.outlook, subscription_id, partner, state.facts.as_of)
            changes = pairs_under(policy).changes_at(settling.outlook, subscription_id, partner, pair)
            assert changes is None or (due is not None and state.facts.as_of < due <= changes)


def test_what_waits_for_its_day_is_not_seen_before_it_by_looking_ahead() -> None:
    """`review_at` looks at the day on which the customer becomes a CSP tenant; the next answer, before that day, must not."""
    bought = {"kind": "NEW_PURCHASE", "acquisition_channel": "CSP", "cloud": "PUBLIC", "seller_partner_tenant_id": "p1", "status": "ACTIVE"}
    licence = bought | {"service_type": "LICENSE_BASED", "commerce_platform": "NEW_COMMERCE"}
    azure = bought | {"service_type": "USAGE_BASED", "commerce_platform": "NOT_CSP", "azure_offer": "AZURE_PLAN"}
    told_in_time: list[tuple[str, str, dict[str, Any]]] = [
        ("subscription-purchased", "2024-06-17T00:00:00Z", licence | {"subscription_id": "s1"}),
        (
            "subscription-state-changed",
            "2026-03-14T00:00:00Z",
            {"subscription_id": "s2", "status": "ACTIVE", "is_csp_transacting_tenant": True, "effective_at": "2028-10-23T00:00:00Z"},
        ),
        ("subscription-purchased", "2028-09-12T00:00:00Z", azure | {"subscription_id": "s2"}),
    ]
    events = [
        caused({"topic": topic, "value": USUAL | value | {"event_id": f"e{number}", "occurred_at": occurred_at}})
        for number, (topic, occurred_at, value) in enumerate(told_in_time)
    ]
    seen = [decision for decision in canonical_replay(events, POLICY) if "CUSTOMER_IS_CSP_TENANT" in decision.answer.reasons]
    assert seen == []
