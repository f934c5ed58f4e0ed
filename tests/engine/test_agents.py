"""What becomes of a batch whose agent raises, hangs, forgets it, or has something too large; and what is due when nothing else is?"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path
from typing import Any

import faust
import pytest

from processors.engine import Batch, ExitCode, Hooks, RecordTooLargeError
from processors.engine.faults import Failpoint, Faults
from tests.engine.conftest import Topics, until
from tests.engine.job import QUICK, Recorder, Running, build, problems, quiet, worker

HASTY = dataclasses.replace(QUICK, deadlines=dataclasses.replace(QUICK.deadlines, handler=1.0))


@pytest.fixture
async def ready(topics: Topics) -> Topics:
    await topics.make_all()
    return topics


async def test_an_agent_that_raises_ends_the_process_with_nothing_of_its_batch_visible(ready: Topics) -> None:
    def stumble(batch: Batch, record: Any) -> None:
        batch.emit(ready.name("out"), record.key, record.value)
        if record.offset == 5:
            raise ZeroDivisionError

    recorder = Recorder()
    await ready.send("a", 10, keys=1)
    async with Running(build(ready, work=stumble, fail_stop=recorder.stop)):
        await until(lambda: recorder.codes)
    assert recorder.codes == [ExitCode.FAILED]
    assert "ZeroDivisionError" in recorder.reason
    assert await ready.read("out") == []


async def test_an_agent_that_blocks_the_event_loop_ends_the_process(ready: Topics) -> None:
    def block(batch: Batch, record: Any) -> None:
        time.sleep(2.5)

    recorder = Recorder()
    await ready.send("a", 1)
    async with Running(build(ready, work=block, settings=HASTY, fail_stop=recorder.stop)):
        await until(lambda: recorder.codes)
    assert "leaving a batch" in recorder.reason


async def test_an_agent_that_forgets_the_block_ends_the_process(ready: Topics) -> None:
    recorder = Recorder()
    pipeline = build(ready, settings=HASTY, fail_stop=recorder.stop)
    pipeline.app.agents.clear()

    @pipeline.app.agent(pipeline.channel)
    async def forgetful(batches: faust.StreamT[Batch]) -> None:
        async for _ in batches:
            pass

    await ready.send("a", 1)
    async with Running(pipeline):
        await until(lambda: recorder.codes)
    assert "forget 'with batch:'" in recorder.reason


async def test_a_record_too_large_for_its_topic_goes_elsewhere_and_the_rest_goes_on(ready: Topics) -> None:
    def careful(batch: Batch, record: Any) -> None:
        try:
            with batch.attempt():
                batch.emit(ready.name("out"), record.key, b"x" * 2_000_000 if record.offset == 3 else record.value)
        except RecordTooLargeError as error:
            batch.emit(ready.name("out"), record.key, b"too large: %d" % error.size_bytes)

    await ready.send("a", 10, keys=1)
    async with Running(build(ready, work=careful)):
        await quiet(ready, 10)
    values = [record.value for record in await ready.read("out")]
    assert values[3].startswith(b"too large: 2000")
    assert len(values) == 10


async def test_a_row_too_large_for_the_changelog_is_found_before_anything_is_sent(ready: Topics) -> None:
    discarded: list[int] = []
    pipeline = build(ready, hooks=Hooks(batch_discarded=discarded.append))
    table: Any = pipeline.app.tables["counts"]

    def grow(batch: Batch, record: Any) -> None:
        try:
            with batch.attempt():
                batch.emit(ready.name("out"), record.key, b"fine")
                table[record.key] = b"x" * (2_000_000 if record.offset == 3 else 20)
        except RecordTooLargeError:
            batch.emit(ready.name("out"), record.key, b"too large")

    pipeline.app.agents.clear()

    @pipeline.app.agent(pipeline.channel)
    async def growing(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            with batch:
                for record in batch:
                    grow(batch, record)

    await ready.send("a", 10, keys=10, partitions=1)
    async with Running(pipeline):
        await quiet(ready, 10)
    assert [record.value for record in await ready.read("out")] == [b"fine"] * 3 + [b"too large"] + [b"fine"] * 6
    assert pipeline.figures.batches_redone >= 1
    assert discarded


async def test_a_preparation_is_awaited_before_the_agent_sees_the_batch(ready: Topics) -> None:
    prepared: list[int] = []

    async def prepare(batch: Batch) -> None:
        await asyncio.sleep(0.05)
        prepared.extend(record.offset for record in batch.records)

    seen: list[bool] = []

    def work(batch: Batch, record: Any) -> None:
        seen.append(record.offset in prepared)
        batch.emit(ready.name("out"), record.key, b"")

    await ready.send("a", 20, keys=1)
    async with Running(build(ready, work=work, hooks=Hooks(prepare=prepare))):
        await quiet(ready, 20)
    assert seen == [True] * 20


async def test_what_is_due_waits_until_the_lane_has_caught_up_and_may_go_to_an_own_input(ready: Topics) -> None:
    asked: list[float] = []
    done: set[int] = set()
    worked = 0

    def work(batch: Batch, record: Any) -> None:
        nonlocal worked
        worked += 1
        batch.emit(ready.name("out"), record.key, record.value)

    def due(batch: Batch, now: float) -> None:
        assert now == 2_000_000_000.0
        asked.append(worked)
        if batch.partition not in done:
            done.add(batch.partition)
            batch.emit(ready.name("b"), b"k%d" % batch.partition, b"review")

    await ready.send("a", 500, keys=1)
    pipeline = build(ready, work=work, hooks=Hooks(due=due), outputs=("out", "b"), clock=lambda: 2_000_000_000.0)
    async with Running(pipeline):
        await quiet(ready, 502)
    reviews = await ready.read("b")
    assert sorted((record.partition, record.value) for record in reviews) == [(0, b"review"), (1, b"review")]
    partition_0_asked = [count for count in asked if count >= 500]
    assert partition_0_asked  # partition 1 is idle from the start; partition 0 was asked only after its 500


async def test_nothing_due_writes_no_transaction(ready: Topics) -> None:
    calls: list[int] = []
    settings = dataclasses.replace(QUICK, due_interval_seconds=0.05)
    async with Running(build(ready, hooks=Hooks(due=lambda batch, now: calls.append(batch.partition)), settings=settings)) as pipeline:
        await until(lambda: len(calls) > 5)
        assert pipeline.figures.batches == 0
    assert await ready.read("changelog") == []


async def test_the_application_learns_of_restored_rows_and_of_partitions_it_loses(ready: Topics) -> None:
    await ready.send("a", 100)
    async with Running(build(ready)):
        await quiet(ready, 100)
    rows: dict[bytes, bytes] = {}
    lost: list[int] = []
    settings = dataclasses.replace(QUICK, restore_slice_records=3)
    hooks = Hooks(rows_restored=lambda partition, slice_: rows.update(slice_), partition_lost=lost.append)
    async with Running(build(ready, hooks=hooks, settings=settings)) as pipeline:
        await until(lambda: pipeline.ownership is not None and pipeline.ownership.assigned and not pipeline.reasons_not_ready())
        assert rows == {b"k%d" % key: b"10" for key in range(10)}
        assert not lost
    assert sorted(lost) == [0, 1]


async def test_sigterm_under_load_ends_well_and_loses_nothing(ready: Topics) -> None:
    await ready.send("a", 3_000)
    process = await worker(ready, "batch=50", "instance=one")
    await quiet(ready, 100)
    process.terminate()
    assert await process.wait() == ExitCode.STOPPED
    async with Running(build(ready, settings=dataclasses.replace(QUICK, instance_id="one"))):
        await quiet(ready, 3_000)
    assert await problems(ready) == []


async def test_sigterm_while_it_waits_for_its_topics_ends_well(topics: Topics, tmp_path: Path) -> None:
    process = await worker(topics, f"started={tmp_path / 'started'}")
    await until((tmp_path / "started").exists)
    await asyncio.sleep(0.5)
    process.terminate()
    assert await process.wait() == ExitCode.STOPPED


async def test_sigterm_when_idle_ends_well(ready: Topics) -> None:
    await ready.send("a", 10)
    process = await worker(ready)
    await quiet(ready, 10)
    process.terminate()
    assert await process.wait() == ExitCode.STOPPED


async def test_sigterm_while_a_commit_hangs_ends_in_failed_within_the_deadline(ready: Topics) -> None:
    held = asyncio.Event()

    async def hang(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.COMMIT_PRODUCED:
            await held.wait()

    recorder = Recorder()
    settings = dataclasses.replace(QUICK, deadlines=dataclasses.replace(QUICK.deadlines, drain=1.0))
    await ready.send("a", 1)
    pipeline = build(ready, settings=settings, faults=Faults(reach=hang), fail_stop=recorder.stop)
    await pipeline.app.start()
    await until(
        lambda: pipeline.ownership is not None and any(p.lane and p.lane._committing for p in pipeline.ownership.partitions.values())
    )
    stopping = asyncio.create_task(pipeline.app.stop())
    await until(lambda: recorder.codes)
    assert recorder.codes == [ExitCode.FAILED]
    held.set()
    await stopping
    pipeline.wiring.watchdog.stop()
