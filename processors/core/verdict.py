"""What does a case come to? Its row, and what follows after the row (policy.md 8.5), with dates still as names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from processors.core import steps as s
from processors.core.case import Case, Date
from processors.core.conclusions import Actor, ConsentPosition, MoveOption, NextStepCode, Outcome, Reason, SupportAccess
from processors.core.order import deciding_row
from processors.core.outlines import LICENCE
from processors.core.rows import Row, dates
from processors.core.steps import Step
from processors.core.symbols import PartnerType

_OPEN_OUTCOMES: Final = frozenset(
    {
        Outcome.SUPPORT_AUTHORIZED,
        Outcome.CONSENT_REQUIRED,
        Outcome.SWITCH_REFUSED,
        Outcome.REPURCHASE_ALLOWED,
        Outcome.RECREATE_AND_CANCEL,
        Outcome.COEXISTENCE_ACCEPTED,
        Outcome.TRANSFER_AVAILABLE,
        Outcome.TRANSFER_IN_PROGRESS,
        Outcome.RESALE_PROHIBITED,
    }
)
_ADMIN_MANDATORY_OUTCOMES: Final = frozenset(
    {
        Outcome.CONSENT_REQUIRED,
        Outcome.RECREATE_AND_CANCEL,
        Outcome.TRANSFER_AVAILABLE,
        Outcome.REPURCHASE_ALLOWED,
    }
)
_COMMERCE: Final = frozenset(
    {
        NextStepCode.PURCHASE_EQUIVALENT_CSP_SUBSCRIPTION,
        NextStepCode.PURCHASE_AZURE_PLAN,
        NextStepCode.CREATE_AZURE_SUBSCRIPTION,
        NextStepCode.ENTER_SUBSCRIPTION_DETAILS,
        NextStepCode.SEND_TRANSFER_REQUEST,
    }
)
_REVIEWED: Final = frozenset(
    {
        Reason.US_GOV_SOURCE_CONFLICT,
        Reason.CONFLICTING_FACTS,
        Reason.GDAP_NOT_VALID_FOR_EA,
        Reason.BEFORE_FIRST_POLICY,
    }
)
_ORDER: Final = {reason: place for place, reason in enumerate(Reason)}
"""The other reasons stand in the order of policy.md 8.5.6, which is the order of the enum."""
_WITH_CONSENT: Final = frozenset({SupportAccess.AUTHORIZED, SupportAccess.CONSENT_REQUIRED})


@dataclass(frozen=True, eq=False)
class Verdict:
    """An answer but for the billing owner and the dates. There are about a thousand, shared; so it keeps what is computed from it.

    `Pairs` keeps one of those that say the same: two verdicts of it are equal if and only if they are one object.
    """

    outcome: Outcome
    access: SupportAccess
    move: MoveOption
    reasons: tuple[Reason, ...]
    steps: tuple[Step, ...]
    missing: tuple[str, ...]
    manual_review: bool
    eligible_from: Date | None
    cancellation_allowed_until: Date | None
    consent_valid_until: Date | None

    @cached_property
    def text(self) -> str:
        """What it says as one line; the digest of an answer rests on it, and `tests/core/test_emission.py` pins it."""
        steps = ",".join(f"{step.code}/{step.actor}/{step.role}/{step.not_before}/{step.not_after}" for step in self.steps)
        return "|".join(
            (
                self.outcome,
                self.access,
                self.move,
                ",".join(self.reasons),
                steps,
                ",".join(self.missing),
                f"{self.manual_review}/{self.eligible_from}/{self.cancellation_allowed_until}/{self.consent_valid_until}",
            )
        )

    @cached_property
    def hashed(self) -> hashlib.blake2b:
        """The digest of an answer, as far as the text above goes."""
        return hashlib.blake2b(self.text.encode(), digest_size=8)

    @cached_property
    def dates_in_order(self) -> tuple[Date, ...]:
        """The dates it names, in the order of `Date`."""
        named = {self.eligible_from, self.cancellation_allowed_until, self.consent_valid_until}
        named |= {date for step in self.steps for date in (step.not_before, step.not_after)}
        return tuple(date for date in Date if date in named)

    @cached_property
    def shorter(self) -> dict[tuple[Date, ...], Verdict]:
        """The same without some of its dates, as far as that was asked for."""
        return {}

    def without(self, none: tuple[Date, ...]) -> Verdict:
        """The same without the dates that are none."""

        def kept(date: Date | None) -> Date | None:
            return None if date in none else date

        return replace(
            self,
            steps=tuple(step._replace(not_before=kept(step.not_before), not_after=kept(step.not_after)) for step in self.steps),
            eligible_from=kept(self.eligible_from),
            cancellation_allowed_until=kept(self.cancellation_allowed_until),
            consent_valid_until=kept(self.consent_valid_until),
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict, the row that decided and the consent position behind it, which are no part of the answer."""

    verdict: Verdict
    rule: str
    position: ConsentPosition | None


