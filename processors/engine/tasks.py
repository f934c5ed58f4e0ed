"""What becomes of work that fails: is it tried again, left alone, or the end of the process?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiokafka.errors import KafkaError, KafkaTimeoutError

from processors.engine.positions import PositionsContradictError
from processors.engine.wiring import Wiring

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
T = TypeVar("T")


async def persistently(work: Callable[[], Awaitable[T]], what: str) -> T:
    """Try until it works: a broker may be away for a moment. Callers put this under a limit.

    Raises:
        KafkaError: one that trying again cannot mend.
    """
    while True:
        try:
            return await work()
        except (KafkaError, OSError) as error:
            if isinstance(error, KafkaError) and not error.retriable and not isinstance(error, KafkaTimeoutError):
                raise
            logger.info("%s: %r, trying again", what, error)
        await asyncio.sleep(RETRY_SECONDS)


def guarded(wiring: Wiring, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
    """Run ``work`` as a task whose failure ends the process."""

    async def guard() -> None:
        try:
            await work
        except PositionsContradictError as error:
            wiring.fail_stop(str(error))
        except Exception as error:  # noqa: BLE001 nothing here may fail and the process go on
            wiring.fail_stop(f"{what} failed: {error!r}", error=error)

    return asyncio.create_task(guard(), name=what)


async def bounded(work: Coroutine[Any, Any, None], seconds: float) -> None:
    """Wait for ``work`` at most so long, then leave it to itself; ``wait_for`` would wait for what it cancelled."""
    await asyncio.wait([asyncio.ensure_future(work)], timeout=seconds)
