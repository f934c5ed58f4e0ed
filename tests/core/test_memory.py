"""Is a customer's memory free as soon as the customer is thrown away, without the garbage collector?"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Cause
from processors.core.policy import Policy
from processors.core.state import CustomerState
from tests.end_to_end import living

STORIES = sorted(living.STORIES.glob("*.events.jsonl"))
POLICY = Policy.shipped()


def worked_on(told: list[living.Told]) -> CustomerState:
    """A customer after a story, with everything that comes to be in memory."""
    state = CustomerState(told[0][1].customer_tenant_id)
    for topic, event in told:
        if event.customer_tenant_id == state.facts.customer_tenant_id:
            core.handle(state, event, Cause(event.event_id, topic), POLICY)
    chunks.touched_chunks(state)
    chunks.state_hash(state)
    core.wake(state)
    return state


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.name[:2])
def test_a_state_that_is_thrown_away_leaves_nothing_to_the_garbage_collector(story: Path) -> None:
    told = living.read_story(story)
    worked_on(told)  # what is remembered for all customers comes to be here
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        state = worked_on(told)
        del state
        gc.collect()
        assert [left for left in gc.garbage if type(left).__module__.startswith("processors.")] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
