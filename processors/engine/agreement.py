"""Do changelog, group and topics agree on where a partition stands?

Reads what ``positions`` decides over. A contradiction counts only if it lasts: the end of a transaction is acknowledged a moment before its
offsets become visible.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from processors.engine.faults import Defect, defective
from processors.engine.offsets import GroupOffsets
from processors.engine.partition import Partition
from processors.engine.positions import PositionsContradictError, starting_positions
from processors.engine.records import Position
from processors.engine.wiring import Wiring

logger = logging.getLogger(__name__)

AGREE_SECONDS = 4.0
RETRY_SECONDS = 0.1


class Agreement:
    """Finds the positions of partitions; one per pipeline."""

    def __init__(self, wiring: Wiring, consumer: AIOKafkaConsumer, offsets: GroupOffsets) -> None:
        self._wiring = wiring
        self._consumer = consumer
        self._offsets = offsets

    async def positions(self, partition: Partition, epoch: int) -> dict[str, Position]:
        """Return where the partition starts in this assignment.

        Raises:
            PositionsContradictError: there is no position it may start from.
        """
        wiring = self._wiring
        if defective(wiring.faults, Defect.TRUST_COMMITTED):
            return await self.trusting(partition)
        if defective(wiring.faults, Defect.KEEP_WITHOUT_PROOF) and partition.epoch != epoch and partition.positions:
            return {topic: position.copy() for topic, position in partition.positions.items()}
        with wiring.watchdog.limit(f"finding the position of partition {partition.number}", wiring.settings.deadlines.positioning):
            return await self._lasting(partition)

    async def prove(self, partition: Partition) -> None:
        """Show that nobody else wrote between two sessions of our own writer.

        Raises:
            PositionsContradictError: somebody did; state is out of date and the process must end.
        """
        await self._lasting(partition)

    async def trusting(self, partition: Partition) -> dict[str, Position]:
        """Believe the client's ``committed()``: for defects alone."""
        places = self._places(partition)
        first = await self._consumer.beginning_offsets(places)
        found = {}
        for place in places:
            offset = await self._consumer.committed(place)
            found[place.topic] = Position(first[place] if offset is None else offset)
        return found

    async def _lasting(self, partition: Partition) -> dict[str, Position]:
        until = time.monotonic() + AGREE_SECONDS
        while True:
            try:
                return await self._once(partition)
            except PositionsContradictError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _once(self, partition: Partition) -> dict[str, Position]:
        places = self._places(partition)
        committed = await self._offsets.committed(places)
        first, following = await asyncio.gather(self._consumer.beginning_offsets(places), self._consumer.end_offsets(places))
        positions = starting_positions(
            self._wiring.inputs,
            application=self._wiring.application,
            marker=partition.marker,
            committed={place.topic: offset for place, offset in committed.items()},
            limits={place.topic: (first[place], following[place]) for place in places},
        )
        if partition.marker is not None and len(committed) < len(partition.marker.positions):
            logger.warning(
                "partition %d: the group's committed offsets are no longer retained; continuing from the changelog's marker",
                partition.number,
            )
        return positions

    def _places(self, partition: Partition) -> list[TopicPartition]:
        return [TopicPartition(topic, partition.number) for topic in self._wiring.inputs]
