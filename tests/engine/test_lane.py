"""Does a lane wait for what belongs first, and for nothing else?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from processors.engine import EngineSettings, Hooks
from processors.engine.batch import Batch
from processors.engine.lane import Lane
from processors.engine.records import Position
from processors.engine.rows import RawRows
from processors.engine.watchdog import Watchdog
from processors.engine.wiring import AgentProgress, Wiring
from tests.engine.conftest import until
from tests.engine.job import Recorder
from tests.engine.samples import TARGETS, Sample, some_rows


class Partition:
    """Takes commits."""

    number = 0

    def __init__(self) -> None:
        self.positions = {"a": Position(0), "b": Position(0)}
        self.committed: list[list[tuple[str, int]]] = []
        self.begun: list[float] = []

    async def commit(self, batch: Batch) -> None:
        self.begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.005)
        self.committed.append([(record.topic, record.offset) for record in batch.records])


class Scene:
    """A lane with everything around it replaced."""

    def __init__(self, **options: Any) -> None:
        self.recorder = Recorder()
        hooks = options.pop("hooks", Hooks())
        self.wiring = Wiring(
            application="app",
            inputs=("a", "b"),
            changelog="log",
            codec=RawRows(),
            settings=EngineSettings(**options),
            fail_stop=self.recorder.stop,
            watchdog=Watchdog(self.recorder.stop),
            hooks=hooks,
            targets=dict(TARGETS),
        )
        self.partition = Partition()
        self.lane = Lane(self.wiring, self.partition, some_rows(), AgentProgress(self.wiring), self.agent)  # type: ignore[arg-type]

    async def agent(self, batch: Batch) -> None:
        with batch:
            pass

    def caught_up(self, **unread: int | None) -> None:
        self.lane.lag({"a": 0, "b": 0, **unread})


@pytest.fixture
async def scenes() -> AsyncIterator[list[Scene]]:
    made: list[Scene] = []
    yield made
    for scene in made:
        await scene.lane.drain()
        assert not scene.recorder.codes, scene.recorder.reason


async def test_a_lane_waits_for_a_topic_known_to_hold_records_that_may_belong_first(scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(merge_wait_seconds=30.0))
    scene.caught_up(b=1)
    scene.lane.offer("a", [Sample("a", 0, 20)])
    await asyncio.sleep(0.1)
    assert scene.partition.committed == []
    scene.lane.offer("b", [Sample("b", 0, 10)])
    await until(lambda: scene.partition.committed)
    assert scene.partition.committed == [[("b", 0), ("a", 0)]]


async def test_it_does_not_wait_for_ever(scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(merge_wait_seconds=0.1))
    scene.caught_up(b=None)
    scene.lane.offer("a", [Sample("a", 0)])
    await until(lambda: scene.partition.committed)


async def test_transactions_begin_no_closer_than_the_interval(scenes: list[Scene]) -> None:
    begun = asyncio.get_running_loop().time()
    scenes.append(scene := Scene(transaction_interval_seconds=0.1))
    scene.caught_up()
    for offset in range(30):
        scene.lane.offer("a", [Sample("a", offset)])
        await asyncio.sleep(0.01)
    await until(lambda: sum(map(len, scene.partition.committed)) == 30)
    elapsed = scene.partition.begun[-1] - begun
    assert len(scene.partition.begun) <= elapsed / 0.1 + 2  # counted, not timed: a busy machine makes it fewer


async def test_a_full_batch_does_not_wait_for_the_interval(scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(transaction_interval_seconds=30.0, batch_records_max=10))
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", offset) for offset in range(30)])
    await until(lambda: len(scene.partition.committed) == 3)
    assert [len(batch) for batch in scene.partition.committed] == [10, 10, 10]


async def test_a_slow_agent_gets_smaller_batches(scenes: list[Scene]) -> None:
    class Slow(Scene):
        async def agent(self, batch: Batch) -> None:
            with batch:
                await asyncio.sleep(0.01 * len(batch))  # at least

    scenes.append(scene := Slow(batch_seconds=0.05))
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", offset) for offset in range(8)])
    await until(lambda: scene.partition.committed)
    assert [len(batch) for batch in scene.partition.committed] == [8], "it does not know the pace yet"
    scene.lane.offer("a", [Sample("a", offset) for offset in range(8, 40)])
    await until(lambda: sum(map(len, scene.partition.committed)) == 40)
    assert max(len(batch) for batch in scene.partition.committed[1:]) <= 5


async def test_a_quick_agent_gets_larger_batches(scenes: list[Scene]) -> None:
    scenes.append(scene := Scene(batch_seconds=9.0))
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", offset) for offset in range(3_000)])
    await until(lambda: sum(map(len, scene.partition.committed)) == 3_000)
    assert [len(batch) for batch in scene.partition.committed] == [500, 2_500]


async def test_draining_commits_what_was_handed_out_and_drops_the_rest() -> None:
    scene = Scene(batch_records_max=2, transaction_interval_seconds=30.0)
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", offset) for offset in range(3)])
    await until(lambda: scene.partition.committed)
    await scene.lane.drain()
    assert scene.partition.committed == [[("a", 0), ("a", 1)]]


async def test_draining_does_not_wait_for_a_preparation() -> None:
    begun = asyncio.Event()

    async def for_ever(batch: Batch) -> None:
        begun.set()
        await asyncio.sleep(3_600)

    scene = Scene(hooks=Hooks(prepare=for_ever))
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", 0)])
    await begun.wait()
    await scene.lane.drain()
    assert scene.partition.committed == []
    assert scene.wiring.figures.batches_dropped == 1


async def test_a_lane_that_may_not_ask_what_is_due_sleeps(scenes: list[Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0
    real = Lane._may_ask_what_is_due

    def counted(self: Lane) -> bool:
        nonlocal rounds
        rounds += 1
        return real(self)

    monkeypatch.setattr(Lane, "_may_ask_what_is_due", counted)
    scenes.append(scene := Scene(hooks=Hooks(due=lambda batch, now: None), due_interval_seconds=0.2))
    scene.caught_up(b=5)
    await asyncio.sleep(0.5)
    assert rounds < 10


async def test_what_was_due_is_asked_again_until_nothing_is(scenes: list[Scene]) -> None:
    left = [3]
    asked: list[int] = []

    def due(batch: Batch, now: float) -> None:
        asked.append(left[0])
        if left[0]:
            left[0] -= 1
            batch.emit("out", b"k", b"review")

    scenes.append(scene := Scene(hooks=Hooks(due=due), due_interval_seconds=20.0))
    scene.caught_up()
    await until(lambda: len(asked) == 4)
    assert len(scene.partition.committed) == 3


async def test_a_batch_under_way_is_at_most_one_per_partition(scenes: list[Scene]) -> None:
    under_way = most = 0

    class Slow(Scene):
        async def agent(self, batch: Batch) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            with batch:
                under_way -= 1

    scenes.append(scene := Slow(batch_records_max=1))
    scene.caught_up()
    scene.lane.offer("a", [Sample("a", offset) for offset in range(10)])
    await until(lambda: len(scene.partition.committed) == 10)
    assert most == 1
