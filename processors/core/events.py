"""What can be told? The six input records of `events.md` as the core reads them.

Field names are those of `events.md`. Units: an instant is microseconds since 1970-01-01T00:00:00Z (int, may be negative);
a day is days since 1970-01-01 (int); an id is a lower-case string; a duration is the ISO 8601 text as told.
`None` means not told; a symbol that the contract does not list is UNKNOWN. Who makes these records (the codec) has
already lower-cased ids, upper-cased countries, turned empty strings into None and refused what is INVALID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from processors.core.symbols import (
    AcquisitionChannel,
    AzureOffer,
    BillingCycle,
    CancellationKind,
    CancellationStatus,
    Cloud,
    CommercePlatform,
    ConsentFamily,
    ConsentKind,
    EvidenceLevel,
    GranterRole,
    Initiator,
    PartnerType,
    PurchaseKind,
    RequestedConsent,
    ReviewCause,
    ServiceType,
    Status,
    TransferKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDue:
    """Time alone, a new policy or an operator may have changed this customer's answers (topic `review-due`)."""

    event_id: str
    occurred_at: int
    customer_tenant_id: str
    cause: ReviewCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What every event from outside carries."""

    event_id: str
    occurred_at: int
    customer_tenant_id: str
    source_system: str
    evidence_level: EvidenceLevel
    recorded_at: int | None = None
    source_event_name: str | None = None
    correlation_id: str | None = None
    audit_uri: str | None = None
    cloud: Cloud | None = None
    customer_country: str | None = None
    is_csp_transacting_tenant: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPurchased(Told):
    """A purchase, renewal, conversion, migration, arrival by transfer or correction (topic `subscription-purchased`)."""

    kind: PurchaseKind
    subscription_id: str
    previous_subscription_id: str | None = None
    order_id: str | None = None
    offer_id: str | None = None
    product_id: str | None = None
    entitlement_id: str | None = None
    parent_subscription_id: str | None = None
    service_type: ServiceType | None = None
    acquisition_channel: AcquisitionChannel | None = None
    seller_partner_tenant_id: str | None = None
    seller_partner_type: PartnerType | None = None
    candidate_partner_tenant_id: str | None = None
    commerce_platform: CommercePlatform | None = None
    azure_offer: AzureOffer | None = None
    quantity: int | None = None
    billing_type: str | None = None
    unit_type: str | None = None
    billing_cycle: BillingCycle | None = None
    term_duration: str | None = None
    effective_start_date: int | None = None
    commitment_end_date: int | None = None
    status: Status | None = None
    auto_renew_enabled: bool | None = None
    is_trial: bool = False
    cancellation_allowed_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted(Told):
    """A request for, or a grant of, a consent of the customer to a partner (topic `consent-granted`)."""

    kind: ConsentKind
    partner_tenant_id: str
    partner_type: PartnerType
    granted_by_role: GranterRole
    consent_id: str | None = None
    requested_consent: RequestedConsent | None = None
    partner_country: str | None = None
    indirect_provider_tenant_id: str | None = None
    is_azure_expert_msp: bool | None = None
    includes_delegated_admin: bool | None = None
    gdap_roles: tuple[str, ...] = ()
    duration: str | None = None
    valid_from: int | None = None
    valid_until: int | None = None
    auto_extend_duration: str | None = None
    mca_accepted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation(Told):
    """The end, or the asking for an end, of a subscription, of single services or of a consent (topic `cancellation`)."""

    kind: CancellationKind
    cancellation_status: CancellationStatus
    initiated_by: Initiator
    subscription_id: str | None = None
    azure_services: tuple[str, ...] = ()
    partner_tenant_id: str | None = None
    consent_id: str | None = None
    consent_family: ConsentFamily | None = None
    effective_at: int | None = None
    resulting_status: Status | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStateChanged(Told):
    """A new status or a new auto-renew setting of a subscription (topic `subscription-state-changed`)."""

    subscription_id: str
    status: Status | None = None
    previous_status: Status | None = None
    auto_renew_enabled: bool | None = None
    suspension_reasons: tuple[str, ...] = ()
    effective_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionTransfer(Told):
    """A step of a partner-to-partner transfer (topic `subscription-transfer`)."""

    kind: TransferKind
    transfer_id: str
    subscription_id: str
    source_partner_tenant_id: str
    target_partner_tenant_id: str
    new_subscription_id: str | None = None
    expires_at: int | None = None
    error_code: str | None = None


ToldEvent: TypeAlias = SubscriptionPurchased | ConsentGranted | Cancellation | SubscriptionStateChanged | SubscriptionTransfer
Event: TypeAlias = ToldEvent | ReviewDue
