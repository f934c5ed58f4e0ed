"""What is known of a subscription that no instant changes? All its view rests on, read through its predecessors, with its bound.

An outline holds until a write that waits comes into force; `subscriptions` fills in the instant. Where an event leaves the outline
equal to what it was, nothing looks other than before, now or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.decisions import BillingOwner
from processors.core.facts import Customer, Obtained, Predecessor, Seller, Transfer, Write
from processors.core.links import Links, registers_at
from processors.core.policy import Policy
from processors.core.positions import Context, context_of
from processors.core.symbols import AcquisitionChannel, AzureOffer, BillingOwnerKind, Cloud, CommercePlatform, ServiceType, Status
from processors.core.terms import Cancellable, State, TermState, cancellable, instant_of, term_end, term_states, value

CSP: Final = AcquisitionChannel.CSP
USAGE: Final = ServiceType.USAGE_BASED
LICENCE: Final = ServiceType.LICENSE_BASED


class Face(NamedTuple):
    """What a pair reads of a subscription beside its vector and its dates."""

    context: Context
    owner: BillingOwner
    seller: str | None  # only where the channel is CSP
    seller_by_transfer: bool  # a completed transfer under this id made the seller
    holder: str | None  # of a succeeded one


class Outline(NamedTuple):
    """A subscription at every instant until `until`."""

    succeeded: bool
    missing: tuple[str, ...]  # for a named partner; sorted
    service: ServiceType | None
    channel: AcquisitionChannel | None
    cloud: Cloud | None
    obtained_by_transfer: bool
    trial: bool
    platform: CommercePlatform | None
    auto_renew: bool | None
    renewed: bool
    azure_offer: AzureOffer | None
    services_cancelled: bool
    pending: bool  # told as PENDING
    face: Face
    states: tuple[State, ...]  # each until its bound, the last one for ever
    term_end: int | None
    cancellable: Cancellable | None  # of a licence sold in CSP
    begun: int | None
    transfers: tuple[Transfer, ...]  # those to look at (policy.md 5.7)
    until: int


_OWNERS: Final = {
    AcquisitionChannel.MICROSOFT_DIRECT: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.ADVISOR: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.EA: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.MCA_ENTERPRISE: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.OPEN: BillingOwner(BillingOwnerKind.VOLUME_LICENSING_RESELLER),
    AcquisitionChannel.SYNDICATION: BillingOwner(BillingOwnerKind.SYNDICATION_PARTNER),
    AcquisitionChannel.THIRD_PARTY_NON_CSP: BillingOwner(BillingOwnerKind.THIRD_PARTY),
}
_NEVER_TOLD: Final = BillingOwner(BillingOwnerKind.UNKNOWN)


def outline_at(
    customer: Customer, links: Links, subscription_id: str, transfers: Sequence[Transfer], instant: int, policy: Policy
) -> Outline:
    """The outline in force at an instant; `transfers` are those whose last event names the subscription."""
    writes, until = registers_at(customer, subscription_id, instant)
    service, channel, cloud = value(writes, f.SERVICE_TYPE), value(writes, f.ACQUISITION_CHANNEL), value(writes, f.CLOUD)
    platform, offer, auto_renew = value(writes, f.COMMERCE_PLATFORM), value(writes, f.AZURE_OFFER), value(writes, f.AUTO_RENEW)
    succeeded = links.successor(customer, subscription_id) if links else None
    end = term_end(writes)
    states = term_states(writes, end)
    begun = instant_of(writes, f.TERM_STARTED)
    face = _face(customer, links, subscription_id, writes, succeeded, instant, policy)
    if transfers and channel is CSP:
        transfers = [one for one in transfers if one.source_partner_tenant_id == face.seller]
    return Outline(
        succeeded is not None,
        missing_facts(writes, cancelled=states[0].state is TermState.CANCELLED),
        service if isinstance(service, ServiceType) else None,
        channel if isinstance(channel, AcquisitionChannel) else None,
        cloud if isinstance(cloud, Cloud) else None,
        value(writes, f.OBTAINED) is Obtained.TRANSFER,
        value(writes, f.IS_TRIAL) is True,
        platform if isinstance(platform, CommercePlatform) else None,
        auto_renew if isinstance(auto_renew, bool) else None,
        value(writes, f.RENEWED) is True,
        offer if isinstance(offer, AzureOffer) else None,
        value(writes, f.SERVICES_CANCELLED) is True,
        value(writes, f.STATUS) is Status.PENDING,
        face,
        states,
        end,
        cancellable(writes) if service is LICENCE and channel is CSP else None,
        begun if begun is not None else instant_of(writes, f.FIRST_PURCHASE),
        tuple(transfers),
        until,
    )


def _face(
    customer: Customer,
    links: Links,
    subscription_id: str,
    writes: list[Write | None],
    succeeded: tuple[str, Predecessor] | None,
    instant: int,
    policy: Policy,
) -> Face:
    channel, cloud = value(writes, f.ACQUISITION_CHANNEL), value(writes, f.CLOUD)
    seller = value(writes, f.SELLER) if channel is CSP else None
    sold = isinstance(seller, Seller)
    own = customer.subscriptions[subscription_id].registers.current[f.SELLER]
    return Face(
        context_of(policy.consent_cloud(cloud if isinstance(cloud, Cloud) else None), channel is AcquisitionChannel.EA),
        billing_owner(customer, links, subscription_id, writes, instant),
        seller.partner_tenant_id if isinstance(seller, Seller) else None,
        sold and own is not None and own[2] is seller and isinstance(seller, Seller) and seller.by_transfer,
        succeeded[1].holder if succeeded is not None else None,
    )


def billing_owner(customer: Customer, links: Links, subscription_id: str, writes: list[Write | None], instant: int) -> BillingOwner:
    """Who bills (policy.md 5.9): of a succeeded subscription whoever its successor says, the last one before a ring closes."""
    visited = {subscription_id}
    here = subscription_id
    while links and (succeeded := links.successor(customer, here)) is not None and succeeded[0] not in visited:
        here = succeeded[0]
        visited.add(here)
    if here != subscription_id:
        writes, _ = registers_at(customer, here, instant)
    channel = value(writes, f.BILLING_CHANNEL)
    if channel is CSP:
        seller = value(writes, f.SELLER)
        return _csp_partner(seller.partner_tenant_id if isinstance(seller, Seller) else None)
    return _OWNERS.get(channel, _NEVER_TOLD) if isinstance(channel, AcquisitionChannel) else _NEVER_TOLD


@lru_cache(maxsize=4_096)
def _csp_partner(partner_tenant_id: str | None) -> BillingOwner:
    return BillingOwner(BillingOwnerKind.CSP_PARTNER, partner_tenant_id)


_NEEDED: Final = (("service_type", f.SERVICE_TYPE), ("acquisition_channel", f.ACQUISITION_CHANNEL), ("cloud", f.CLOUD))


def missing_facts(writes: list[Write | None], *, cancelled: bool) -> tuple[str, ...]:
    """The names of the facts that every row after E4 needs (policy.md 7), for a named partner."""
    missing: list[str] = []
    for name, register in _NEEDED:
        write = writes[register]
        if write is None or write[2] == "UNKNOWN":
            missing.append(name)
    if writes[f.SELLER] is None and value(writes, f.ACQUISITION_CHANNEL) is CSP:
        missing.append("seller_partner_tenant_id")
    if not cancelled and value(writes, f.STATUS) in {None, Status.UNKNOWN}:
        missing.append("status")
    if _counts(writes, f.UNREAD_KIND, (f.UNDERSTOOD,)):
        missing.append("kind")
    if _counts(writes, f.UNREAD_CANCELLATION_STATUS, (f.UNDERSTOOD, f.UNDERSTOOD_CANCELLATION)):
        missing.append("cancellation_status")
    return tuple(sorted(missing)) if missing else ()


def _counts(writes: list[Write | None], mark: int, cleared_by: tuple[int, ...]) -> bool:
    unread = writes[mark]
    return unread is not None and all(clear is None or clear[1] < unread[1] for clear in (writes[register] for register in cleared_by))
