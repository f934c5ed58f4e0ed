"""Do the limits at the door say which one an event would go over, and let repeats in?"""

from __future__ import annotations

from processors.core.decisions import Cause
from processors.core.door import Limits, too_large
from processors.core.events import SubscriptionPurchased
from processors.core.handle import handle
from processors.core.policy import Policy
from processors.core.state import CustomerState
from processors.core.symbols import EvidenceLevel, PurchaseKind

POLICY = Policy.shipped()


def purchase(number: int, subscription: str, partner: str | None = None) -> SubscriptionPurchased:
    return SubscriptionPurchased(
        event_id=f"event-{number}",
        occurred_at=number,
        customer_tenant_id="customer",
        source_system="test",
        evidence_level=EvidenceLevel.DOCUMENT,
        kind=PurchaseKind.CORRECTION,
        subscription_id=subscription,
        candidate_partner_tenant_id=partner,
    )


def state_after(*events: SubscriptionPurchased) -> CustomerState:
    state = CustomerState("customer")
    for event in events:
        handle(state, event, Cause(event.event_id, "subscription-purchased"), POLICY)
    return state


def test_what_names_nothing_new_is_always_let_in() -> None:
    state = state_after(purchase(1, "s1", "p1"), purchase(2, "s2"))
    assert too_large(state, purchase(3, "s1", "p1"), Limits(0, 0, 0)) is None


def test_each_limit_is_named_with_the_number_it_would_come_to() -> None:
    state = state_after(purchase(1, "s1", "p1"), purchase(2, "s2", "p2"))
    for limits, event, expected in (
        (Limits(2, 2, 4), purchase(3, "s3"), "limit subscriptions: 3 subscriptions decided for per customer, at most 2 are allowed"),
        (Limits(3, 2, 9), purchase(3, "s1", "p3"), "limit partners: 3 partners decided for per customer, at most 2 are allowed"),
        (
            Limits(3, 3, 5),
            purchase(3, "s3"),
            "limit product: 6 subscriptions times partners decided for per customer, at most 5 are allowed",
        ),
    ):
        assert str(too_large(state, event, limits)) == expected
    assert too_large(state, purchase(3, "s3", "p3"), Limits(3, 3, 9)) is None


def test_an_event_applied_already_is_let_in_whatever_it_names_now() -> None:
    state = state_after(purchase(1, "s1"))
    assert too_large(state, purchase(1, "s2", "p1"), Limits(1, 0, 0)) is None


def test_the_any_partner_does_not_count() -> None:
    assert too_large(state_after(), purchase(1, "s1"), Limits(1, 0, 0)) is None
