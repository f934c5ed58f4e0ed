"""Do three workers that share the partitions come to the same as one, while they come and go?"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from pathlib import Path

import pytest

from processors.codec import decode_decision, decode_journal_entry
from processors.settings import Settings
from processors.topology.wiring import policy_of
from tests.end_to_end import living
from tests.end_to_end.test_worker import READY, copies, says, started, until, until_all_applied


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("order", ["given", "shuffled"])
async def test_three_workers_of_which_one_leaves_and_one_is_killed_decide_as_replay_does(
    settings: Settings, tmp_path: Path, order: str
) -> None:
    await living.make_topics(settings)
    told = copies(300)
    if order == "shuffled":
        random.Random(8).shuffle(told)
    sending = asyncio.create_task(living.send(settings, told, first_ms=int(time.time() * 1000), pause=0.05))
    logs = [tmp_path / f"log{number}" for number in range(4)]
    async with started(settings, log=logs[0]) as first, started(settings, log=logs[1]) as second, started(settings, log=logs[2]) as third:
        for process, log in zip((first, second, third), logs, strict=False):
            await until(says(log, READY), process)
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 100) == 0
        third.kill()
        async with started(settings, log=logs[3]) as fourth:
            await until(says(logs[3], READY), fourth)
            sent = await sending
            await until_all_applied(settings, sent, first)
            for process in (first, fourth):
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 100) == 0
    async with living.worker(settings, time.time) as topology:
        await living.settled(topology, None, 300)
    found = await living.output(settings)
    policy = policy_of(settings)
    assert living.problems(found, policy) == []
    assert not found.dead_letters
    entries = [decode_journal_entry(record.value) for record in found.journal]
    assert sum(entry.topic != "review-due" for entry in entries) == sent
    live = living.last_answers(decode_decision(record.value) for record in found.decisions)
    assert live == living.replayed(told, policy, int(time.time() * 1_000_000))
