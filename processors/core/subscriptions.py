"""What does a subscription look like at an instant, for whichever partner? All that the tables read of it, with its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from processors.core import facts as f
from processors.core.decisions import BillingOwner
from processors.core.facts import Customer, Obtained, Seller, Transfer, Write
from processors.core.links import Links, registers_at
from processors.core.numbers import OF_VECTORS
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Context, context_of
from processors.core.symbols import AcquisitionChannel, AzureOffer, BillingOwnerKind, Cloud, CommercePlatform, ServiceType, Status
from processors.core.terms import ENDED, TermState, Window, cancelling, instant_of, term_end, term_state, value
from processors.core.transfers import TransferPosition, transfers_at

CSP = AcquisitionChannel.CSP
USAGE = ServiceType.USAGE_BASED
LICENCE = ServiceType.LICENSE_BASED


class SubscriptionVector(NamedTuple):
    """The discrete facts of a subscription; equal vectors give equal rows. What no row can read is left at its neutral value."""

    succeeded: bool = False
    missing: tuple[str, ...] = ()  # for a named partner; sorted
    service: ServiceType | None = None
    channel: AcquisitionChannel | None = None
    cloud: Cloud | None = None
    state: TermState = TermState.UNKNOWN
    ended: bool = False
    obtained_by_transfer: bool = False
    before_first_policy: bool = False
    trial: bool = False
    platform: CommercePlatform | None = None
    window: Window = Window.UNKNOWN
    request_refused: bool = False
    auto_renew: bool | None = None
    renewed: bool = False
    end_ahead: bool = False  # E is known, and T < E
    licence_transfer: bool = False  # by version
    azure_offer: AzureOffer | None = None
    azure_plan_transfer: bool = False  # by version
    legacy_azure_by_tool: bool = False  # by version
    azure_plan_needed: bool = False  # by version
    services_cancelled: bool = False
    replaced: bool = False  # at all; table C


class Replacement(NamedTuple):
    """What an Azure subscription sold in CSP can replace (policy.md 5.6)."""

    begun: int
    seller: str | None
    at_all: bool  # status not PENDING, state not UNKNOWN
    alive: bool  # also not succeeded, and IN_TERM or SUSPENDED


class SubscriptionView(NamedTuple):
    """A subscription from an instant until `until`."""

    vector: SubscriptionVector
    context: Context
    owner: BillingOwner
    seller: str | None  # only where the channel is CSP
    seller_by_transfer: bool  # a completed transfer under this id made the seller
    holder: str | None  # of a succeeded one
    transfers: dict[str, TransferPosition]  # by target
    running_targets: tuple[str, ...]
    term_end: int | None
    cancellation_allowed_until: int | None
    grace_until: int | None
    replaced_by: frozenset[str]  # partners
    number: int  # of the vector
    begun: int | None
    replacement: Replacement | None
    until: int

    def looks_like(self, other: SubscriptionView) -> bool:
        """Whether no pair can tell the two apart; the bound and what concerns other subscriptions aside."""
        return self[:13] == other[:13]

    def sells(self) -> str | None:
        """The partner to whom this subscription relates the customer (policy.md 5.4)."""
        return self.seller if not self.vector.succeeded and not self.vector.ended else None


_OWNERS = {
    AcquisitionChannel.MICROSOFT_DIRECT: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.ADVISOR: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.EA: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.MCA_ENTERPRISE: BillingOwner(BillingOwnerKind.MICROSOFT),
    AcquisitionChannel.OPEN: BillingOwner(BillingOwnerKind.VOLUME_LICENSING_RESELLER),
    AcquisitionChannel.SYNDICATION: BillingOwner(BillingOwnerKind.SYNDICATION_PARTNER),
    AcquisitionChannel.THIRD_PARTY_NON_CSP: BillingOwner(BillingOwnerKind.THIRD_PARTY),
}
_NOBODY: frozenset[str] = frozenset()
_NEVER_TOLD = BillingOwner(BillingOwnerKind.UNKNOWN)


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
        return BillingOwner(BillingOwnerKind.CSP_PARTNER, seller.partner_tenant_id if isinstance(seller, Seller) else None)
    return _OWNERS.get(channel, _NEVER_TOLD) if isinstance(channel, AcquisitionChannel) else _NEVER_TOLD


def missing_facts(writes: list[Write | None], state: TermState) -> tuple[str, ...]:
    """The names of the facts that every row after E4 needs (policy.md 7), for a named partner."""
    missing: list[str] = [
        name
        for name, register in (("service_type", f.SERVICE_TYPE), ("acquisition_channel", f.ACQUISITION_CHANNEL), ("cloud", f.CLOUD))
        if (write := writes[register]) is None or write[2] == "UNKNOWN"
    ]
    if value(writes, f.ACQUISITION_CHANNEL) is CSP and writes[f.SELLER] is None:
        missing.append("seller_partner_tenant_id")
    if value(writes, f.STATUS) in {None, Status.UNKNOWN} and state is not TermState.CANCELLED:
        missing.append("status")
    if _counts(writes, f.UNREAD_KIND, (f.UNDERSTOOD,)):
        missing.append("kind")
    if _counts(writes, f.UNREAD_CANCELLATION_STATUS, (f.UNDERSTOOD, f.UNDERSTOOD_CANCELLATION)):
        missing.append("cancellation_status")
    return tuple(sorted(missing)) if missing else ()


def _counts(writes: list[Write | None], mark: int, cleared_by: Iterable[int]) -> bool:
    unread = writes[mark]
    return unread is not None and all(clear is None or clear[1] < unread[1] for clear in (writes[register] for register in cleared_by))


def subscription_at(
    customer: Customer, links: Links, subscription_id: str, transfers: Iterable[Transfer], instant: int, policy: Policy
) -> SubscriptionView:
    """The view of a subscription; `transfers` are those whose last event names it. What others replace is left open (`replaced`)."""
    writes, until = registers_at(customer, subscription_id, instant)
    end = term_end(writes)
    term = term_state(writes, end, instant)
    until = min(until, term.until)
    service, channel, cloud = value(writes, f.SERVICE_TYPE), value(writes, f.ACQUISITION_CHANNEL), value(writes, f.CLOUD)
    ended = term.state in ENDED or (service is USAGE and term.state is TermState.ENDED_GRACE)
    succeeded = links.successor(customer, subscription_id) if links else None
    seller = value(writes, f.SELLER) if channel is CSP else None
    own = customer.subscriptions[subscription_id].registers.current[f.SELLER]
    seller_id = seller.partner_tenant_id if isinstance(seller, Seller) else None
    positions: dict[str, TransferPosition] = {}
    if transfers:
        positions, bound = transfers_at(
            [one for one in transfers if channel is not CSP or one.source_partner_tenant_id == seller_id], instant
        )
        until = min(until, bound)
    before_first, bound = policy.before_first.at(instant)
    until = min(until, bound)
    common = SubscriptionVector(
        succeeded is not None,
        missing_facts(writes, term.state),
        service if isinstance(service, ServiceType) else None,
        channel if isinstance(channel, AcquisitionChannel) else None,
        cloud if isinstance(cloud, Cloud) else None,
        term.state,
        ended,
        value(writes, f.OBTAINED) is Obtained.TRANSFER,
        before_first,
        value(writes, f.IS_TRIAL) is True,
    )
    vector, allowed_until, bound = common, None, FOREVER
    if service is LICENCE:
        if end is not None and instant < end:
            until = min(until, end)
        if channel is CSP:
            vector, allowed_until, bound = _licence(common, writes, end, instant, policy)
        elif positions:  # who accepts a transfer depends on the version
            licence_transfer, bound = policy.licence_transfer.at(instant)
            vector = common._replace(licence_transfer=licence_transfer)
    elif service is USAGE:
        vector, bound = _usage(common, writes, instant, policy)
    begun = instant_of(writes, f.TERM_STARTED)
    if begun is None:
        begun = instant_of(writes, f.FIRST_PURCHASE)
    return SubscriptionView(
        vector=vector,
        context=context_of(policy.consent_cloud(common.cloud), channel is AcquisitionChannel.EA),
        owner=billing_owner(customer, links, subscription_id, writes, instant),
        seller=seller_id,
        seller_by_transfer=isinstance(seller, Seller) and own is not None and seller.by_transfer and own[2] is seller,
        holder=succeeded[1].holder if succeeded is not None else None,
        transfers=positions,
        running_targets=tuple(sorted(target for target, position in positions.items() if position.running is not None))
        if positions
        else (),
        term_end=end,
        cancellation_allowed_until=allowed_until,
        grace_until=term.grace_until,
        replaced_by=_NOBODY,
        number=OF_VECTORS.of(vector),
        begun=begun,
        replacement=_replacement(writes, vector, seller_id, begun) if service is USAGE and channel is CSP else None,
        until=min(until, bound),
    )


def _licence(
    common: SubscriptionVector, writes: list[Write | None], end: int | None, instant: int, policy: Policy
) -> tuple[SubscriptionVector, int | None, int]:
    """What table B reads."""
    window = cancelling(writes, instant, policy)
    licence_transfer, bound = policy.licence_transfer.at(instant)
    platform, auto_renew = value(writes, f.COMMERCE_PLATFORM), value(writes, f.AUTO_RENEW)
    vector = SubscriptionVector(
        *common[:10],
        platform if isinstance(platform, CommercePlatform) else None,
        window.window,
        window.request_refused,
        auto_renew if isinstance(auto_renew, bool) else None,
        value(writes, f.RENEWED) is True,
        end is not None and instant < end,
        licence_transfer,
    )
    return vector, window.allowed_until, min(window.until, bound)


def _usage(common: SubscriptionVector, writes: list[Write | None], instant: int, policy: Policy) -> tuple[SubscriptionVector, int]:
    """What tables C and D read."""
    offer = value(writes, f.AZURE_OFFER)
    plan_transfer, first = policy.azure_plan_transfer.at(instant)
    by_tool, second = policy.legacy_azure_by_tool.at(instant)
    plan_needed, third = policy.azure_plan_needed.at(instant)
    vector = SubscriptionVector(
        *common[:17],
        offer if isinstance(offer, AzureOffer) else None,
        plan_transfer,
        by_tool,
        plan_needed,
        value(writes, f.SERVICES_CANCELLED) is True,
    )
    return vector, min(first, second, third)


def _replacement(writes: list[Write | None], vector: SubscriptionVector, seller: str | None, begun: int | None) -> Replacement | None:
    if begun is None:
        return None
    at_all = value(writes, f.STATUS) is not Status.PENDING and vector.state is not TermState.UNKNOWN
    alive = at_all and not vector.succeeded and vector.state in {TermState.IN_TERM, TermState.SUSPENDED}
    return Replacement(begun, seller, at_all, alive)


def with_replacements(view: SubscriptionView, others: Iterable[Replacement | None], until: int) -> SubscriptionView:
    """The view of an Azure subscription bought outside CSP, knowing the Azure sold in CSP, which stays so until `until`."""
    begun = view.begun
    if begun is None:
        return view
    found = [other for other in others if other is not None and other.at_all and other.begun >= begun]
    vector = view.vector._replace(replaced=bool(found))
    return view._replace(
        vector=vector,
        number=OF_VECTORS.of(vector),
        replaced_by=frozenset(other.seller for other in found if other.alive and other.seller is not None),
        until=min(view.until, until),
    )
