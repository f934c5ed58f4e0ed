"""How does the engine end a process that must not go on?

Promise: after ``FailStop`` was called nothing more is written, acknowledged or tidied up. The broker aborts the open transaction, the next
owner of the partitions fences this one and restores. Orderly shutdown is deliberately not tried: it can hang, and state is ahead of what
was committed.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from enum import IntEnum

logger = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """Exit codes of an engine process; a supervisor restarts on every one of them except 0; 65 and 78 need a person first."""

    STOPPED = 0
    """Asked to stop; everything handed out was committed."""
    BAD_INPUT = 65
    """Too much of the input is refused: an operator has to look at its producer; the log says what."""
    FAILED = 70
    """Could not go on: an error, a deadline, a fencing. A restart is the remedy."""
    UNAVAILABLE = 75
    """The broker or a topic did not appear in time. A restart later is the remedy."""
    MISCONFIGURED = 78
    """A start-up check refused: an operator has to change something; the log says what."""


class StartRefusedError(Exception):
    """A start-up check found something only an operator can change; the text explains it. Ends in exit 78."""


class FailStop:
    """Ends the process at once and only once.

    Tests pass their own ``leave``; production leaves by ``os._exit``, which runs no handlers and cannot hang.
    """

    def __init__(self, *, flush_seconds: float = 2.0, leave: Callable[[int], object] = os._exit) -> None:
        """Remember how to leave and how long logs may take."""
        self._flush_seconds = flush_seconds
        self.leave = leave
        self._lock = threading.Lock()
        self.reason: str | None = None

    def __call__(self, reason: str, *, code: ExitCode = ExitCode.FAILED, error: BaseException | None = None) -> None:
        """Log ``reason``, flush the logs for a moment, leave. May be called from any thread; later calls do nothing."""
        if not self._lock.acquire(blocking=False):
            return
        self.reason = reason
        speaker = threading.Thread(target=self._speak, args=(reason, code, error), name="last-words", daemon=True)
        speaker.start()
        speaker.join(self._flush_seconds)
        self.leave(int(code))

    @staticmethod
    def _speak(reason: str, code: ExitCode, error: BaseException | None) -> None:
        # In a thread of its own: a handler may block on a full pipe or on a lock that the stuck thread holds.
        trace = (type(error), error, error.__traceback__) if error is not None else None
        logger.critical("stopping at once, exit %d (%s): %s", int(code), code.name, reason, exc_info=trace)
        for handler in logging.getLogger().handlers:
            handler.flush()
