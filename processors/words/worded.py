"""What has words? The codes of decisions and events, the rows of the policy, and the labels and headings around them.

Each set of codes is a section of the files of `languages/`, each code a key of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

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
from processors.core.symbols import (
    AcquisitionChannel,
    AzureOffer,
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


class Label(StrEnum):
    """The headings of a message."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    PARTNER = "partner"
    SUPPORT = "support"
    PERMISSIONS_VALID_UNTIL = "permissions_valid_until"
    MOVE = "move"
    MOVE_POSSIBLE_FROM = "move_possible_from"
    CANCELLATION_WINDOW_END = "cancellation_window_end"
    BILLING = "billing"
    REASONS = "reasons"
    MISSING_FACTS = "missing_facts"
    MANUAL_REVIEW = "manual_review"
    NEXT_STEPS = "next_steps"
    WHO = "who"
    NOT_BEFORE = "not_before"
    UNTIL = "until"
    AS_OF = "as_of"
    REFERENCE = "reference"


class Heading(StrEnum):
    """The headings of an explanation, beside those of a message."""

    TOLD = "told"
    SOURCE = "source"
    LEARNED = "learned"
    RESULT = "result"
    LED_TO = "led_to"
    WHY = "why"
    CAUSED_BY = "caused_by"
    RESTS_ON = "rests_on"
    BY_TIME = "by_time"
    OTHERWISE = "otherwise"
    EARLIER = "earlier"


class Field(StrEnum):
    """What an event can say that somebody who asks for the reason wants to read: field names of events.md."""

    SUBSCRIPTION_ID = "subscription_id"
    PREVIOUS_SUBSCRIPTION_ID = "previous_subscription_id"
    NEW_SUBSCRIPTION_ID = "new_subscription_id"
    SERVICE_TYPE = "service_type"
    ACQUISITION_CHANNEL = "acquisition_channel"
    SELLER_PARTNER_TENANT_ID = "seller_partner_tenant_id"
    CANDIDATE_PARTNER_TENANT_ID = "candidate_partner_tenant_id"
    COMMERCE_PLATFORM = "commerce_platform"
    AZURE_OFFER = "azure_offer"
    CLOUD = "cloud"
    STATUS = "status"
    EFFECTIVE_START_DATE = "effective_start_date"
    TERM_DURATION = "term_duration"
    COMMITMENT_END_DATE = "commitment_end_date"
    CANCELLATION_ALLOWED_UNTIL = "cancellation_allowed_until"
    AUTO_RENEW_ENABLED = "auto_renew_enabled"
    IS_TRIAL = "is_trial"
    PARTNER_TENANT_ID = "partner_tenant_id"
    PARTNER_TYPE = "partner_type"
    PARTNER_COUNTRY = "partner_country"
    INDIRECT_PROVIDER_TENANT_ID = "indirect_provider_tenant_id"
    CONSENT_ID = "consent_id"
    REQUESTED_CONSENT = "requested_consent"
    INCLUDES_DELEGATED_ADMIN = "includes_delegated_admin"
    VALID_FROM = "valid_from"
    DURATION = "duration"
    VALID_UNTIL = "valid_until"
    AUTO_EXTEND_DURATION = "auto_extend_duration"
    GRANTED_BY_ROLE = "granted_by_role"
    MCA_ACCEPTED = "mca_accepted"
    CONSENT_FAMILY = "consent_family"
    CANCELLATION_STATUS = "cancellation_status"
    AZURE_SERVICES = "azure_services"
    EFFECTIVE_AT = "effective_at"
    INITIATED_BY = "initiated_by"
    TRANSFER_ID = "transfer_id"
    SOURCE_PARTNER_TENANT_ID = "source_partner_tenant_id"
    TARGET_PARTNER_TENANT_ID = "target_partner_tenant_id"
    EXPIRES_AT = "expires_at"
    CUSTOMER_COUNTRY = "customer_country"
    IS_CSP_TRANSACTING_TENANT = "is_csp_transacting_tenant"
    KIND = "kind"


class Rule(StrEnum):
    """The rows of policy.md that decide."""

    E1 = "E1"
    E2 = "E2"
    E3 = "E3"
    E4 = "E4"
    E5 = "E5"
    E6 = "E6"
    E6A = "E6a"
    E7 = "E7"
    E7A = "E7a"
    E8 = "E8"
    E9 = "E9"
    E10 = "E10"
    E10A = "E10a"
    E11 = "E11"
    E12 = "E12"
    E13 = "E13"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"
    A6 = "A6"
    B1 = "B1"
    B2 = "B2"
    B3 = "B3"
    B4 = "B4"
    B5 = "B5"
    B6 = "B6"
    B7 = "B7"
    B7A = "B7a"
    B8 = "B8"
    B9 = "B9"
    B10 = "B10"
    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"
    C5 = "C5"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"
    D4 = "D4"
    D5 = "D5"
    D6 = "D6"
    D7 = "D7"
    D8 = "D8"
    D9 = "D9"
    D10 = "D10"


class Lever(StrEnum):
    """What could be told next that would make an answer another one."""

    PERMISSIONS_GIVEN = "PERMISSIONS_GIVEN"
    AGREEMENT_ACCEPTED = "AGREEMENT_ACCEPTED"
    PERMISSIONS_ENDED = "PERMISSIONS_ENDED"
    RENEWED = "RENEWED"
    REACTIVATED = "REACTIVATED"
    CANCELLED = "CANCELLED"
    TRANSFERRED = "TRANSFERRED"
    AZURE_CREATED = "AZURE_CREATED"


Worded: TypeAlias = (
    Outcome
    | SupportAccess
    | MoveOption
    | BillingOwnerKind
    | ConsentPosition
    | Reason
    | NextStepCode
    | Actor
    | Role
    | PurchaseKind
    | ConsentKind
    | CancellationKind
    | TransferKind
    | ReviewCause
    | ServiceType
    | AcquisitionChannel
    | CommercePlatform
    | AzureOffer
    | Cloud
    | Status
    | PartnerType
    | RequestedConsent
    | GranterRole
    | ConsentFamily
    | CancellationStatus
    | Initiator
    | EvidenceLevel
    | Rule
    | Lever
    | Field
    | Label
    | Heading
)

CODES: dict[str, type[Worded]] = {
    "outcome": Outcome,
    "support_access": SupportAccess,
    "move_option": MoveOption,
    "billing_owner": BillingOwnerKind,
    "consent_position": ConsentPosition,
    "reason": Reason,
    "next_step": NextStepCode,
    "actor": Actor,
    "role": Role,
    "purchase_kind": PurchaseKind,
    "consent_kind": ConsentKind,
    "cancellation_kind": CancellationKind,
    "transfer_kind": TransferKind,
    "review_cause": ReviewCause,
    "service_type": ServiceType,
    "acquisition_channel": AcquisitionChannel,
    "commerce_platform": CommercePlatform,
    "azure_offer": AzureOffer,
    "cloud": Cloud,
    "status": Status,
    "partner_type": PartnerType,
    "requested_consent": RequestedConsent,
    "granter_role": GranterRole,
    "consent_family": ConsentFamily,
    "cancellation_status": CancellationStatus,
    "initiator": Initiator,
    "evidence_level": EvidenceLevel,
    "rule": Rule,
    "lever": Lever,
    "field": Field,
    "label": Label,
    "heading": Heading,
}
"""Section of a file -> what its keys are."""
