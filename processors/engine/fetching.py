"""How do records get from the consumer to the lanes?

One loop fetches for the lanes that want more, and goes on telling the group that we are alive when none does. What arrives after a
rebalance has begun is dropped; positions are set anew before those partitions run again.
"""

from __future__ import annotations

import asyncio
import logging

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError
from aiokafka.structs import TopicPartition

from processors.engine.faults import Defect, defective
from processors.engine.ownership import Ownership
from processors.engine.records import Record
from processors.engine.wiring import Wiring

logger = logging.getLogger(__name__)

NOBODY = TopicPartition("-", 0)
"""``getmany(NOBODY)`` tells the client that we are alive and fetches nothing; without partitions it would mean all."""
POLL_MS = 50
IDLE_SECONDS = 0.005
RECORDS_MAX = 5_000
"""Records decoded in one go: more would hold up the event loop."""


async def fetch(wiring: Wiring, consumer: AIOKafkaConsumer, ownership: Ownership) -> None:
    """Fetch until cancelled.

    Raises:
        Exception: whatever the client raises: its coordinator pushes its own errors through here, and all of them end the process.
    """
    while True:
        ownership.round.renew()
        try:
            idle = await _round(wiring, consumer, ownership)
        except Exception:
            if not defective(wiring.faults, Defect.SWALLOW_FETCH_ERRORS):
                raise
            logger.exception("fetch failed")
            idle = True
        await asyncio.sleep(IDLE_SECONDS if idle else 0)


async def _round(wiring: Wiring, consumer: AIOKafkaConsumer, ownership: Ownership) -> bool:
    """Fetch once; True if no lane wants anything."""
    async with ownership.fetching:
        epoch = ownership.epoch
        lanes = {number: partition.lane for number, partition in ownership.partitions.items() if partition.lane is not None}
        wanted = [TopicPartition(topic, number) for number, lane in lanes.items() for topic in wiring.inputs if lane.wants(topic)]
        if not wanted:
            await consumer.getmany(NOBODY, timeout_ms=0)
            return True
        try:
            fetched: dict[TopicPartition, list[Record]] = await consumer.getmany(*wanted, timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        except NoOffsetForPartitionError:
            if epoch == ownership.epoch:
                raise
            # The call slept through a rebalance and met partitions of the new assignment before their positions were set.
            fetched = {}
        if epoch != ownership.epoch:
            return False
        for place, records in fetched.items():
            lanes[place.partition].offer(place.topic, records)
        for number, lane in lanes.items():
            unread = await _unread(wiring, consumer, number)
            if unread is not None and epoch == ownership.epoch:
                lane.lag(unread)
    return False


async def _unread(wiring: Wiring, consumer: AIOKafkaConsumer, number: int) -> dict[str, int | None] | None:
    """Count what is readable on the broker but not fetched, by topic; None where the client does not know yet."""
    unread: dict[str, int | None] = {}
    for topic in wiring.inputs:
        place = TopicPartition(topic, number)
        try:
            stable = consumer.last_stable_offset(place)
            # Does not wait: a running lane's partition has a valid position.
            unread[topic] = None if stable is None or stable < 0 else max(0, stable - await consumer.position(place))
        except (IllegalStateError, AssertionError):
            return None  # revoked in between
    return unread
