"""Are reviews handed out when they are due, once, the oldest first, and never for what was taken back?"""

from __future__ import annotations

from processors.core.symbols import ReviewCause
from processors.topology.reviews import ReviewPlan, review


def plan_of(**instants: int) -> ReviewPlan:
    plan = ReviewPlan()
    plan.restore(0, instants)
    return plan


def test_nothing_is_due_before_its_instant_and_everything_from_it_on() -> None:
    plan = plan_of(a=100)
    assert plan.due(0, 99, 10) == []
    assert plan.due(0, 100, 10) == [(100, "a")]


def test_the_oldest_come_first_and_no_more_than_asked_for() -> None:
    plan = plan_of(a=3, b=1, c=2)
    assert plan.due(0, 10, 2) == [(1, "b"), (2, "c")]
    assert plan.due(0, 10, 2) == [(3, "a")]


def test_a_review_is_handed_out_once() -> None:
    plan = plan_of(a=1)
    assert plan.due(0, 10, 10) == [(1, "a")]
    assert plan.due(0, 10, 10) == []


def test_a_later_instant_replaces_an_earlier_one_and_the_other_way_round() -> None:
    plan = plan_of(a=1)
    plan.restore(0, {"a": 50})
    assert plan.due(0, 10, 10) == []
    plan.restore(0, {"a": 5})
    assert plan.due(0, 60, 10) == [(5, "a")]


def test_what_was_noted_counts_only_when_it_is_settled() -> None:
    plan = ReviewPlan()
    plan.note(0, "a", 1)
    assert plan.due(0, 10, 10) == []
    plan.settle(0)
    assert plan.due(0, 10, 10) == [(1, "a")]


def test_what_was_taken_back_never_counts() -> None:
    plan = plan_of(a=5)
    plan.note(0, "a", 1)
    plan.take_back(0)
    plan.settle(0)
    assert plan.due(0, 4, 10) == []
    assert plan.due(0, 5, 10) == [(5, "a")]


def test_no_instant_takes_a_customer_out_of_the_plan() -> None:
    plan = plan_of(a=1, b=2)
    plan.restore(0, {"a": None})
    assert plan.due(0, 10, 10) == [(2, "b")]
    assert plan.planned() == 0


def test_a_partition_that_went_elsewhere_is_forgotten_and_no_other() -> None:
    plan = plan_of(a=1)
    plan.restore(1, {"b": 1})
    plan.note(0, "c", 1)
    plan.forget(0)
    plan.settle(0)
    assert plan.due(0, 10, 10) == []
    assert plan.due(1, 10, 10) == [(1, "b")]


def test_it_says_how_long_the_oldest_is_overdue() -> None:
    plan = plan_of(a=1_000_000, b=4_000_000)
    assert plan.overdue_seconds(500_000) == 0
    assert plan.overdue_seconds(5_000_000) == 4
    plan.due(0, 1_000_000, 10)
    assert plan.overdue_seconds(5_000_000) == 1


def test_a_plan_that_is_changed_a_hundred_thousand_times_stays_small() -> None:
    plan = ReviewPlan()
    for instant in range(100_000):
        plan.restore(0, {"a": instant})
    assert len(plan._heaps[0]) < 2_000
    assert plan.due(0, 100_000, 10) == [(99_999, "a")]


def test_the_id_of_a_review_tells_customer_instant_and_cause() -> None:
    reviews = [
        review("a", 1, ReviewCause.TIME),
        review("a", 2, ReviewCause.TIME),
        review("b", 1, ReviewCause.TIME),
        review("a", 1, ReviewCause.OPERATOR),
    ]
    assert len({each.event_id for each in reviews}) == 4
    assert review("a", 1, ReviewCause.TIME) == reviews[0]
