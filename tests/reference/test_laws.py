"""Do the laws of policy.md hold in its naive reading, so that the document does not contradict itself? (about 15 s of CPU)"""

from __future__ import annotations

import itertools
import random

import pytest

from tests.reference.coverage import policy_of
from tests.reference.drawing import Case
from tests.reference.histories import history
from tests.reference.instants import DAY, FIRST, HOUR, LAST, read_instant
from tests.reference.oracle import Known, canonical_replay, without_repeats
from tests.reference.reading import Event, read_event
from tests.reference.weights import THEMES

ROUNDS = 4


def told_instants(events: list[Event]) -> set[int]:
    names = ("occurred_at", "valid_from", "valid_until", "effective_at", "expires_at", "effective_start_date", "cancellation_allowed_until")
    return {event.told(name) for event in events for name in names if event.told(name) is not None}


def suspects(events: list[Event], dates: list[int]) -> list[int]:
    """Many instants at which something might change, far more than policy.md 9.2 names."""
    lengths = [0, 24 * HOUR, 72 * HOUR, 168 * HOUR, *(days * DAY for days in (1, 30, 31, 90, 120, 150, 180, 365, 366, 730, 731))]
    told = told_instants(events)
    days = {(event.told("commitment_end_date") + 1) * DAY for event in events if event.told("commitment_end_date") is not None}
    midnights = {instant // DAY * DAY for instant in told}
    near = {instant + length + beside for instant in told | days | midnights for length in lengths for beside in (-1, 0, 1)}
    return sorted(instant for instant in near | {date + beside for date in dates for beside in (-1, 0, 1)} if FIRST <= instant <= LAST)


def of_one_customer(case: Case) -> list[list[Event]]:
    events = without_repeats(read_event(raw) for raw in case.events)
    return [[event for event in events if event.customer == customer] for customer in sorted({event.customer for event in events})]


@pytest.mark.parametrize("theme", THEMES)
def test_with_no_new_event_an_answer_changes_only_at_the_instants_of_9_2(theme: str) -> None:
    changes = 0
    for seed in range(ROUNDS):
        case = history(70_000 + seed, theme)
        policy = policy_of(case.licence_transfer_from)
        for every in of_one_customer(case):
            events = sorted(every, key=lambda event: event.key)[: len(every) * (seed % 3 + 1) // 3 + 1]
            known, as_of = Known(events, policy), max(event.occurred_at for event in events)
            allowed = set(known.instants_after(as_of))
            later = [
                as_of,
                *(instant for instant in suspects(events, [version.effective_from for version in policy.versions]) if instant > as_of),
            ]
            for pair in known.pairs():
                for before, after in itertools.pairwise(later):
                    if known.say(pair, before)[0] != known.say(pair, after)[0]:
                        changes += 1
                        assert any(before < instant <= after for instant in allowed), (case.name, pair, after)
    assert changes > 0


@pytest.mark.parametrize("theme", THEMES)
def test_the_last_answers_of_a_replay_are_those_of_its_facts_at_its_end(theme: str) -> None:
    for seed in range(ROUNDS):
        case = history(80_000 + seed, theme)
        policy = policy_of(case.licence_transfer_from)
        events = [read_event(raw) for raw in case.events]
        until = read_instant(case.until) if case.until else max(event.occurred_at for event in events)
        last = {
            (decision["customer_tenant_id"], decision["subscription_id"], decision["partner_tenant_id"]): decision
            for decision in canonical_replay(case.events, until, policy)
        }
        for of_customer in of_one_customer(case):
            applied = [event for event in of_customer if event.occurred_at <= until]
            known = Known(applied, policy)
            for pair in known.pairs() if applied else []:
                said = known.say(pair, until)[0]
                assert {name: last[applied[0].customer, *pair][name] for name in said} == said, (case.name, pair)


@pytest.mark.parametrize("theme", THEMES)
def test_the_order_of_the_input_changes_nothing(theme: str) -> None:
    for seed in range(ROUNDS):
        case = history(90_000 + seed, theme)
        first: dict[tuple[str, str], dict[str, object]] = {}
        for raw, event in ((raw, read_event(raw)) for raw in case.events):
            first.setdefault((event.customer, event.event_id), raw)
        events, until, policy = (
            list(first.values()),
            read_instant(case.until) if case.until else None,
            policy_of(case.licence_transfer_from),
        )
        expected = canonical_replay(events, until, policy)
        random.Random(seed).shuffle(events)
        assert canonical_replay(events, until, policy) == expected
