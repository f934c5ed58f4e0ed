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
from processors.core.facts import Obtained, Predecessor, Seller, Transfer, Value
from processors.core.fold_consents import add_consent, add_end
from processors.core.symbols import (
    AcquisitionChannel,
    CancellationKind,
    CancellationStatus,
    PurchaseKind,
    Status,
    TransferKind,
)

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


def additions(event: Event) -> Additions:
    """All that the event adds."""
    added = Additions(key_of(event))
    if isinstance(event, ReviewDue):
        return added
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
    if event.customer_country is not None:
        added.customer.append((f.CUSTOMER_COUNTRY, since, event.customer_country))
    if event.is_csp_transacting_tenant is not None:
        added.customer.append((f.IS_CSP_TENANT, since, event.is_csp_transacting_tenant))


def _add_purchase(added: Additions, event: SubscriptionPurchased) -> None:
    kind, subscription_id, at = event.kind, event.subscription_id, event.occurred_at
    added.subscriptions = (subscription_id,)
    if event.seller_partner_tenant_id is not None:
        added.partners.append(event.seller_partner_tenant_id)
    if event.candidate_partner_tenant_id is not None:
        added.partners.append(event.candidate_partner_tenant_id)
    writes = added.of_subscriptions
    if kind is PurchaseKind.UNKNOWN:
        writes.append((subscription_id, f.UNREAD_KIND, at, True))
        return
    carried: list[tuple[int, Value]] = [
        (f.SERVICE_TYPE, event.service_type),
        (f.ACQUISITION_CHANNEL, event.acquisition_channel),
        (f.BILLING_CHANNEL, None if event.acquisition_channel is AcquisitionChannel.UNKNOWN else event.acquisition_channel),
        (f.CLOUD, event.cloud),
        (f.COMMERCE_PLATFORM, event.commerce_platform),
        (f.AZURE_OFFER, event.azure_offer),
        (f.SELLER, None if event.seller_partner_tenant_id is None else Seller(event.seller_partner_tenant_id, by_transfer=False)),
        (f.OBTAINED, _OBTAINS.get(kind)),
        (f.AUTO_RENEW, event.auto_renew_enabled),
        (f.STATUS, event.status),
        (f.LAST_ACTIVE, True if event.status is Status.ACTIVE else None),
        (f.UNDERSTOOD, True),
    ]
    duration = event.term_duration if event.term_duration is not None and read_duration(event.term_duration) is not None else None
    term: list[tuple[int, Value]] = [
        (f.EFFECTIVE_START, event.effective_start_date),
        (f.COMMITMENT_END, event.commitment_end_date),
        (f.TERM_DURATION, duration),
        (f.CANCELLATION_ALLOWED_UNTIL, event.cancellation_allowed_until),
    ]
    if kind in _BEGINS_A_TERM:
        trial = kind is PurchaseKind.TRIAL_STARTED or (kind is not PurchaseKind.TRIAL_CONVERTED and event.is_trial)
        term += [(f.TERM_STARTED, at), (f.IS_TRIAL, trial), (f.RENEWED, kind is PurchaseKind.RENEWED)]
        writes.extend((subscription_id, register, at, value) for register, value in term)
    else:
        carried += term
        carried.append((f.IS_TRIAL, True if event.is_trial else None))
    previous = event.previous_subscription_id
    if kind in _LINKS and previous is not None and previous != subscription_id:
        holder = event.seller_partner_tenant_id if kind is PurchaseKind.TRANSFERRED_IN else None
        carried.append((f.PREDECESSOR, Predecessor(previous, holder)))
    writes.extend((subscription_id, register, at, value) for register, value in carried if value is not None)
    added.first_purchase = subscription_id


