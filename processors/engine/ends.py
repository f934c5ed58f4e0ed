"""How far can partitions be read, and has a transaction ended in all that it wrote to?

A coordinator acknowledges a transaction before its markers are written. They follow within milliseconds, or a broker forgets one of them
(fencing.py says how). While one is missing the next transaction must not begin: its abort, by whoever owns the partition next, would reach
what was acknowledged before.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from processors.engine.offsets import GroupOffsets

READ_UNCOMMITTED, READ_COMMITTED = 0, 1
LATEST = -1
ASK_AGAIN_SECONDS = 0.003
NO_LEADER_SECONDS = 0.05
MARKERS_LATE_SECONDS = 1.0
"""So long a marker may be merely late once every leader answers; then it is taken for forgotten, which is safe: it is written again."""


async def ends(client: AIOKafkaClient, places: Iterable[TopicPartition], isolation: int) -> dict[TopicPartition, int] | None:
    """Return the next offset of each partition, with ``READ_COMMITTED`` the first of an open transaction if there is one.

    None: not every partition has a leader that answers for it.

    Raises:
        KafkaError: the broker refuses.
    """
    leaders: defaultdict[int, list[TopicPartition]] = defaultdict(list)
    for place in places:
        leader = client.cluster.leader_for_partition(place)
        if leader in {None, -1}:
            return None
        leaders[leader].append(place)
    parts = await asyncio.gather(*(_answered(client, node, held, isolation) for node, held in leaders.items()))
    found: dict[TopicPartition, int] = {}
    for part in parts:
        if part is None:
            return None
        found.update(part)
    return found


async def ended(
    client: AIOKafkaClient, group: GroupOffsets, written: Mapping[TopicPartition, int], offsets: Mapping[TopicPartition, int]
) -> bool:
    """Wait until a transaction has ended in every partition and in the group's offsets; False: a marker is missing, not merely late.

    ``written`` holds an offset of the transaction by partition, ``offsets`` the input offsets that it committed. A partition that others
    write to as well may hold a transaction of theirs that began earlier and goes on; that reads as a missing marker, too. Waits without
    limit of its own while leaders do not answer, so callers put it under one.

    Raises:
        KafkaError: the broker refuses.
    """
    late_at: float | None = None
    while True:
        stable, committed = await asyncio.gather(ends(client, written, READ_COMMITTED), group.committed(offsets))
        if stable is None:
            await client.force_metadata_update()
            await asyncio.sleep(NO_LEADER_SECONDS)
        elif committed == offsets and all(stable[place] > offset for place, offset in written.items()):
            return True
        elif late_at is None:
            late_at = time.monotonic() + MARKERS_LATE_SECONDS
        elif time.monotonic() > late_at:
            return False
        await asyncio.sleep(ASK_AGAIN_SECONDS)


async def left_open(
    client: AIOKafkaClient, group: GroupOffsets, places: Collection[TopicPartition], inputs: Collection[TopicPartition]
) -> set[TopicPartition]:
    """Wait until everything that ``places`` hold at first can be read at read_committed, and no offset of ``inputs`` is pending.

    Return where a transaction is still open after ``MARKERS_LATE_SECONDS`` in which every leader answered. Waits without limit of its own
    while they do not, so callers put it under one.

    Raises:
        KafkaError: the broker refuses.
    """
    late_at: float | None = None
    there: dict[TopicPartition, int] | None = None
    while True:
        if there is None:
            there = await ends(client, places, READ_UNCOMMITTED)
        stable, pending = await asyncio.gather(ends(client, places, READ_COMMITTED), group.pending(inputs))
        if there is None or stable is None:
            await client.force_metadata_update()
            await asyncio.sleep(NO_LEADER_SECONDS)
            continue
        found: set[TopicPartition] = {*pending, *(place for place, end in there.items() if stable[place] < end)}
        late_at = late_at or time.monotonic() + MARKERS_LATE_SECONDS
        if not found or time.monotonic() > late_at:
            return found
        await asyncio.sleep(ASK_AGAIN_SECONDS)


async def _answered(
    client: AIOKafkaClient, node: int, places: Iterable[TopicPartition], isolation: int
) -> dict[TopicPartition, int] | None:
    numbers: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for place in places:
        numbers[place.topic].append((place.partition, LATEST))
    try:
        answer = await client.send(node, OffsetRequest(-1, isolation, list(numbers.items())))
        found = {}
        for topic, partitions in answer.topics:
            for number, code, _, offset, *_ in partitions:
                if code:
                    raise for_code(code)
                found[TopicPartition(topic, number)] = offset
    except (ConnectionError, AssertionError):  # "Did we not perform bootstrap?": a broker that wakes up
        return None
    except KafkaError as error:
        if not error.retriable:
            raise
        return None
    return found
