"""Who notices that something takes too long, even when the event loop itself is stuck?

A thread of its own. Each wait of the engine is put under a limit; a limit that passes calls the fail-stop from the thread, so neither a
blocked handler nor a lost answer nor a cancelled task can keep the process alive.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Self

from processors.engine.failstop import ExitCode, FailStop


class Limit:
    """One running limit; leaving its ``with`` block or ``end`` lifts it, ``renew`` starts it again (something moved)."""

    __slots__ = ("_watchdog", "code", "expires", "number", "seconds", "what")

    def __init__(self, watchdog: Watchdog, number: int, what: str, seconds: float, code: ExitCode) -> None:
        """Start counting."""
        self._watchdog = watchdog
        self.number = number
        self.what = what
        self.seconds = seconds
        self.code = code
        self.expires = time.monotonic() + seconds

    def renew(self) -> None:
        """Count from now again."""
        self.expires = time.monotonic() + self.seconds

    def end(self) -> None:
        """Lift the limit; again does nothing."""
        self._watchdog.limits.pop(self.number, None)

    def __enter__(self) -> Self:
        """Run the block under the limit."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lift the limit, however the block ended."""
        self.end()


class Watchdog:
    """Keeps the running limits and the thread that checks them every ``tick_seconds``."""

    def __init__(self, fail_stop: FailStop, *, tick_seconds: float = 0.1) -> None:
        """Prepare; ``start`` begins checking."""
        self._fail_stop = fail_stop
        self._tick_seconds = tick_seconds
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.limits: dict[int, Limit] = {}

    def limit(self, what: str, seconds: float, *, code: ExitCode = ExitCode.FAILED) -> Limit:
        """Begin a limit; ``what`` completes the sentence '... took longer than N seconds'."""
        number = next(self._numbers)
        limit = self.limits[number] = Limit(self, number, what, seconds, code)
        return limit

    def start(self) -> None:
        """Start the thread; again does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="engine-watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; limits no longer count."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._tick_seconds):
            now = time.monotonic()
            for limit in tuple(self.limits.values()):
                if limit.expires < now and limit.number in self.limits:
                    self._fail_stop(f"{limit.what} took longer than {limit.seconds:g} seconds", code=limit.code)
                    return
