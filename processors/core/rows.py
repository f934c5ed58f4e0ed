"""How is a row of a table written down, and what do the words in its columns mean? Reasons and accesses by name (policy.md 7, 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from processors.core.case import Case, Date
from processors.core.conclusions import MoveOption, Outcome, Reason, SupportAccess
from processors.core.conditions import CANCELLED, NEVER, Condition
from processors.core.outlines import LICENCE
from processors.core.steps import Steps, allowed_until
from processors.core.symbols import AcquisitionChannel, ServiceType, TransferKind
from processors.core.terms import TermState, Window

Reasons: TypeAlias = Callable[[Case], tuple[Reason, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: its id in policy.md, when it matches, and what it answers. Where a column depends on the case it names a function of it."""

    id: str
    when: Condition
    outcome: Outcome
    reason: Reason | Callable[[Case], Reason]
    others: tuple[Reason | Reasons, ...] = ()
    access: SupportAccess | Callable[[Case], SupportAccess] = SupportAccess.NOT_AVAILABLE
    move: MoveOption | Callable[[Case], MoveOption] = MoveOption.UNKNOWN
    steps: tuple[Callable[[Case], Steps], ...] = ()
    asking: bool = False  # a licence whose support_access is CONSENT_REQUIRED gets ASK and the position's reason
    missing: Callable[[Case], tuple[str, ...]] | None = None  # FACTS_INCOMPLETE: which
    manual_review: Condition = NEVER
    refused: bool = False  # tells eligible_from and cancellation_allowed_until


@dataclass(frozen=True, slots=True)
class Dates:
    """Which dates a row tells beside those of its steps."""

    eligible_from: Date | None = None
    cancellation_allowed_until: Date | None = None


def dates(row: Row, case: Case) -> Dates:
    """Table B: eligible_from = E while T < E; cancellation_allowed_until = G or W."""
    if not row.refused:
        return Dates()
    return Dates(Date.TERM_END if case.subscription.end_ahead else None, allowed_until(case))


# support_access


def by_consent(case: Case) -> SupportAccess:
    """K: ENDED if the state is ended."""
    return SupportAccess.ENDED if case.subscription.ended else case.support_by_consent


def by_consent_if_licence(case: Case) -> SupportAccess:
    """K licence."""
    if case.subscription.service is LICENCE:
        return by_consent(case)
    return SupportAccess.ENDED if case.subscription.ended else SupportAccess.NOT_AVAILABLE


def by_consent_even_if_ended(case: Case) -> SupportAccess:
    """E1: K (not ENDED) for licences, else NOT_AVAILABLE."""
    return case.support_by_consent if case.subscription.service is LICENCE else SupportAccess.NOT_AVAILABLE


def own_sale(case: Case) -> SupportAccess:
    """E6: licences, OTHER: K. Usage by how it was obtained, by consent, by cloud."""
    if case.subscription.service in {LICENCE, ServiceType.OTHER} or case.subscription.ended:
        return by_consent(case)
    if case.subscription.obtained_by_transfer:
        return SupportAccess.NOT_AVAILABLE
    own_only = case.own_azure_without_admin_consent and case.support_by_consent is not SupportAccess.AUTHORIZED
    return SupportAccess.AUTHORIZED_OWN_AZURE_ONLY if own_only else case.support_by_consent


# move_option


def repurchase_unless_barred(case: Case) -> MoveOption:
    """Table A: REPURCHASE; if barred PROHIBITED."""
    return MoveOption.PROHIBITED if case.barred else MoveOption.REPURCHASE


# the deciding reason


def end_reason(case: Case) -> Reason:
    """END_REASON."""
    return Reason.SUBSCRIPTION_CANCELLED if CANCELLED.holds(case) else Reason.TERM_ENDED


def end_before_replacement(case: Case) -> Reason:
    """C2."""
    return Reason.CANCELLED_BEFORE_REPLACEMENT if CANCELLED.holds(case) else Reason.TERM_ENDED