def decide(case: Case) -> Decided:
    """The first matching row, and then the steps of 8.5 in their order."""
    row = deciding_row(case)
    access = row.access if isinstance(row.access, SupportAccess) else row.access(case)
    deciding = row.reason if isinstance(row.reason, Reason) else row.reason(case)
    others = {reason for other in row.others for reason in ((other,) if isinstance(other, Reason) else other(case))}
    steps = [step for group in row.steps for step in group(case)]
    if row.asking and access is SupportAccess.CONSENT_REQUIRED and case.subscription.service is LICENCE:
        steps += s.ask(case)
        others.add(case.partner.consent.reason)
    steps = _indirect(case, steps, others)
    if access is SupportAccess.AUTHORIZED and case.partner.consent.granter_unknown:
        others.add(Reason.GRANTER_ROLE_UNKNOWN)
    if access in _WITH_CONSENT and case.partner.consent.conflicting:
        others.add(Reason.CONFLICTING_FACTS)
    _us_government(case, row, others)
    if case.subscription.before_first_policy:
        others.add(Reason.BEFORE_FIRST_POLICY)
    others.discard(deciding)
    manual_review = deciding in _REVIEWED or not _REVIEWED.isdisjoint(others) or row.manual_review.holds(case)
    if manual_review:
        steps.append(s.step(NextStepCode.MANUAL_REVIEW))
    told = dates(row, case)
    verdict = Verdict(
        outcome=row.outcome,
        access=access,
        move=row.move if isinstance(row.move, MoveOption) else row.move(case),
        reasons=(deciding, *sorted(others, key=_ORDER.__getitem__)),
        steps=tuple(steps),
        missing=tuple(sorted(row.missing(case))) if row.missing is not None else (),
        manual_review=manual_review,
        eligible_from=told.eligible_from,
        cancellation_allowed_until=told.cancellation_allowed_until,
        consent_valid_until=Date.CONSENT_LIMIT if access is SupportAccess.AUTHORIZED else None,
    )
    needed = access in _WITH_CONSENT or access is SupportAccess.AUTHORIZED_OWN_AZURE_ONLY
    return Decided(verdict, row.id, case.partner.consent.position if needed else None)


def _is_commerce(step: Step) -> bool:
    signs = step.code is NextStepCode.SIGN_CHANGE_OF_CSP_FORM and step.actor is Actor.PARTNER
    return step.code in _COMMERCE or signs


def _indirect(case: Case, steps: list[Step], reasons: set[Reason]) -> list[Step]:
    """8.5.1: who may not sell goes through its provider, or signs the partner agreement first."""
    if not any(_is_commerce(step) for step in steps):
        return steps
    if case.partner.partner_type in {PartnerType.ADVISOR_PARTNER, PartnerType.NON_CSP}:
        reasons.add(Reason.PARTNER_NOT_IN_CSP)
        return [s.step(NextStepCode.SIGN_MPA), *steps]
    if case.partner.partner_type is not PartnerType.INDIRECT_RESELLER:
        return steps
    reasons.add(Reason.INDIRECT_RESELLER_CANNOT_TRANSACT)
    first = [s.step(NextStepCode.WORK_WITH_INDIRECT_PROVIDER)]
    if not case.partner.provider_related:
        reasons.add(Reason.INDIRECT_PROVIDER_RELATIONSHIP_MISSING)
        first.append(s.step(NextStepCode.REQUEST_RESELLER_RELATIONSHIP)._replace(actor=Actor.INDIRECT_PROVIDER))
    return first + [step._replace(actor=Actor.INDIRECT_PROVIDER) if _is_commerce(step) else step for step in steps]


def _us_government(case: Case, row: Row, reasons: set[Reason]) -> None:
    """8.5.3: in a cloud whose every open answer goes to manual review (6.1)."""
    if not case.manual_review_in_cloud:
        return
    if row.outcome in _OPEN_OUTCOMES:
        reasons.add(Reason.US_GOV_SOURCE_CONFLICT)
    if row.outcome in _ADMIN_MANDATORY_OUTCOMES and case.partner.consent.position is not ConsentPosition.K3:
        reasons.add(Reason.US_GOV_ADMIN_PERMISSION_MANDATORY)
