"""Which raw JSON events does the door let in (events.md, "What must be told")? Enough of it for generated histories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.facts import SUBSCRIPTION_CANCELLATIONS
from tests.reference.instants import DAY, Duration, plus, read_duration
from tests.reference.reading import CANCELLATION, CONSENT, PURCHASED, REVIEW_DUE, STATE_CHANGED, TRANSFER, RawEvent, read_event

if TYPE_CHECKING:
    from tests.reference.reading import Event

CARRIED = ("event_id", "occurred_at", "customer_tenant_id", "source_system", "evidence_level")
BY_TOPIC = {
    PURCHASED: (*CARRIED, "kind", "subscription_id"),
    CONSENT: (*CARRIED, "kind", "partner_tenant_id", "partner_type", "granted_by_role"),
    CANCELLATION: (*CARRIED, "kind", "cancellation_status", "initiated_by"),
    STATE_CHANGED: (*CARRIED, "subscription_id"),
    TRANSFER: (*CARRIED, "kind", "transfer_id", "subscription_id", "source_partner_tenant_id", "target_partner_tenant_id"),
    REVIEW_DUE: ("event_id", "occurred_at", "customer_tenant_id", "cause"),
}
WHOLE_PURCHASE = ("service_type", "acquisition_channel", "commerce_platform", "cloud")
GDAP_KINDS = {"GDAP_APPROVED", "GDAP_ACTIVATED", "GDAP_EXTENDED", "GDAP_MICROSOFT_LED"}


def required(event: Event) -> tuple[str, ...]:
    """Names of the fields that must be told, by record and kind."""
    names = BY_TOPIC[event.topic]
    if event.topic == PURCHASED and event.kind in {"NEW_PURCHASE", "DECLARED_EXTERNAL", "TRIAL_STARTED"}:
        return names + WHOLE_PURCHASE
    if event.topic == CANCELLATION and event.kind in SUBSCRIPTION_CANCELLATIONS:
        return (*names, "subscription_id")
    if event.topic == CANCELLATION and event.kind != "UNKNOWN":
        return (*names, "partner_tenant_id")
    return names


def duration_is_let_in(event: Event) -> bool:
    """Whether the duration of a GDAP kind, if told, is well formed and between P1D and P2Y."""
    told = event.told("duration")
    if event.kind not in GDAP_KINDS or told is None:
        return True
    duration = read_duration(told)
    start = event.told("valid_from")
    start = event.occurred_at if start is None else start
    end, longest = plus(start, duration), plus(start, Duration(24, 0))
    if duration is None:
        return False
    if end is None:
        return longest is None
    return end >= start + DAY and (longest is None or end <= longest)


def is_let_in(raw: RawEvent) -> bool:
    """Whether the event is valid; every instant and day must be readable."""
    try:
        event = read_event(raw)
    except ValueError:
        return False
    if any(event.told(name) is None for name in required(event)):
        return False
    if event.topic == STATE_CHANGED and event.told("status") is None and event.told("auto_renew_enabled") is None:
        return False
    if event.topic == CANCELLATION and event.kind == "UNKNOWN" and not (event.told("subscription_id") or event.told("partner_tenant_id")):
        return False
    return duration_is_let_in(event)
