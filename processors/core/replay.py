"""Which decisions do these events come to, whatever the order in which they are read? Canonical replay (policy.md 9.4)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from processors.core.additions import key_of
from processors.core.decisions import Cause, Decision
from processors.core.events import Event
from processors.core.handle import Disposition, Handled, handle, review, wake
from processors.core.policy import Policy
from processors.core.state import CustomerState

BY_ITSELF = Cause(event_id=None, topic="review-due")
"""The cause of a review that canonical replay makes by itself."""


class Step(NamedTuple):
    """One event as it was applied, or a review that canonical replay made by itself (`event` None), and the state right after it."""

    event: Event | None
    cause: Cause
    handled: Handled
    state: CustomerState  # goes on changing: look at it before the next step is asked for


def canonical_replay(events: Iterable[tuple[Event, Cause]], policy: Policy, until: int | None = None) -> Iterator[Decision]:
    """All decisions up to `until` (microseconds; default: the last occurred_at), over all customers, in their order.

    Every customer is reviewed at every instant at which time alone may change an answer.
    """
    for step in canonical_steps(events, policy, until):
        yield from step.handled.decisions


def canonical_steps(events: Iterable[tuple[Event, Cause]], policy: Policy, until: int | None = None) -> Iterator[Step]:
    """The same, step by step: every event and every review, whatever it led to."""
    first_read: dict[tuple[str, str], tuple[Event, Cause]] = {}
    last = until
    for event, cause in events:
        first_read.setdefault((event.customer_tenant_id, event.event_id), (event, cause))
        if until is None and (last is None or event.occurred_at > last):
            last = event.occurred_at
    if last is None:
        return
    states: dict[str, CustomerState] = {}
    reviews: list[tuple[int, int, str]] = []
    for event, cause in sorted((pair for pair in first_read.values() if pair[0].occurred_at <= last), key=lambda pair: _place(pair[0])):
        yield from _review_before(_place(event), reviews, states, policy)
        customer = event.customer_tenant_id
        state = states.get(customer)
        if state is None:
            state = states[customer] = CustomerState(customer)
        yield Step(event, cause, handle(state, event, cause, policy), state)
        _plan(state, reviews)
    yield from _review_before((last + 1, 0), reviews, states, policy)


def _place(event: Event) -> tuple[int, int, str, str]:
    """Where an event stands: at one instant reviews first, by customer, then events by (rank, event_id, customer)."""
    instant, rank, event_id = key_of(event)
    return (instant, rank, event.customer_tenant_id, event_id) if rank == 0 else (instant, rank, event_id, event.customer_tenant_id)


def _review_before(
    place: tuple[int, int, str, str] | tuple[int, int],
    reviews: list[tuple[int, int, str]],
    states: dict[str, CustomerState],
    policy: Policy,
) -> Iterator[Step]:
    """All reviews that stand before a place; a plan that was overtaken is passed over."""
    while reviews and reviews[0] < place:
        due, _, customer = heapq.heappop(reviews)
        state = states[customer]
        if wake(state) != due:
            continue
        yield Step(None, BY_ITSELF, Handled(Disposition.APPLIED, review(state, due, BY_ITSELF, policy)), state)
        _plan(state, reviews)


def _plan(state: CustomerState, reviews: list[tuple[int, int, str]]) -> None:
    due = wake(state)
    if due is not None:
        heapq.heappush(reviews, (due, 0, state.facts.customer_tenant_id))
