"""What does everything about a customer look like, now and later? Views with a bound, kept until a fact changes (design.md 1).

An event re-makes only the views of what it names and of what reads it: the ids linked with a subscription; the partner that sells it
and the resellers of that partner (`related`); Azure bought elsewhere, if it is Azure sold in CSP (5.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from processors.core.consents import SlotTerms, slot_terms
from processors.core.facts import Customer, Partner, Transfer
from processors.core.links import Links
from processors.core.partners import PartnerView, Profile, partner_view, profile_at, provider_of
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Consent, Context, consent_at
from processors.core.subscriptions import CSP, USAGE, SubscriptionView, subscription_at, with_replacements
from processors.core.symbols import PartnerType


class _Bounded(Protocol):
    @property
    def until(self) -> int: ...


Seen = TypeVar("Seen", bound=_Bounded)

_ANYONE = Partner("")


class Timeline(Generic[Seen]):
    """The views of one thing over time, as far as somebody asked; valid while the facts stay as they are."""

    __slots__ = ("_make", "_views")

    def __init__(self, make: Callable[[int], Seen]) -> None:
        self._make = make
        self._views: list[tuple[int, Seen]] = []

    def at(self, instant: int) -> Seen:
        """The view at the instant."""
        for since, view in self._views:
            if since <= instant < view.until:
                return view
        view = self._make(instant)
        self._views.append((instant, view))
        return view

    def forget_before(self, instant: int) -> None:
        """Drop the views that have ended."""
        if self._views and self._views[0][1].until <= instant:
            self._views = [(since, view) for since, view in self._views if view.until > instant]


class Outlook:
    """The views of a customer's subscriptions and partners."""

    __slots__ = (
        "_azure_elsewhere",
        "_azure_in_csp",
        "_bases",
        "_consents",
        "_customer",
        "_links",
        "_partners",
        "_policy",
        "_profiles",
        "_related_by_sales",
        "_sellers",
        "_slots",
        "_sold_by",
        "_subscriptions",
        "_transfers",
        "stale_partners",
        "stale_subscriptions",
    )

    def __init__(self, customer: Customer, policy: Policy) -> None:
        self._customer = customer
        self._policy = policy
        self._links = Links()
        self._transfers: dict[str, list[Transfer]] = {}
        self._profiles: dict[str | None, Profile] = {}  # those that hold at every instant
        self._slots: dict[tuple[str | None, bool], tuple[SlotTerms, ...]] = {}
        self._bases: dict[str, Timeline[SubscriptionView]] = {}
        self._subscriptions: dict[str, Timeline[SubscriptionView]] = {}
        self._consents: dict[tuple[str | None, Context], Timeline[Consent]] = {}
        self._partners: dict[tuple[str | None, Context], Timeline[PartnerView]] = {}
        self._sellers: dict[str, str] = {}
        self._sold_by: dict[str, set[str]] = {}
        self._related_by_sales: set[str | None] = set()  # partners of whom a view was made by looking at what they sell
        self._azure_in_csp: set[str] = set()
        self._azure_elsewhere: set[str] = set()
        self.stale_subscriptions: set[str] = set()  # whose views were dropped since somebody cleared this
        self.stale_partners: set[str | None] = set()  # the same

    def release(self) -> None:
        """Drop every view, for good: a timeline knows the outlook that knows it, and such a ring waits long for the garbage collector."""
        for timelines in (self._bases, self._subscriptions, self._consents, self._partners):
            timelines.clear()

    @property
    def links(self) -> Links:
        """The links between ids."""
        return self._links

    def subscription(self, subscription_id: str, instant: int) -> SubscriptionView:
        """The view of a subscription, with what others replace."""
        return self._subscriptions[subscription_id].at(instant)

    def partner(self, partner_tenant_id: str | None, context: Context, instant: int) -> PartnerView:
        """The view of a partner, or of the any-partner, in a context."""
        timeline = self._partners.get((partner_tenant_id, context))
        if timeline is None:
            timeline = Timeline(lambda at: self._make_partner(partner_tenant_id, context, at))
            self._partners[partner_tenant_id, context] = timeline
        return timeline.at(instant)

    def slots(self, partner_tenant_id: str | None, context: Context) -> tuple[SlotTerms, ...]:
        """The slots of a partner as counted in the cloud of a context."""
        every_dap_counts = bool(self._policy.clouds[context.cloud].dap_always_carried_and_asked_for)
        key = partner_tenant_id, every_dap_counts
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = slot_terms(self._partner(partner_tenant_id), self._policy, every_dap_counts=every_dap_counts)
        return slots

    def transfers_of(self, subscription_id: str) -> list[Transfer]:
        """The transfers whose last event names the subscription."""
        return self._transfers.get(subscription_id, [])

    def remake_transfers(self) -> None:
        """Take in that a transfer's last event is another one."""
        self._transfers = {}
        for transfer in self._customer.transfers.values():
            self._transfers.setdefault(transfer.subscription_id, []).append(transfer)

    def remake_subscription(self, subscription_id: str, instant: int) -> None:
        """Take in that facts of a subscription changed."""
        group = self._links.connected(subscription_id) if self._links else {subscription_id}
        before = self._links.update(self._customer, subscription_id)
        if before is not None or self._links:
            group |= self._links.connected(subscription_id)
        known = [linked for linked in group if linked in self._customer.subscriptions]
        for linked in known:
            self._bases[linked] = Timeline(lambda at, linked=linked: self._make_base(linked, at))  # type: ignore[misc]
            self._subscriptions[linked] = Timeline(lambda at, linked=linked: self._make_subscription(linked, at))  # type: ignore[misc]
        self.stale_subscriptions.update(known)
        for linked in known:
            self._index(linked, self._bases[linked].at(instant))

    def _index(self, subscription_id: str, base: SubscriptionView) -> None:
        """Keep who sells it and which Azure it is; drop what reads that. These facts do not change by time alone."""
        was_seller = self._sellers.pop(subscription_id, None)
        if was_seller is not None:
            self._sold_by[was_seller].discard(subscription_id)
        if base.seller is not None:
            self._sellers[subscription_id] = base.seller
            self._sold_by.setdefault(base.seller, set()).add(subscription_id)
        for seller in {was_seller, base.seller}:
            if seller in self._related_by_sales:
                self._drop_partner_views(seller)
        in_csp = base.vector.service is USAGE and base.vector.channel is CSP
        elsewhere = base.vector.service is USAGE and base.vector.channel is not CSP
        concerns_azure = in_csp or subscription_id in self._azure_in_csp
        for index, belongs in ((self._azure_in_csp, in_csp), (self._azure_elsewhere, elsewhere)):
            (index.add if belongs else index.discard)(subscription_id)
        if not concerns_azure:
            return
        for other in self._azure_elsewhere:
            self._subscriptions[other] = Timeline(lambda at, other=other: self._make_subscription(other, at))  # type: ignore[misc]
        self.stale_subscriptions |= self._azure_elsewhere

    def remake_partner(self, partner_tenant_id: str) -> None:
        """Take in that facts of a partner changed."""
        self._profiles.pop(partner_tenant_id, None)
        for every_dap_counts in (False, True):
            self._slots.pop((partner_tenant_id, every_dap_counts), None)
        for key in [key for key in self._consents if key[0] == partner_tenant_id]:
            del self._consents[key]
        self._drop_partner_views(partner_tenant_id)

    def remake_partners(self) -> None:
        """Take in that facts of the customer changed."""
        self._profiles.clear()
        self._partners.clear()
        self.stale_partners.add(None)
        self.stale_partners.update(self._customer.partners)

    def _drop_partner_views(self, partner_tenant_id: str | None) -> None:
        """Of the partner, and of the resellers whose provider it is."""
        self.stale_partners.add(partner_tenant_id)
        self._related_by_sales.discard(partner_tenant_id)
        for key in list(self._partners):
            if key[0] == partner_tenant_id or provider_of(self._partner(key[0]).registers.current) == partner_tenant_id:
                self.stale_partners.add(key[0])
                del self._partners[key]

    def _partner(self, partner_tenant_id: str | None) -> Partner:
        return self._customer.partners[partner_tenant_id] if partner_tenant_id is not None else _ANYONE

    def _make_base(self, subscription_id: str, instant: int) -> SubscriptionView:
        transfers = self._transfers.get(subscription_id, ())
        return subscription_at(self._customer, self._links, subscription_id, transfers, instant, self._policy)

    def _make_subscription(self, subscription_id: str, instant: int) -> SubscriptionView:
        base = self._bases[subscription_id].at(instant)
        if subscription_id not in self._azure_elsewhere or not self._azure_in_csp:
            return base
        others = [self._bases[other].at(instant) for other in self._azure_in_csp]
        return with_replacements(base, [other.replacement for other in others], min(other.until for other in others))

    def _consent(self, partner_tenant_id: str | None, context: Context, instant: int) -> Consent:
        timeline = self._consents.get((partner_tenant_id, context))
        if timeline is None:
            partner, slots = self._partner(partner_tenant_id), self.slots(partner_tenant_id, context)
            timeline = Timeline(lambda at: consent_at(partner, slots, context, at, self._policy))
            self._consents[partner_tenant_id, context] = timeline
        return timeline.at(instant)

    def _profile(self, partner_tenant_id: str | None, instant: int) -> Profile:
        profile = self._profiles.get(partner_tenant_id)
        if profile is None:
            partner = self._customer.partners[partner_tenant_id] if partner_tenant_id is not None else None
            profile = profile_at(self._customer, partner, instant)
            if not self._customer.registers.waiting:  # else it is not the same at every instant
                self._profiles[partner_tenant_id] = profile
        return profile

    def _make_partner(self, partner_tenant_id: str | None, context: Context, instant: int) -> PartnerView:
        consent, profile = self._consent(partner_tenant_id, context, instant), self._profile(partner_tenant_id, instant)
        if partner_tenant_id is None:
            return partner_view(profile, consent, False, False, FOREVER)
        if consent.vector.relationship_live:
            related, until = True, FOREVER  # as long as the consent stays as it is
        else:
            related, until = self._related_by_what_it_sells(partner_tenant_id, instant)
        provider_related = False
        if profile.partner_type is PartnerType.INDIRECT_RESELLER and profile.provider in self._customer.partners:
            provider_related, bound = self._related(profile.provider, context, instant)
            until = min(until, bound)
        return partner_view(profile, consent, related, provider_related, until)

    def _related(self, partner_tenant_id: str, context: Context, instant: int) -> tuple[bool, int]:
        """Whether the customer is related with the partner (policy.md 5.4), and until when."""
        consent = self._consent(partner_tenant_id, context, instant)
        if consent.vector.relationship_live:
            return True, consent.until
        related, until = self._related_by_what_it_sells(partner_tenant_id, instant)
        return related, min(until, consent.until)

    def _related_by_what_it_sells(self, partner_tenant_id: str, instant: int) -> tuple[bool, int]:
        until = FOREVER
        self._related_by_sales.add(partner_tenant_id)
        for subscription_id in self._sold_by.get(partner_tenant_id, ()):
            base = self._bases[subscription_id].at(instant)
            if base.sells() == partner_tenant_id:
                return True, base.until
            until = min(until, base.until)
        return False, until
