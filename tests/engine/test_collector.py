"""Does the collector see little, however much an application keeps, and does what refers to itself still go?"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from processors.engine import collector
from processors.engine.collector import Freezing


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Ring:
    def __init__(self) -> None:
        self.me = self


def test_what_stays_is_frozen_and_what_refers_to_itself_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "FREEZE_SECONDS", 0.0)
    gc.collect()
    before = gc.get_freeze_count()
    kept = [[number] for number in range(1_000)]
    ring = weakref.ref(Ring())
    assert ring() is not None
    Freezing().worked()
    assert gc.get_freeze_count() >= before + len(kept)
    assert ring() is None


def test_where_nothing_refers_to_itself_it_is_looked_for_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "FREEZE_SECONDS", 0.0)
    found = 0
    looked: list[int] = []
    frozen: list[None] = []

    def collect() -> int:
        looked.append(len(frozen))
        return found

    monkeypatch.setattr(gc, "collect", collect)
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(None))
    freezing = Freezing()
    for _ in range(60):
        freezing.worked()
    assert looked == [0, 2, 6, 14, 30, 46]
    found = 1
    for _ in range(10):
        freezing.worked()
    assert looked[6:] == [62, 63, 64, 65, 66, 67, 68, 69]
    assert len(frozen) == 70


def test_it_is_not_done_after_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "FREEZE_SECONDS", 3_600.0)
    done: list[None] = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append(None))
    freezing = Freezing()
    for _ in range(100):
        freezing.worked()
    assert len(done) == 1


def test_what_is_kept_is_frozen_though_python_sees_no_reason_to_collect(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many things are dropped as are kept: Python's count stays near none, and what it would walk over grows."""
    monkeypatch.setattr(collector, "FREEZE_SECONDS", 0.0)
    gc.set_threshold(50_000, 20, 50)
    dropped: list[list[int]] = [[number] for number in range(20_000)]
    freezing, kept = Freezing(), []
    freezing.worked()
    for number in range(20_000):
        dropped.pop()
        kept.append([number])
    assert gc.get_count()[1:] == (0, 0), "nothing was collected"
    assert len(gc.get_objects(generation=0)) >= 20_000
    freezing.worked()
    assert len(gc.get_objects()) < 10_000
    assert len(kept) == 20_000
