"""Does Ctrl-C end a verification at once, and is it the command alone that answers?"""

from __future__ import annotations

import signal
import time
from multiprocessing import active_children

import pytest

from processors.audit.verifying import _executor, _run


def blocked(_: int) -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def long_work(seconds: float) -> None:
    time.sleep(seconds)


def test_its_processes_leave_the_interrupt_to_the_command() -> None:
    with _executor(2) as executor:
        assert all(signal.SIGINT in each for each in _run(executor, blocked, [(1,), (2,)]))
    assert signal.SIGINT not in blocked(0)


def interrupted_under_way() -> None:
    with _executor(2) as executor:
        assert executor is not None
        under_way = _run(executor, long_work, [(0.0,), (3_600.0,), (3_600.0,)])
        next(under_way)
        raise KeyboardInterrupt


@pytest.mark.timeout(60)
def test_what_is_under_way_is_given_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_under_way()
    assert active_children() == []
