"""Does a process end when it must, even when its event loop is stuck?"""

from __future__ import annotations

import logging
import re
import threading
import time

import pytest

from processors.engine import ExitCode, FailStop
from processors.engine.figures import EngineFigures
from processors.engine.quiet import RateLimit
from processors.engine.watchdog import Watchdog
from tests.engine.job import REPOSITORY, Recorder


def wait_for(recorder: Recorder) -> None:
    limit = time.monotonic() + 5
    while not recorder.codes:
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_a_limit_that_passes_ends_the_process_although_this_thread_is_blocked(recorder: Recorder) -> None:
    watchdog = Watchdog(recorder.stop, tick_seconds=0.01)
    watchdog.start()
    with watchdog.limit("counting sheep", 0.05):
        time.sleep(0.5)
    assert recorder.codes == [ExitCode.FAILED]
    assert recorder.reason == "counting sheep took longer than 0.05 seconds"
    watchdog.stop()


def test_a_limit_that_is_lifted_or_renewed_does_not(recorder: Recorder) -> None:
    watchdog = Watchdog(recorder.stop, tick_seconds=0.01)
    watchdog.start()
    with watchdog.limit("quick work", 0.2):
        pass
    with watchdog.limit("slow work that moves", 0.2) as limit:
        for _ in range(10):
            time.sleep(0.05)
            limit.renew()
    assert not recorder.codes
    watchdog.stop()


def test_a_limit_has_its_own_exit_code(recorder: Recorder) -> None:
    watchdog = Watchdog(recorder.stop, tick_seconds=0.01)
    watchdog.start()
    watchdog.limit("waiting for a broker", 0.01, code=ExitCode.UNAVAILABLE)
    wait_for(recorder)
    assert recorder.codes == [ExitCode.UNAVAILABLE]


def test_the_first_reason_counts() -> None:
    codes: list[int] = []
    stop = FailStop(leave=codes.append)
    stop("first")
    stop("second", code=ExitCode.MISCONFIGURED)
    assert codes == [ExitCode.FAILED]
    assert stop.reason == "first"


def test_a_log_handler_that_hangs_does_not_keep_the_process() -> None:
    held = threading.Event()

    class Stuck(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            held.wait(10)

    handler = Stuck()
    logging.getLogger().addHandler(handler)
    codes: list[int] = []
    try:
        FailStop(flush_seconds=0.05, leave=codes.append)("stuck")
        assert codes == [ExitCode.FAILED]
    finally:
        held.set()
        logging.getLogger().removeHandler(handler)


def test_a_flood_of_one_message_is_held_back_and_counted() -> None:
    figures = EngineFigures()
    limit = RateLimit(figures, lines_max=3, window_seconds=60)
    record = logging.LogRecord("aiokafka.conn", logging.ERROR, "x", 1, "Unable connect to %s", ("here",), None)
    other = logging.LogRecord("aiokafka.conn", logging.ERROR, "x", 1, "another", (), None)
    assert [limit.filter(record) for _ in range(10)] == [True] * 3 + [False] * 7
    assert limit.filter(other)
    assert figures.log_lines_suppressed == 7


def test_production_never_makes_faults() -> None:
    """Defects and failpoints come in through the pipeline's constructor only, from a test's own application."""
    sources = [path for path in (REPOSITORY / "processors").rglob("*.py") if path.name != "faults.py"]
    assert len(sources) > 50
    assert [path.name for path in sources if re.search(r"\bFaults\(", path.read_text(encoding="utf-8"))] == []


def test_after_the_window_a_line_tells_how_many_were_held_back() -> None:
    limit = RateLimit(EngineFigures(), lines_max=1, window_seconds=0.05)
    records = [logging.LogRecord("aiokafka", logging.ERROR, "x", 1, "gone", (), None) for _ in range(4)]
    assert [limit.filter(record) for record in records[:3]] == [True, False, False]
    time.sleep(0.06)
    assert limit.filter(records[3])
    assert records[3].msg == "gone [2 more of these were held back]"
