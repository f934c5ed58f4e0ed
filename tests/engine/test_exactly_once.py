"""Does a real Kafka see every effect once, whatever dies in between?"""

from __future__ import annotations

import dataclasses

import pytest

from processors.engine.faults import Failpoint
from tests.engine.conftest import Topics
from tests.engine.job import QUICK, Running, build, problems, quiet, worker


@pytest.fixture
async def ready(topics: Topics) -> Topics:
    await topics.make_all()
    return topics


async def test_records_of_both_inputs_come_out_once_with_state_and_offsets(ready: Topics) -> None:
    await ready.send("a", 300)
    await ready.send("b", 300)
    async with Running(build(ready)):
        await quiet(ready, 600)
    assert await problems(ready) == []


async def test_a_restart_goes_on_where_the_last_transaction_ended(ready: Topics) -> None:
    await ready.send("a", 100)
    async with Running(build(ready)):
        await quiet(ready, 100)
    await ready.send("a", 100, start=100)
    async with Running(build(ready)):
        await quiet(ready, 200)
    assert await problems(ready) == []


@pytest.mark.parametrize("failpoint", list(Failpoint)[:1] + [point for point in Failpoint if point.startswith("commit.")])
async def test_kill_minus_nine_in_every_step_loses_and_doubles_nothing(ready: Topics, failpoint: Failpoint) -> None:
    await ready.send("a", 200)
    await ready.send("b", 200)
    # A static member comes back without waiting for the session of its dead self to run out.
    first = await worker(ready, f"kill={failpoint}:2", "batch=20", "instance=one")
    assert await first.wait() == -9
    async with Running(build(ready, settings=dataclasses.replace(QUICK, instance_id="one"))):
        await quiet(ready, 400)
    assert await problems(ready) == []
