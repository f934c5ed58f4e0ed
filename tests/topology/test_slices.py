"""Does a batch with much to do let everything else go on?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from processors.topology.wiring import SLICE_SECONDS, in_slices


class Batch:
    """Counts how often it was said that the work goes on."""

    def __init__(self) -> None:
        self.said = 0

    def working(self) -> None:
        self.said += 1


async def test_long_work_gives_the_event_loop_its_turn_and_says_that_it_goes_on() -> None:
    turns = 0

    async def heartbeats() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def work() -> Iterator[None]:
        for _ in range(8):
            time.sleep(SLICE_SECONDS / 2)
            yield

    batch: Any = Batch()
    beating = asyncio.create_task(heartbeats())
    await in_slices(batch, work())
    beating.cancel()
    assert turns >= 3
    assert batch.said >= 3


async def test_short_work_is_not_interrupted() -> None:
    batch: Any = Batch()
    await in_slices(batch, iter([None] * 3))
    assert batch.said == 0
