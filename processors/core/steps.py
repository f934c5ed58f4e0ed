"""What has to be done next, by whom and in which role? The steps that the tables name, actors and roles (policy.md 5.5, 8)."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from processors.core.case import Case, Date
from processors.core.conclusions import Actor, NextStepCode, Role
from processors.core.conditions import IN_CSP, IS_LICENCE, K3, LICENCE_TRANSFER
from processors.core.outlines import USAGE
from processors.core.positions import Ask
from processors.core.terms import TermState, Window

C = NextStepCode


class Step(NamedTuple):
    """A next step whose dates are still names."""

    code: NextStepCode
    actor: Actor
    role: Role | None
    not_before: Date | None = None
    not_after: Date | None = None


Steps: TypeAlias = tuple[Step, ...]

ACTORS: Final[dict[NextStepCode, tuple[Actor, Role | None]]] = {
    C.REQUEST_RESELLER_RELATIONSHIP: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.REQUEST_DELEGATED_ADMIN: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.REQUEST_GDAP: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.RENEW_GDAP: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.ASSIGN_GDAP_ROLES: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.ACCEPT_RELATIONSHIP: (Actor.CUSTOMER, Role.GLOBAL_ADMIN),
    C.ACCEPT_MCA: (Actor.CUSTOMER, Role.GLOBAL_ADMIN),
    C.PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION: (Actor.PARTNER, Role.SALES_AGENT),
    C.PURCHASE_AZURE_PLAN: (Actor.PARTNER, Role.SALES_AGENT),
    C.CREATE_AZURE_SUBSCRIPTION: (Actor.PARTNER, Role.SALES_AGENT),
    C.ENTER_SUBSCRIPTION_DETAILS: (Actor.PARTNER, Role.SALES_AGENT),
    C.SEND_TRANSFER_REQUEST: (Actor.PARTNER, Role.ADMIN_AGENT),
    C.ACCEPT_TRANSFER_REQUEST: (Actor.CURRENT_PARTNER, Role.ADMIN_AGENT),
    C.OPEN_TRANSFER_TICKET: (Actor.CURRENT_PARTNER, Role.ADMIN_AGENT),
    C.CANCEL_SUBSCRIPTION: (Actor.CURRENT_PARTNER, None),
    C.TURN_OFF_AUTO_RENEW: (Actor.CURRENT_PARTNER, None),
    C.REACTIVATE_SUBSCRIPTION: (Actor.CURRENT_PARTNER, None),
    C.CANCEL_AZURE_RESERVATIONS: (Actor.CURRENT_PARTNER, None),
    C.WAIT_FOR_TERM_END: (Actor.CUSTOMER, None),
    C.CANCEL_AZURE_SERVICES_OR_SUBSCRIPTION: (Actor.CUSTOMER, None),
    C.NOTIFY_CURRENT_PARTNER_IN_WRITING: (Actor.CUSTOMER, None),
    C.REMOVE_OLD_RBAC_ACCESS: (Actor.CUSTOMER, None),
    C.GRANT_RBAC_ACCESS: (Actor.CUSTOMER, None),
    C.SIGN_CHANGE_OF_CSP_FORM: (Actor.PARTNER, None),  # and CURRENT_PARTNER, and CUSTOMER
    C.WORK_WITH_INDIRECT_PROVIDER: (Actor.PARTNER, None),
    C.SIGN_MPA: (Actor.PARTNER, None),
    C.SUPPLY_MISSING_FACTS: (Actor.PARTNER, None),
    C.MANUAL_REVIEW: (Actor.PARTNER, None),
}
"""The table of policy.md 8.6."""


def step(code: NextStepCode, *, not_before: Date | None = None, not_after: Date | None = None) -> Step:
    """A step by its usual actor, in its usual role."""
    actor, role = ACTORS[code]
    return Step(code, actor, role, not_before, not_after)


def _accept_mca(case: Case) -> Steps:
    return () if case.partner.consent.mca_accepted is True else (step(C.ACCEPT_MCA),)


def ask(case: Case) -> Steps:
    """ASK: what the consent position asks for."""
    consent = case.partner.consent
    steps: Steps = ()
    match consent.ask:
        case Ask.NOTHING:
            pass
        case Ask.ASSIGN_ROLES:
            steps = (step(C.ASSIGN_GDAP_ROLES),)
        case Ask.ACCEPT:
            steps = (step(C.ACCEPT_RELATIONSHIP),)
        case Ask.ACCEPT_UNTIL_LAPSE:
            steps = (step(C.ACCEPT_RELATIONSHIP, not_after=Date.REQUEST_LAPSE),)
        case Ask.RENEW:
            steps = (step(C.RENEW_GDAP), step(C.ACCEPT_RELATIONSHIP))
        case Ask.RENEW_IF_NOT_EXTENDED:
            steps = (step(C.SUPPLY_MISSING_FACTS), step(C.RENEW_GDAP), step(C.ACCEPT_RELATIONSHIP))
        case Ask.REQUEST:
            needed = not (case.partner.related or consent.relationship_requested)
            relationship = (step(C.REQUEST_RESELLER_RELATIONSHIP),) if needed else ()
            steps = (*relationship, step(consent.request), step(C.ACCEPT_RELATIONSHIP))
    return steps if K3.holds(case) else steps + _accept_mca(case)


def relate(case: Case) -> Steps:
    """RELATE: the steps before a sale."""
    steps: Steps = ()
    if not case.partner.related:
        steps += (step(C.REQUEST_RESELLER_RELATIONSHIP),)
    if not case.own_azure_without_admin_consent and not K3.holds(case):  # US Government (L2)
        steps += (step(C.REQUEST_DELEGATED_ADMIN),)
    if steps:
        steps += (step(C.ACCEPT_RELATIONSHIP),)
    return steps + _accept_mca(case)


def purchase(_: Case) -> Steps:
    """PURCHASE."""
    return (step(C.PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION),)


def purchase_in_grace(_: Case) -> Steps:
    """PURCHASE not_after X + 30 d."""
    return (step(C.PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION, not_after=Date.GRACE_END),)


def relate_and_purchase_unless_barred(case: Case) -> Steps:
    """Table A, after the end: RELATE, PURCHASE; none if barred."""
    return () if case.barred else relate(case) + purchase(case)


def purchase_in_grace_unless_barred(case: Case) -> Steps:
    """Table A, in grace: PURCHASE not_after X + 30 d; none if barred."""
    return () if case.barred else purchase_in_grace(case)


def create(case: Case) -> Steps:
    """CREATE: new Azure, on an Azure plan where the version needs one."""
    plan = (step(C.PURCHASE_AZURE_PLAN),) if case.subscription.azure_plan_needed else ()
    return (*plan, step(C.CREATE_AZURE_SUBSCRIPTION), step(C.ENTER_SUBSCRIPTION_DETAILS))


def cancel_azure(_: Case) -> Steps:
    """The customer cancels the old Azure, whole or service by service."""
    return (step(C.CANCEL_AZURE_SERVICES_OR_SUBSCRIPTION),)


def supply_missing_facts(_: Case) -> Steps:
    """SUPPLY_MISSING_FACTS."""
    return (step(C.SUPPLY_MISSING_FACTS),)


def reactivate(_: Case) -> Steps:
    """REACTIVATE_SUBSCRIPTION."""
    return (step(C.REACTIVATE_SUBSCRIPTION),)


def request_transfer(_: Case) -> Steps:
    """SEND_TRANSFER_REQUEST, ACCEPT_TRANSFER_REQUEST."""
    return (step(C.SEND_TRANSFER_REQUEST), step(C.ACCEPT_TRANSFER_REQUEST))


def tool(case: Case) -> Steps:
    """Table D, "Tool"."""
    return (*relate(case), step(C.PURCHASE_AZURE_PLAN), *request_transfer(case))


def manual(case: Case) -> Steps:
    """Table D, "Manual"."""
    signatures = tuple(Step(C.SIGN_CHANGE_OF_CSP_FORM, actor, None) for actor in (Actor.CURRENT_PARTNER, Actor.CUSTOMER, Actor.PARTNER))
    return (
        *relate(case),
        step(C.NOTIFY_CURRENT_PARTNER_IN_WRITING),
        step(C.OPEN_TRANSFER_TICKET),
        step(C.CANCEL_AZURE_RESERVATIONS),
        *signatures,
    )


def refused_steps(case: Case) -> Steps:
    """Table B, *refused steps*."""
    facts = case.subscription
    cancellable = facts.window in {Window.NO_LIMIT, Window.OPEN}
    steps: Steps = (step(C.CANCEL_SUBSCRIPTION, not_after=allowed_until(case)),) if cancellable else ()
    if facts.state is TermState.RENEWAL_PENDING:
        return (*steps, step(C.SUPPLY_MISSING_FACTS))
    end = Date.TERM_END if facts.end_ahead else None
    if facts.auto_renew is not False:
        steps += (step(C.TURN_OFF_AUTO_RENEW, not_after=end),)
    return (*steps, step(C.WAIT_FOR_TERM_END, not_before=end))


def allowed_until(case: Case) -> Date | None:
    """cancellation_allowed_until: G or W, none without limit or where the window is unknown."""
    return Date.CANCELLATION_ALLOWED_UNTIL if case.subscription.window in {Window.OPEN, Window.CLOSED} else None


def rbac_if_usage(case: Case) -> Steps:
    """E1: usage: REMOVE_OLD_RBAC_ACCESS, GRANT_RBAC_ACCESS."""
    return () if case.subscription.service is not USAGE else (step(C.REMOVE_OLD_RBAC_ACCESS), step(C.GRANT_RBAC_ACCESS))


def rbac_if_usage_not_ended(case: Case) -> Steps:
    """E5: usage, not ended: as E1."""
    return () if case.subscription.ended else rbac_if_usage(case)


def accept_transfer(case: Case) -> Steps:
    """E13: a REQUESTED one waits for ACCEPTER."""
    if case.between.transfer_running != "REQUESTED":
        return ()
    if IS_LICENCE.holds(case) and not LICENCE_TRANSFER.holds(case):
        accepter = Actor.PARTNER
    else:
        accepter = Actor.CURRENT_PARTNER if IN_CSP.holds(case) else Actor.CUSTOMER
    usual = step(C.ACCEPT_TRANSFER_REQUEST, not_after=Date.TRANSFER_EXPIRY)
    return (usual._replace(actor=accepter, role=None if accepter is Actor.CUSTOMER else usual.role),)
