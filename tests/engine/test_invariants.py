"""Do the five invariants hold on which exactly-once stands?"""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from processors.engine.faults import Defect, Failpoint, Faults
from processors.engine.fetching import NOBODY
from processors.engine.partition import Partition, State
from tests.engine.conftest import Topics, until
from tests.engine.job import Recorder, Running, build, problems, quiet
from tests.engine.test_rules import RULE_AND_DEFECT, faults, other_owner, running


@pytest.fixture
async def ready(topics: Topics) -> Topics:
    await topics.make_all()
    return topics


async def test_invariant_1_no_lane_without_a_writer_after_which_state_and_offsets_were_read(ready: Topics) -> None:
    order: collections.defaultdict[int, list[Failpoint]] = collections.defaultdict(list)

    async def note(failpoint: Failpoint, partition: int) -> None:
        order[partition].append(failpoint)

    pipeline = build(ready, faults=Faults(reach=note))
    async with Running(pipeline):
        ownership = await running(pipeline)
        kept = ownership.partitions[0]
        places = [TopicPartition(ready.name(short), number) for short in ("a", "b") for number in (0, 1)]
        await ownership.on_partitions_revoked(places)
        await ownership.on_partitions_assigned(places)
        await until(lambda: not pipeline.reasons_not_ready())
        assert ownership.partitions[0] is kept
    points = [point for point in order[0] if not point.startswith(("restore.slice", "commit", "batch"))]
    assert points == [
        Failpoint.FENCING_BEFORE,
        Failpoint.FENCING_OWNED,
        Failpoint.FENCING_BEGUN,
        Failpoint.FENCING_ENDED,
        Failpoint.FENCING_DONE,
        Failpoint.RESTORE_BEGUN,
        Failpoint.RESTORE_DONE,
        Failpoint.POSITION_KNOWN,
        Failpoint.RUNNING,
        Failpoint.POSITION_KNOWN,  # kept: proven again
        Failpoint.RUNNING,
    ]


@pytest.mark.parametrize("state", [state for state in State if state is not State.POSITIONING])
async def test_invariant_1_a_lane_is_refused_in_every_other_state(state: State) -> None:
    partition = Partition.__new__(Partition)
    partition.number, partition.state = 3, state
    partition.writer = partition.rows = object()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="must not run"):
        partition.run({}, lambda rows: None)  # type: ignore[arg-type, return-value]


