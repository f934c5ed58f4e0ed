"""What does an event add to what is known? A fixed set of writes and entries, whatever the state (policy.md 4.2 and 4.5).

`additions` reads the event and nothing else; so the facts are a union, which does not care for order or repetition (4.6).
"""

from __future__ import annotations

from typing import Final

from processors.core import facts as f
from processors.core.additions import Additions, effective, key_of
from processors.core.calendar import read_duration
from processors.core.events import (
    Cancellation,
    ConsentGranted,
    Event,
    ReviewDue,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
    Told,
)
from processors.core.facts import Obtained, Predecessor, Seller, Transfer
from processors.core.fold_consents import add_consent, add_end
from processors.core.registers import Value
from processors.core.symbols import AcquisitionChannel, CancellationKind, CancellationStatus, PurchaseKind, Status, TransferKind
from processors.core.tuples import maker

_BEGINS_A_TERM: Final = frozenset(
    {
        PurchaseKind.NEW_PURCHASE,
        PurchaseKind.DECLARED_EXTERNAL,
        PurchaseKind.RENEWED,
        PurchaseKind.TRIAL_STARTED,
        PurchaseKind.TRIAL_CONVERTED,
        PurchaseKind.MIGRATED_TO_NEW_COMMERCE,
    }
)
_LINKS: Final = frozenset({PurchaseKind.MIGRATED_TO_NEW_COMMERCE, PurchaseKind.TRANSFERRED_IN, PurchaseKind.CORRECTION})
_OBTAINS: Final = {
    PurchaseKind.NEW_PURCHASE: Obtained.PURCHASE,
    PurchaseKind.TRIAL_STARTED: Obtained.PURCHASE,
    PurchaseKind.TRANSFERRED_IN: Obtained.TRANSFER,
}
_OF_SUBSCRIPTIONS: Final = frozenset(
    {
        CancellationKind.SUBSCRIPTION_CANCELLED,
        CancellationKind.AZURE_SERVICES_CANCELLED,
        CancellationKind.CANCEL_SCHEDULED,
        CancellationKind.CANCEL_SCHEDULE_WITHDRAWN,
    }
)
_COMPLETED: Final = {
    CancellationKind.SUBSCRIPTION_CANCELLED: f.CANCELLED,
    CancellationKind.AZURE_SERVICES_CANCELLED: f.SERVICES_CANCELLED,
}
_AUTO_RENEW: Final = {
    (
        CancellationKind.SUBSCRIPTION_CANCELLED,
        CancellationStatus.SCHEDULED,
    ): False,  # whatever its effective_at: the end waits for COMPLETED
    (CancellationKind.CANCEL_SCHEDULED, CancellationStatus.SCHEDULED): False,
    (CancellationKind.CANCEL_SCHEDULED, CancellationStatus.COMPLETED): False,
    (CancellationKind.CANCEL_SCHEDULED, CancellationStatus.WITHDRAWN): True,
    (CancellationKind.CANCEL_SCHEDULE_WITHDRAWN, CancellationStatus.SCHEDULED): True,
    (CancellationKind.CANCEL_SCHEDULE_WITHDRAWN, CancellationStatus.COMPLETED): True,
    (CancellationKind.CANCEL_SCHEDULE_WITHDRAWN, CancellationStatus.WITHDRAWN): True,
}


# Members of an enum are looked up once: each time takes 150 ns with Python 3.11.
_KIND_UNKNOWN: Final = PurchaseKind.UNKNOWN
_TRANSFERRED_IN: Final = PurchaseKind.TRANSFERRED_IN
_TRIAL_STARTED: Final = PurchaseKind.TRIAL_STARTED
_TRIAL_CONVERTED: Final = PurchaseKind.TRIAL_CONVERTED
_RENEWED: Final = PurchaseKind.RENEWED
_CHANNEL_UNKNOWN: Final = AcquisitionChannel.UNKNOWN
_ACTIVE: Final = Status.ACTIVE
_make_seller: Final = maker(Seller)