def of_the_position(case: Case) -> Reason:
    """The reason of the consent position."""
    return case.partner.consent.reason


def the_bar(case: Case) -> Reason:
    """E11: CUSTOMER_IS_CSP_TENANT, else SELF_OR_AFFILIATE_SALE."""
    return case.bars[0]


def transfer_step(case: Case) -> Reason:
    """E13: TRANSFER_REQUESTED or TRANSFER_ACCEPTED."""
    return Reason.TRANSFER_ACCEPTED if case.between.transfer_running is TransferKind.ACCEPTED else Reason.TRANSFER_REQUESTED


# other reasons

_APPLICABLE: Final = {
    AcquisitionChannel.MICROSOFT_DIRECT: Reason.APPLICABLE_DIRECT,
    AcquisitionChannel.MCA_ENTERPRISE: Reason.APPLICABLE_DIRECT,
    AcquisitionChannel.ADVISOR: Reason.APPLICABLE_ADVISOR,
    AcquisitionChannel.OPEN: Reason.APPLICABLE_OPEN,
    AcquisitionChannel.EA: Reason.APPLICABLE_EA,
    AcquisitionChannel.THIRD_PARTY_NON_CSP: Reason.APPLICABLE_THIRD_PARTY,
}


def applicable(case: Case) -> tuple[Reason, ...]:
    """APPLICABLE_x, by the channel."""
    channel = case.subscription.channel
    return (_APPLICABLE[channel],) if channel in _APPLICABLE else ()


def bars(case: Case) -> tuple[Reason, ...]:
    """CUSTOMER_IS_CSP_TENANT and/or SELF_OR_AFFILIATE_SALE."""
    return case.bars


def conflict_if_authorised(case: Case) -> tuple[Reason, ...]:
    """E8: CONFLICTING_FACTS if K3 holds all the same."""
    return (Reason.CONFLICTING_FACTS,) if case.support_by_consent is SupportAccess.AUTHORIZED else ()


def multi_partner_access(case: Case) -> tuple[Reason, ...]:
    """Table B: MULTI_PARTNER_ACCESS if AUTHORIZED (L8)."""
    return (Reason.MULTI_PARTNER_ACCESS,) if by_consent(case) is SupportAccess.AUTHORIZED else ()


def last_ended_transfer(case: Case) -> tuple[Reason, ...]:
    """The reason of the last ended transfer to this partner."""
    ended = case.between.last_ended_transfer
    return (ended,) if ended is not None else ()


def partial_cancellation(case: Case) -> tuple[Reason, ...]:
    """PARTIAL_SERVICE_CANCELLATION if services_cancelled."""
    return (Reason.PARTIAL_SERVICE_CANCELLATION,) if case.subscription.services_cancelled else ()


def refused_set(case: Case) -> tuple[Reason, ...]:
    """Table B, *refused set*."""
    facts = case.subscription
    said = (
        (Reason.CANCELLATION_WINDOW_OPEN, facts.window is Window.OPEN),
        (Reason.CANCELLATION_WINDOW_CLOSED, facts.window is Window.CLOSED),
        (Reason.CANCELLATION_NOT_ALLOWED, facts.request_refused),
        (Reason.RENEWAL_PENDING, facts.state is TermState.RENEWAL_PENDING),
        (Reason.RENEWED_NEW_TERM, facts.renewed),
        (Reason.AUTO_RENEW_ON, facts.auto_renew is True),
    )
    return tuple(reason for reason, holds in said if holds)


# missing facts


def named(*names: str) -> Callable[[Case], tuple[str, ...]]:
    """Always these."""
    return lambda _: names


def facts_missing(case: Case) -> tuple[str, ...]:
    """E4."""
    return case.missing


def azure_facts_missing(case: Case) -> tuple[str, ...]:
    """D2."""
    offer = ("azure_offer",) if case.subscription.azure_offer in {None, "UNKNOWN"} else ()
    return offer + (("partner_type",) if case.partner.partner_type == "UNKNOWN" else ())
