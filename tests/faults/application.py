"""The worker under test: `job.handle` on the engine's public face, with whatever faults its specification asks for.

Started by the supervisor as `python -m tests.faults.application SPEC.json`. Faults come in through the pipeline's constructor and
through the agent itself; nothing of the engine is patched.
"""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":  # not in a process that imports this, whose end would then look like success
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the engine's own handler stands, there is nothing to finish

import asyncio
import json
import logging
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust

from processors.engine import Deadlines, EngineSettings, Pipeline, RecordTooLargeError, attach, create_app, serve
from processors.engine.faults import Defect, Failpoint, Faults
from processors.engine.marker import RESERVED
from processors.engine.marker import Marker as EngineMarker
from tests.faults import job
from tests.faults.oracle import Marker, Record

if TYPE_CHECKING:
    from processors.engine import Batch, StagedTable

SOON_SECONDS_MAX = 0.004  # within this time after a failpoint: inside the step that follows it


def marker(record: Record) -> tuple[Marker, ...] | None:
    """The oracle's view of the engine's changelog."""
    if not record.key.startswith(RESERVED):
        return None
    positions = EngineMarker.decode(record.value).positions
    return tuple(Marker(topic, position.offset) for topic, position in positions.items())


class Script:
    """What this process does to itself at failpoints.

    `failpoint` is the chance of dying at any of them. `failpoints` is a list played by the starts of this slot one after the other:
    '<name> kill',
    '<name> soon' (die within milliseconds after), '<name> freeze' (SIGSTOP; the supervisor thaws it); steps of one start are separated by
    commas.
    `waits` are seconds by failpoint, always.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._chance: float = spec.get("failpoint", 0.0)
        self._waits: dict[str, float] = spec.get("waits", {})
        self._draw = random.Random(f"{spec.get('seed', 0)}-{os.getpid()}")
        self._played = Path(spec["folder"]) / f"{spec['slot']}-played"
        played = self._played.read_text().splitlines() if self._played.exists() else []
        left: list[str] = spec.get("failpoints", [])[len(played) :]
        self._steps = left[0].split(", ") if left else []

    async def reach(self, failpoint: Failpoint, _partition: int) -> None:
        if self._steps and self._steps[0].startswith(failpoint.value + " "):
            step = self._steps.pop(0)
            if not self._steps:
                with self._played.open("a") as played:
                    played.write("played\n")
            self._act(step.split()[1])
        if failpoint.value in self._waits:
            await asyncio.sleep(self._waits[failpoint.value])
        if self._chance and self._draw.random() < self._chance:
            _die()

    def _act(self, action: str) -> None:
        match action:
            case "kill":
                _die()
            case "soon":
                asyncio.get_running_loop().call_later(self._draw.random() * SOON_SECONDS_MAX, _die)
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case _:
                raise ValueError(action)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Misbehaviour:
    """What an agent does wrong at a marked record; each process group does it once, so that the restarted worker gets past it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def first_time(self, mark: str) -> bool:
        try:
            (self._folder / f"misbehaved-{mark}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def inside(self, mark: str) -> None:
        """Raise, or block the event loop for ever, in the middle of a batch."""
        if mark == "raise" and self.first_time(mark):
            raise RuntimeError("the agent raises, as its input asked")
        if mark == "block" and self.first_time(mark):
            time.sleep(3600)

    async def around(self, batch: Batch) -> bool:
        """Before a batch is entered: true if it is to be forgotten; may wait for ever."""
        marks = {job.decode(record.value or b"").mark for record in batch.records if b'"mark": "' in (record.value or b"")}
        if "wait" in marks and self.first_time("wait"):
            await asyncio.sleep(3600)
        return "forget" in marks and self.first_time("forget")


def apply(batch: Batch, customers: StagedTable[bytes, bytes], prefix: str, misbehaviour: Misbehaviour) -> None:
    """Work through one entered batch."""
    for record in batch:
        topic = record.topic.removeprefix(prefix)
        key: bytes = record.key or b""
        value: bytes = record.value or b""
        try:
            with batch.attempt():
                effect = job.handle(customers.get(key), topic, record.offset, value)
                if b'"mark": ""' not in value:
                    misbehaviour.inside(job.decode(value).mark)
                customers[key] = effect.state.encode()
                batch.emit(prefix + job.JOURNAL, key, effect.journal)
                if effect.decision is not None:
                    batch.emit(prefix + job.DECISIONS, key, effect.decision)
        except job.UndecodableError:
            batch.emit(prefix + job.DEAD_LETTERS, key, job.refusal(topic, record.offset, job.Refusal.UNDECODABLE))
        except RecordTooLargeError:
            batch.emit(prefix + job.DEAD_LETTERS, key, job.refusal(topic, record.offset, job.Refusal.TOO_LARGE))


def settings(spec: dict[str, Any]) -> EngineSettings:
    given = dict(spec.get("settings", {}))
    deadlines = Deadlines(**given.pop("deadlines", {}))
    if "store_directory" in given:
        given["store_directory"] = Path(given["store_directory"])
    return EngineSettings(bootstrap_servers=tuple(spec["bootstrap"].split(",")), client_id=spec["slot"], deadlines=deadlines, **given)


async def main(spec: dict[str, Any]) -> None:
    prefix: str = spec["prefix"]
    script = Script(spec)
    faults = Faults(reach=script.reach, defects=frozenset(Defect(name) for name in spec.get("defects", ())))
    misbehaviour = Misbehaviour(Path(spec["folder"]))
    app = create_app(spec["group"], bootstrap_servers=tuple(spec["bootstrap"].split(",")))
    pipeline = attach(
        Pipeline(
            app,
            inputs=[prefix + topic for topic in job.INPUTS],
            outputs=[prefix + topic for topic in job.OUTPUTS],
            changelog=prefix + job.CHANGELOG,
            settings=settings(spec),
            faults=faults,
        )
    )
    customers = pipeline.table("customers")

    @app.agent(pipeline.channel)
    async def work(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            if await misbehaviour.around(batch):
                continue
            with batch:
                apply(batch, customers, prefix, misbehaviour)
            if pause := spec.get("pause_seconds"):
                await asyncio.sleep(pause)

    await serve(app)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
