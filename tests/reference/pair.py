"""What is asked about one pair, and what is answered before the finishing touches of policy.md 8.5?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.reference.commerce import is_related
from tests.reference.positions import Position, position_of, relate
from tests.reference.steps import Step, step
from tests.reference.terms import CANCELLED, LICENCE, USAGE, is_ended, term_state

if TYPE_CHECKING:
    from tests.reference.moment import Moment

NATIONAL_GOVERNMENT = "US_GOVERNMENT"


@dataclass
class Draft:
    """A row's answer while it is being made."""

    rule: str
    outcome: str
    deciding: str
    support_access: str
    move_option: str
    steps: list[Step] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    manual_review: bool = False
    eligible_from: int | None = None
    cancellation_allowed_until: int | None = None
    consent_valid_until: int | None = None


class Pair:
    """One (subscription, partner) at one moment; partner None is the any-partner."""

    def __init__(self, moment: Moment, subscription: str, partner: str | None) -> None:
        """Look up what nearly every row reads."""
        self.moment = moment
        self.subscription = subscription
        self.partner = partner
        self.service_type = self.of("service_type")
        self.channel = self.of("acquisition_channel")
        self.cloud = self.of("cloud")
        self.in_csp = self.channel == "CSP"
        self.is_licence = self.service_type == LICENCE
        self.is_usage = self.service_type == USAGE
        self.state = term_state(moment, subscription).name
        self.grace_from = term_state(moment, subscription).x
        self.ended = is_ended(moment, subscription)
        self.partner_type = moment.partner_value(partner, "partner_type")

    def of(self, name: str) -> Any:
        """A register of the subscription."""
        return self.moment.of(self.subscription, name)

    @property
    def position(self) -> Position:
        """The consent position."""
        return position_of(self.moment, self.partner, self.subscription)

    @property
    def holds_k3(self) -> bool:
        """Whether the position is K3."""
        return self.position.id == "K3"

    def by_consent(self) -> str:
        """K without ENDED."""
        return "AUTHORIZED" if self.holds_k3 else "CONSENT_REQUIRED"

    def k(self) -> str:
        """K: support by consent."""
        return "ENDED" if self.ended else self.by_consent()

    def k_licence(self) -> str:
        """K licence: K for licences; anything else by state alone."""
        if self.is_licence:
            return self.k()
        return "ENDED" if self.ended else "NOT_AVAILABLE"

    def end_reason(self) -> str:
        """END_REASON."""
        return "SUBSCRIPTION_CANCELLED" if self.state == CANCELLED else "TERM_ENDED"

    def bars(self) -> list[str]:
        """The reasons for which this pair is barred, empty where it is not."""
        reasons = []
        if self.moment.customer_value("is_csp_transacting_tenant") is True:
            reasons.append("CUSTOMER_IS_CSP_TENANT")
        if self.partner == self.moment.facts.customer:
            reasons.append("SELF_OR_AFFILIATE_SALE")
        return reasons

    def relate(self) -> list[Step]:
        """RELATE."""
        return relate(self.moment, self.partner, self.cloud, holds_k3=self.holds_k3)

    def is_related(self, partner: str | None) -> bool:
        """Whether a partner is related to the customer."""
        return is_related(self.moment, partner)

    def missing(self, rule: str, *names: str, support_access: str) -> Draft:
        """A FACTS_INCOMPLETE answer."""
        return Draft(
            rule, "FACTS_INCOMPLETE", "MISSING_FACTS", support_access, "UNKNOWN", [step("SUPPLY_MISSING_FACTS")], missing=sorted(names)
        )

    def asking(self, draft: Draft) -> Draft:
        """*Asking*: a licence whose access is CONSENT_REQUIRED gets ASK and the position's reason."""
        if self.is_licence and draft.support_access == "CONSENT_REQUIRED":
            draft.steps += self.position.ask
            draft.others.add(self.position.reason)
        return draft
