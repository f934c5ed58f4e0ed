"""Is a line the text that `json.dumps` gives of the record, field for field in the order of the contract?"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from processors.codec import to_json
from processors.core.conclusions import (
    Actor,
    BillingOwnerKind,
    ConsentPosition,
    MoveOption,
    NextStepCode,
    Outcome,
    Reason,
    Role,
    SupportAccess,
)
from processors.core.decisions import Answer, BillingOwner, Cause, Decision, NextStep
from processors.replay.lines import decision_line

ORDER = (
    *("decision_id", "customer_tenant_id", "subscription_id", "partner_tenant_id", "sequence", "supersedes", "outcome", "support_access"),
    *("move_option", "billing_owner", "reasons", "next_steps", "missing_facts", "manual_review", "eligible_from"),
    *("cancellation_allowed_until", "consent_valid_until", "rule", "consent_position", "review_at", "policy_version", "as_of"),
    *("caused_by", "evidence"),
)

instants = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
texts = st.text(max_size=12) | st.uuids().map(str)
steps = st.builds(
    NextStep,
    st.sampled_from(NextStepCode),
    st.sampled_from(Actor),
    st.none() | st.sampled_from(Role),
    st.none() | instants,
    st.none() | instants,
)
answers = st.builds(
    Answer,
    st.sampled_from(Outcome),
    st.sampled_from(SupportAccess),
    st.sampled_from(MoveOption),
    st.builds(BillingOwner, st.sampled_from(BillingOwnerKind), st.none() | texts),
    st.lists(st.sampled_from(Reason), max_size=4).map(tuple),
    st.lists(steps, max_size=4).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.booleans(),
    st.none() | instants,
    st.none() | instants,
    st.none() | instants,
)
causes = st.builds(Cause, st.none() | texts, texts, st.none() | st.integers(0, 99), st.none() | st.integers(0, 2**62))
decisions = st.builds(
    Decision,
    decision_id=texts,
    customer_tenant_id=texts,
    subscription_id=texts,
    partner_tenant_id=st.none() | texts,
    sequence=st.integers(1, 2**62),
    supersedes=st.none() | texts,
    answer=answers,
    rule=texts,
    consent_position=st.none() | st.sampled_from(ConsentPosition),
    review_at=st.none() | instants,
    policy_version=texts,
    as_of=instants,
    caused_by=causes,
    evidence=st.lists(texts, max_size=3).map(tuple),
)


@given(decisions)
def test_a_line_is_what_json_dumps_would_write(decision: Decision) -> None:
    assert decision_line(decision) == json.dumps(to_json("multi-channel-support-decisions", decision))


@given(decisions)
def test_the_record_has_exactly_the_fields_of_the_contract(decision: Decision) -> None:
    assert tuple(json.loads(decision_line(decision))) == ORDER


@given(decisions)
def test_a_decision_is_one_line(decision: Decision) -> None:
    assert len(decision_line(decision).splitlines()) == 1
