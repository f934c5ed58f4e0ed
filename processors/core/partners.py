"""What does a partner look like at an instant, for subscriptions of one context? Its consent, its profile, whether it is related."""

from __future__ import annotations

from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.case import PartnerVector, make_partner_vector
from processors.core.facts import Customer, Partner
from processors.core.markets import same_market
from processors.core.numbers import OF_VECTORS
from processors.core.positions import Consent
from processors.core.symbols import PartnerType
from processors.core.tuples import maker


class PartnerView(NamedTuple):
    """A partner (or the any-partner) in a context, from an instant until `until`."""

    since: int
    until: int
    vector: PartnerVector
    number: int  # of the vector
    provider: str | None
    consent_valid_until: int | None
    request_lapse: int | None

    def looks_like(self, other: PartnerView) -> bool:
        """Whether no pair can tell the two apart; the bounds aside."""
        return self[3:] == other[3:]


_make_view: Final = maker(PartnerView)


class Profile(NamedTuple):
    """What is known of a partner beside consent, from an instant until `until`."""

    any_partner: bool
    partner_type: PartnerType | None
    provider: str | None
    customer_is_csp_tenant: bool
    is_customer_itself: bool
    out_of_market: bool
    countries_differ: bool
    until: int


_make_profile: Final = maker(Profile)


def profile_at(customer: Customer, partner: Partner | None, instant: int) -> Profile:
    """The profile of a partner; None is the any-partner. The partner's registers read here never wait."""
    of_customer, until = customer.registers.at(instant)
    customer_country, told_csp_tenant = customer.registers.told(of_customer)
    is_csp_tenant = told_csp_tenant is True
    if partner is None:
        return Profile(True, None, None, is_csp_tenant, False, False, False, until)
    told = partner.registers.values
    country = told[f.PARTNER_COUNTRY]
    differ = country is not None and customer_country is not None and country != customer_country
    return _make_profile(
        False,
        told[f.PARTNER_TYPE],
        told[f.INDIRECT_PROVIDER],
        is_csp_tenant,
        partner.partner_tenant_id == customer.customer_tenant_id,
        differ and not same_market(country, customer_country),
        differ,
        until,
    )


def partner_view(profile: Profile, consent: Consent, related: bool, provider_related: bool, since: int, until: int) -> PartnerView:
    """The view of a partner with this profile and consent at `since`; `until` bounds the two relations (policy.md 5.4)."""
    vector = make_partner_vector(
        consent.vector,
        profile.any_partner,
        profile.partner_type,
        related,
        provider_related,
        profile.customer_is_csp_tenant,
        profile.is_customer_itself,
        profile.out_of_market,
        profile.countries_differ,
    )
    bound = min(until, profile.until, consent.until)
    return _make_view(since, bound, vector, OF_VECTORS.of(vector), profile.provider, consent.valid_until, consent.request_lapse)
