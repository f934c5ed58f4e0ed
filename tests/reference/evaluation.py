"""Which row decides (policy.md 7)? Rows E1 to E14 in their order; E14 leads to the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.commerce import market, running_to, transfer_expiry, unreadable_to
from tests.reference.facts import BY_TRANSFER
from tests.reference.pair import Draft, Pair
from tests.reference.steps import CURRENT_PARTNER, CUSTOMER, PARTNER, step
from tests.reference.tables_azure import table_c, table_d
from tests.reference.tables_licences import table_a, table_b
from tests.reference.terms import CANCELLED, ENDED_DELETED

if TYPE_CHECKING:
    from tests.reference.reading import Event
    from tests.reference.steps import Step


def facts_missing(pair: Pair) -> list[str]:
    """*Facts missing*: the names, empty where all are there."""
    names = [name for name in ("service_type", "acquisition_channel", "cloud") if pair.of(name) in {None, "UNKNOWN"}]
    if pair.in_csp and pair.of("seller") is None and pair.partner is not None:
        names.append("seller_partner_tenant_id")
    if pair.of("status") in {None, "UNKNOWN"} and pair.state != CANCELLED:
        names.append("status")
    return names + pair.moment.unread_marks(pair.subscription)


def transferred_under_its_id(pair: Pair) -> bool:
    """Whether this partner became seller by a COMPLETED transfer whose subscription_id is this id."""
    write = pair.moment.write_of(pair.subscription, "seller")
    if not pair.in_csp or write is None or write.value != pair.partner:
        return False
    event = write.event
    return event.topic == "subscription-transfer" and event.told("subscription_id") == pair.subscription


def own_sale_access(pair: Pair) -> str:
    """support_access of E6."""
    if not pair.is_usage:
        return pair.k()
    if pair.ended:
        return "ENDED"
    if pair.of("obtained") == BY_TRANSFER:
        return "NOT_AVAILABLE"
    if pair.holds_k3:
        return "AUTHORIZED"
    return "AUTHORIZED_OWN_AZURE_ONLY" if pair.cloud == "PUBLIC" else "CONSENT_REQUIRED"


def sold_by_its_provider(pair: Pair) -> bool:
    """The feed named the provider as seller; the reseller may be this partner."""
    seller = pair.of("seller")
    provider = pair.moment.partner_value(pair.partner, "indirect_provider_tenant_id")
    return pair.in_csp and pair.partner_type == "INDIRECT_RESELLER" and seller is not None and seller == provider


def out_of_market(pair: Pair) -> bool:
    """Markets known and different."""
    mine = pair.moment.partner_value(pair.partner, "partner_country")
    theirs = pair.moment.customer_value("customer_country")
    return mine is not None and theirs is not None and market(mine) != market(theirs)


def transfer_in_progress(pair: Pair, event: Event) -> Draft:
    """E13."""
    draft = Draft("E13", "TRANSFER_IN_PROGRESS", f"TRANSFER_{event.kind}", pair.k_licence(), "TRANSFER_RUNNING")
    if event.kind == "REQUESTED":
        accepter = CURRENT_PARTNER if pair.in_csp else CUSTOMER
        if pair.is_licence and not pair.moment.version.licence_transfer:
            accepter = PARTNER
        draft.steps = [step("ACCEPT_TRANSFER_REQUEST", actor=accepter, not_after=transfer_expiry(event))]
    return draft


def azure_access_steps(pair: Pair) -> list[Step]:
    """Steps of E1 for usage."""
    return [step("REMOVE_OLD_RBAC_ACCESS"), step("GRANT_RBAC_ACCESS")] if pair.is_usage else []


def evaluate(pair: Pair) -> Draft:
    """The first matching row's answer, before 8.5."""
    link = pair.moment.successor(pair.subscription)
    if link is not None and link.holder is not None and link.holder == pair.partner:
        access = pair.by_consent() if pair.is_licence else "NOT_AVAILABLE"
        return pair.asking(Draft("E1", "TRANSFER_COMPLETED", "TRANSFER_DONE", access, "TRANSFERRED", azure_access_steps(pair)))
    if link is not None:
        return Draft("E2", "CLOSED", "SUCCEEDED_BY_NEW_ID", "ENDED", "NOT_NEEDED")
    missing = facts_missing(pair)
    if missing and pair.state in {CANCELLED, ENDED_DELETED}:
        return Draft("E3", "CLOSED", pair.end_reason(), "ENDED", "UNKNOWN")
    if missing:
        return pair.missing("E4", *missing, support_access="NOT_AVAILABLE")
    if transferred_under_its_id(pair):
        steps = [] if pair.ended else azure_access_steps(pair)
        return pair.asking(Draft("E5", "TRANSFER_COMPLETED", "TRANSFER_DONE", pair.k_licence(), "TRANSFERRED", steps))
    if pair.in_csp and pair.partner is not None and pair.of("seller") == pair.partner:
        bars = pair.bars()
        draft = Draft("E6", "NOT_APPLICABLE", "OWN_SALE", own_sale_access(pair), "NOT_NEEDED", others=set(bars), manual_review=bool(bars))
        return pair.asking(draft)
    if sold_by_its_provider(pair):
        return pair.missing("E6a", "seller_partner_tenant_id", support_access=pair.k_licence())
    if not pair.moment.policy.covered(pair.cloud):
        if not pair.ended:
            return Draft("E7", "NOT_APPLICABLE", "CLOUD_NOT_COVERED", "NOT_AVAILABLE", "UNKNOWN")
        return Draft("E7a", "CLOSED", pair.end_reason(), "ENDED", "UNKNOWN")
    if out_of_market(pair):
        conflict = {"CONFLICTING_FACTS"} if pair.holds_k3 else set()
        return Draft("E8", "NOT_APPLICABLE", "OUT_OF_MARKET", "NOT_AVAILABLE", "PROHIBITED", others=conflict)
    return evaluate_in_market(pair)


def evaluate_in_market(pair: Pair) -> Draft:
    """Rows E9 to E14."""
    if pair.channel == "SYNDICATION" and not pair.ended:
        return Draft("E9", "NOT_APPLICABLE", "SYNDICATION_EXCLUDED", "NOT_AVAILABLE", "UNKNOWN", manual_review=True)
    if pair.service_type == "OTHER" or (pair.is_usage and pair.in_csp and pair.of("azure_offer") == "OTHER"):
        if not pair.ended:
            return Draft("E10", "NOT_APPLICABLE", "SERVICE_TYPE_NOT_COVERED", "NOT_AVAILABLE", "UNKNOWN")
        return Draft("E10a", "CLOSED", pair.end_reason(), "ENDED", "UNKNOWN")
    bars = pair.bars()
    if bars and (pair.is_usage or pair.in_csp):
        return Draft("E11", "RESALE_PROHIBITED", bars[0], pair.k_licence(), "PROHIBITED", others=set(bars[1:]))
    if not pair.ended and pair.partner is not None:
        if unreadable_to(pair.moment, pair.subscription, pair.partner):
            return pair.missing("E12", "kind", support_access=pair.k_licence())
        running = running_to(pair.moment, pair.subscription, pair.partner)
        if running is not None:
            return transfer_in_progress(pair, running)
    if pair.is_licence:
        return table_b(pair) if pair.in_csp else table_a(pair)
    return table_d(pair) if pair.in_csp else table_c(pair)