def additions(event: Event) -> Additions:
    """All that the event adds."""
    added = Additions(key_of(event))
    if isinstance(event, ReviewDue):
        return added
    if event.customer_country is not None or event.is_csp_transacting_tenant is not None:
        _add_customer(added, event)
    match event:
        case SubscriptionPurchased():
            _add_purchase(added, event)
        case ConsentGranted():
            add_consent(added, event)
        case Cancellation():
            _add_cancellation(added, event)
        case SubscriptionStateChanged():
            _add_state(added, event)
        case SubscriptionTransfer():
            _add_transfer(added, event)
    return added


def _add_customer(added: Additions, event: Told) -> None:
    """What any event says of the customer; all that a state change writes waits for its effective_at, this too (policy.md 4.1)."""
    since = effective(event) if isinstance(event, SubscriptionStateChanged) else event.occurred_at
    writes: list[tuple[int, int, Value]] = []
    added.customer = writes
    if event.customer_country is not None:
        writes.append((f.CUSTOMER_COUNTRY, since, event.customer_country))
    if event.is_csp_transacting_tenant is not None:
        writes.append((f.IS_CSP_TENANT, since, event.is_csp_transacting_tenant))


def _add_purchase(added: Additions, event: SubscriptionPurchased) -> None:
    kind, subscription_id, at = event.kind, event.subscription_id, event.occurred_at
    added.subscriptions = (subscription_id,)
    if event.seller_partner_tenant_id is not None:
        added.partners = (event.seller_partner_tenant_id,)
    if event.candidate_partner_tenant_id is not None:
        added.partners += (event.candidate_partner_tenant_id,)
    if kind is _KIND_UNKNOWN:
        added.of_subscriptions = {subscription_id: [(f.UNREAD_KIND, at, True)]}
        return
    channel, seller = event.acquisition_channel, event.seller_partner_tenant_id
    carried: list[tuple[int, int, Value]] = [
        (f.SERVICE_TYPE, at, event.service_type),
        (f.ACQUISITION_CHANNEL, at, channel),
        (f.BILLING_CHANNEL, at, None if channel is _CHANNEL_UNKNOWN else channel),
        (f.CLOUD, at, event.cloud),
        (f.COMMERCE_PLATFORM, at, event.commerce_platform),
        (f.AZURE_OFFER, at, event.azure_offer),
        (f.SELLER, at, None if seller is None else _make_seller(seller, False)),
        (f.OBTAINED, at, _OBTAINS.get(kind)),
        (f.AUTO_RENEW, at, event.auto_renew_enabled),
        (f.STATUS, at, event.status),
        (f.LAST_ACTIVE, at, True if event.status is _ACTIVE else None),
        (f.UNDERSTOOD, at, True),
    ]
    duration = event.term_duration if event.term_duration is not None and read_duration(event.term_duration) is not None else None
    term: list[tuple[int, int, Value]] = [
        (f.EFFECTIVE_START, at, event.effective_start_date),
        (f.COMMITMENT_END, at, event.commitment_end_date),
        (f.TERM_DURATION, at, duration),
        (f.CANCELLATION_ALLOWED_UNTIL, at, event.cancellation_allowed_until),
    ]
    begins_a_term = kind in _BEGINS_A_TERM
    if not begins_a_term:
        carried += term
        carried.append((f.IS_TRIAL, at, True if event.is_trial else None))
    previous = event.previous_subscription_id
    if kind in _LINKS and previous is not None and previous != subscription_id:
        holder = seller if kind is _TRANSFERRED_IN else None
        carried.append((f.PREDECESSOR, at, Predecessor(previous, holder)))
    writes = [write for write in carried if write[2] is not None]
    if begins_a_term:  # the whole term, absent fields as null
        trial = kind is _TRIAL_STARTED or (kind is not _TRIAL_CONVERTED and event.is_trial)
        writes += term
        writes += [(f.TERM_STARTED, at, at), (f.IS_TRIAL, at, trial), (f.RENEWED, at, kind is _RENEWED)]
    added.of_subscriptions = {subscription_id: writes}
    added.first_purchase = subscription_id


