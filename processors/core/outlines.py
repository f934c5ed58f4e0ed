"""What is known of a subscription that no instant changes? All its view rests on, read through its predecessors, with its bound.

An outline holds until a write that waits comes into force; `subscriptions` fills in the instant. Where an event leaves the outline
equal to what it was, nothing looks other than before, now or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from processors.core import facts as f
from processors.core.conclusions import BillingOwnerKind
from processors.core.decisions import BillingOwner
from processors.core.facts import Customer, Obtained, Seller, Transfer
from processors.core.links import Links, registers_at
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Context, context_of
from processors.core.registers import Registers, Write, values_of
from processors.core.symbols import AcquisitionChannel, AzureOffer, Cloud, CommercePlatform, ServiceType, Status
from processors.core.terms import CANCELLED, OF_ENDED_STATUS, Cancellable, State, cancellable, has_ended, lapses, term_end, term_states
from processors.core.tuples import maker

CSP: Final = AcquisitionChannel.CSP
USAGE: Final = ServiceType.USAGE_BASED
LICENCE: Final = ServiceType.LICENSE_BASED
_EA: Final = AcquisitionChannel.EA
_BY_TRANSFER: Final = Obtained.TRANSFER
_PENDING: Final = Status.PENDING


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

    def sells(self, instant: int) -> tuple[bool, int]:
        """Whether the subscription relates the customer to its seller (policy.md 5.4), and until when; what has ended stays ended."""
        if self.face.seller is None or self.succeeded:
            return False, self.until
        since = -FOREVER
        for state, until, _ in self.states:
            if has_ended(state, self.service):
                return (True, min(since, self.until)) if instant < since else (False, self.until)
            since = until
        return True, self.until


_make_face: Final = maker(Face)
_make_outline: Final = maker(Outline)
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
    registers = customer.subscriptions[subscription_id].registers
    told = registers.told(writes)
    service, channel, cloud, begun = told[f.SERVICE_TYPE], told[f.ACQUISITION_CHANNEL], told[f.CLOUD], told[f.TERM_STARTED]
    if begun is None:
        begun = told[f.FIRST_PURCHASE]
    in_csp = channel is CSP
    succeeded = links.successor(customer, subscription_id) if links.names else None
    seller: Seller | None = told[f.SELLER] if in_csp else None
    seller_id, by_transfer = (None, False) if seller is None else seller
    face = _make_face(
        context_of(policy.consent_cloud(cloud), channel is _EA),
        _owner(told) if succeeded is None else _owner_after(customer, links, subscription_id, instant),
        seller_id,
        by_transfer and registers.current[f.SELLER] is writes[f.SELLER],
        succeeded[1].holder if succeeded is not None else None,
    )
    if transfers and in_csp:
        transfers = [one for one in transfers if one.source_partner_tenant_id == seller_id]
    end = term_end(told)
    states = term_states(writes, told, end)
    return _make_outline(
        succeeded is not None,
        missing_facts(writes, told, cancelled=states is CANCELLED),
        service,
        channel,
        cloud,
        told[f.OBTAINED] is _BY_TRANSFER,
        told[f.IS_TRIAL] is True,
        told[f.COMMERCE_PLATFORM],
        told[f.AUTO_RENEW],
        told[f.RENEWED] is True,
        told[f.AZURE_OFFER],
        told[f.SERVICES_CANCELLED] is True,
        told[f.STATUS] is _PENDING,
        face,
        states,
        end,
        cancellable(writes, told) if in_csp and service is LICENCE else None,
        begun,
        tuple(transfers),
        until,
    )


def rests_on_when_told(registers: Registers, outline: Outline) -> bool:
    """Whether the outline of a subscription without links may be another one when the values it has are told again, later.

    Term states read when a cancellation, and when a status that ends was told, or one at or after the end of a term that lapses
    (`term_states`), the window when a request was made (`cancellable`), missing facts which of two marks is the greater one
    (`missing_facts`). `outline` is the one before.
    """
    current = registers.current
    if registers.waiting:
        return True
    for register in _READ_WITH_THEIR_TIME:
        if current[register] is not None:
            return True
    status = current[f.STATUS]
    if status is None or status[2] in OF_ENDED_STATUS:
        return True
    end = outline.term_end
    return end is not None and status[0] >= end and lapses(outline.states)


def _owner(told: list[Any]) -> BillingOwner:
    """Who bills (policy.md 5.9), from the values of the registers of a subscription that is not succeeded."""
    channel = told[f.BILLING_CHANNEL]
    if channel is CSP:
        seller: Seller | None = told[f.SELLER]
        return _csp_partner(None if seller is None else seller.partner_tenant_id)
    return _OWNERS.get(channel, _NEVER_TOLD)


def _owner_after(customer: Customer, links: Links, subscription_id: str, instant: int) -> BillingOwner:
    """Of a succeeded subscription whoever its successor says, the last one before a ring closes."""
    visited = {subscription_id}
    here = subscription_id
    while (succeeded := links.successor(customer, here)) is not None and succeeded[0] not in visited:
        here = succeeded[0]
        visited.add(here)
    writes, _ = registers_at(customer, here, instant)
    return _owner(values_of(writes))


@lru_cache(maxsize=4_096)
def _csp_partner(partner_tenant_id: str | None) -> BillingOwner:
    return BillingOwner(BillingOwnerKind.CSP_PARTNER, partner_tenant_id)


_READ_WITH_THEIR_TIME: Final = (f.CANCELLED, f.CANCEL_REQUEST, f.UNREAD_KIND, f.UNREAD_CANCELLATION_STATUS)
_NEEDED: Final = (
    ("service_type", f.SERVICE_TYPE, ServiceType.UNKNOWN),
    ("acquisition_channel", f.ACQUISITION_CHANNEL, AcquisitionChannel.UNKNOWN),
    ("cloud", f.CLOUD, Cloud.UNKNOWN),
)
_STATUS_UNKNOWN: Final = Status.UNKNOWN


def missing_facts(writes: list[Write | None], told: list[Any], *, cancelled: bool) -> tuple[str, ...]:
    """The names of the facts that every row after E4 needs (policy.md 7), for a named partner; `told` are the values of `writes`."""
    missing: list[str] = []
    for name, register, unknown in _NEEDED:
        value = told[register]
        if value is None or value is unknown:
            missing.append(name)
    if told[f.SELLER] is None and told[f.ACQUISITION_CHANNEL] is CSP:
        missing.append("seller_partner_tenant_id")
    status = told[f.STATUS]
    if (status is None or status is _STATUS_UNKNOWN) and not cancelled:
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
