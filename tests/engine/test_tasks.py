"""Is work that a waking broker refuses tried again, and work that cannot succeed given up?"""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, ProducerFenced

from processors.engine import tasks
from processors.engine.tasks import bounded, persistently


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.001)


@pytest.mark.parametrize("error", [KafkaConnectionError(), KafkaTimeoutError(), ConnectionRefusedError()])
async def test_what_may_mend_itself_is_tried_again(error: Exception) -> None:
    tries = 0

    async def work() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        return "done"

    assert await persistently(work, "work") == "done"


@pytest.mark.parametrize("error", [ProducerFenced("x"), KafkaError("x"), ZeroDivisionError()])
async def test_what_cannot_is_raised_at_once(error: Exception) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(type(error)):
        await persistently(work, "work")


async def test_work_that_does_not_end_is_left_to_itself() -> None:
    held = asyncio.Event()

    async def work() -> None:
        await held.wait()

    await bounded(work(), 0.01)
    held.set()
    await asyncio.sleep(0)
