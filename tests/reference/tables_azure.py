"""What do tables C and D answer for Azure (policy.md 8.3, 8.4)?"""

from __future__ import annotations

from tests.reference.commerce import last_ended, replaced_at_all, replaced_by, runs_to_another
from tests.reference.pair import NATIONAL_GOVERNMENT, Draft, Pair
from tests.reference.steps import CURRENT_PARTNER, CUSTOMER, PARTNER, Step, step
from tests.reference.terms import CANCELLED, SUSPENDED


def create(pair: Pair) -> list[Step]:
    """CREATE."""
    plan = [step("PURCHASE_AZURE_PLAN")] if pair.moment.version.azure_plan_needed else []
    return [*plan, step("CREATE_AZURE_SUBSCRIPTION"), step("ENTER_SUBSCRIPTION_DETAILS")]


def table_c(pair: Pair) -> Draft:
    """Azure bought outside CSP."""
    if pair.ended and replaced_at_all(pair.moment, pair.subscription):
        return Draft("C1", "CLOSED", pair.end_reason(), "ENDED", "NOT_NEEDED")
    if pair.ended:
        deciding = "CANCELLED_BEFORE_REPLACEMENT" if pair.state == CANCELLED else "TERM_ENDED"
        return Draft("C2", "CLOSED", deciding, "ENDED", "RECREATE_AND_CANCEL", [*pair.relate(), *create(pair)])
    if pair.partner_type == "UNKNOWN":
        return pair.missing("C3", "partner_type", support_access="NOT_AVAILABLE")
    others = {"PARTIAL_SERVICE_CANCELLATION"} if pair.of("services_cancelled") else set()
    cancel = step("CANCEL_AZURE_SERVICES_OR_SUBSCRIPTION")
    if replaced_by(pair.moment, pair.subscription, pair.partner):
        return Draft("C4", "COEXISTENCE_ACCEPTED", "AZURE_COEXISTS", "NOT_AVAILABLE", "RECREATE_AND_CANCEL", [cancel], others)
    others.add("REPLACEMENT_NOT_CREATED")
    steps = [*pair.relate(), *create(pair), cancel]
    return Draft("C5", "RECREATE_AND_CANCEL", "AZURE_OTHER_CHANNEL", "NOT_AVAILABLE", "RECREATE_AND_CANCEL", steps, others)


def by_tool(pair: Pair) -> list[Step]:
    """The steps "Tool"."""
    return [*pair.relate(), step("PURCHASE_AZURE_PLAN"), step("SEND_TRANSFER_REQUEST"), step("ACCEPT_TRANSFER_REQUEST")]


def by_hand(pair: Pair) -> list[Step]:
    """The steps "Manual"."""
    return [
        *pair.relate(),
        step("NOTIFY_CURRENT_PARTNER_IN_WRITING"),
        step("OPEN_TRANSFER_TICKET"),
        step("CANCEL_AZURE_RESERVATIONS"),
        *(step("SIGN_CHANGE_OF_CSP_FORM", actor=actor) for actor in (CURRENT_PARTNER, CUSTOMER, PARTNER)),
    ]


def refuse(rule: str, deciding: str, *steps: Step) -> Draft:
    """A refused move of Azure."""
    return Draft(rule, "SWITCH_REFUSED", deciding, "NOT_AVAILABLE", "PROHIBITED", list(steps))


def transfer(pair: Pair, rule: str, steps: list[Step]) -> Draft:
    """D7, D8 and D10."""
    reason = last_ended(pair.moment, pair.subscription, pair.partner)
    return Draft(rule, "TRANSFER_AVAILABLE", "AZURE_OTHER_PARTNER", "NOT_AVAILABLE", "TRANSFER", steps, {reason} if reason else set())


def countries_differ(pair: Pair) -> bool:
    """Both countries known and different."""
    mine = pair.moment.partner_value(pair.partner, "partner_country")
    theirs = pair.moment.customer_value("customer_country")
    return mine is not None and theirs is not None and mine != theirs


def table_d(pair: Pair) -> Draft:
    """Azure sold by another CSP partner."""
    if pair.ended:
        return Draft("D1", "CLOSED", pair.end_reason(), "ENDED", "NOT_NEEDED")
    offer = pair.of("azure_offer")
    missing = [
        name for name, lacks in (("azure_offer", offer in {None, "UNKNOWN"}), ("partner_type", pair.partner_type == "UNKNOWN")) if lacks
    ]
    if missing:
        return pair.missing("D2", *missing, support_access="NOT_AVAILABLE")
    if pair.state == SUSPENDED:
        return refuse("D3", "SUSPENDED_NOT_TRANSFERABLE", step("REACTIVATE_SUBSCRIPTION"))
    if runs_to_another(pair.moment, pair.subscription, pair.partner):
        return refuse("D4", "ALREADY_IN_TRANSFER")
    if offer == "AZURE_PLAN":
        if not pair.moment.version.azure_plan_transfer:
            return refuse("D5", "AZURE_PLAN_NOT_TRANSFERABLE_YET")
        if pair.cloud == NATIONAL_GOVERNMENT:
            return refuse("D6", "NATIONAL_CLOUD_TRANSFER_UNSUPPORTED")
        return transfer(pair, "D7", by_tool(pair))
    if offer == "LEGACY_0145P" and pair.cloud == "PUBLIC" and pair.moment.version.legacy_azure_by_tool:
        return transfer(pair, "D8", by_tool(pair))
    if countries_differ(pair):
        return refuse("D9", "TENANT_COUNTRY_MISMATCH")
    return transfer(pair, "D10", by_hand(pair))
