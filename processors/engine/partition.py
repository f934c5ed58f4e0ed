"""In which state is one partition, and what must be true before its lane runs?

NONE -> FENCING -> RESTORING -> PARKED -> POSITIONING -> RUNNING -> DRAINING -> PARKED ..., CLOSING from anywhere. PARKED means: this
process holds a writer it started itself and the state read after that. Only from there, and only after the positions were proven in the
present generation of the group, a lane may run.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from processors.engine.batch import Batch
from processors.engine.faults import Failpoint, reached
from processors.engine.marker import Marker
from processors.engine.records import Position
from processors.engine.restore import Restore
from processors.engine.rocks import open_store
from processors.engine.rows import PartitionRows
from processors.engine.store import Checkpoint
from processors.engine.wiring import Wiring
from processors.engine.writer import Transaction, Writer

if TYPE_CHECKING:
    from processors.engine.lane import Lane

logger = logging.getLogger(__name__)


class State(StrEnum):
    """States of a partition in this process."""

    NONE = "none"
    FENCING = "fencing"
    RESTORING = "restoring"
    PARKED = "parked"
    POSITIONING = "positioning"
    RUNNING = "running"
    DRAINING = "draining"
    CLOSING = "closing"


class Partition:
    """One partition number of all co-partitioned topics, as long as this process holds anything of it."""

    def __init__(self, wiring: Wiring, number: int, gate: asyncio.Semaphore, prove: Callable[[Partition], Awaitable[None]]) -> None:
        """Begin with nothing.

        Args:
            wiring: what all parts share.
            number: the partition's.
            gate: bounds how many partitions restore at once.
            prove: raises unless marker and committed offsets still agree.
        """
        self.number = number
        self.state = State.NONE
        self.epoch = -1
        """The assignment in which the writer was started."""
        self.writer: Writer | None = None
        self.rows: PartitionRows | None = None
        self.marker: Marker | None = None
        self.positions: Mapping[str, Position] = {}
        """Of the last acknowledged transaction; what a lane continues from."""
        self.lane: Lane | None = None
        self._wiring = wiring
        self._gate = gate
        self._prove = prove
        self._task: asyncio.Task[None] | None = None
        self._written_at = 0.0
        """When the writer last was known to the broker, on the monotonic clock."""

    async def ready(self, epoch: int) -> None:
        """Wait until the partition is PARKED, starting whatever is missing. Being cancelled leaves the work going on."""
        if self._task is None:
            self.epoch = epoch
            self._task = asyncio.create_task(self._prepare(), name=f"prepare-{self.number}")
        await asyncio.shield(self._task)

    async def let_go(self) -> None:
        """Give everything back, cancelling what is under way; afterwards the state is NONE."""
        self._enter(State.CLOSING)
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=self._wiring.settings.deadlines.close_writer)
        await self._drop()
        self._enter(State.NONE)

    async def commit(self, batch: Batch) -> None:
        """Write a batch's transaction; when it is acknowledged, store and positions follow."""
        wiring = self._wiring
        if self.writer is None or self.rows is None:
            text = f"partition {self.number} has no writer"
            raise RuntimeError(text)
        idle = time.monotonic() - self._written_at
        if idle > wiring.settings.writer_idle_seconds_max:
            await self._renew_writer(f"it wrote nothing for {idle:,.0f} s")
        began = time.monotonic()
        with wiring.watchdog.limit(f"committing a batch of partition {self.number}", wiring.settings.deadlines.commit):
            await reached(wiring.faults, Failpoint.BATCH_LEFT, self.number)
            lineage = self.marker.lineage if self.marker is not None else uuid.uuid4().hex
            marker = Marker(wiring.application, lineage, batch.positions)
            offsets = {topic: position.offset for topic, position in batch.positions.items()}
            at = await self.writer.commit(Transaction(batch.emitted, batch.sealed, marker.encode(), offsets))
            self.rows.store.commit(batch.sealed, Checkpoint(at, lineage))
            self.marker = marker
            self.positions = batch.positions
            await reached(wiring.faults, Failpoint.COMMIT_APPLIED, self.number)
        self._count(batch, time.monotonic() - began)
        with wiring.watchdog.limit(f"waiting for the end of partition {self.number}'s transaction", wiring.settings.deadlines.fencing):
            ended = await self.writer.ended()
        self._written_at = time.monotonic()
        if not ended:
            await self._renew_writer("the end of its last transaction is missing in some partition")
        elif self.writer.records_max() >= wiring.settings.sequence_records_max:
            await self._renew_writer(f"{self.writer.records_max()} records were written")

    def run(self, positions: Mapping[str, Position], make_lane: Callable[[PartitionRows], Lane]) -> None:
        """Start a lane at ``positions``; refused unless everything it stands on is there."""
        if self.state is not State.POSITIONING or self.writer is None or self.rows is None:
            raise RuntimeError(f"partition {self.number} must not run: {self.state}, writer {self.writer}, rows {self.rows}")
        self.positions = positions
        self.lane = make_lane(self.rows)
        self._enter(State.RUNNING)

    def positioning(self) -> None:
        """Note that positions are being proven."""
        self._enter(State.POSITIONING)

    def parked(self) -> None:
        """Note that writer and state wait for a lane."""
        self._enter(State.PARKED)

    async def drain(self) -> None:
        """Finish and commit what the lane handed out, drop the rest."""
        lane, self.lane = self.lane, None
        if lane is not None:
            self._enter(State.DRAINING)
            await lane.drain()
            self._enter(State.PARKED)

    def _enter(self, state: State) -> None:
        self.state = state
        self._wiring.partition_figures(self.number).state = state.value

    async def _prepare(self) -> None:
        wiring, number = self._wiring, self.number
        done = False
        try:
            async with self._gate:
                began = time.monotonic()
                self._enter(State.FENCING)
                self.writer = self._new_writer()
                with wiring.watchdog.limit(f"fencing partition {number}", wiring.settings.deadlines.fencing):
                    aborted = await self.writer.start()
                self._written_at = time.monotonic()
                wiring.figures.transactions_aborted += aborted  # not in one line with the await: other partitions count meanwhile
                wiring.figures.fencings += 1
                self._enter(State.RESTORING)
                store = open_store(wiring, number)
                self.rows = PartitionRows(store, wiring.codec, wiring.changelog, cache_rows_max=wiring.settings.cache_rows_max)
                self.marker = await Restore(wiring, number, store).run()
                await self._tell_application()
                wiring.figures.restores += 1
            self._enter(State.PARKED)
            logger.info("partition %d: %d rows ready after %.1f s", number, store.row_count(), time.monotonic() - began)
            done = True
        finally:
            if not done:
                await self._drop()

    async def _tell_application(self) -> None:
        hooks, size = self._wiring.hooks, self._wiring.settings.restore_slice_records
        if hooks.rows_restored is None or self.rows is None:
            return
        rows: list[tuple[bytes, bytes]] = []
        for row in self.rows.store.items():
            rows.append(row)
            if len(rows) >= size:
                hooks.rows_restored(self.number, rows)
                rows = []
                await asyncio.sleep(0)
        if rows:
            hooks.rows_restored(self.number, rows)

    async def _drop(self) -> None:
        writer, self.writer = self.writer, None
        rows, self.rows = self.rows, None
        self.marker = None
        self.positions = {}
        self.lane = None
        if rows is not None:
            rows.close()
            if self._wiring.hooks.partition_lost is not None:
                self._wiring.hooks.partition_lost(self.number)
        figures = self._wiring.partition_figures(self.number)
        figures.state_rows = figures.state_bytes = figures.lag_records = figures.waiting_records = figures.restore_left = 0
        if writer is not None:
            await self._stop_writer(writer)

    async def _stop_writer(self, writer: Writer) -> None:
        stopping = asyncio.ensure_future(writer.stop())
        done, _ = await asyncio.wait([stopping], timeout=self._wiring.settings.deadlines.close_writer)
        if not done:
            stopping.cancel()
            logger.warning("partition %d: the producer did not stop in time and is abandoned; its successor fences it", self.number)
        elif (error := stopping.exception()) is not None:
            logger.warning("partition %d: the producer stopped with %r", self.number, error)

    async def _renew_writer(self, why: str) -> None:
        """Begin a new producer session: before sequence numbers wrap, after a long idle time, after the broker forgot an end.

        The new session fences the old one, and would fence another owner too: so marker and committed offsets must agree after it.
        """
        wiring = self._wiring
        logger.info("partition %d: renewing the writer: %s", self.number, why)
        old, self.writer = self.writer, self._new_writer()
        own = None
        if old is not None:
            own = old.session
            await self._stop_writer(old)
        with wiring.watchdog.limit(f"renewing the writer of partition {self.number}", wiring.settings.deadlines.fencing):
            await self.writer.start(own)
            await self._prove(self)
        wiring.figures.writers_renewed += 1

    def _new_writer(self) -> Writer:
        wiring = self._wiring
        return Writer(
            wiring.settings,
            wiring.application,
            self.number,
            changelog=wiring.changelog,
            targets=wiring.targets,
            inputs=wiring.inputs,
            faults=wiring.faults,
        )

    def _count(self, batch: Batch, seconds: float) -> None:
        figures, own = self._wiring.figures, self._wiring.partition_figures(self.number)
        for counted in (figures, own):
            counted.records += len(batch.records)
            counted.batches += 1
            counted.emitted += len(batch.emitted)
            counted.rows_written += len(batch.sealed)
        figures.committed(seconds)
        if self.rows is not None:
            own.state_rows = self.rows.store.row_count()
            own.state_bytes = self.rows.store.size_bytes()
