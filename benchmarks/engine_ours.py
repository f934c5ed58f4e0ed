"""Contestant: our engine, by its public face. Usage: `run` with the arguments BOOTSTRAP PREFIX [REPORT].

With a REPORT path it writes the figures of its restore there once everything runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from pathlib import Path

import faust

from benchmarks.engine_job import INPUTS, State, decode_event, decode_state, encode_state, handle
from processors.engine import Batch, EngineSettings, Pipeline, StagedTable, attach, create_app, serve


class Rows:
    """The row codec: keys stay bytes, states are Avro."""

    def encode_key(self, key: bytes) -> bytes:
        """Return the key."""
        return key

    def decode_key(self, row_key: bytes) -> bytes:
        """Return the key."""
        return row_key

    def encode(self, value: State) -> bytes:
        """Return the state in Avro."""
        return encode_state(value)

    def decode(self, data: bytes) -> State:
        """Return the state."""
        return decode_state(data)


def work_through(batch: Batch, customers: StagedTable[bytes, State], journal: str, decisions: str) -> None:
    for record in batch:
        key = record.key or b""
        customers[key], entry, decision = handle(customers.get(key), decode_event(record.value or b""))
        batch.emit(journal, key, entry)
        batch.emit(decisions, key, decision)


async def report(pipeline: Pipeline, path: Path) -> None:
    """Write what the restore took of time, CPU and memory, from the first partition that restores until all run."""
    figures = pipeline.wiring.figures
    while not any(  # noqa: ASYNC110 (figures are plain integers, there is nothing to wait for)
        partition.state == "restoring" for partition in figures.partitions.values()
    ):
        await asyncio.sleep(0.005)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    while pipeline.reasons_not_ready():  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "records": figures.restored_records,
        "seconds": seconds,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
        "faults": after.ru_minflt - before.ru_minflt,
    }
    path.write_text(json.dumps(found))  # noqa: ASYNC240


async def main(bootstrap: str, prefix: str, report_path: str = "") -> None:
    app = create_app(prefix + "ours", bootstrap_servers=(bootstrap,))
    settings = EngineSettings(bootstrap_servers=(bootstrap,))
    journal, decisions = prefix + "journal", prefix + "decisions"
    pipeline = attach(
        Pipeline(app, inputs=INPUTS, outputs=(journal, decisions), changelog=prefix + "changelog", codec=Rows(), settings=settings)
    )
    customers = pipeline.table("customers")

    @app.agent(pipeline.channel)
    async def work(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            with batch:
                work_through(batch, customers, journal, decisions)

    reporting = asyncio.create_task(report(pipeline, Path(report_path))) if report_path else None
    await serve(app)
    if reporting is not None:
        reporting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reporting


def run() -> None:
    """Compete, as the command line says."""
    asyncio.run(main(*sys.argv[1:]))
