"""How do the records of one partition become batches, and batches transactions, in order?

A lane merges what was fetched, cuts a batch, gives it to an agent, and commits it while the agent already works on the next one. Commits
are in order and one at a time. Between the beginnings of two transactions lies a least interval, so that an idle lane commits at once and
a busy one does not burn itself into its own latency. A full batch is as large as an agent is quick: large transactions cost less by the
record, and a slow agent must neither hold the event loop nor come near its deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from processors.engine.batch import Batch
from processors.engine.merge import Merge
from processors.engine.partition import Partition
from processors.engine.records import Record
from processors.engine.rows import PartitionRows
from processors.engine.wiring import AgentProgress, Wiring

FIRST_RECORDS_MAX = 500
"""A lane's first batch, before it knows the agent's pace."""


class Lane:
    """The running part of a partition; made when positions are set, ended by ``drain``."""

    def __init__(
        self,
        wiring: Wiring,
        partition: Partition,
        rows: PartitionRows,
        progress: AgentProgress,
        put: Callable[[Batch], Awaitable[None]],
    ) -> None:
        """Begin empty at the partition's positions; ``put`` gives a batch to the agents."""
        self._wiring = wiring
        self._partition = partition
        self._rows = rows
        self._progress = progress
        self._put = put
        self._merge = Merge(wiring.inputs, partition.positions)
        self._full = min(FIRST_RECORDS_MAX, wiring.settings.batch_records_max)  # records
        self._entered_at: float | None = None
        self._caught_up: set[str] = set()
        self._wake = asyncio.Event()
        self._closing = False
        self._preparing: asyncio.Future[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._next_begin = 0.0
        self._due_at = 0.0
        self._waiting_since: float | None = None
        self._task = asyncio.create_task(self._run(), name=f"lane-{partition.number}")
        self._figures = wiring.partition_figures(partition.number)

    def wants(self, topic: str) -> bool:
        """Tell whether more of this topic should be fetched."""
        settings = self._wiring.settings
        return self._merge.waiting(topic) < settings.buffer_records_max and self._merge.size_bytes < settings.buffer_bytes_max

    def offer(self, topic: str, records: Sequence[Record]) -> None:
        """Take in fetched records."""
        self._merge.add(topic, records)
        self._wake.set()

    def lag(self, unread: dict[str, int | None]) -> None:
        """Learn how many offsets of each topic are not fetched yet; None is not known."""
        caught_up = {topic for topic, count in unread.items() if count == 0}
        self._figures.waiting_records = self._merge.count
        self._figures.lag_records = self._merge.count + sum(count or 0 for count in unread.values())
        if caught_up != self._caught_up:
            self._caught_up = caught_up
            self._wake.set()

    @property
    def caught_up(self) -> bool:
        """Tell whether everything known to be in the inputs was fetched and handed out."""
        return not self._merge.count and len(self._caught_up) == len(self._wiring.inputs)

    async def drain(self) -> None:
        """Finish and commit the batches handed out; drop what was not."""
        self._closing = True
        self._wake.set()
        if self._preparing is not None:
            self._preparing.cancel()
        await self._task

    # What an agent does to a batch (the batch's owner)

    def entered(self, batch: Batch) -> None:  # noqa: ARG002 part of the owner's interface
        """Note progress."""
        self._progress.moved()
        if self._entered_at is None:
            self._entered_at = time.monotonic()

    def left(self, batch: Batch) -> None:
        """Note progress, and how many records the agent would work through in the time that a batch may take."""
        self._progress.moved()
        began, self._entered_at = self._entered_at, None
        if batch.records and began is not None:
            settings = self._wiring.settings
            took = max(time.monotonic() - began, 1e-6)
            self._full = max(1, min(settings.batch_records_max, int(len(batch.records) * settings.batch_seconds / took)))

    def failed(self, batch: Batch, error: BaseException) -> None:
        """End the process: state may be ahead of what can be committed."""
        first = batch.records[0] if batch.records else None
        where = f"{first.topic}[{first.partition}]@{first.offset}" if first is not None else "no records"
        self._wiring.fail_stop(f"an agent raised {error!r} in a batch of {len(batch)} records from {where}", error=error)

    async def _run(self) -> None:
        try:
            while (batch := await self._next()) is not None:
                if await self._work_through(batch):
                    await self._hand_over(batch)
            if self._committing is not None:
                await self._committing
        except Exception as error:  # noqa: BLE001 whatever it is, the partition must not go on
            self._wiring.fail_stop(f"partition {self._partition.number} failed: {error!r}", error=error)

    async def _next(self) -> Batch | None:
        settings, merge = self._wiring.settings, self._merge
        while not self._closing:
            now = time.monotonic()
            wait = settings.due_interval_seconds
            if merge.count:
                full = merge.count >= self._full or merge.size_bytes >= settings.batch_bytes_max
                wait = 0.0 if full else max(0.0, self._next_begin - now)
                wait = max(wait, self._merge_wait(now))
                if not wait:
                    self._waiting_since = None
                    return self._new_batch(merge.take(self._full, settings.batch_bytes_max))
            elif self._may_ask_what_is_due():
                ask_at = max(self._due_at, self._next_begin)
                if now >= ask_at and (batch := self._ask_what_is_due(now)) is not None:
                    return batch
                wait = max(0.0, max(self._due_at, self._next_begin) - now)
            self._wake.clear()
            timer = asyncio.get_running_loop().call_later(wait, self._wake.set)
            await self._wake.wait()
            timer.cancel()
        return None

    def _merge_wait(self, now: float) -> float:
        """Return how long to wait for a topic that is known, or may be, to hold records that belong first."""
        missing = [topic for topic in self._wiring.inputs if topic not in self._caught_up and not self._merge.waiting(topic)]
        if not missing:
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None:
            self._waiting_since = now
        return max(0.0, self._waiting_since + self._wiring.settings.merge_wait_seconds - now)

    def _may_ask_what_is_due(self) -> bool:
        """Tell whether everything before is done; what changes the answer also wakes the lane."""
        return self._wiring.hooks.due is not None and self.caught_up and (self._committing is None or self._committing.done())

    def _ask_what_is_due(self, now: float) -> Batch | None:
        batch = self._new_batch([])
        self._progress.handed_out()
        with batch:
            self._wiring.hooks.due(batch, self._wiring.clock())  # type: ignore[misc]  # there is one, or nobody would ask
        self._progress.finished()
        if batch.finished.done() and not batch.finished.result():
            self._wiring.fail_stop("what is due does not fit the changelog: a row is too large")
        if batch.empty:
            self._due_at = now + self._wiring.settings.due_interval_seconds
            return None
        return batch

    def _new_batch(self, records: Sequence[Record]) -> Batch:
        return Batch(self._partition.number, records, self._merge.positions(), self._rows, self._wiring.targets, self)

    async def _work_through(self, batch: Batch) -> bool:
        """Prepare the batch and let an agent work through it; False if it was dropped on the way."""
        if not batch.records:
            return True
        if self._wiring.hooks.prepare is not None:
            self._preparing = asyncio.ensure_future(self._wiring.hooks.prepare(batch))
            try:
                with self._wiring.watchdog.limit("preparing a batch", self._wiring.settings.deadlines.prepare):
                    await asyncio.wait([self._preparing])
                if self._preparing.cancelled() or self._closing:
                    self._wiring.figures.batches_dropped += 1
                    return False
                self._preparing.result()
            finally:
                self._preparing = None
        while True:
            self._progress.handed_out()
            await self._put(batch)
            committable = await batch.finished
            self._progress.finished()
            if committable:
                return True
            self._wiring.figures.batches_redone += 1
            if self._wiring.hooks.batch_discarded is not None:
                self._wiring.hooks.batch_discarded(self._partition.number)
            batch.again()

    async def _hand_over(self, batch: Batch) -> None:
        """Make the batch visible to the next one and start its commit once the former is acknowledged."""
        self._rows.hand_over(batch)
        self._wiring.freezing.worked()
        if self._committing is not None:
            await self._committing
        self._next_begin = time.monotonic() + self._wiring.settings.transaction_interval_seconds
        self._committing = asyncio.create_task(self._commit(batch), name=f"commit-{self._partition.number}")

    async def _commit(self, batch: Batch) -> None:
        try:
            await self._partition.commit(batch)
        except Exception as error:  # noqa: BLE001 never abort and retry: state is ahead of what was committed
            self._wiring.fail_stop(f"committing a batch of partition {self._partition.number} failed: {error!r}", error=error)
        else:
            asyncio.get_running_loop().call_soon(self._wake.set)  # when this task is done, what is due may be asked
