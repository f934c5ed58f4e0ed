"""What does one raw JSON event tell, once it is read as policy.md 4.1 says?

Whether the event would be let in at all is `door.py`'s question.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from processors.core import events, symbols
from tests.reference.instants import read_day, read_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processors.core.symbols import Symbol

PURCHASED = "subscription-purchased"
CONSENT = "consent-granted"
CANCELLATION = "cancellation"
STATE_CHANGED = "subscription-state-changed"
TRANSFER = "subscription-transfer"
REVIEW_DUE = "review-due"

RANKS = {REVIEW_DUE: 0, PURCHASED: 1, STATE_CHANGED: 2, TRANSFER: 3, CONSENT: 4, CANCELLATION: 5}

IDS = {
    "event_id", "customer_tenant_id", "subscription_id", "previous_subscription_id", "new_subscription_id", "transfer_id", "consent_id",
    "partner_tenant_id", "seller_partner_tenant_id", "candidate_partner_tenant_id", "source_partner_tenant_id", "target_partner_tenant_id",
    "indirect_provider_tenant_id",
}  # fmt: skip
COUNTRIES = {"customer_country", "partner_country"}
INSTANTS = {
    "occurred_at",
    "recorded_at",
    "effective_start_date",
    "cancellation_allowed_until",
    "valid_from",
    "valid_until",
    "effective_at",
    "expires_at",
}
DAYS = {"commitment_end_date"}
SYMBOLS: dict[str, type[Symbol]] = {
    "evidence_level": symbols.EvidenceLevel,
    "cloud": symbols.Cloud,
    "service_type": symbols.ServiceType,
    "acquisition_channel": symbols.AcquisitionChannel,
    "seller_partner_type": symbols.PartnerType,
    "partner_type": symbols.PartnerType,
    "commerce_platform": symbols.CommercePlatform,
    "azure_offer": symbols.AzureOffer,
    "billing_cycle": symbols.BillingCycle,
    "status": symbols.Status,
    "previous_status": symbols.Status,
    "resulting_status": symbols.Status,
    "requested_consent": symbols.RequestedConsent,
    "granted_by_role": symbols.GranterRole,
    "cancellation_status": symbols.CancellationStatus,
    "consent_family": symbols.ConsentFamily,
    "initiated_by": symbols.Initiator,
    "cause": symbols.ReviewCause,
}
KINDS: dict[str, type[Symbol]] = {
    PURCHASED: symbols.PurchaseKind,
    CONSENT: symbols.ConsentKind,
    CANCELLATION: symbols.CancellationKind,
    TRANSFER: symbols.TransferKind,
}

FIELDS = {
    topic: {field.name for field in dataclasses.fields(record)}
    for topic, record in (
        (PURCHASED, events.SubscriptionPurchased),
        (CONSENT, events.ConsentGranted),
        (CANCELLATION, events.Cancellation),
        (STATE_CHANGED, events.SubscriptionStateChanged),
        (TRANSFER, events.SubscriptionTransfer),
        (REVIEW_DUE, events.ReviewDue),
    )
}

RawEvent: TypeAlias = "Mapping[str, Any]"
Key: TypeAlias = tuple[int, int, str]


@dataclass(frozen=True)
class Event:
    """One event as read: symbols, ids, instants in microseconds, days in days; a field not told is None."""

    topic: str
    fields: dict[str, Any]
    partition: int | None
    offset: int | None

    def told(self, name: str) -> Any:
        """The field's value, None where it is not told."""
        return self.fields.get(name)

    @property
    def event_id(self) -> str:
        """The producer's id."""
        return str(self.fields["event_id"])

    @property
    def customer(self) -> str:
        """The customer's tenant."""
        return str(self.fields["customer_tenant_id"])

    @property
    def kind(self) -> str | None:
        """The record's kind; none for records without."""
        return self.fields.get("kind")

    @property
    def occurred_at(self) -> int:
        """When the fact became true."""
        return int(self.fields["occurred_at"])

    @property
    def effective(self) -> int:
        """max(occurred_at, effective_at): where `effective_at` counts at all (4.1)."""
        told = self.fields.get("effective_at")
        return self.occurred_at if told is None else max(self.occurred_at, told)

    @property
    def key(self) -> Key:
        """(occurred_at, rank, event_id), by which everything is ordered."""
        return (self.occurred_at, RANKS[self.topic], self.event_id)


def read_field(topic: str, name: str, value: Any) -> Any:
    """One field as 4.1 reads it; None and an empty string are not told."""
    if value is None or value == "":
        return None
    if name == "kind":
        return KINDS[topic].read(value)
    if name in SYMBOLS:
        return SYMBOLS[name].read(value)
    if name in IDS:
        return value.lower()
    if name in COUNTRIES:
        return value.upper()
    if name in INSTANTS:
        return read_instant(value)
    if name in DAYS:
        return read_day(value)
    return value


def read_event(raw: RawEvent) -> Event:
    """One JSON object `{"topic", "value"}`, optionally with partition and offset; fields that the record does not have are ignored."""
    told = {name: value for name, value in raw["value"].items() if name in FIELDS[raw["topic"]]}
    fields = {name: read_field(raw["topic"], name, value) for name, value in told.items()}
    return Event(
        raw["topic"], {name: value for name, value in fields.items() if value is not None}, raw.get("partition"), raw.get("offset")
    )