def _add_state(added: Additions, event: SubscriptionStateChanged) -> None:
    subscription_id = event.subscription_id
    added.subscriptions = (subscription_id,)
    since = effective(event)
    if event.status is not None:
        added.of_subscriptions.append((subscription_id, f.STATUS, since, event.status))
        if event.status is Status.ACTIVE:
            added.of_subscriptions.append((subscription_id, f.LAST_ACTIVE, since, True))
    if event.auto_renew_enabled is not None:
        added.of_subscriptions.append((subscription_id, f.AUTO_RENEW, since, event.auto_renew_enabled))


def _add_transfer(added: Additions, event: SubscriptionTransfer) -> None:
    subscription_id, target, at = event.subscription_id, event.target_partner_tenant_id, event.occurred_at
    added.subscriptions = (subscription_id,)
    added.partners += (event.source_partner_tenant_id, target)
    new = event.new_subscription_id if event.kind is TransferKind.COMPLETED else None
    added.transfer = (
        event.transfer_id,
        Transfer(added.key, event.kind, subscription_id, event.source_partner_tenant_id, target, new, event.expires_at),
    )
    if event.kind is not TransferKind.COMPLETED:
        return
    writes = added.of_subscriptions
    writes += [
        (subscription_id, f.SELLER, at, Seller(target, by_transfer=True)),
        (subscription_id, f.ACQUISITION_CHANNEL, at, AcquisitionChannel.CSP),
        (subscription_id, f.BILLING_CHANNEL, at, AcquisitionChannel.CSP),
    ]
    if new is None or new == subscription_id:
        writes.append((subscription_id, f.OBTAINED, at, Obtained.TRANSFER))
        return
    added.subscriptions = (subscription_id, new)
    writes += [
        (new, f.SELLER, at, Seller(target, by_transfer=False)),
        (new, f.ACQUISITION_CHANNEL, at, AcquisitionChannel.CSP),
        (new, f.BILLING_CHANNEL, at, AcquisitionChannel.CSP),
        (new, f.STATUS, at, Status.ACTIVE),
        (new, f.LAST_ACTIVE, at, True),
        (new, f.PREDECESSOR, at, Predecessor(subscription_id, target)),
        (new, f.OBTAINED, at, Obtained.TRANSFER),
    ]


def _add_cancellation(added: Additions, event: Cancellation) -> None:
    kind, subscription_id, partner = event.kind, event.subscription_id, event.partner_tenant_id
    if partner is not None:
        added.partners.append(partner)
    if kind in _OF_SUBSCRIPTIONS:
        if subscription_id is not None:
            _add_cancellation_of_subscription(added, event, subscription_id)
        return
    if kind is CancellationKind.UNKNOWN and subscription_id is not None:
        added.subscriptions = (subscription_id,)
        added.of_subscriptions.append((subscription_id, f.UNREAD_KIND, event.occurred_at, True))
    if partner is not None and event.cancellation_status in {CancellationStatus.COMPLETED, CancellationStatus.UNKNOWN}:
        added.partner = partner
        add_end(added, event)


def _add_cancellation_of_subscription(added: Additions, event: Cancellation, subscription_id: str) -> None:
    kind, status, at = event.kind, event.cancellation_status, event.occurred_at
    added.subscriptions = (subscription_id,)
    writes = added.of_subscriptions
    if status is CancellationStatus.UNKNOWN:
        writes.append((subscription_id, f.UNREAD_CANCELLATION_STATUS, at, True))
        return
    writes.append((subscription_id, f.UNDERSTOOD_CANCELLATION, at, True))
    since = effective(event)
    auto_renew = _AUTO_RENEW.get((kind, status))
    if auto_renew is not None:
        writes.append((subscription_id, f.AUTO_RENEW, at, auto_renew))
    if kind is CancellationKind.SUBSCRIPTION_CANCELLED:
        writes.append((subscription_id, f.CANCEL_REQUEST, at, status))
    if status is CancellationStatus.COMPLETED and kind in _COMPLETED:
        writes.append((subscription_id, _COMPLETED[kind], since, True))
