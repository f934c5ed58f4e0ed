"""What does everything about a customer look like, now and later? Views with a bound, kept until a fact changes (design.md 1).

An event re-makes only the views of what it names and of what reads it: the ids linked with a subscription; the partner that sells it
and the resellers of that partner (`related`); Azure bought elsewhere, if it is Azure sold in CSP (5.6). Where a subscription's outline
stays equal, nothing is re-made.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

from processors.core.consents import SlotTerms, slot_terms
from processors.core.facts import INDIRECT_PROVIDER, PREDECESSOR, Customer, Partner, Transfer
from processors.core.links import Links
from processors.core.outlines import CSP, USAGE, Outline, outline_at, rests_on_when_told
from processors.core.partners import PartnerView, Profile, partner_view, profile_at
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Consent, Context, consent_at
from processors.core.subscriptions import SubscriptionView, subscription_at, with_replacements
from processors.core.symbols import PartnerType


class _Bounded(Protocol):
    @property
    def since(self) -> int: ...
    @property
    def until(self) -> int: ...


Seen = TypeVar("Seen", bound=_Bounded)

_INDIRECT_RESELLER: Final = PartnerType.INDIRECT_RESELLER
_ANYONE: Final = Partner("")
_KEPT: Final = 3
"""How many views of one thing may be there before those that have ended are looked for."""


class Outlook:
    """The views of a customer's subscriptions and partners."""

    __slots__ = (
        "_azure_elsewhere",
        "_azure_in_csp",
        "_bases",
        "_consents",
        "_customer",
        "_links",
        "_outlines",
        "_partners",
        "_policy",
        "_profiles",
        "_related_by_sales",
        "_resellers",
        "_sellers",
        "_slots",
        "_sold_by",
        "_transfers",
        "_with_replacements",
        "stale_partners",
        "stale_subscriptions",
    )

    def __init__(self, customer: Customer, policy: Policy) -> None:
        self._customer = customer
        self._policy = policy
        self._links = Links()
        self._transfers: dict[str, list[Transfer]] = {}
        self._outlines: dict[str, list[tuple[int, Outline]]] = {}  # since when, and what
        self._bases: dict[str, list[SubscriptionView]] = {}
        self._with_replacements: dict[str, list[SubscriptionView]] = {}  # of Azure bought elsewhere
        self._profiles: dict[str | None, Profile] = {}  # those that hold at every instant
        self._slots: dict[tuple[str | None, bool], tuple[SlotTerms, ...]] = {}
        self._consents: dict[str | None, dict[Context, list[Consent]]] = {}
        self._partners: dict[str | None, dict[Context, list[PartnerView]]] = {}
        self._resellers: dict[str, set[str]] = {}  # by the provider that their profile names, now or once
        self._sellers: dict[str, str] = {}
        self._sold_by: dict[str, set[str]] = {}
        self._related_by_sales: set[str | None] = set()  # partners of whom a view was made by looking at what they sell
        self._azure_in_csp: set[str] = set()
        self._azure_elsewhere: set[str] = set()
        self.stale_subscriptions: set[str] = set()  # whose views were dropped since somebody cleared this
        self.stale_partners: set[str | None] = set()  # the same
        for name, partner in customer.partners.items():
            self._note_provider(name, partner)

    @property
    def links(self) -> Links:
        """The links between ids."""
        return self._links

    def subscription(self, subscription_id: str, instant: int) -> SubscriptionView:
        """The view of a subscription, with what others replace."""
        if not self._azure_in_csp or subscription_id not in self._azure_elsewhere:
            return self._base(subscription_id, instant)
        views = self._with_replacements.setdefault(subscription_id, [])
        for view in views:
            if view.since <= instant < view.until:
                return view
        others = [self._base(other, instant) for other in self._azure_in_csp]
        until = min([other.until for other in others])
        view = with_replacements(self._base(subscription_id, instant), [other.replacement for other in others], instant, until)
        views.append(view)
        if len(views) > _KEPT:
            self._forget_ended(views)
        return view

    def partner(self, partner_tenant_id: str | None, context: Context, instant: int) -> PartnerView:
        """The view of a partner, or of the any-partner, in a context."""
        by_context = self._partners.get(partner_tenant_id)
        if by_context is None:
            by_context = self._partners[partner_tenant_id] = {}
        views = by_context.get(context)
        if views is None:
            views = by_context[context] = []
        for view in views:
            if view.since <= instant < view.until:
                return view
        view = self._make_partner(partner_tenant_id, context, instant)
        views.append(view)
        if len(views) > _KEPT:
            self._forget_ended(views)
        return view

    def slots(self, partner_tenant_id: str | None, context: Context) -> tuple[SlotTerms, ...]:
        """The slots of a partner as counted in the cloud of a context."""
        if partner_tenant_id is None:
            return ()
        every_dap_counts = bool(self._policy.clouds[context.cloud].dap_always_carried_and_asked_for)
        key = partner_tenant_id, every_dap_counts
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = slot_terms(self._partner(partner_tenant_id), self._policy, every_dap_counts=every_dap_counts)
        return slots

    def remake_transfers(self) -> None:
        """Take in that a transfer's last event is another one."""
        self._transfers = {}
        for transfer in self._customer.transfers.values():
            self._transfers.setdefault(transfer.subscription_id, []).append(transfer)

    def remake_subscription(self, subscription_id: str, instant: int, *, retold: bool = False) -> None:
        """Take in that facts of a subscription changed, or that they were only told again."""
        links, registers = self._links, self._customer.subscriptions[subscription_id].registers
        if not links.names and registers.current[PREDECESSOR] is None:
            if not retold or rests_on_when_told(registers, self._outline(subscription_id, instant)):
                self._remake_outline(subscription_id, instant)
            return
        group = links.connected(subscription_id)
        links.update(self._customer, subscription_id)
        group |= links.connected(subscription_id)
        for linked in group:
            if linked in self._customer.subscriptions:
                self._remake_outline(linked, instant)

    def _remake_outline(self, subscription_id: str, instant: int) -> None:
        transfers = self._transfers.get(subscription_id, ())
        outline = outline_at(self._customer, self._links, subscription_id, transfers, instant, self._policy)
        before = self._outlines.get(subscription_id)
        if before is not None and len(before) == 1 and before[0][1] == outline and before[0][0] <= instant:
            return
        self._outlines[subscription_id] = [(instant, outline)]
        self._bases[subscription_id] = []
        self._with_replacements.pop(subscription_id, None)
        self.stale_subscriptions.add(subscription_id)
        self._index(subscription_id, outline)

    def _index(self, subscription_id: str, outline: Outline) -> None:
        """Keep who sells it and which Azure it is; drop what reads that. These facts do not change by time alone."""
        seller = outline.face.seller
        was_seller = self._sellers.pop(subscription_id, None)
        if was_seller is not None and was_seller != seller:
            self._sold_by[was_seller].discard(subscription_id)
            if was_seller in self._related_by_sales:
                self._drop_partner_views(was_seller)
        if seller is not None:
            self._sellers[subscription_id] = seller
            self._sold_by.setdefault(seller, set()).add(subscription_id)
            if seller in self._related_by_sales:
                self._drop_partner_views(seller)
        usage = outline.service is USAGE
        in_csp = usage and outline.channel is CSP
        if usage and not in_csp:
            self._azure_elsewhere.add(subscription_id)
        else:
            self._azure_elsewhere.discard(subscription_id)
        if in_csp or subscription_id in self._azure_in_csp:
            (self._azure_in_csp.add if in_csp else self._azure_in_csp.discard)(subscription_id)
            self._with_replacements.clear()
            self.stale_subscriptions |= self._azure_elsewhere

    def remake_partner(self, partner_tenant_id: str, *, profile: bool) -> None:
        """Take in that facts of a partner changed, those of its profile among them or not."""
        if profile:
            self._note_provider(partner_tenant_id, self._customer.partners[partner_tenant_id])
            self._profiles.pop(partner_tenant_id, None)
        self._slots.pop((partner_tenant_id, False), None)
        self._slots.pop((partner_tenant_id, True), None)
        self._consents.pop(partner_tenant_id, None)
        self._drop_partner_views(partner_tenant_id)

    def remake_partners(self) -> None:
        """Take in that facts of the customer changed."""
        self._profiles.clear()
        self._partners.clear()
        self.stale_partners.add(None)
        self.stale_partners.update(self._customer.partners)

    def _note_provider(self, partner_tenant_id: str, partner: Partner) -> None:
        provider: str | None = partner.registers.values[INDIRECT_PROVIDER]
        if provider is not None:
            self._resellers.setdefault(provider, set()).add(partner_tenant_id)

    def _drop_partner_views(self, partner_tenant_id: str) -> None:
        """Of the partner, and of the resellers whose provider it is."""
        self._related_by_sales.discard(partner_tenant_id)
        for name in (partner_tenant_id, *self._resellers.get(partner_tenant_id, ())):
            self._partners.pop(name, None)
            self.stale_partners.add(name)

    def _forget_ended(self, views: list[Seen]) -> None:
        as_of = self._customer.as_of
        views[:] = [view for view in views if view.until > as_of]

    def _partner(self, partner_tenant_id: str | None) -> Partner:
        return self._customer.partners[partner_tenant_id] if partner_tenant_id is not None else _ANYONE

    def _base(self, subscription_id: str, instant: int) -> SubscriptionView:
        """The view of a subscription, whatever others replace."""
        views = self._bases[subscription_id]
        for view in views:
            if view.since <= instant < view.until:
                return view
        view = subscription_at(self._outline(subscription_id, instant), instant, self._policy)
        views.append(view)
        if len(views) > _KEPT:
            self._forget_ended(views)
        return view

    def _outline(self, subscription_id: str, instant: int) -> Outline:
        outlines = self._outlines[subscription_id]
        for since, outline in outlines:
            if since <= instant < outline.until:
                return outline
        transfers = self._transfers.get(subscription_id, ())
        outline = outline_at(self._customer, self._links, subscription_id, transfers, instant, self._policy)
        outlines.append((instant, outline))
        return outline

    def _consent(self, partner_tenant_id: str | None, context: Context, instant: int) -> Consent:
        by_context = self._consents.get(partner_tenant_id)
        if by_context is None:
            by_context = self._consents[partner_tenant_id] = {}
        views = by_context.get(context)
        if views is None:
            views = by_context[context] = []
        for view in views:
            if view.since <= instant < view.until:
                return view
        slots = self.slots(partner_tenant_id, context)
        view = consent_at(self._partner(partner_tenant_id), slots, context, instant, self._policy)
        views.append(view)
        if len(views) > _KEPT:
            self._forget_ended(views)
        return view

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
            return partner_view(profile, consent, False, False, instant, FOREVER)
        if consent.vector.relationship_live:
            related, until = True, FOREVER  # as long as the consent stays as it is
        else:
            related, until = self._related_by_what_it_sells(partner_tenant_id, instant)
        provider_related = False
        if profile.partner_type is _INDIRECT_RESELLER and profile.provider in self._customer.partners:
            provider_related, bound = self._related(profile.provider, context, instant)
            until = min(until, bound)
        return partner_view(profile, consent, related, provider_related, instant, until)

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
            sells, bound = self._outline(subscription_id, instant).sells(instant)
            if sells:
                return True, bound
            until = min(until, bound)
        return False, until
