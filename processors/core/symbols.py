"""Which closed sets of symbols do events use? The names of `events.md`, and nothing else; those of decisions are in `conclusions`.

Every set has UNKNOWN: told, and unreadable. `None` in a field means: not told.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Symbol(StrEnum):
    """A member of a closed set; equal to its own name as a string, and hashed as that string in C."""

    __hash__ = str.__hash__

    @classmethod
    def read(cls, text: str) -> Self:
        """The member named `text`; UNKNOWN for any other text. Only for sets that have UNKNOWN."""
        found = cls._value2member_map_.get(text)
        return found if found is not None else cls["UNKNOWN"]  # type: ignore[return-value]


class EvidenceLevel(Symbol):
    """What an event rests on."""

    PARTNER_CENTER = "PARTNER_CENTER"
    CUSTOMER_STATEMENT = "CUSTOMER_STATEMENT"
    DOCUMENT = "DOCUMENT"
    INFERRED = "INFERRED"
    UNKNOWN = "UNKNOWN"


class Cloud(Symbol):
    """The cloud a subscription lives in."""

    PUBLIC = "PUBLIC"
    US_GOVERNMENT = "US_GOVERNMENT"
    CHINA_21VIANET = "CHINA_21VIANET"
    GERMANY = "GERMANY"
    UNKNOWN = "UNKNOWN"


class PurchaseKind(Symbol):
    """What a `subscription-purchased` event tells."""

    NEW_PURCHASE = "NEW_PURCHASE"
    DECLARED_EXTERNAL = "DECLARED_EXTERNAL"
    RENEWED = "RENEWED"
    TRIAL_STARTED = "TRIAL_STARTED"
    TRIAL_CONVERTED = "TRIAL_CONVERTED"
    MIGRATED_TO_NEW_COMMERCE = "MIGRATED_TO_NEW_COMMERCE"
    TRANSFERRED_IN = "TRANSFERRED_IN"
    CORRECTION = "CORRECTION"
    UNKNOWN = "UNKNOWN"


class ServiceType(Symbol):
    """Seats, Azure, or anything else."""

    LICENSE_BASED = "LICENSE_BASED"
    USAGE_BASED = "USAGE_BASED"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class AcquisitionChannel(Symbol):
    """The way by which the customer bought."""

    MICROSOFT_DIRECT = "MICROSOFT_DIRECT"
    ADVISOR = "ADVISOR"
    OPEN = "OPEN"
    EA = "EA"
    MCA_ENTERPRISE = "MCA_ENTERPRISE"
    CSP = "CSP"
    SYNDICATION = "SYNDICATION"
    THIRD_PARTY_NON_CSP = "THIRD_PARTY_NON_CSP"
    UNKNOWN = "UNKNOWN"


class PartnerType(Symbol):
    """What a partner may do in the CSP programme."""

    DIRECT_BILL = "DIRECT_BILL"
    INDIRECT_PROVIDER = "INDIRECT_PROVIDER"
    INDIRECT_RESELLER = "INDIRECT_RESELLER"
    ADVISOR_PARTNER = "ADVISOR_PARTNER"
    NON_CSP = "NON_CSP"
    UNKNOWN = "UNKNOWN"


class CommercePlatform(Symbol):
    """The commerce platform a subscription is on."""

    LEGACY = "LEGACY"
    NEW_COMMERCE = "NEW_COMMERCE"
    NOT_CSP = "NOT_CSP"
    UNKNOWN = "UNKNOWN"


class AzureOffer(Symbol):
    """The Azure offer in CSP."""

    LEGACY_0145P = "LEGACY_0145P"
    AZURE_PLAN = "AZURE_PLAN"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class BillingCycle(Symbol):
    """How often a subscription is billed; no rule reads it."""

    MONTHLY = "MONTHLY"
    ANNUAL = "ANNUAL"
    TRIENNIAL = "TRIENNIAL"
    ONE_TIME = "ONE_TIME"
    NONE = "NONE"
    UNKNOWN = "UNKNOWN"


class Status(Symbol):
    """A subscription's status as told."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"


class ConsentKind(Symbol):
    """What a `consent-granted` event tells."""

    CONSENT_REQUESTED = "CONSENT_REQUESTED"
    RELATIONSHIP_ACCEPTED = "RELATIONSHIP_ACCEPTED"
    DAP_APPROVED = "DAP_APPROVED"
    GDAP_APPROVED = "GDAP_APPROVED"
    GDAP_ACTIVATED = "GDAP_ACTIVATED"
    GDAP_EXTENDED = "GDAP_EXTENDED"
    GDAP_MICROSOFT_LED = "GDAP_MICROSOFT_LED"
    MCA_ACCEPTED = "MCA_ACCEPTED"
    UNKNOWN = "UNKNOWN"


class RequestedConsent(Symbol):
    """What a CONSENT_REQUESTED asks for."""

    RESELLER_RELATIONSHIP = "RESELLER_RELATIONSHIP"
    DAP = "DAP"
    GDAP = "GDAP"
    UNKNOWN = "UNKNOWN"


class GranterRole(Symbol):
    """The role of the customer's user who granted."""

    GLOBAL_ADMIN = "GLOBAL_ADMIN"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class CancellationKind(Symbol):
    """What a `cancellation` event tells."""

    SUBSCRIPTION_CANCELLED = "SUBSCRIPTION_CANCELLED"
    AZURE_SERVICES_CANCELLED = "AZURE_SERVICES_CANCELLED"
    CANCEL_SCHEDULED = "CANCEL_SCHEDULED"
    CANCEL_SCHEDULE_WITHDRAWN = "CANCEL_SCHEDULE_WITHDRAWN"
    CONSENT_REVOKED = "CONSENT_REVOKED"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    CONSENT_TERMINATED = "CONSENT_TERMINATED"
    CONSENT_DECLINED = "CONSENT_DECLINED"
    RELATIONSHIP_REMOVED = "RELATIONSHIP_REMOVED"
    UNKNOWN = "UNKNOWN"


class CancellationStatus(Symbol):
    """How far a cancellation has come."""

    REQUESTED = "REQUESTED"
    SCHEDULED = "SCHEDULED"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    UNKNOWN = "UNKNOWN"


class ConsentFamily(Symbol):
    """The kind of consent that ends."""

    RESELLER_RELATIONSHIP = "RESELLER_RELATIONSHIP"
    DAP = "DAP"
    GDAP = "GDAP"
    MCA = "MCA"
    UNKNOWN = "UNKNOWN"


class Initiator(Symbol):
    """Who began a cancellation."""

    CUSTOMER = "CUSTOMER"
    PARTNER = "PARTNER"
    MICROSOFT = "MICROSOFT"
    UNKNOWN = "UNKNOWN"


class TransferKind(Symbol):
    """How far a transfer between partners has come."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    COMPLETED = "COMPLETED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class ReviewCause(Symbol):
    """Why a customer is reviewed."""

    TIME = "TIME"
    POLICY = "POLICY"
    OPERATOR = "OPERATOR"
    UNKNOWN = "UNKNOWN"
