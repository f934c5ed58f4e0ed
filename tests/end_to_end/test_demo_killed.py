"""Does the demo, killed at any moment and run again, lose or double nothing?"""

from __future__ import annotations

import asyncio
import os
import random
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from processors.contract import contract
from processors.feeding.reading import Start, read
from processors.settings import Settings
from processors.topology.wiring import INPUTS, policy_of
from tests.end_to_end import living
from tests.end_to_end.test_worker import COMMAND, applied

CUSTOMERS = 60
STOPPED_ITSELF = 70  # what a worker does when the machine stands still; running it again is the answer to that, too


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Process]:
    told = {"KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers[0], "TOPIC_PREFIX": settings.topic_prefix}
    environment = {**os.environ, **{f"MULTICHANNEL_{name}": value for name, value in told.items()}}
    words = "run", "--kafka", "required", "--customers", str(CUSTOMERS)
    process = await asyncio.create_subprocess_exec(str(COMMAND), *words, env=environment, stdout=DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run_to_its_end(settings: Settings) -> int:
    async with running(settings) as process:
        return await asyncio.wait_for(process.wait(), 240)


async def moment(settings: Settings, process: Process, entries: int) -> bool:
    """Wait until so many offsets of the journal are taken; False where the demo came to its end before."""
    limit = time.monotonic() + 150
    while process.returncode is None:
        if await applied(settings) >= entries:
            return True
        assert time.monotonic() < limit, "nothing comes out"
        await asyncio.sleep(0.05)
    return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 2), *(pytest.param(seed, 4, marks=[pytest.mark.long, pytest.mark.timeout(1_200)]) for seed in range(2, 8))]
)
async def test_a_demo_that_is_killed_and_run_again_loses_and_doubles_nothing(settings: Settings, seed: int, kills: int) -> None:
    await living.make_topics(settings)
    drawn, killed = random.Random(seed), 0
    for entries in sorted(drawn.sample(range(1, 250), kills)):  # a run applies some 160 events, and as many reviews
        async with running(settings) as process:
            if await moment(settings, process, entries):
                await asyncio.sleep(drawn.random() / 10)
                process.kill()
                killed += 1
    assert killed == kills
    codes = [await run_to_its_end(settings)]
    while codes[-1] == STOPPED_ITSELF and len(codes) < 4:
        codes.append(await run_to_its_end(settings))
    assert codes[-1] == 0, "the demo compares with replay itself"
    found = await living.output(settings)
    assert living.problems(found, policy_of(settings)) == []
    sent = 0
    for topic in INPUTS:
        assert topic in contract().topics
        sent += len([record async for record in read(living.arguments_of(settings), settings.topic_prefix + topic, Start())])
    assert len(found.journal) + len(found.dead_letters) == sent, "every record came out once"
