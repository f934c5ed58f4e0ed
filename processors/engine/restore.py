"""How does a partition get its state back?

By reading its changelog partition from the store's checkpoint, or from the beginning, to the end as it stands after fencing, with a
consumer of its own that belongs to no group. It runs beside the other partitions in slices, keeps nothing but the rows, decodes none of
them, and says how far it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from processors.engine.bare import BareRecord, leave_records_bare
from processors.engine.faults import Failpoint, reached
from processors.engine.marker import MARKER_KEY, RESERVED, Marker, MarkerDamagedError
from processors.engine.positions import RESET
from processors.engine.store import Checkpoint, StateStore
from processors.engine.tasks import persistently
from processors.engine.wiring import Wiring

logger = logging.getLogger(__name__)

REPORT_SECONDS = 5.0
POLL_MS = 200


class Restore:
    """One run for one partition; made after fencing, used once."""

    def __init__(self, wiring: Wiring, number: int, store: StateStore) -> None:
        """Prepare."""
        self._wiring = wiring
        self._number = number
        self._store = store
        self._place = TopicPartition(wiring.changelog, number)
        self._figures = wiring.partition_figures(number)
        self._marker: tuple[int, bytes | None] | None = None
        self._read = 0

    async def run(self) -> Marker | None:
        """Fill the store and return the last marker, None if no transaction ever ended here.

        Raises:
            MarkerDamagedError: another program wrote to the changelog, or its last records are gone.
            KafkaError: the client gave up.

        """
        settings = self._wiring.settings
        consumer = AIOKafkaConsumer(
            **settings.client(f"restore-{self._number}"),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=settings.restore_fetch_bytes,
            request_timeout_ms=settings.producer_request_timeout_ms,
        )
        try:
            what = f"the limits of the changelog of partition {self._number}"
            with self._wiring.watchdog.limit(f"finding {what}", settings.deadlines.restore_progress):
                await persistently(consumer.start, what)
                leave_records_bare(consumer)
                consumer.assign([self._place])
                first = (await persistently(lambda: consumer.beginning_offsets([self._place]), what))[self._place]
                end = (await persistently(lambda: consumer.end_offsets([self._place]), what))[self._place]
            await reached(self._wiring.faults, Failpoint.RESTORE_BEGUN, self._number)
            if not await self._from_checkpoint(consumer, first, end):
                self._store.clear()
                self._marker = None
                await self._replay(consumer, first, end)
        finally:
            await asyncio.wait([asyncio.ensure_future(consumer.stop())], timeout=settings.deadlines.stop_consumer)
        await reached(self._wiring.faults, Failpoint.RESTORE_DONE, self._number)
        if self._marker is not None:
            return Marker.decode(self._marker[1])
        if self._read:
            text = f"partition {self._number} of changelog {self._wiring.changelog!r} holds {self._read} records but no marker"
            raise MarkerDamagedError(f"{text}: another program writes to it, or it lost records. {RESET}")
        return None

    async def _from_checkpoint(self, consumer: AIOKafkaConsumer, first: int, end: int) -> bool:
        """Catch up from a store on disk; False if it does not fit the changelog and must be rebuilt."""
        checkpoint = self._store.checkpoint()
        if checkpoint is None:
            return False
        if not first <= checkpoint.offset < end:
            logger.warning(
                "partition %d: the store's checkpoint %d lies outside of the changelog, rebuilding", self._number, checkpoint.offset
            )
            return False
        await self._replay(consumer, checkpoint.offset, end)
        if self._marker is not None and Marker.decode(self._marker[1]).lineage == checkpoint.lineage:
            return True
        logger.warning("partition %d: the store belongs to another changelog, rebuilding", self._number)
        return False

    async def _replay(self, consumer: AIOKafkaConsumer, start: int, end: int) -> None:
        settings, figures, place = self._wiring.settings, self._figures, self._place
        consumer.seek(place, start)
        began = reported = time.monotonic()
        position = start
        with self._wiring.watchdog.limit(
            f"restoring partition {self._number}: the next record", settings.deadlines.restore_progress
        ) as limit:
            while position < end:
                figures.restore_left = end - position
                fetched = await consumer.getmany(place, timeout_ms=POLL_MS, max_records=settings.restore_slice_records)
                self._take_in(fetched.get(place, ()))
                await reached(self._wiring.faults, Failpoint.RESTORE_SLICE, self._number)
                await asyncio.sleep(0)
                before, position = position, await consumer.position(place)
                if position > before:
                    limit.renew()
                now = time.monotonic()
                figures.restore_rate = (position - start) / max(now - began, 1e-6)
                if now - reported >= REPORT_SECONDS:
                    reported = now
                    self._report(end - position)
        figures.restore_left = 0
        figures.restored = self._read
        self._wiring.figures.restored_records += self._read
        self._wiring.figures.restore_seconds += time.monotonic() - began

    def _take_in(self, records: Sequence[BareRecord]) -> None:
        rows = []
        checkpoint = None
        for record in records:
            key = record.key
            if key is None:
                continue
            if key.startswith(RESERVED):
                if key == MARKER_KEY:
                    self._marker = (record.offset, record.value)
                    checkpoint = self._marker
            else:
                rows.append((key, record.value))
        self._read += len(records)
        complete = None if checkpoint is None else Checkpoint(checkpoint[0], Marker.decode(checkpoint[1]).lineage)
        self._store.load(rows, complete)

    def _report(self, left: int) -> None:
        rate = self._figures.restore_rate
        logger.info(
            "partition %d: restoring, %d changelog offsets left, %.0f a second, about %.0f s to go",
            self._number,
            left,
            rate,
            left / max(rate, 1.0),
        )
