"""Are bare records what the client would have returned, and is it really its wrapping that is left out?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition

from processors.engine.bare import leave_records_bare
from tests.engine.conftest import Topics

WRITTEN: list[tuple[bool, list[tuple[bytes | None, bytes | None]]]] = [
    (True, [(b"x", b"1"), (b"y", b"1"), (b"z", b"1")]),
    (False, [(b"x", b"aborted"), (b"y", None)]),
    (True, [(b"x", None), (None, b"no key")]),
    (False, [(b"last", b"aborted")]),
]
"""Transactions, committed or not, with their keys and values."""


@pytest.fixture
async def place(topics: Topics) -> TopicPartition:
    await topics.make("changelog", partitions=1)
    found = TopicPartition(topics.name("changelog"), 0)
    producer = AIOKafkaProducer(bootstrap_servers=topics.servers, transactional_id=topics.name("writer"))
    await producer.start()
    try:
        for committed, rows in WRITTEN:
            await producer.begin_transaction()
            for key, value in rows:
                await producer.send_and_wait(found.topic, value, key=key, partition=0)
            await (producer.commit_transaction() if committed else producer.abort_transaction())
    finally:
        await producer.stop()
    return found


async def read(topics: Topics, place: TopicPartition, *, bare: bool) -> list[Any]:
    """Everything up to the end, two records at a time."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topics.servers, isolation_level="read_committed", auto_offset_reset="none", enable_auto_commit=False
    )
    await consumer.start()
    try:
        if bare:
            leave_records_bare(consumer)
        consumer.assign([place])
        consumer.seek(place, 0)
        end = sum(len(rows) + 1 for _, rows in WRITTEN)
        found: list[Any] = []
        async with asyncio.timeout(60):
            while await consumer.position(place) < end:
                found += (await consumer.getmany(place, timeout_ms=200, max_records=2)).get(place, [])
        return found
    finally:
        await consumer.stop()


async def test_bare_records_are_those_of_the_client_without_its_wrapping(topics: Topics, place: TopicPartition) -> None:
    bare, wrapped = await read(topics, place, bare=True), await read(topics, place, bare=False)
    expected = [row for committed, rows in WRITTEN if committed for row in rows]
    assert [(record.key, record.value) for record in wrapped] == expected
    assert [(record.offset, record.key, record.value) for record in bare] == [
        (record.offset, record.key, record.value) for record in wrapped
    ]
    assert all(isinstance(record, ConsumerRecord) for record in wrapped)
    assert not any(isinstance(record, ConsumerRecord) for record in bare)
