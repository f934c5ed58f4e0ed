"""What does a row of a table look at? One subscription, one partner, and how they stand to each other: discrete facts only, no dates."""

from __future__ import annotations

from typing import Final, NamedTuple

from processors.core.conclusions import Reason, SupportAccess
from processors.core.positions import ConsentVector
from processors.core.subscriptions import SubscriptionVector
from processors.core.symbols import PartnerType, Symbol, TransferKind
from processors.core.tuples import maker


class Date(Symbol):
    """A date that an answer can carry; the rows speak of it by name, the views know the instant."""

    TERM_END = "E"
    CANCELLATION_ALLOWED_UNTIL = "G or W"
    GRACE_END = "X + 30 d"
    REQUEST_LAPSE = "the lapse of the GDAP request"
    TRANSFER_EXPIRY = "the expiry of the transfer request"
    CONSENT_LIMIT = "the latest limit of the effective consents"


class PartnerVector(NamedTuple):
    """The discrete facts of a partner; equal vectors give equal rows."""

    consent: ConsentVector
    any_partner: bool
    partner_type: PartnerType | None
    related: bool
    provider_related: bool  # its indirect provider is known and related
    customer_is_csp_tenant: bool
    is_customer_itself: bool
    out_of_market: bool
    countries_differ: bool


class Between(NamedTuple):
    """How this subscription and this partner stand to each other."""

    is_seller: bool
    made_seller_by_transfer: bool  # by a completed transfer under this very id
    is_holder: bool
    provider_is_seller: bool
    transfer_unreadable: bool
    transfer_running: TransferKind | None
    last_ended_transfer: Reason | None
    other_transfer_runs: bool
    replaced_by_partner: bool


make_partner_vector: Final = maker(PartnerVector)
make_between: Final = maker(Between)


class Case(NamedTuple):
    """All that decides a row."""

    subscription: SubscriptionVector
    partner: PartnerVector
    between: Between
    manual_review_in_cloud: bool  # 6.1: every open answer to manual review
    covered: bool  # 6.1
    transfer_tool_in_cloud: bool  # 6.1
    own_azure_without_admin_consent: bool  # 6.1

    @property
    def missing(self) -> tuple[str, ...]:
        """The facts missing; the seller cannot matter for the any-partner."""
        missing = self.subscription.missing
        return tuple(name for name in missing if name != "seller_partner_tenant_id") if self.partner.any_partner else missing

    @property
    def barred(self) -> bool:
        """The customer is a CSP transacting tenant, or the partner is the customer."""
        return self.partner.customer_is_csp_tenant or self.partner.is_customer_itself

    @property
    def bars(self) -> tuple[Reason, ...]:
        """Why, in the order in which one of them decides."""
        return tuple(
            reason
            for reason, holds in (
                (Reason.CUSTOMER_IS_CSP_TENANT, self.partner.customer_is_csp_tenant),
                (Reason.SELF_OR_AFFILIATE_SALE, self.partner.is_customer_itself),
            )
            if holds
        )

    @property
    def support_by_consent(self) -> SupportAccess:
        """K, leaving aside whether the subscription has ended."""
        return SupportAccess.AUTHORIZED if self.partner.consent.position == "K3" else SupportAccess.CONSENT_REQUIRED
