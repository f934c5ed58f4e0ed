"""What is known of a customer? Registers, slots and links (policy.md 4), kept so that the order of arrival leaves no trace.

A *key* is (occurred_at, rank, event_id); a *write* is (in_force_from, key, value). Everything here is a set of writes and entries known by
their key, of which those are dropped that can never matter again (4.6). Nothing here knows a rule.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from processors.core.policy import FOREVER
from processors.core.symbols import ConsentFamily, GranterRole, Symbol, TransferKind
from processors.core.tuples import maker

Key: TypeAlias = tuple[int, int, str]
Value: TypeAlias = object
Write: TypeAlias = tuple[int, Key, Value]

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


def values_of(writes: Iterable[Write | None]) -> list[Any]:
    """The value of each register, None where it is unset; what type it has the register's name says."""
    return [write[2] if write is not None else None for write in writes]


class Registers:
    """The registers of one thing: what is in force at as_of in `current`, what waits in `waiting`, rare and in the order of its start.

    `values` are those of `current`, kept because every outline and every profile reads them.
    """

    __slots__ = ("current", "values", "waiting")

    def __init__(self, count: int) -> None:
        self.current: list[Write | None] = [None] * count
        self.values: list[Any] = [None] * count
        self.waiting: list[tuple[int, Key, int, Value]] = []

    def knows(self, register: int, key: Key) -> bool:
        """Whether a write of this key is kept."""
        current = self.current[register]
        if current is not None and current[1] == key:
            return True
        return any(waiting[1] == key and waiting[2] == register for waiting in self.waiting)

    def add(self, writes: Iterable[tuple[int, int, Value]], key: Key, as_of: int) -> tuple[bool, bool]:
        """Keep each (register, in force from, value) unless a greater one is in force.

        Whether any was kept, and whether one of those tells another value than its register has, or waits.
        """
        news = other = False
        current, values = self.current, self.values
        for register, in_force_from, value in writes:
            if in_force_from > as_of:
                if not self.knows(register, key):
                    insort(self.waiting, (in_force_from, key, register, value), key=_start_of_waiting)
                    news = other = True
                continue
            before = current[register]
            if before is None:
                current[register] = (in_force_from, key, value)
                values[register] = value
                news = other = True
            elif in_force_from > before[0] or (in_force_from == before[0] and key > before[1]):
                current[register] = (in_force_from, key, value)
                news = True
                if before[2] != value:
                    values[register] = value
                    other = True
        return news, other

    def add_first(self, register: int, key: Key, value: Value) -> bool:
        """As `add`, for the one register whose smallest key counts."""
        current = self.current[register]
        if current is None or key < current[1]:
            self.put(register, (key[0], key, value))
            return True
        return False

    def put(self, register: int, write: Write) -> None:
        """Keep this very write, whatever is in force."""
        self.current[register] = write
        self.values[register] = write[2]

    def told(self, writes: list[Write | None]) -> list[Any]:
        """The values of writes that `at` gave, or that were read through predecessors."""
        return self.values if writes is self.current else values_of(writes)

    def at(self, instant: int) -> tuple[list[Write | None], int]:
        """The greatest write of each register in force at an instant not before as_of, and until when this holds."""
        if not self.waiting:
            return self.current, FOREVER
        if instant < self.waiting[0][0]:
            return self.current, self.waiting[0][0]
        current = list(self.current)
        for in_force_from, key, register, value in self.waiting:
            if in_force_from > instant:
                return current, in_force_from
            write = current[register]
            if write is None or (in_force_from, key) > write[:2]:
                current[register] = (in_force_from, key, value)
        return current, FOREVER

    def advance(self, as_of: int) -> bool:
        """Let come into force what was waiting, and drop what is below it; whether anything did."""
        if not self.waiting or self.waiting[0][0] > as_of:
            return False
        self.current = self.at(as_of)[0]
        self.values = values_of(self.current)
        self.waiting = [waiting for waiting in self.waiting if waiting[0] > as_of]
        return True


def _start_of_waiting(waiting: tuple[int, Key, int, Value]) -> tuple[int, Key, int]:
    return waiting[:3]


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
