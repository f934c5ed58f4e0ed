"""How do raw JSON events become the core's records, and the core's decisions dicts with the names of events.md?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processors.core import events
from tests.reference import reading
from tests.reference.finishing import text
from tests.reference.instants import read_duration
from tests.reference.reading import RawEvent, read_event

if TYPE_CHECKING:
    from processors.core.decisions import Decision

RECORDS: dict[str, type[Any]] = {
    reading.PURCHASED: events.SubscriptionPurchased,
    reading.CONSENT: events.ConsentGranted,
    reading.CANCELLATION: events.Cancellation,
    reading.STATE_CHANGED: events.SubscriptionStateChanged,
    reading.TRANSFER: events.SubscriptionTransfer,
    reading.REVIEW_DUE: events.ReviewDue,
}

DURATIONS = {"term_duration", "duration", "auto_extend_duration"}


def record(raw: RawEvent) -> events.Event:
    """One raw event as the core reads it; it must be one that the door lets in."""
    event = read_event(raw)
    told = {name: value for name, value in event.fields.items() if name not in DURATIONS or read_duration(value) is not None}
    made: events.Event = RECORDS[event.topic](**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items()})
    return made


def as_told(decision: Decision) -> dict[str, Any]:
    """A decision of the core as the oracle writes it."""
    answer, cause = decision.answer, decision.caused_by
    return {
        "decision_id": decision.decision_id,
        "customer_tenant_id": decision.customer_tenant_id,
        "subscription_id": decision.subscription_id,
        "partner_tenant_id": decision.partner_tenant_id,
        "sequence": decision.sequence,
        "supersedes": decision.supersedes,
        "outcome": answer.outcome,
        "support_access": answer.support_access,
        "move_option": answer.move_option,
        "billing_owner": {"kind": answer.billing_owner.kind, "partner_tenant_id": answer.billing_owner.partner_tenant_id},
        "reasons": list(answer.reasons),
        "next_steps": [
            {
                "code": step.code,
                "actor": step.actor,
                "performed_by_role": step.performed_by_role,
                "not_before": text(step.not_before),
                "not_after": text(step.not_after),
            }
            for step in answer.next_steps
        ],
        "missing_facts": list(answer.missing_facts),
        "manual_review": answer.manual_review,
        "eligible_from": text(answer.eligible_from),
        "cancellation_allowed_until": text(answer.cancellation_allowed_until),
        "consent_valid_until": text(answer.consent_valid_until),
        "rule": decision.rule,
        "consent_position": decision.consent_position,
        "review_at": text(decision.review_at),
        "policy_version": decision.policy_version,
        "as_of": text(decision.as_of),
        "caused_by": {"event_id": cause.event_id, "topic": cause.topic, "partition": cause.partition, "offset": cause.offset},
        "evidence": list(decision.evidence),
    }
