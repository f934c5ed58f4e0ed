"""Is a customer reviewed when the clock passes the instant at which time alone may change an answer: once, never early, restarts or not?"""

from __future__ import annotations

import pytest

from processors.codec import decode_decision, decode_event, decode_journal_entry
from processors.contract.records import JournalEntry
from processors.core.events import ReviewDue
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.end_to_end import living

pytestmark = pytest.mark.timeout(240)  # workers start, on a machine that may be busy
STORY = living.read_story(living.STORIES / "04-csp-licence-waits-for-term-end.events.jsonl")
[CUSTOMER] = {event.customer_tenant_id for _, event in STORY}
LAST = max(event.occurred_at for _, event in STORY)
DAY = 86_400 * living.SECOND
END = LAST + 1_000 * DAY  # before today: a broker refuses timestamps ahead of its clock


class Clock:
    """Stands still until it is set."""

    def __init__(self, instant: int) -> None:
        self.instant = instant

    def __call__(self) -> float:
        return self.instant / 1_000_000


async def reviews(settings: Settings) -> list[ReviewDue]:
    """In the order in which they were applied."""
    entries: list[JournalEntry] = [decode_journal_entry(record.value) for record in (await living.output(settings)).journal]
    found = [decode_event(entry.topic, entry.event) for entry in entries]
    return [event for event in found if isinstance(event, ReviewDue)]


async def test_reviews_come_when_they_are_due_never_early_and_go_on_where_a_worker_was_stopped(settings: Settings) -> None:
    await living.make_topics(settings, for_an_old_clock=True)
    sent = await living.send(settings, STORY, first_ms=END // 1_000)
    clock = Clock(LAST)
    async with living.worker(settings, clock) as topology:
        await living.settled(topology, sent)
        first = topology.plan._next
        [due] = [instants[CUSTOMER] for instants in first.values() if CUSTOMER in instants]
        assert due > LAST
        clock.instant = due - 1
        await living.settled(topology, sent)
        assert await reviews(settings) == [], "a microsecond before its instant"

    async with living.worker(settings, clock) as topology:
        await living.settled(topology, 0)
        assert topology.plan.planned() == 1, "the plan came back with the state"
        assert await reviews(settings) == []
        clock.instant = due + 999  # the clock of a record has milliseconds
        await living.settled(topology, 0)
        assert [event.occurred_at for event in await reviews(settings)] == [due]
        clock.instant = due + 100 * DAY
        await living.settled(topology, 0)

    clock.instant = END
    async with living.worker(settings, clock) as topology:
        await living.settled(topology, 0)
    found = await reviews(settings)
    instants = [event.occurred_at for event in found]
    assert instants == sorted(set(instants)), "each once, in order"
    assert due + 100 * DAY < instants[-1] <= END
    assert len({event.event_id for event in found}) == len(found)
    output = await living.output(settings)
    assert not output.dead_letters, "no review is ahead of its record's clock"
    assert living.problems(output, policy_of(settings)) == []
    live = living.last_answers(decode_decision(record.value) for record in output.decisions)
    assert live == living.replayed(STORY, policy_of(settings), END)
    changed = [
        decode_decision(record.value) for record in output.decisions if decode_decision(record.value).caused_by.topic == "review-due"
    ]
    assert changed
    assert {decision.as_of for decision in changed} <= set(instants)