def _add_state(added: Additions, event: SubscriptionStateChanged) -> None:
    subscription_id = event.subscription_id
    added.subscriptions = (subscription_id,)
    since = effective(event)
    writes: list[tuple[int, int, Value]] = []
    if event.status is not None:
        writes.append((f.STATUS, since, event.status))
        if event.status is _ACTIVE:
            writes.append((f.LAST_ACTIVE, since, True))
    if event.auto_renew_enabled is not None:
        writes.append((f.AUTO_RENEW, since, event.auto_renew_enabled))
    added.of_subscriptions = {subscription_id: writes}


def _add_transfer(added: Additions, event: SubscriptionTransfer) -> None:
    subscription_id, target, at = event.subscription_id, event.target_partner_tenant_id, event.occurred_at
    added.subscriptions = (subscription_id,)
    added.partners = (event.source_partner_tenant_id, target)
    new = event.new_subscription_id if event.kind is TransferKind.COMPLETED else None
    added.transfer = (
        event.transfer_id,
        Transfer(added.key, event.kind, subscription_id, event.source_partner_tenant_id, target, new, event.expires_at),
    )
    if event.kind is not TransferKind.COMPLETED:
        return
    writes: list[tuple[int, int, Value]] = [
        (f.SELLER, at, Seller(target, by_transfer=True)),
        (f.ACQUISITION_CHANNEL, at, AcquisitionChannel.CSP),
        (f.BILLING_CHANNEL, at, AcquisitionChannel.CSP),
    ]
    added.of_subscriptions = {subscription_id: writes}
    if new is None or new == subscription_id:
        writes.append((f.OBTAINED, at, Obtained.TRANSFER))
        return
    added.subscriptions = (subscription_id, new)
    of_new: list[tuple[int, int, Value]] = [
        (f.SELLER, at, Seller(target, by_transfer=False)),
        (f.ACQUISITION_CHANNEL, at, AcquisitionChannel.CSP),
        (f.BILLING_CHANNEL, at, AcquisitionChannel.CSP),
        (f.STATUS, at, Status.ACTIVE),
        (f.LAST_ACTIVE, at, True),
        (f.PREDECESSOR, at, Predecessor(subscription_id, target)),
        (f.OBTAINED, at, Obtained.TRANSFER),
    ]
    added.of_subscriptions = {subscription_id: writes, new: of_new}


def _add_cancellation(added: Additions, event: Cancellation) -> None:
    kind, subscription_id, partner = event.kind, event.subscription_id, event.partner_tenant_id
    if partner is not None:
        added.partners = (partner,)
    if kind in _OF_SUBSCRIPTIONS:
        if subscription_id is not None:
            _add_cancellation_of_subscription(added, event, subscription_id)
        return
    if kind is CancellationKind.UNKNOWN and subscription_id is not None:
        added.subscriptions = (subscription_id,)
        added.of_subscriptions = {subscription_id: [(f.UNREAD_KIND, event.occurred_at, True)]}
    if partner is not None and event.cancellation_status in {CancellationStatus.COMPLETED, CancellationStatus.UNKNOWN}:
        added.partner = partner
        add_end(added, event)


def _add_cancellation_of_subscription(added: Additions, event: Cancellation, subscription_id: str) -> None:
    kind, status, at = event.kind, event.cancellation_status, event.occurred_at
    added.subscriptions = (subscription_id,)
    if status is CancellationStatus.UNKNOWN:
        added.of_subscriptions = {subscription_id: [(f.UNREAD_CANCELLATION_STATUS, at, True)]}
        return
    writes: list[tuple[int, int, Value]] = [(f.UNDERSTOOD_CANCELLATION, at, True)]
    added.of_subscriptions = {subscription_id: writes}
    auto_renew = _AUTO_RENEW.get((kind, status))
    if auto_renew is not None:
        writes.append((f.AUTO_RENEW, at, auto_renew))
    if kind is CancellationKind.SUBSCRIPTION_CANCELLED:
        writes.append((f.CANCEL_REQUEST, at, status))
    if status is CancellationStatus.COMPLETED and kind in _COMPLETED:
        writes.append((_COMPLETED[kind], effective(event), True))
