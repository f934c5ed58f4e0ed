"""Which facts does a set of events leave (policy.md 1, 4.1 to 4.5)?

Nothing is dropped and nothing is kept from one set to the next: every write of every event stands in a list, and the value of a
register at T is looked for among all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tests.reference import reading
from tests.reference.instants import read_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reference.reading import Event, Key

Register: TypeAlias = tuple[str, str, str]
"""(of what: customer, subscription, partner, transfer; its id; the register's name)."""

BY_PURCHASE = "by purchase"
BY_TRANSFER = "by transfer"

PURCHASE_REGISTERS = ("service_type", "acquisition_channel", "cloud", "commerce_platform", "azure_offer", "auto_renew_enabled")
TOLD_TERM_FIELDS = ("effective_start_date", "commitment_end_date", "cancellation_allowed_until")
TERM_FIELDS = (*TOLD_TERM_FIELDS, "term_duration", "term_started_at", "is_trial", "renewed")
READ_THROUGH = (
    "service_type", "acquisition_channel", "billing_channel", "seller", "obtained", "cloud", "commerce_platform", "azure_offer",
    "first_purchase", *TERM_FIELDS, "auto_renew_enabled",
)  # fmt: skip
OWN_ONLY = (
    "status", "last_active", "cancelled", "services_cancelled", "cancel_request", "predecessor", "understood", "understood_cancellation",
    "unread_kind", "unread_cancellation_status",
)  # fmt: skip
PROFILE = ("partner_type", "partner_country", "indirect_provider_tenant_id", "mca_accepted")
FAMILIES = ("DAP", "GDAP", "RESELLER_RELATIONSHIP")

WHOLE_TERM = {"NEW_PURCHASE", "DECLARED_EXTERNAL", "RENEWED", "TRIAL_STARTED", "TRIAL_CONVERTED", "MIGRATED_TO_NEW_COMMERCE"}
SUBSCRIPTION_CANCELLATIONS = {"SUBSCRIPTION_CANCELLED", "AZURE_SERVICES_CANCELLED", "CANCEL_SCHEDULED", "CANCEL_SCHEDULE_WITHDRAWN"}
CONSENT_ENDS = {"CONSENT_REVOKED", "CONSENT_EXPIRED", "CONSENT_TERMINATED"}
ENDING_STATUSES = {"COMPLETED", "UNKNOWN"}


class Write(NamedTuple):
    """One write to one register."""

    in_force_from: int
    key: Key
    value: Any
    event: Event


class Predecessor(NamedTuple):
    """The value of the register `predecessor`."""

    subscription: str
    holder: str | None


@dataclass(frozen=True)
class Grant:
    """One grant of one slot; `relationship_dap`: DAP that came with a relationship and counts by version and cloud only."""

    partner: str
    family: str
    consent_id: str | None
    event: Event
    relationship_dap: bool = False


class Facts:
    """All that a set of events of one customer says."""

    def __init__(self, events: Iterable[Event]) -> None:
        """Take each event on its own: what it adds depends on nothing else (4.6)."""
        self.events = tuple(events)
        self.writes: dict[Register, list[Write]] = {}
        self.grants: list[Grant] = []
        self.extensions: list[Event] = []
        self.ends: list[Event] = []
        self.subscriptions: set[str] = set()
        self.partners: set[str] = set()
        for event in self.events:
            self._name(event)
            self._write_customer(event)
            if event.topic == reading.PURCHASED:
                self._write_purchase(event)
            elif event.topic == reading.STATE_CHANGED:
                self._write_state_change(event)
            elif event.topic == reading.TRANSFER:
                self._write_transfer(event)
            elif event.topic == reading.CANCELLATION:
                self._write_cancellation(event)
            elif event.topic == reading.CONSENT:
                self._write_consent(event)

    @property
    def customer(self) -> str:
        """The customer's tenant id."""
        return self.events[0].customer

    def _name(self, event: Event) -> None:
        """Subscriptions and partners decided for (1)."""
        named = event.told("subscription_id")
        of_a_subscription = event.topic != reading.CANCELLATION or event.kind in SUBSCRIPTION_CANCELLATIONS | {"UNKNOWN"}
        if named is not None and of_a_subscription:
            self.subscriptions.add(named)
        if event.topic == reading.TRANSFER and event.kind == "COMPLETED" and event.told("new_subscription_id"):
            self.subscriptions.add(event.told("new_subscription_id"))
        for prefix in ("", "seller_", "candidate_", "source_", "target_"):
            partner = event.told(f"{prefix}partner_tenant_id")
            if partner:
                self.partners.add(partner)

    def _put(self, register: Register, event: Event, value: Any, in_force_from: int | None = None) -> None:
        since = event.occurred_at if in_force_from is None else in_force_from
        self.writes.setdefault(register, []).append(Write(since, event.key, value, event))

    def _put_status(self, subscription: str, event: Event, status: str, in_force_from: int | None = None) -> None:
        self._put(("subscription", subscription, "status"), event, status, in_force_from)
        if status == "ACTIVE":
            self._put(("subscription", subscription, "last_active"), event, True, in_force_from)

    def _write_customer(self, event: Event) -> None:
        if event.topic == reading.REVIEW_DUE:
            return
        since = event.effective if event.topic == reading.STATE_CHANGED else event.occurred_at
        for name in ("customer_country", "is_csp_transacting_tenant"):
            if event.told(name) is not None:
                self._put(("customer", event.customer, name), event, event.told(name), since)

    def _write_purchase(self, event: Event) -> None:
        subscription = event.told("subscription_id")
        if event.kind == "UNKNOWN":
            self._put(("subscription", subscription, "unread_kind"), event, True)
            return
        for name in PURCHASE_REGISTERS:
            if event.told(name) is not None:
                self._put(("subscription", subscription, name), event, event.told(name))
        seller = event.told("seller_partner_tenant_id")
        if seller is not None:
            self._put(("subscription", subscription, "seller"), event, seller)
        if event.told("status") is not None:
            self._put_status(subscription, event, event.told("status"))
        if event.told("acquisition_channel") not in {None, "UNKNOWN"}:
            self._put(("subscription", subscription, "billing_channel"), event, event.told("acquisition_channel"))
        self._put(("subscription", subscription, "understood"), event, True)
        self._put(("subscription", subscription, "first_purchase"), event, event.occurred_at)
        if event.kind in {"NEW_PURCHASE", "TRIAL_STARTED"}:
            self._put(("subscription", subscription, "obtained"), event, BY_PURCHASE)
        if event.kind == "TRANSFERRED_IN":
            self._put(("subscription", subscription, "obtained"), event, BY_TRANSFER)
        self._write_term(subscription, event)
        previous = event.told("previous_subscription_id")
        if event.kind in {"MIGRATED_TO_NEW_COMMERCE", "TRANSFERRED_IN", "CORRECTION"} and previous not in {None, subscription}:
            holder = seller if event.kind == "TRANSFERRED_IN" else None
            self._put(("subscription", subscription, "predecessor"), event, Predecessor(previous, holder))

    def _write_term(self, subscription: str, event: Event) -> None:
        duration = read_duration(event.told("term_duration"))
        if event.kind in WHOLE_TERM:
            for name in TOLD_TERM_FIELDS:
                self._put(("subscription", subscription, name), event, event.told(name))
            trial = {"TRIAL_STARTED": True, "TRIAL_CONVERTED": False}.get(str(event.kind), bool(event.told("is_trial")))
            self._put(("subscription", subscription, "term_duration"), event, duration)
            self._put(("subscription", subscription, "term_started_at"), event, event.occurred_at)
            self._put(("subscription", subscription, "is_trial"), event, trial)
            self._put(("subscription", subscription, "renewed"), event, event.kind == "RENEWED")
        else:
            for name in TOLD_TERM_FIELDS:
                if event.told(name) is not None:
                    self._put(("subscription", subscription, name), event, event.told(name))
            if duration is not None:
                self._put(("subscription", subscription, "term_duration"), event, duration)
            if event.told("is_trial"):
                self._put(("subscription", subscription, "is_trial"), event, True)

    def _write_state_change(self, event: Event) -> None:
        subscription = event.told("subscription_id")
        if event.told("status") is not None:
            self._put_status(subscription, event, event.told("status"), event.effective)
        if event.told("auto_renew_enabled") is not None:
            self._put(("subscription", subscription, "auto_renew_enabled"), event, event.told("auto_renew_enabled"), event.effective)

    def _write_transfer(self, event: Event) -> None:
        self._put(("transfer", event.told("transfer_id"), "transfer"), event, event)
        if event.kind != "COMPLETED":
            return
        old, new, target = event.told("subscription_id"), event.told("new_subscription_id"), event.told("target_partner_tenant_id")
        moved = new if new not in {None, old} else None
        for subscription in (old, moved):
            if subscription is not None:
                self._put(("subscription", subscription, "seller"), event, target)
                self._put(("subscription", subscription, "acquisition_channel"), event, "CSP")
                self._put(("subscription", subscription, "billing_channel"), event, "CSP")
        self._put(("subscription", moved or old, "obtained"), event, BY_TRANSFER)
        if moved is not None:
            self._put_status(moved, event, "ACTIVE")
            self._put(("subscription", moved, "predecessor"), event, Predecessor(old, target))

    def _write_cancellation(self, event: Event) -> None:
        subscription, partner, status = event.told("subscription_id"), event.told("partner_tenant_id"), event.told("cancellation_status")
        if event.kind in SUBSCRIPTION_CANCELLATIONS:
            if status == "UNKNOWN":
                self._put(("subscription", subscription, "unread_cancellation_status"), event, True)
            else:
                self._put(("subscription", subscription, "understood_cancellation"), event, True)
                self._write_subscription_cancellation(subscription, event, status)
        elif event.kind == "UNKNOWN":
            if subscription:
                self._put(("subscription", subscription, "unread_kind"), event, True)
            if partner and status in ENDING_STATUSES:
                self.ends.append(event)
        elif event.kind == "CONSENT_DECLINED":
            if status in ENDING_STATUSES:
                family = event.told("consent_family")
                for each in FAMILIES if family in {None, "UNKNOWN"} else (family,):
                    self._put(("partner", partner, f"declined {each}"), event, True, event.effective)
        elif status in ENDING_STATUSES:
            self.ends.append(event)
            if event.kind in CONSENT_ENDS and event.told("consent_family") == "MCA":
                self._put(("partner", partner, "mca_accepted"), event, False, event.effective)

    def _write_subscription_cancellation(self, subscription: str, event: Event, status: str) -> None:
        if event.kind == "SUBSCRIPTION_CANCELLED":
            if status == "COMPLETED":
                self._put(("subscription", subscription, "cancelled"), event, True, event.effective)
            if status == "SCHEDULED":
                self._put(("subscription", subscription, "auto_renew_enabled"), event, False)
            self._put(("subscription", subscription, "cancel_request"), event, status)
        if event.kind == "AZURE_SERVICES_CANCELLED" and status == "COMPLETED":
            self._put(("subscription", subscription, "services_cancelled"), event, True, event.effective)
        if event.kind == "CANCEL_SCHEDULED" and status in {"SCHEDULED", "COMPLETED", "WITHDRAWN"}:
            self._put(("subscription", subscription, "auto_renew_enabled"), event, status == "WITHDRAWN")
        if event.kind == "CANCEL_SCHEDULE_WITHDRAWN" and status in {"SCHEDULED", "COMPLETED", "WITHDRAWN"}:
            self._put(("subscription", subscription, "auto_renew_enabled"), event, True)

    def _write_consent(self, event: Event) -> None:
        partner, consent_id = event.told("partner_tenant_id"), event.told("consent_id")
        mca = True if event.kind == "MCA_ACCEPTED" else event.told("mca_accepted")
        profile = {name: event.told(name) for name in PROFILE} | {"mca_accepted": mca}
        for name, value in profile.items():
            if value is not None:
                self._put(("partner", partner, name), event, value)
        if event.kind == "CONSENT_REQUESTED":
            requested = event.told("requested_consent")
            family = "RESELLER_RELATIONSHIP" if requested in {None, "UNKNOWN"} else requested
            self._put(("partner", partner, f"request {family}"), event, event)
        elif event.kind == "RELATIONSHIP_ACCEPTED":
            self.grants.append(Grant(partner, "RESELLER_RELATIONSHIP", consent_id, event))
            if event.told("includes_delegated_admin") is True:
                self.grants.append(Grant(partner, "DAP", consent_id, event, relationship_dap=True))
        elif event.kind == "DAP_APPROVED":
            self.grants.append(Grant(partner, "DAP", consent_id, event))
        elif event.kind in {"GDAP_APPROVED", "GDAP_ACTIVATED", "GDAP_MICROSOFT_LED"}:
            self.grants.append(Grant(partner, "GDAP", consent_id, event))
        elif event.kind == "GDAP_EXTENDED":
            self.extensions.append(event)
