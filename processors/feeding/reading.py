"""Which records does a topic hold, from where to where? A bounded or a following read, at read_committed, without a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import DefaultPartitioner

from processors.feeding.unreadable import NoSuchTopic, TopicUnreadable, servers

METADATA_SECONDS_MAX = 15.0
POLL_MS = 250


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: an offset of every partition, the first record at or after an instant (ms), or the beginning."""

    offset: int | None = None
    timestamp_ms: int | None = None
    end: bool = False


async def read(
    client_arguments: dict[str, Any], topic: str, start: Start, *, key: bytes | None = None, follow: bool = False
) -> AsyncIterator[ConsumerRecord[bytes | None, bytes | None]]:
    """The committed records of `topic` from `start` to the end as it is when reading begins; with `follow` on and on.

    With `key` only the partition that the contract's partitioner gives that key is read, and only that key's records
    are handed out. Within a partition records come in order of offset.

    Raises:
        TopicUnreadable: no broker answers, or the topic does not exist.
    """
    consumer = AIOKafkaConsumer(
        **client_arguments,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",  # a record that retention removed while we read is no reason to stop looking
    )
    try:
        try:
            await consumer.start()
        except KafkaConnectionError as error:
            raise TopicUnreadable(f"no broker answers at {servers(client_arguments)}") from error
        partitions = await _partitions(consumer, topic)
        if key is not None:
            numbers = sorted(partition.partition for partition in partitions)
            chosen = DefaultPartitioner()(key, numbers, numbers)
            partitions = [TopicPartition(topic, chosen)]
        consumer.assign(partitions)
        await _seek(consumer, partitions, start)
        ends = await consumer.end_offsets(partitions)
        async for record in _records(consumer, ends, follow=follow):
            if key is None or record.key == key:
                yield record
    except KafkaError as error:
        raise TopicUnreadable(f"reading {topic} at {servers(client_arguments)}: {error}") from error
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    # topics() asks the broker, so a topic made a moment ago is seen and one that is missing is not waited for; a
    # consumer without a group that subscribes is given every partition
    if topic not in await asyncio.wait_for(consumer.topics(), METADATA_SECONDS_MAX):
        raise NoSuchTopic(f"the broker has no topic {topic}")
    consumer.subscribe([topic])
    async with asyncio.timeout(METADATA_SECONDS_MAX):
        while not consumer.assignment():  # noqa: ASYNC110 - aiokafka has no event for it
            await asyncio.sleep(0.01)
    partitions = sorted(consumer.assignment())
    consumer.unsubscribe()
    return partitions


async def _seek(consumer: AIOKafkaConsumer, partitions: list[TopicPartition], start: Start) -> None:
    if start.end:
        await consumer.seek_to_end(*partitions)
    elif start.timestamp_ms is not None:
        # ends first: where nothing was found, a record that came while we asked lies after them and is not passed over
        ends = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, start.timestamp_ms))
        for partition in partitions:
            at = found.get(partition)
            consumer.seek(partition, ends[partition] if at is None else at.offset)
    else:
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, min(max(start.offset or 0, begins[partition]), ends[partition]))


async def _records(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], *, follow: bool
) -> AsyncIterator[ConsumerRecord[bytes | None, bytes | None]]:
    open_partitions = set(ends)
    while open_partitions:
        for partition, records in (await consumer.getmany(*open_partitions, timeout_ms=POLL_MS)).items():
            for record in records:
                if follow or record.offset < ends[partition]:
                    yield record
        if not follow:
            # the position also passes transaction markers and aborted records, so it reaches the end where no record does
            open_partitions = {each for each in open_partitions if await consumer.position(each) < ends[each]}
