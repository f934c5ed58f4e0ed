"""What is done to every answer after its row (policy.md 8.5)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference.commerce import billing_owner
from tests.reference.evaluation import evaluate
from tests.reference.instants import write_instant
from tests.reference.pair import NATIONAL_GOVERNMENT, Draft, Pair
from tests.reference.steps import INDIRECT_PROVIDER, PARTNER, Step, step

if TYPE_CHECKING:
    from tests.reference.moment import Moment

COMMERCE = {
    "PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION",
    "PURCHASE_AZURE_PLAN",
    "CREATE_AZURE_SUBSCRIPTION",
    "ENTER_SUBSCRIPTION_DETAILS",
    "SEND_TRANSFER_REQUEST",
}
OPEN_OUTCOMES = {
    "SUPPORT_AUTHORIZED", "CONSENT_REQUIRED", "SWITCH_REFUSED", "REPURCHASE_ALLOWED", "RECREATE_AND_CANCEL", "COEXISTENCE_ACCEPTED",
    "TRANSFER_AVAILABLE", "TRANSFER_IN_PROGRESS", "RESALE_PROHIBITED",
}  # fmt: skip
ADMIN_MANDATORY_OUTCOMES = {"CONSENT_REQUIRED", "RECREATE_AND_CANCEL", "TRANSFER_AVAILABLE", "REPURCHASE_ALLOWED"}
REVIEWED_REASONS = {"US_GOV_SOURCE_CONFLICT", "CONFLICTING_FACTS", "GDAP_NOT_VALID_FOR_EA", "BEFORE_FIRST_POLICY"}
ORDER_OF_REASONS = """
    APPLICABLE_DIRECT, APPLICABLE_ADVISOR, APPLICABLE_OPEN, APPLICABLE_EA, APPLICABLE_THIRD_PARTY, CANCELLATION_WINDOW_OPEN,
    CANCELLATION_WINDOW_CLOSED, CANCELLATION_NOT_ALLOWED, RENEWAL_PENDING, RENEWED_NEW_TERM, AUTO_RENEW_ON, TERM_ENDED,
    REPLACEMENT_NOT_CREATED, PARTIAL_SERVICE_CANCELLATION, TRANSFER_DECLINED, TRANSFER_WITHDRAWN, TRANSFER_EXPIRED, TRANSFER_FAILED,
    CUSTOMER_IS_CSP_TENANT, SELF_OR_AFFILIATE_SALE, NATIONAL_CLOUD_TRANSFER_UNSUPPORTED, MULTI_PARTNER_ACCESS, MCA_MISSING,
    GDAP_NOT_VALID_FOR_EA, GRANTER_NOT_GLOBAL_ADMIN, CONSENT_REQUEST_PENDING, CONSENT_EXPIRED, CONSENT_REVOKED,
    CONSENT_TERMINATED_BY_MICROSOFT, DELEGATED_ADMIN_UNKNOWN, CONSENT_WITHOUT_ADMIN_PERMISSION, CONSENT_REQUEST_EXPIRED, NO_CONSENT,
    GRANTER_ROLE_UNKNOWN, CONFLICTING_FACTS, INDIRECT_RESELLER_CANNOT_TRANSACT, INDIRECT_PROVIDER_RELATIONSHIP_MISSING,
    PARTNER_NOT_IN_CSP, US_GOV_ADMIN_PERMISSION_MANDATORY, US_GOV_SOURCE_CONFLICT, BEFORE_FIRST_POLICY
