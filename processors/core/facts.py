"""What is known of a customer? Registers, slots and links (policy.md 4), kept so that the order of arrival leaves no trace.

Everything here is a set of writes (registers.py) and of entries known by their key, of which those are dropped that can never matter again
(4.6). Nothing here knows a rule.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from processors.core.policy import FOREVER
from processors.core.registers import Key, Registers
from processors.core.symbols import ConsentFamily, GranterRole, Symbol, TransferKind
from processors.core.tuples import maker

SUBSCRIPTION_REGISTERS: Final = (
    "service_type",
    "acquisition_channel",
    "billing_channel",
    "cloud",
    "commerce_platform",
    "azure_offer",
    "seller",
    "obtained",
    "auto_renew_enabled",
    "term_started_at",
    "effective_start_date",
    "commitment_end_date",
    "term_duration",
    "cancellation_allowed_until",
    "is_trial",
    "renewed",
    "first_purchase",
    "status",
    "last_active",
    "cancelled",
    "services_cancelled",
    "cancel_request",
    "predecessor",
    "understood",
    "understood_cancellation",
    "unread_kind",
    "unread_cancellation_status",
)
(
    SERVICE_TYPE,
    ACQUISITION_CHANNEL,
    BILLING_CHANNEL,
    CLOUD,
    COMMERCE_PLATFORM,
    AZURE_OFFER,
    SELLER,
    OBTAINED,
    AUTO_RENEW,
    TERM_STARTED,
    EFFECTIVE_START,
    COMMITMENT_END,
    TERM_DURATION,
    CANCELLATION_ALLOWED_UNTIL,
    IS_TRIAL,
    RENEWED,
    FIRST_PURCHASE,
    STATUS,
    LAST_ACTIVE,
    CANCELLED,
    SERVICES_CANCELLED,
    CANCEL_REQUEST,
    PREDECESSOR,
    UNDERSTOOD,
    UNDERSTOOD_CANCELLATION,
    UNREAD_KIND,
    UNREAD_CANCELLATION_STATUS,
) = range(len(SUBSCRIPTION_REGISTERS))

READ_THROUGH: Final = range(FIRST_PURCHASE + 1)
"""The registers that a subscription reads from its predecessor where they are unset (policy.md 4.3)."""

PARTNER_REGISTERS: Final = (
    "partner_type",
    "partner_country",
    "indirect_provider_tenant_id",
    "mca_accepted",
    "request_reseller_relationship",
    "request_dap",
    "request_gdap",
    "declined_reseller_relationship",
    "declined_dap",
    "declined_gdap",
)
PARTNER_TYPE, PARTNER_COUNTRY, INDIRECT_PROVIDER, MCA_ACCEPTED = range(4)
FAMILIES: Final = (ConsentFamily.RESELLER_RELATIONSHIP, ConsentFamily.DAP, ConsentFamily.GDAP)
RELATIONSHIP, DAP, GDAP = range(3)
"""Places in FAMILIES; in the order in which K6 tells ends of one key apart, DAP before GDAP."""
REQUEST: Final = 4  # + family
DECLINED: Final = 7  # + family

CUSTOMER_REGISTERS: Final = ("customer_country", "is_csp_transacting_tenant")
CUSTOMER_COUNTRY, IS_CSP_TENANT = range(2)


class Obtained(Symbol):
    """How the customer came by a subscription."""

    PURCHASE = "PURCHASE"
    TRANSFER = "TRANSFER"


class Seller(NamedTuple):
    """The partner who sold, and whether a completed transfer under this very id made it so."""

    partner_tenant_id: str
    by_transfer: bool


class Predecessor(NamedTuple):
    """The id that a subscription continues, and who holds it since."""

    subscription_id: str
    holder: str | None


class Transfer(NamedTuple):
    """The last event of a transfer."""

    key: Key
    kind: TransferKind
    subscription_id: str
    source_partner_tenant_id: str
    target_partner_tenant_id: str
    new_subscription_id: str | None
    expires_at: int | None


class Grant(NamedTuple):
    """What a grant says of its slot; durations as told."""

    key: Key
    role: GranterRole
    valid_from: int | None
    valid_until: int | None
    duration: str | None
    auto_extend_duration: str | None
    includes_delegated_admin: bool | None
    by_partner_center: bool
    by_relationship: bool  # DAP that came with an accepted relationship: counts by cloud and version (policy.md 4.5)
    microsoft_led: bool


make_grant: Final = maker(Grant)


class Extension(NamedTuple):
    """What a GDAP_EXTENDED says of its slot."""

    key: Key
    valid_until: int | None
    auto_extend_duration: str | None


class Reach(Enum):
    """What an end can hit, a row of the second table of policy.md 4.5 each."""

    RELATIONSHIP_AND_DAP = "all slots of both; GDAP stays"
    DAP = "all DAP slots"
    GDAP = "the slot with that id and the slot without id; without an id all GDAP slots"
    BY_ID = "the DAP and GDAP slots with that id or without any; all of them, in doubt, where no grant bears the id"
    ADMIN = "all DAP and GDAP slots"


class End(NamedTuple):
    """An explicit end of consents."""

    in_force_from: int
    key: Key
    reach: Reach
    consent_id: str | None
    in_doubt: bool
    expired: bool  # told as CONSENT_EXPIRED
    by_microsoft: bool


Slot: TypeAlias = tuple[int, str | None]
"""(place in FAMILIES, consent_id)."""


class Subscription:
    """What is known of one subscription."""

    __slots__ = ("registers", "subscription_id")

    def __init__(self, subscription_id: str) -> None:
        self.subscription_id = subscription_id
        self.registers = Registers(len(SUBSCRIPTION_REGISTERS))


class Partner:
    """What is known of one partner."""

    __slots__ = ("ends", "extensions", "grants", "partner_tenant_id", "registers")

    def __init__(self, partner_tenant_id: str) -> None:
        self.partner_tenant_id = partner_tenant_id
        self.registers = Registers(len(PARTNER_REGISTERS))
        self.grants: dict[Slot, list[Grant]] = {}  # each list in the order of keys
        self.extensions: dict[str | None, list[Extension]] = {}  # by consent_id, in the order of keys
        self.ends: list[End] = []  # in the order of (in_force_from, key)


class Customer:
    """What is known of one customer: all that answers rest on."""

    __slots__ = ("as_of", "customer_tenant_id", "partners", "registers", "subscriptions", "transfers")

    def __init__(self, customer_tenant_id: str) -> None:
        self.customer_tenant_id = customer_tenant_id
        self.as_of: int = -FOREVER
        self.registers = Registers(len(CUSTOMER_REGISTERS))
        self.subscriptions: dict[str, Subscription] = {}
        self.partners: dict[str, Partner] = {}
        self.transfers: dict[str, Transfer] = {}  # by transfer_id
