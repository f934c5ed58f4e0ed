"""What must an event tell to be let in? The table of `events.md`, and what key and timestamp must say of it.

A kind that is not listed reads as UNKNOWN and needs only what UNKNOWN needs. UNKNOWN always counts as told.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from processors.codec.instants import write_instant
from processors.codec.rejected import MessageRejected, invalid
from processors.codec.shapes import Values
from processors.contract import ErrorCode
from processors.core.calendar import Duration, gdap_duration_fits
from processors.core.calendar import read_duration as parse_duration
from processors.core.events import Event
from processors.core.symbols import CancellationKind, ConsentKind, PurchaseKind, Symbol

_TOLD: Final = ("event_id", "occurred_at", "customer_tenant_id", "source_system", "evidence_level")

# record -> the fields that every kind must tell
EVERY_KIND: Final[dict[str, tuple[str, ...]]] = {
    "SubscriptionPurchased": (*_TOLD, "kind", "subscription_id"),
    "ConsentGranted": (*_TOLD, "kind", "partner_tenant_id", "partner_type", "granted_by_role"),
    "Cancellation": (*_TOLD, "kind", "cancellation_status", "initiated_by"),
    "SubscriptionStateChanged": (*_TOLD, "subscription_id"),
    "SubscriptionTransfer": (*_TOLD, "kind", "transfer_id", "subscription_id", "source_partner_tenant_id", "target_partner_tenant_id"),
    "ReviewDue": ("event_id", "occurred_at", "customer_tenant_id", "cause"),
}

_PURCHASE: Final = ("service_type", "acquisition_channel", "commerce_platform", "cloud")

# record and kind -> what besides
BESIDES: Final[dict[str, dict[Symbol, tuple[str, ...]]]] = {
    "SubscriptionPurchased": dict.fromkeys(
        (PurchaseKind.NEW_PURCHASE, PurchaseKind.DECLARED_EXTERNAL, PurchaseKind.TRIAL_STARTED), _PURCHASE
    ),
    "Cancellation": {
        CancellationKind.SUBSCRIPTION_CANCELLED: ("subscription_id",),
        CancellationKind.AZURE_SERVICES_CANCELLED: ("subscription_id",),
        CancellationKind.CANCEL_SCHEDULED: ("subscription_id",),
        CancellationKind.CANCEL_SCHEDULE_WITHDRAWN: ("subscription_id",),
        CancellationKind.CONSENT_REVOKED: ("partner_tenant_id",),
        CancellationKind.CONSENT_EXPIRED: ("partner_tenant_id",),
        CancellationKind.CONSENT_TERMINATED: ("partner_tenant_id",),
        CancellationKind.CONSENT_DECLINED: ("partner_tenant_id",),
        CancellationKind.RELATIONSHIP_REMOVED: ("partner_tenant_id",),
    },
}

# record and kind (None: every kind) -> two fields of which one must be told
ONE_OF: Final[dict[tuple[str, Symbol | None], tuple[str, str]]] = {
    ("Cancellation", CancellationKind.UNKNOWN): ("subscription_id", "partner_tenant_id"),
    ("SubscriptionStateChanged", None): ("status", "auto_renew_enabled"),
}

DURATIONS: Final[dict[str, tuple[str, ...]]] = {
    "SubscriptionPurchased": ("term_duration",),
    "ConsentGranted": ("duration", "auto_extend_duration"),
}

GDAP_KINDS: Final = frozenset(
    {ConsentKind.GDAP_APPROVED, ConsentKind.GDAP_ACTIVATED, ConsentKind.GDAP_EXTENDED, ConsentKind.GDAP_MICROSOFT_LED}
)


def admit(record: str, values: Values) -> None:
    """Let the fields of an event in, or raise INVALID naming the field; a malformed duration outside GDAP becomes not told."""
    kind = values.get("kind")
    for name in EVERY_KIND[record]:
        if values.get(name) is None:
            raise invalid("must be told", name)
    for name in BESIDES.get(record, {}).get(kind, ()):  # type: ignore[arg-type] # records without kind have no row
        if values.get(name) is None:
            raise invalid(f"must be told with kind {kind}", name)
    pair = ONE_OF.get((record, kind))
    if pair is not None and values.get(pair[0]) is None and values.get(pair[1]) is None:
        raise invalid(f"{pair[0]} or {pair[1]} must be told", pair[0])
    for name in DURATIONS.get(record, ()):
        if values.get(name) is not None:
            _admit_duration(record, name, values)


def check_record(event: Event, key: bytes | None, timestamp: int | None, clock_tolerance: int) -> None:
    """Whether the record that carried the event fits it: KEY_MISMATCH or CLOCK_AHEAD otherwise.

    `timestamp` is the record's own, `clock_tolerance` what occurred_at may lie after it, both in microseconds; a record without
    timestamp (None) is not checked against it. The key must be the id in lower case: another spelling lies on another partition.
    """
    if key != event.customer_tenant_id.encode():
        found = "no key" if key is None else repr(key[:80].decode("utf-8", "backslashreplace"))
        message = f"the record's key must be it, found {found}"
        raise MessageRejected(ErrorCode.KEY_MISMATCH, "customer_tenant_id", message)
    if timestamp is not None and event.occurred_at > timestamp + clock_tolerance:
        ahead = (event.occurred_at - timestamp) // 1_000_000
        tolerated = clock_tolerance // 1_000_000
        message = f"{write_instant(event.occurred_at)} is {ahead:,} s later than the record's timestamp; {tolerated:,} s are tolerated"
        raise MessageRejected(ErrorCode.CLOCK_AHEAD, "occurred_at", message)


def _admit_duration(record: str, name: str, values: Values) -> None:
    duration = read_duration(values[name])
    if record == "ConsentGranted" and name == "duration" and values["kind"] in GDAP_KINDS:
        start = values.get("valid_from")
        if duration is None or not gdap_duration_fits(values["occurred_at"] if start is None else start, duration):
            raise invalid(f"expected an ISO 8601 duration from P1D to P2Y, found {values[name]!r:.80}", name)
    elif duration is None:
        values[name] = None


@lru_cache(maxsize=1_024)
def read_duration(text: str) -> Duration | None:
    """The core's reading, remembered: a portfolio knows a handful of durations."""
    return parse_duration(text)
