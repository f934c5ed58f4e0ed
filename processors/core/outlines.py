"""What is known of a subscription that no instant changes? All its view rests on, read through its predecessors, with its bound.

An outline holds until a write that waits comes into force; `subscriptions` fills in the instant. Where an event leaves the outline
equal to what it was, nothing looks other than before, now or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.conclusions import BillingOwnerKind
from processors.core.decisions import BillingOwner
from processors.core.facts import Customer, Obtained, Seller, Transfer, Write
from processors.core.links import Links, registers_at
from processors.core.policy import Policy
from processors.core.positions import Context, context_of
from processors.core.symbols import AcquisitionChannel, AzureOffer, Cloud, CommercePlatform, ServiceType, Status
from processors.core.terms import Cancellable, State, TermState, cancellable, term_end, term_states, value

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
    told = [write[2] if write is not None else None for write in writes]
    service, channel, cloud, begun = told[f.SERVICE_TYPE], told[f.ACQUISITION_CHANNEL], told[f.CLOUD], told[f.TERM_STARTED]
    platform, offer, auto_renew = told[f.COMMERCE_PLATFORM], told[f.AZURE_OFFER], told[f.AUTO_RENEW]
    if begun is None:
        begun = told[f.FIRST_PURCHASE]
    in_csp = channel is CSP
    succeeded = links.successor(customer, subscription_id) if links else None
    seller = told[f.SELLER] if in_csp else None
    seller_id, by_transfer = (seller.partner_tenant_id, seller.by_transfer) if isinstance(seller, Seller) else (None, False)
    face = Face(
        context_of(policy.consent_cloud(cloud if isinstance(cloud, Cloud) else None), channel is AcquisitionChannel.EA),
        _owner(told) if succeeded is None else _owner_after(customer, links, subscription_id, instant),
        seller_id,
        by_transfer and customer.subscriptions[subscription_id].registers.current[f.SELLER] is writes[f.SELLER],
        succeeded[1].holder if succeeded is not None else None,
    )
    if transfers and in_csp:
        transfers = [one for one in transfers if one.source_partner_tenant_id == seller_id]
    end = term_end(writes)
    states = term_states(writes, end)
    return Outline(
        succeeded is not None,
        missing_facts(writes, cancelled=states[0].state is TermState.CANCELLED),
        service if isinstance(service, ServiceType) else None,
        channel if isinstance(channel, AcquisitionChannel) else None,
        cloud if isinstance(cloud, Cloud) else None,
        told[f.OBTAINED] is Obtained.TRANSFER,
        told[f.IS_TRIAL] is True,
        platform if isinstance(platform, CommercePlatform) else None,
        auto_renew if isinstance(auto_renew, bool) else None,
        told[f.RENEWED] is True,
        offer if isinstance(offer, AzureOffer) else None,
        told[f.SERVICES_CANCELLED] is True,
        told[f.STATUS] is Status.PENDING,
        face,
        states,
        end,
        cancellable(writes) if in_csp and service is LICENCE else None,
        begun if isinstance(begun, int) else None,
        tuple(transfers),
        until,
    )


def _owner(told: list[object]) -> BillingOwner:
    """Who bills (policy.md 5.9), from the values of the registers of a subscription that is not succeeded."""
    channel = told[f.BILLING_CHANNEL]
    if channel is CSP:
        seller = told[f.SELLER]
        return _csp_partner(seller.partner_tenant_id if isinstance(seller, Seller) else None)
    return _OWNERS.get(channel, _NEVER_TOLD) if isinstance(channel, AcquisitionChannel) else _NEVER_TOLD


def _owner_after(customer: Customer, links: Links, subscription_id: str, instant: int) -> BillingOwner:
    """Of a succeeded subscription whoever its successor says, the last one before a ring closes."""
    visited = {subscription_id}
    here = subscription_id
    while (succeeded := links.successor(customer, here)) is not None and succeeded[0] not in visited:
        here = succeeded[0]
        visited.add(here)
    writes, _ = registers_at(customer, here, instant)
    return _owner([write[2] if write is not None else None for write in writes])


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
    if writes[f.UNREAD_KIND] is not None and _counts(writes, f.UNREAD_KIND, f.UNDERSTOOD):
        missing.append("kind")
    if (
        writes[f.UNREAD_CANCELLATION_STATUS] is not None
        and _counts(writes, f.UNREAD_CANCELLATION_STATUS, f.UNDERSTOOD)
        and _counts(writes, f.UNREAD_CANCELLATION_STATUS, f.UNDERSTOOD_CANCELLATION)
    ):
        missing.append("cancellation_status")
    return tuple(sorted(missing)) if missing else ()


def _counts(writes: list[Write | None], mark: int, cleared_by: int) -> bool:
    """Whether a mark is not cleared by another one with the greater key (policy.md 4.4)."""
    unread, clear = writes[mark], writes[cleared_by]
    return unread is not None and (clear is None or clear[1] < unread[1])