""".replace(",", " ").split()


def is_commerce(taken: Step) -> bool:
    """Whether a step is a commerce step."""
    return taken.code in COMMERCE or (taken.code == "SIGN_CHANGE_OF_CSP_FORM" and taken.actor == PARTNER)


def go_through_provider(pair: Pair, draft: Draft) -> None:
    """1. Indirect."""
    if not any(is_commerce(taken) for taken in draft.steps):
        return
    if pair.partner_type == "INDIRECT_RESELLER":
        first = [step("WORK_WITH_INDIRECT_PROVIDER")]
        draft.others.add("INDIRECT_RESELLER_CANNOT_TRANSACT")
        provider = pair.moment.partner_value(pair.partner, "indirect_provider_tenant_id")
        if provider is None or not pair.is_related(provider):
            draft.others.add("INDIRECT_PROVIDER_RELATIONSHIP_MISSING")
            first.append(step("REQUEST_RESELLER_RELATIONSHIP", actor=INDIRECT_PROVIDER))
        draft.steps = first + [taken._replace(actor=INDIRECT_PROVIDER) if is_commerce(taken) else taken for taken in draft.steps]
    if pair.partner_type in {"ADVISOR_PARTNER", "NON_CSP"}:
        draft.others.add("PARTNER_NOT_IN_CSP")
        draft.steps.insert(0, step("SIGN_MPA"))


def flag_consent(pair: Pair, draft: Draft) -> None:
    """2. Consent flags."""
    if draft.support_access not in {"AUTHORIZED", "CONSENT_REQUIRED"}:
        return
    if pair.position.conflicting:
        draft.others.add("CONFLICTING_FACTS")
    if draft.support_access == "AUTHORIZED":
        if pair.position.granter_role_unknown:
            draft.others.add("GRANTER_ROLE_UNKNOWN")
        draft.consent_valid_until = pair.position.valid_until


def flag_government(pair: Pair, draft: Draft) -> None:
    """3. US Government."""
    if pair.cloud == NATIONAL_GOVERNMENT and draft.outcome in OPEN_OUTCOMES:
        draft.others.add("US_GOV_SOURCE_CONFLICT")
    if pair.cloud == NATIONAL_GOVERNMENT and draft.outcome in ADMIN_MANDATORY_OUTCOMES and not pair.holds_k3:
        draft.others.add("US_GOV_ADMIN_PERMISSION_MANDATORY")


def finish(pair: Pair, draft: Draft) -> Draft:
    """8.5.1 to 8.5.5."""
    go_through_provider(pair, draft)
    flag_consent(pair, draft)
    flag_government(pair, draft)
    if pair.moment.policy.before_first(pair.moment.instant):
        draft.others.add("BEFORE_FIRST_POLICY")
    if draft.others & REVIEWED_REASONS or draft.deciding in REVIEWED_REASONS:
        draft.manual_review = True
    if draft.manual_review:
        draft.steps.append(step("MANUAL_REVIEW"))
    return draft


def text(instant: int | None) -> str | None:
    """An instant as decisions carry it."""
    return None if instant is None else write_instant(instant)


def answer(moment: Moment, subscription: str, partner: str | None) -> tuple[dict[str, Any], str, str | None]:
    """(the answer with the names of events.md, rule, consent_position) of one pair at one moment."""
    pair = Pair(moment, subscription, partner)
    draft = finish(pair, evaluate(pair))
    others = sorted(draft.others - {draft.deciding}, key=ORDER_OF_REASONS.index)
    with_position = draft.support_access in {"AUTHORIZED", "CONSENT_REQUIRED", "AUTHORIZED_OWN_AZURE_ONLY"}
    told = {
        "outcome": draft.outcome,
        "support_access": draft.support_access,
        "move_option": draft.move_option,
        "billing_owner": billing_owner(moment, subscription),
        "reasons": [draft.deciding, *others],
        "next_steps": [
            {
                "code": taken.code,
                "actor": taken.actor,
                "performed_by_role": taken.role,
                "not_before": text(taken.not_before),
                "not_after": text(taken.not_after),
            }
            for taken in draft.steps
        ],
        "missing_facts": sorted(draft.missing),
        "manual_review": draft.manual_review,
        "eligible_from": text(draft.eligible_from),
        "cancellation_allowed_until": text(draft.cancellation_allowed_until),
        "consent_valid_until": text(draft.consent_valid_until),
    }
    return told, draft.rule, pair.position.id if with_position else None
