"""Which job do the engine's tests run? Count the records per key, say each count; checkable from outside by an oracle.

Run as a program it is a worker that a test can kill: ``python -m tests.engine.job SERVERS PREFIX [OPTION=VALUE ...]``.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust

from processors.engine import Batch, Deadlines, EngineSettings, FailStop, Hooks, Pipeline, attach, create_app, serve
from processors.engine.faults import Defect, Failpoint, Faults
from tests.engine.conftest import Topics

QUICK = EngineSettings(
    session_timeout_ms=6_000,
    heartbeat_interval_ms=1_000,
    deadlines=Deadlines(start=20.0),
)


class Recorder:
    """A fail-stop that remembers instead of leaving."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.stop = FailStop(leave=self.codes.append)

    @property
    def reason(self) -> str:
        return self.stop.reason or ""


def build(  # each argument is what some test changes
    topics: Topics,
    *,
    settings: EngineSettings = QUICK,
    faults: Faults | None = None,
    fail_stop: FailStop | None = None,
    hooks: Hooks | None = None,
    work: Callable[[Batch, Any], None] | None = None,
    inputs: tuple[str, ...] = ("a", "b"),
    outputs: tuple[str, ...] = ("out",),
    group: str | None = None,
    changelog: str = "changelog",
    clock: Callable[[], float] = time.time,
) -> Pipeline:
    """Wire the job up."""
    settings = dataclasses.replace(settings, bootstrap_servers=tuple(topics.servers))
    app = create_app(group or topics.group)
    pipeline = attach(
        Pipeline(
            app,
            inputs=[topics.name(short) for short in inputs],
            outputs=[topics.name(short) for short in outputs],
            changelog=topics.name(changelog),
            settings=settings,
            faults=faults,
            fail_stop=fail_stop,
            hooks=hooks,
            clock=clock,
        )
    )
    counts = pipeline.table("counts")

    def count(batch: Batch, record: Any) -> None:
        number = int(counts.get(record.key, b"0")) + 1
        counts[record.key] = b"%d" % number
        batch.emit(topics.name("out"), record.key, f"{record.topic}|{record.partition}|{record.offset}|{number}".encode())

    @app.agent(pipeline.channel)
    async def counting(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            with batch:
                for record in batch:
                    (work or count)(batch, record)

    return pipeline


class Running:
    """A pipeline that runs in the test's own process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.recorder: Recorder | None = None
        if pipeline.wiring.fail_stop.leave is os._exit:  # the test brought no recorder: leaving would end the whole test run
            self.recorder = Recorder()
            pipeline.wiring.fail_stop.leave = self.recorder.codes.append
        self.app = pipeline.app

    async def __aenter__(self) -> Pipeline:
        await self.app.start()
        return self.pipeline

    async def __aexit__(self, *_: object) -> None:
        if self.pipeline.wiring.fail_stop.reason is not None and self.pipeline.ownership is not None:
            # In production the process is gone; here its lanes must not go on, nor be waited for.
            for partition in self.pipeline.ownership.partitions.values():
                if partition.lane is not None:
                    partition.lane._task.cancel()
                    partition.lane = None
        await self.app.stop()
        self.pipeline.wiring.watchdog.stop()
        if self.recorder is not None:
            assert not self.recorder.codes, self.pipeline.wiring.fail_stop.reason


REPOSITORY = Path(__file__).parents[2]


async def worker(topics: Topics, *options: str, python: tuple[str, ...] = ()) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *python,
        "-m",
        "tests.engine.job",
        ",".join(topics.servers),
        topics.prefix,
        *options,
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def problems(topics: Topics, *, inputs: tuple[str, ...] = ("a", "b")) -> list[str]:
    """Compare inputs, outputs, changelog and markers; an empty list means exactly once."""
    read = [record for short in inputs for record in await topics.read(short)]
    said = await topics.read("out")
    changelog = await topics.read("changelog")
    wanted = collections.Counter((record.topic, record.partition, record.offset) for record in read)
    found: collections.Counter[tuple[str, int, int]] = collections.Counter()
    last: dict[tuple[str, int], int] = {}
    counts: collections.Counter[tuple[int, bytes]] = collections.Counter()
    wrong = []
    for record in said:
        topic, partition, offset, number = record.value.decode().split("|")
        found[topic, int(partition), int(offset)] += 1
        if int(offset) <= last.get((topic, int(partition)), -1):
            wrong.append(f"order: {record.value!r}")
        last[topic, int(partition)] = int(offset)
        counts[record.partition, record.key] += 1
        if counts[record.partition, record.key] != int(number):
            wrong.append(f"state: {record.value!r} is number {counts[record.partition, record.key]}")
    wrong += [f"lost: {place}" for place in wanted - found] + [f"twice: {place}" for place in found - wanted]
    state = {(record.partition, record.key): record.value for record in changelog}
    wrong += [
        f"changelog: {where} is {state.get(where)!r}, not {count}" for where, count in counts.items() if state.get(where) != b"%d" % count
    ]
    return wrong


async def quiet(topics: Topics, count: int, seconds: float = 60.0) -> None:
    """Wait until the output holds ``count`` records."""
    limit = asyncio.get_running_loop().time() + seconds
    while (there := len(await topics.read("out"))) < count:
        assert asyncio.get_running_loop().time() < limit, f"only {there} of {count} records came out"
        await asyncio.sleep(0.1)


def killing(failpoint: Failpoint, times: int) -> Faults:
    """Kill -9 the process when the failpoint is reached for the n-th time."""
    left = times

    async def reach(reached: Failpoint, partition: int) -> None:
        nonlocal left
        if reached is failpoint:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                await asyncio.sleep(60)

    return Faults(reach=reach)


def main() -> None:
    servers, prefix, *rest = sys.argv[1:]
    options = dict(argument.split("=", 1) for argument in rest)
    settings = QUICK
    if "store" in options:
        settings = dataclasses.replace(settings, store="rocksdb", store_directory=Path(options["store"]))
    if "batch" in options:
        settings = dataclasses.replace(settings, batch_records_max=int(options["batch"]))
    if "start" in options:
        settings = dataclasses.replace(settings, deadlines=dataclasses.replace(settings.deadlines, start=float(options["start"])))
    if "instance" in options:
        settings = dataclasses.replace(settings, instance_id=options["instance"])
    faults = Faults()
    if "kill" in options:
        name, times = options["kill"].split(":")
        faults = killing(Failpoint(name), int(times))
    if "defect" in options:
        faults.defects = frozenset({Defect(options["defect"])})
    topics = Topics(servers.split(","), prefix)
    pipeline = build(topics, settings=settings, faults=faults)

    async def run() -> None:
        serving = asyncio.create_task(serve(pipeline.app))
        await asyncio.sleep(0)  # signals are heard from now on
        if "started" in options:
            Path(options["started"]).touch()
        await serving

    asyncio.run(run())


if __name__ == "__main__":
    main()
