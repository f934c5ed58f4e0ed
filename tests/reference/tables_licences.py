"""What do tables A and B answer for licences (policy.md 8.1, 8.2)?"""

from __future__ import annotations

from tests.reference.commerce import last_ended, runs_to_another
from tests.reference.instants import DAY, later
from tests.reference.pair import NATIONAL_GOVERNMENT, Draft, Pair
from tests.reference.steps import Step, step
from tests.reference.terms import (
    CANCELLED,
    ENDED_DELETED,
    ENDED_DISABLED,
    ENDED_GRACE,
    RENEWAL_PENDING,
    SUSPENDED,
    cancellation_window,
    request_refused,
    term_end,
)

APPLICABLE = {
    "MICROSOFT_DIRECT": "APPLICABLE_DIRECT",
    "MCA_ENTERPRISE": "APPLICABLE_DIRECT",
    "ADVISOR": "APPLICABLE_ADVISOR",
    "OPEN": "APPLICABLE_OPEN",
    "EA": "APPLICABLE_EA",
    "THIRD_PARTY_NON_CSP": "APPLICABLE_THIRD_PARTY",
}


def purchase(*, not_after: int | None = None) -> Step:
    """PURCHASE."""
    return step("PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION", not_after=not_after)


def table_a(pair: Pair) -> Draft:
    """Licences bought outside CSP."""
    bars = pair.bars()
    move_option = "PROHIBITED" if bars else "REPURCHASE"
    others = set(bars)
    if pair.state == CANCELLED:
        return Draft("A1", "CLOSED", "SUBSCRIPTION_CANCELLED", "ENDED", move_option, [] if bars else [*pair.relate(), purchase()], others)
    if pair.state in {ENDED_DISABLED, ENDED_DELETED}:
        return Draft("A2", "CLOSED", "TERM_ENDED", "ENDED", move_option, [] if bars else [*pair.relate(), purchase()], others)
    others.add(APPLICABLE[pair.channel])
    steps = list(pair.position.ask)
    if pair.state == ENDED_GRACE:
        others.add("TERM_ENDED")
        if not bars:
            steps.append(purchase(not_after=later(pair.grace_from, 30 * DAY)))
        if pair.holds_k3:
            return Draft("A3", "SUPPORT_AUTHORIZED", "CONSENT_ACTIVE", "AUTHORIZED", move_option, steps, others)
        return Draft("A4", "CONSENT_REQUIRED", pair.position.reason, "CONSENT_REQUIRED", move_option, steps, others)
    if pair.holds_k3:
        return Draft("A5", "SUPPORT_AUTHORIZED", "CONSENT_ACTIVE", "AUTHORIZED", move_option, steps, others)
    return Draft("A6", "CONSENT_REQUIRED", pair.position.reason, "CONSENT_REQUIRED", move_option, steps, others)


def refuse(pair: Pair, rule: str, deciding: str, *others: str, before: tuple[Step, ...] = ()) -> Draft:
    """A refused switch: the *refused set* and the *refused steps*."""
    window = cancellation_window(pair.moment, pair.subscription)
    end = term_end(pair.moment, pair.subscription)
    draft = Draft(rule, "SWITCH_REFUSED", deciding, pair.k(), "REFUSED_UNTIL_TERM_END", list(before), set(others))
    draft.eligible_from = end if end is not None and pair.moment.instant < end else None
    draft.cancellation_allowed_until = window.until
    if window.limited and window.known:
        draft.others.add("CANCELLATION_WINDOW_OPEN" if window.cancellable else "CANCELLATION_WINDOW_CLOSED")
    if request_refused(pair.moment, pair.subscription):
        draft.others.add("CANCELLATION_NOT_ALLOWED")
    if pair.state == RENEWAL_PENDING:
        draft.others.add("RENEWAL_PENDING")
    if pair.of("renewed"):
        draft.others.add("RENEWED_NEW_TERM")
    if pair.of("auto_renew_enabled") is True:
        draft.others.add("AUTO_RENEW_ON")
    if window.cancellable:
        draft.steps.append(step("CANCEL_SUBSCRIPTION", not_after=window.until))
    if pair.state == RENEWAL_PENDING:
        draft.steps.append(step("SUPPLY_MISSING_FACTS"))
        return draft
    if pair.of("auto_renew_enabled") is not False:
        draft.steps.append(step("TURN_OFF_AUTO_RENEW", not_after=draft.eligible_from))
    draft.steps.append(step("WAIT_FOR_TERM_END", not_before=draft.eligible_from))
    return draft


def decide_b(pair: Pair) -> Draft:
    """The first matching row of table B."""
    relate_and_purchase = [*pair.relate(), purchase()]
    if pair.state == CANCELLED:
        return Draft("B1", "REPURCHASE_ALLOWED", "SUBSCRIPTION_CANCELLED", pair.k(), "REPURCHASE", relate_and_purchase)
    if pair.state == ENDED_DELETED:
        return Draft("B2", "REPURCHASE_ALLOWED", "TERM_ENDED", pair.k(), "REPURCHASE", relate_and_purchase)
    if pair.state == ENDED_DISABLED:
        return Draft("B3", "REPURCHASE_ALLOWED", "TERM_ENDED", pair.k(), "REPURCHASE", relate_and_purchase, manual_review=True)
    if pair.state == ENDED_GRACE:
        steps = [*pair.relate(), purchase(not_after=later(pair.grace_from, 30 * DAY))]
        return Draft("B4", "REPURCHASE_ALLOWED", "TERM_ENDED", pair.k(), "REPURCHASE", steps)
    platform = pair.of("commerce_platform")
    licence_transfer = pair.moment.version.licence_transfer
    if licence_transfer and platform not in {"LEGACY", "NEW_COMMERCE"}:
        return pair.missing("B5", "commerce_platform", support_access=pair.k())
    transferable = licence_transfer and platform == "NEW_COMMERCE" and not pair.of("is_trial")
    if transferable and pair.cloud == NATIONAL_GOVERNMENT:
        return refuse(pair, "B6", "CSP_LICENSE_IN_TERM", "NATIONAL_CLOUD_TRANSFER_UNSUPPORTED")
    if transferable and pair.state == SUSPENDED:
        return refuse(pair, "B7", "SUSPENDED_NOT_TRANSFERABLE", before=(step("REACTIVATE_SUBSCRIPTION"),))
    if transferable and pair.state == RENEWAL_PENDING:
        return refuse(pair, "B7a", "CSP_LICENSE_IN_TERM")
    if transferable and runs_to_another(pair.moment, pair.subscription, pair.partner):
        return refuse(pair, "B8", "ALREADY_IN_TRANSFER")
    if transferable:
        reason = last_ended(pair.moment, pair.subscription, pair.partner)
        steps = [*pair.relate(), step("SEND_TRANSFER_REQUEST"), step("ACCEPT_TRANSFER_REQUEST")]
        return Draft("B9", "TRANSFER_AVAILABLE", "LICENSE_TRANSFERABLE", pair.k(), "TRANSFER", steps, {reason} if reason else set())
    return refuse(pair, "B10", "CSP_LICENSE_IN_TERM")


def table_b(pair: Pair) -> Draft:
    """Licences sold by another CSP partner."""
    draft = decide_b(pair)
    if draft.support_access == "AUTHORIZED":
        draft.others.add("MULTI_PARTNER_ACCESS")
    return draft