@RULE_AND_DEFECT
async def test_invariant_2_no_position_is_set_while_a_fetch_is_in_flight(ready: Topics, rule: bool) -> None:
    first_fetches = asyncio.Event()
    overlaps: list[TopicPartition] = []

    async def second_later(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.POSITION_KNOWN and partition == 1:
            await first_fetches.wait()

    pipeline = build(ready, faults=faults(Defect.SEEK_DURING_FETCH, rule=rule, reach=second_later))
    async with Running(pipeline):
        await until(lambda: pipeline.ownership is not None)
        assert pipeline.ownership is not None
        consumer = pipeline.ownership._consumer
        in_flight = 0
        getmany, seek = consumer.getmany, consumer.seek

        async def spied_getmany(*places: TopicPartition, **options: Any) -> Any:
            nonlocal in_flight
            in_flight += 1
            try:
                if NOBODY not in places and not first_fetches.is_set():
                    first_fetches.set()
                    await asyncio.sleep(0.5)
                return await getmany(*places, **options)
            finally:
                in_flight -= 1

        def spied_seek(place: TopicPartition, offset: int) -> None:
            if in_flight:
                overlaps.append(place)
            seek(place, offset)

        consumer.getmany, consumer.seek = spied_getmany, spied_seek
        await running(pipeline)
    assert bool(overlaps) is not rule


@RULE_AND_DEFECT
async def test_invariant_3_nothing_read_before_fencing_is_used_after_it(ready: Topics, rule: bool) -> None:
    await ready.send("a", 40, keys=1)
    async with Running(build(ready)):
        await quiet(ready, 40)
    await ready.send("a", 10, start=40, keys=1)
    committed = False

    async def former_owner(failpoint: Failpoint, partition: int) -> None:
        nonlocal committed
        if failpoint is Failpoint.FENCING_BEFORE and partition == 0 and not committed:
            committed = True
            await other_owner(ready, first=40, count=10)

    async with Running(build(ready, faults=faults(Defect.SEEK_BEFORE_RESTORE, rule=rule, reach=former_owner))) as pipeline:
        await running(pipeline)
        await ready.send("a", 5, start=50, keys=1)
        await quiet(ready, 55 if rule else 65)
    assert bool(await problems(ready)) is not rule


async def test_invariant_4_a_bring_up_that_is_cancelled_leaves_neither_writer_nor_half_a_state(ready: Topics) -> None:
    await ready.send("a", 40)
    async with Running(build(ready)):
        await quiet(ready, 40)
    halfway, held = asyncio.Event(), asyncio.Event()

    async def hold(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.RESTORE_SLICE and partition == 0:
            halfway.set()
            await held.wait()

    lost: list[int] = []
    pipeline = build(ready, faults=Faults(reach=hold))
    object.__setattr__(pipeline.wiring.hooks, "partition_lost", lost.append)
    async with Running(pipeline):
        await halfway.wait()
        ownership = pipeline.ownership
        assert ownership is not None
        partition = ownership.partitions[0]
        assert partition.writer is not None
        rows = partition.rows
        assert rows is not None
        producer = partition.writer._producer
        await ownership.on_partitions_revoked([])
        await ownership.on_partitions_assigned([TopicPartition(ready.name(short), 1) for short in ("a", "b")])
        await until(lambda: partition.state is State.NONE)
        assert [held for held in (partition.writer, partition.rows, partition.lane) if held is not None] == []
        assert rows.store.row_count() == 0
        assert producer._closed
        assert lost == [0]
        assert set(ownership.partitions) == {1}
        held.set()


async def test_a_rebalance_in_the_middle_of_a_restore_keeps_the_restore_of_partitions_that_stay(ready: Topics) -> None:
    await ready.send("a", 40)
    async with Running(build(ready)):
        await quiet(ready, 40)
    halfway, go_on = asyncio.Event(), asyncio.Event()
    begun: list[int] = []

    async def hold(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.RESTORE_BEGUN:
            begun.append(partition)
        if failpoint is Failpoint.RESTORE_SLICE:
            halfway.set()
            await go_on.wait()

    async with Running(build(ready, faults=Faults(reach=hold))) as pipeline:
        await halfway.wait()
        ownership = pipeline.ownership
        assert ownership is not None
        places = [TopicPartition(ready.name(short), number) for short in ("a", "b") for number in (0, 1)]
        await ownership.on_partitions_revoked(places)
        await ownership.on_partitions_assigned(places)
        go_on.set()
        await running(pipeline)
        await ready.send("a", 10, start=40)
        await quiet(ready, 50)
    assert sorted(begun) == [0, 1]
    assert await problems(ready) == []


async def test_two_workers_share_and_one_leaves(ready: Topics) -> None:
    await ready.send("a", 200)
    recorders = Recorder(), Recorder()
    first, second = (build(ready, fail_stop=recorder.stop) for recorder in recorders)
    async with Running(first):
        await running(first)
        async with Running(second):
            await until(lambda: all(p.ownership is not None and len(p.ownership.assigned) == 1 for p in (first, second)))
            await ready.send("a", 200, start=200)
            await running(first)
            await running(second)
            await quiet(ready, 400)
        await until(lambda: first.ownership is not None and len(first.ownership.assigned) == 2)
        await ready.send("a", 100, start=400)
        await quiet(ready, 500)
    assert not recorders[0].codes + recorders[1].codes
    assert await problems(ready) == []
