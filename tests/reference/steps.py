"""Which next steps are there, who takes them, in which role (policy.md 8.6)?"""

from __future__ import annotations

from typing import NamedTuple

CUSTOMER = "CUSTOMER"
PARTNER = "PARTNER"
CURRENT_PARTNER = "CURRENT_PARTNER"
INDIRECT_PROVIDER = "INDIRECT_PROVIDER"

_TABLE = (
    ("REQUEST_RESELLER_RELATIONSHIP REQUEST_DELEGATED_ADMIN REQUEST_GDAP RENEW_GDAP ASSIGN_GDAP_ROLES", PARTNER, "ADMIN_AGENT"),
    ("ACCEPT_RELATIONSHIP ACCEPT_MCA", CUSTOMER, "GLOBAL_ADMIN"),
    (
        "PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION PURCHASE_AZURE_PLAN CREATE_AZURE_SUBSCRIPTION ENTER_SUBSCRIPTION_DETAILS",
        PARTNER,
        "SALES_AGENT",
    ),
    ("SEND_TRANSFER_REQUEST", PARTNER, "ADMIN_AGENT"),
    ("ACCEPT_TRANSFER_REQUEST OPEN_TRANSFER_TICKET", CURRENT_PARTNER, "ADMIN_AGENT"),
    ("CANCEL_SUBSCRIPTION TURN_OFF_AUTO_RENEW REACTIVATE_SUBSCRIPTION CANCEL_AZURE_RESERVATIONS", CURRENT_PARTNER, None),
    ("WAIT_FOR_TERM_END CANCEL_AZURE_SERVICES_OR_SUBSCRIPTION NOTIFY_CURRENT_PARTNER_IN_WRITING", CUSTOMER, None),
    ("REMOVE_OLD_RBAC_ACCESS GRANT_RBAC_ACCESS", CUSTOMER, None),
    ("SIGN_CHANGE_OF_CSP_FORM", PARTNER, None),
    ("WORK_WITH_INDIRECT_PROVIDER SIGN_MPA SUPPLY_MISSING_FACTS MANUAL_REVIEW", PARTNER, None),
)
ACTORS_AND_ROLES = {code: (actor, role) for codes, actor, role in _TABLE for code in codes.split()}


class Step(NamedTuple):
    """One next step."""

    code: str
    actor: str
    role: str | None
    not_before: int | None = None
    not_after: int | None = None


def step(code: str, *, actor: str | None = None, not_before: int | None = None, not_after: int | None = None) -> Step:
    """A step with the actor and role of 8.6, or another actor where a rule names one."""
    usual_actor, role = ACTORS_AND_ROLES[code]
    taken_by = actor or usual_actor
    changed = taken_by != usual_actor
    return Step(code, taken_by, None if changed and taken_by == CUSTOMER else role, not_before, not_after)
