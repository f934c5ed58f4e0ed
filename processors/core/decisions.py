"""What is concluded? The answer for one (customer, subscription, partner) and the decision that carries it.

Field names are those of `events.md`; instants are microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class BillingOwner:
    """Who bills the customer now; the id only where a CSP partner does."""

    kind: BillingOwnerKind
    partner_tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """One thing to do, by whom, from when and until when."""

    code: NextStepCode
    actor: Actor
    performed_by_role: Role | None = None
    not_before: int | None = None
    not_after: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared to tell whether anything changed (policy.md 1)."""

    outcome: Outcome
    support_access: SupportAccess
    move_option: MoveOption
    billing_owner: BillingOwner
    reasons: tuple[Reason, ...]
    next_steps: tuple[NextStep, ...]
    missing_facts: tuple[str, ...]
    manual_review: bool
    eligible_from: int | None
    cancellation_allowed_until: int | None
    consent_valid_until: int | None


@dataclass(frozen=True, slots=True)
class Cause:
    """The record that made a decision; topic `review-due` and nulls where canonical replay reviewed by itself."""

    event_id: str | None
    topic: str
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One changed answer, with what `events.md` says of it; `decision_id` and `supersedes` are uuid5 strings."""

    decision_id: str
    customer_tenant_id: str
    subscription_id: str
    partner_tenant_id: str | None
    sequence: int
    supersedes: str | None
    answer: Answer
    rule: str
    consent_position: ConsentPosition | None
    review_at: int | None
    policy_version: str
    as_of: int
    caused_by: Cause
    evidence: tuple[str, ...]
