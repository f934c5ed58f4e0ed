"""How is the client's flood of log lines during an outage held back?

An unreachable broker makes aiokafka write thousands of lines a minute. Of each message text a few a minute pass, with a note how many
were held back.
"""

from __future__ import annotations

import logging
import threading
import time

from processors.engine.figures import EngineFigures

LINES_MAX = 5
WINDOW_SECONDS = 60.0


class RateLimit(logging.Filter):
    """Lets ``lines_max`` lines per message text and window pass."""

    def __init__(self, figures: EngineFigures, *, lines_max: int = LINES_MAX, window_seconds: float = WINDOW_SECONDS) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self._figures = figures
        self._lines_max = lines_max
        self._window_seconds = window_seconds
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, or count it."""
        text = str(record.msg)
        now = time.monotonic()
        with self._lock:
            since, count = self._seen.get((record.name, text), (now, 0))
            held_back = 0
            if now - since > self._window_seconds:
                held_back = max(0, count - self._lines_max)
                since, count = now, 0
            self._seen[record.name, text] = (since, count + 1)
            if count >= self._lines_max:
                self._figures.log_lines_suppressed += 1
                return False
        if held_back:
            record.msg = f"{text} [{held_back} more of these were held back]"
        return True


def quieten(figures: EngineFigures) -> None:
    """Put the limit on every aiokafka logger there is; again replaces it."""
    limit = RateLimit(figures)
    # A filter on a parent logger does not see its children's records, so each logger gets it.
    names = ["aiokafka", *(name for name in logging.root.manager.loggerDict if name.startswith("aiokafka."))]
    for name in names:
        one = logging.getLogger(name)
        for old in [old for old in one.filters if isinstance(old, RateLimit)]:
            one.removeFilter(old)
        one.addFilter(limit)
