"""What do the engine's tests share? Topics of their own on the shared broker, and ways to fill and read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from confluent_kafka.admin import AdminClient as Admin

from processors.broker import Broker


@dataclass
class Topics:
    """Topics of one test: two inputs, an output, a changelog, each with ``partitions`` partitions."""

    servers: list[str]
    prefix: str
    partitions: int = 2
    made: list[str] = field(default_factory=list)

    def name(self, short: str) -> str:
        return f"{self.prefix}{short}"

    @property
    def group(self) -> str:
        return self.name("app")

    async def make(
        self, *shorts: str, partitions: int | None = None, compacted: bool = False, config: Mapping[str, str] | None = None
    ) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            count = self.partitions if partitions is None else partitions
            await admin.create_topics(
                [
                    NewTopic(self.name(short), count, 1, topic_configs={"cleanup.policy": "compact"} if compacted else dict(config or {}))
                    for short in shorts
                ]
            )
            self.made += [self.name(short) for short in shorts]
            for short in shorts:
                while True:
                    described = await admin.describe_topics([self.name(short)])
                    if not described[0]["error_code"] and len(described[0]["partitions"]) == count:
                        break
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()

    async def make_all(self) -> None:
        await self.make("a", "b", "out")
        await self.make("changelog", compacted=True)

    async def delete(self, *shorts: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        await admin.delete_topics([self.name(short) for short in shorts])
        await admin.close()

    async def send(self, short: str, count: int, *, start: int = 0, keys: int = 10, size: int = 20, partitions: int | None = None) -> None:
        """Send numbered records; record i has key k(i % keys) in partition (i % keys) % partitions."""
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, linger_ms=5)
        await producer.start()
        try:
            spread = partitions or self.partitions
            for i in range(start, start + count):
                key = i % keys
                await producer.send(self.name(short), b"%d" % i + b"." * size, key=b"k%d" % key, partition=key % spread)
        finally:
            await producer.stop()

    async def read(self, short: str) -> list[Any]:
        """All records at read_committed up to the present end."""
        places = [TopicPartition(self.name(short), number) for number in range(self.partitions)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, isolation_level="read_committed", auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            for place in places:
                consumer.seek(place, 0)
            found: list[Any] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                fetched = await consumer.getmany(timeout_ms=100)
                for records in fetched.values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def forget_group(self) -> None:
        """Do what the broker does after offsets.retention.minutes: the group and its offsets are gone."""
        admin = Admin({"bootstrap.servers": ",".join(self.servers)})
        for future in admin.delete_consumer_groups([self.group]).values():
            await asyncio.to_thread(future.result)

    async def reset_offsets(self, offsets: dict[tuple[str, int], int]) -> None:
        """Do what an operator does with a reset of the group's offsets."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.servers, group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        try:
            places = {
                TopicPartition(self.name(short), number): OffsetAndMetadata(offset, "") for (short, number), offset in offsets.items()
            }
            consumer.assign(list(places))
            await consumer.commit(places)
        finally:
            await consumer.stop()


@pytest.fixture
async def topics(broker: Broker, topic_prefix: str) -> AsyncIterator[Topics]:
    made = Topics(list(broker.bootstrap_servers), topic_prefix)
    yield made
    if made.made:
        admin = AIOKafkaAdminClient(bootstrap_servers=made.servers)
        await admin.start()
        await admin.delete_topics(made.made)
        await admin.close()


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something to become true; a deadline, not a measurement."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + seconds
    while not condition():
        assert loop.time() < limit, "did not happen in time"
        await asyncio.sleep(0.02)


@pytest.fixture
async def unverified(broker: Broker) -> AsyncIterator[None]:
    """A broker that takes records of a transaction whose coordinator was not told of their partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(broker.bootstrap_servers))
    await admin.start()

    async def configure(values: dict[str, str]) -> None:
        answers = await admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", values)])
        assert [code for answer in answers for code, *_ in answer.resources] == [0]

    try:
        await configure({"transaction.partition.verification.enable": "false"})
        yield
        await configure({})
    finally:
        await admin.close()
