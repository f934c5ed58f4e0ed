"""What is the answer for a subscription and a partner at an instant, and when will it be another one?"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from processors.core.calendar import LAST_INSTANT
from processors.core.case import Between, Case, Date, make_between
from processors.core.decisions import Answer, BillingOwner, NextStep
from processors.core.outlook import Outlook
from processors.core.partners import PartnerView
from processors.core.policy import Policy
from processors.core.subscriptions import SubscriptionView
from processors.core.transfers import NO_TRANSFER, TransferPosition
from processors.core.tuples import maker
from processors.core.verdict import Decided, Verdict, decide

CASES_MAX: Final = 65_536
"""How many cases are remembered; then all are forgotten."""

_DATES: Final = tuple(Date)
NOTHING_BETWEEN: Final = Between(
    is_seller=False,
    made_seller_by_transfer=False,
    is_holder=False,
    provider_is_seller=False,
    transfer_unreadable=False,
    transfer_running=None,
    last_ended_transfer=None,
    other_transfer_runs=False,
    replaced_by_partner=False,
)


Standing: TypeAlias = tuple[Verdict, BillingOwner, tuple[int, ...]]
"""An answer in short: what it says but for owner and dates, who bills, and the instants of its dates, in the order of `Date`.

Two standings are equal if and only if the answers are: a date that is none is not named, and in each place only one date can stand.
"""


class Pair(NamedTuple):
    """The answer for a pair that looks so, what decided it, and the views it was made of; it holds as long as both do."""

    standing: Standing
    decided: Decided
    subscription: SubscriptionView
    partner: PartnerView

    @property
    def until(self) -> int:
        """Until when it holds."""
        return min(self.subscription.until, self.partner.until)


make_pair: Final = maker(Pair)


class Pairs:
    """Answers pairs from views; remembers what it decided for which facts, each vector by its number."""

    __slots__ = ("_betweens", "_cases", "_policy", "_verdicts")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._cases: dict[tuple[int, int, int], tuple[Decided, tuple[int, ...]]] = {}
        self._betweens: dict[Between, int] = {NOTHING_BETWEEN: 0}
        self._verdicts: dict[str, Verdict] = {}  # by what they say

    def at(self, outlook: Outlook, subscription_id: str, partner_tenant_id: str | None, instant: int) -> Pair:
        """The answer for the pair at the instant, and until when it holds."""
        subscription = outlook.subscription(subscription_id, instant)
        partner = outlook.partner(partner_tenant_id, subscription.face.context, instant)
        standing, decided = self.of(subscription, partner, partner_tenant_id)
        return make_pair(standing, decided, subscription, partner)

    def of(self, subscription: SubscriptionView, partner: PartnerView, partner_tenant_id: str | None) -> tuple[Standing, Decided]:
        """The answer for a pair that looks so, and what decided it."""
        transfer, between, number = NO_TRANSFER, NOTHING_BETWEEN, 0
        _, owner, seller, _, holder = subscription.face
        if subscription.transfers or (
            partner_tenant_id is not None
            and (
                partner_tenant_id in (seller, holder)
                or (seller is not None and seller == partner.provider)
                or partner_tenant_id in subscription.replaced_by
            )
        ):
            if partner_tenant_id is not None:
                transfer = subscription.transfers.get(partner_tenant_id, NO_TRANSFER)
            between = _between(subscription, partner, partner_tenant_id, transfer)
            number = self._betweens.setdefault(between, len(self._betweens))
        found = self._cases.get((subscription.number, partner.number, number))
        if found is None:
            found = self._decide(subscription, partner, between)
            self._cases[subscription.number, partner.number, number] = found
        decided, named = found
        if not named:
            return (decided.verdict, owner, ()), decided
        known = (
            subscription.term_end,
            subscription.cancellation_allowed_until,
            subscription.grace_until,
            partner.request_lapse,
            transfer.expiry,
            partner.consent_valid_until,
        )
        verdict, instants = decided.verdict, tuple([at for place in named if (at := known[place]) is not None])
        if len(instants) < len(named):
            verdict = self._without(verdict, tuple([_DATES[place] for place in named if known[place] is None]))
        return (verdict, owner, instants), decided

    def changes_at(self, outlook: Outlook, subscription_id: str, partner_tenant_id: str | None, pair: Pair) -> int | None:
        """The first instant at which time alone makes the answer another one: walk from bound to bound (policy.md 9.2)."""
        subscription, partner = pair.subscription, pair.partner
        while True:
            until = subscription.until
            if partner.until < until:
                until = partner.until
            if until > LAST_INSTANT:
                return None
            alike = True
            if subscription.until == until:
                before, subscription = subscription, outlook.subscription(subscription_id, until)
                alike = subscription.looks_like(before)
            if partner.until == until or not alike:
                now, partner = partner, outlook.partner(partner_tenant_id, subscription.face.context, until)
                alike = alike and partner.looks_like(now)
            if not alike and self.of(subscription, partner, partner_tenant_id)[0] != pair.standing:
                return until

    def _decide(self, subscription: SubscriptionView, partner: PartnerView, between: Between) -> tuple[Decided, tuple[int, ...]]:
        switches = self._policy.switches(subscription.vector.cloud)
        decided = decide(
            Case(
                subscription=subscription.vector,
                partner=partner.vector,
                between=between,
                manual_review_in_cloud=switches.manual_review is True,
                covered=switches.covered,
                transfer_tool_in_cloud=switches.transfer_tool is True,
                own_azure_without_admin_consent=switches.own_azure_without_admin_consent is True,
            )
        )
        verdict = self._verdicts.setdefault(decided.verdict.text, decided.verdict)
        named = tuple([_DATES.index(date) for date in verdict.dates_in_order])
        found = Decided(verdict, decided.rule, decided.position), named
        if len(self._cases) >= CASES_MAX:
            self._cases.clear()
        return found

    def _without(self, verdict: Verdict, none: tuple[Date, ...]) -> Verdict:
        """The verdict that does not name the dates that are none."""
        shorter = verdict.shorter.get(none)
        if shorter is None:
            shorter = verdict.without(none)
            shorter = verdict.shorter[none] = self._verdicts.setdefault(shorter.text, shorter)
        return shorter


def _between(subscription: SubscriptionView, partner: PartnerView, partner_tenant_id: str | None, transfer: TransferPosition) -> Between:
    running = subscription.running_targets
    if partner_tenant_id is None:
        return NOTHING_BETWEEN._replace(other_transfer_runs=bool(running))
    _, _, seller, seller_by_transfer, holder = subscription.face
    is_seller = seller == partner_tenant_id
    return make_between(
        is_seller,
        is_seller and seller_by_transfer,
        holder == partner_tenant_id,
        seller is not None and seller == partner.provider,
        transfer.unreadable,
        transfer.running,
        transfer.last_ended,
        bool(running) and any(target != partner_tenant_id for target in running),
        partner_tenant_id in subscription.replaced_by,
    )


def answer_of(standing: Standing) -> Answer:
    """The answer with its dates as instants."""
    verdict, owner, instants = standing
    if not instants:
        return _undated(verdict, owner)
    at: dict[Date | None, int | None] = {None: None}
    at.update(zip(verdict.dates_in_order, instants, strict=True))
    steps = tuple([NextStep(step.code, step.actor, step.role, at[step.not_before], at[step.not_after]) for step in verdict.steps])
    dates = at[verdict.eligible_from], at[verdict.cancellation_allowed_until], at[verdict.consent_valid_until]
    return _answer(verdict, owner, steps, *dates)


@lru_cache(maxsize=4_096)
def _undated(verdict: Verdict, owner: BillingOwner) -> Answer:
    """An answer without dates, shared by all who get it."""
    return _answer(verdict, owner, tuple([NextStep(step.code, step.actor, step.role) for step in verdict.steps]), None, None, None)


def _answer(
    verdict: Verdict,
    owner: BillingOwner,
    steps: tuple[NextStep, ...],
    eligible_from: int | None,
    cancellation_allowed_until: int | None,
    consent_valid_until: int | None,
) -> Answer:
    return Answer(
        verdict.outcome,
        verdict.access,
        verdict.move,
        owner,
        verdict.reasons,
        steps,
        verdict.missing,
        verdict.manual_review,
        eligible_from,
        cancellation_allowed_until,
        consent_valid_until,
    )
