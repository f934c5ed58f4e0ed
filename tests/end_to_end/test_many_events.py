"""Do 200,000 events of the demo's portfolio go through the worker with nothing lost, and does its memory stay bounded?"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from processors.codec import decode_decision, decode_journal_entry
from processors.settings import Settings
from processors.topology.portfolio import TOPICS, portfolio
from processors.topology.wiring import policy_of
from tests.end_to_end import living
from tests.end_to_end.test_worker import READY, applied, check_running, says, started, until

EVENTS = 200_000
EVENTS_A_CUSTOMER = 2.69
MEMORY_MIB_MAX = 4_096
STILL_SECONDS_MAX = 120.0


def memory_mib(pid: int) -> float:
    """What the process holds of the machine's memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_nothing_is_lost_the_answers_are_those_of_replay_and_memory_is_bounded(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await living.make_topics(settings)
    told = [(TOPICS[type(event)], event) for event in portfolio(int(EVENTS / EVENTS_A_CUSTOMER) + 100)]
    assert len(told) >= EVENTS
    began, first_ms = time.monotonic(), int(time.time() * 1000) - len(told)
    samples = []
    async with started(settings, log=log) as process:
        await until(says(log, READY), process)
        sending = asyncio.create_task(living.send(settings, told, first_ms=first_ms))
        seen, moved = 0, time.monotonic()
        while time.monotonic() < moved + STILL_SECONDS_MAX / (8 if seen >= len(told) else 1):  # to the last review, too
            await asyncio.sleep(2)
            check_running(process)
            samples.append(memory_mib(process.pid))
            if (now := await applied(settings)) > seen:
                seen, moved = now, time.monotonic()
                print(f"{moved - began:6.0f} s  {seen:9,} journal offsets  {samples[-1]:7,.0f} MiB", flush=True)
        assert await sending == len(told)
        seconds = moved - began
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 100) == 0
    found = await living.output(settings)
    entries = [decode_journal_entry(record.value) for record in found.journal]
    events = sum(entry.topic != "review-due" for entry in entries)
    print(f"{events:,} events, {len(entries) - events:,} reviews, {len(found.decisions):,} decisions in {seconds:.0f} s")
    print(f"memory: {max(samples):,.0f} MiB at most")
    assert events == len(told)
    assert not found.dead_letters
    assert living.problems(found, policy_of(settings)) == []
    live = living.last_answers(decode_decision(record.value) for record in found.decisions)
    assert live == living.replayed(told, policy_of(settings), int(time.time() * living.SECOND))
    assert max(samples) < MEMORY_MIB_MAX
