"""Which committed records does a broker hold of a topic, up to its ends as they are now? Read without a group, in plain loops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import replace
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import DefaultPartitioner

from processors.audit.entries import Record
from processors.audit.sources import Part, SourceUnreadable, Wanted
from processors.codec import MessageRejected
from processors.codec.configured import configured_registry
from processors.codec.registry import Registry, RegistryUnavailableError
from processors.contract import ErrorCode, contract
from processors.settings import Settings, SettingsError, kafka_client_arguments
from processors.topics import TopicsError, partition_counts

POLL_MS: Final = 250
POLL_RECORDS: Final = 5_000
PARTITION_FETCH_BYTES: Final = 4 * 1024 * 1024
RECORD_BYTES: Final = 900
"""Of a journal entry or a decision, roughly."""
STALLED_SECONDS: Final = 60.0
"""Nothing read and no position moved for so long: the broker hangs, or a transaction stays open."""


class FetchedSchemas:
    """The schemas behind the ids of Confluent's framing in the records read so far."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def schema(self, schema_id: int) -> str:
        """The schema as JSON; UNKNOWN_SCHEMA where there was no registry, or none of that id in it."""
        found = self.known.get(schema_id)
        if found is None:
            what = f"schema id {schema_id} is not known; to read from Kafka set schema_registry_urls as the worker has it"
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, what)
        return found

    async def fetch(self, registry: Registry, records: list[Record]) -> None:
        """Ask for what these records need; RegistryUnavailableError."""
        ids = registry.missing(record.value for record in records)
        await registry.fetch(ids)
        for schema_id in ids:
            with suppress(MessageRejected):
                self.known[schema_id] = registry.schema(schema_id)


class KafkaSource:
    """A broker. It can be handed to another process: only settings travel, each reading connects anew."""

    def __init__(self, settings: Settings, bootstrap_servers: Sequence[str], *, stalled_seconds: float = STALLED_SECONDS) -> None:
        """`bootstrap_servers` are those in force, which need not be the configured ones (`multichannel broker start`)."""
        self.name = f"Kafka at {', '.join(bootstrap_servers)}"
        self._settings = settings
        self._servers = tuple(bootstrap_servers)
        self._stalled_seconds = stalled_seconds
        self.schemas = FetchedSchemas()
        self._numbers: dict[str, tuple[int, ...]] = {}

    def partitions(self, topic: str) -> tuple[int, ...]:
        """All partitions of the topic."""
        with asyncio.Runner() as runner:
            return runner.run(self.numbers(topic))

    def records(self, topic: str, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """The committed records from the beginning (or `since`) to the ends as they are now."""
        with asyncio.Runner() as runner, closing(_Reading(self, topic, wanted, runner)) as reading:
            yield from reading

    def parts(self, topics: Sequence[str]) -> tuple[Part, ...]:
        """Every partition of each topic."""
        return tuple(Part(topic, partition) for topic in topics for partition in self.partitions(topic))

    def read_part(self, part: Part, wanted: Wanted = Wanted()) -> Iterator[Record]:  # noqa: B008 - frozen
        """The records of one partition."""
        assert part.topic is not None
        return self.records(part.topic, replace(wanted, partition=part.partition))

    def expected_bytes(self, topics: Sequence[str]) -> int:
        """By the number of records, transaction markers among them."""
        with asyncio.Runner() as runner:
            return RECORD_BYTES * sum(runner.run(self._count(topic)) for topic in topics)

    async def _count(self, topic: str) -> int:
        partitions = [TopicPartition(self.full_name(topic), number) for number in await self.numbers(topic)]
        consumer = self.consumer()
        try:
            await self.connect(consumer)
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        except KafkaError as error:
            raise self.failed(topic, error) from error
        finally:
            await consumer.stop()
        return sum(ends[each] - begins[each] for each in partitions)

    def close(self) -> None:
        """Nothing is open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def arguments(self) -> dict[str, Any]:
        """What aiokafka's clients need."""
        try:
            return kafka_client_arguments(self._settings, self._servers)
        except SettingsError as error:
            raise SourceUnreadable(str(error)) from None

    def consumer(self) -> AIOKafkaConsumer:
        """A consumer of no group; it begins wherever it is put."""
        return AIOKafkaConsumer(
            **self.arguments(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",  # a record that retention removed while we read is no reason to stop looking
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )

    async def connect(self, consumer: AIOKafkaConsumer) -> None:
        """Reach the broker."""
        try:
            async with asyncio.timeout(self._stalled_seconds):
                await consumer.start()
        except (KafkaConnectionError, TimeoutError) as error:
            raise SourceUnreadable(f"no broker answers at {', '.join(self._servers)}") from error

    async def numbers(self, topic: str) -> tuple[int, ...]:
        """The partition numbers of a topic, asked of the broker; by no consumer, because one that subscribed may not end (aiokafka)."""
        if topic in self._numbers:
            return self._numbers[topic]
        name = self.full_name(topic)
        try:
            found = (await partition_counts(self.arguments())).get(name)
        except TopicsError as error:
            raise SourceUnreadable(str(error)) from error
        if found is None:
            raise SourceUnreadable(f"the broker has no topic {name}")
        self._numbers[topic] = tuple(range(found))
        return self._numbers[topic]

    def full_name(self, topic: str) -> str:
        """The broker's name of a topic of the contract."""
        return self._settings.topic_prefix + topic

    def failed(self, topic: str, error: KafkaError) -> SourceUnreadable:
        """What the client complained of, with where."""
        return SourceUnreadable(f"reading {self.full_name(topic)} from {self.name}: {error}")

    async def open_registry(self, stack: AsyncExitStack) -> Registry | None:
        """The configured registry for as long as `stack` is open."""
        try:
            return await stack.enter_async_context(configured_registry(self._settings))
        except SettingsError as error:
            raise SourceUnreadable(str(error)) from None

    @property
    def stalled_seconds(self) -> float:
        """How long nothing may move."""
        return self._stalled_seconds


class _Reading(Iterator[Record]):
    """One walk through a topic, poll by poll; the event loop runs only while a poll does."""

    def __init__(self, source: KafkaSource, topic: str, wanted: Wanted, runner: asyncio.Runner) -> None:
        self._source = source
        self._topic = topic
        self._wanted = wanted
        self._runner = runner
        self._stack = AsyncExitStack()
        self._consumer: AIOKafkaConsumer | None = None
        self._registry: Registry | None = None
        self._open: dict[TopicPartition, int] = {}  # partitions that are not read to their end yet, and that end
        self._ready: Iterator[Record] = iter(())

    def __next__(self) -> Record:
        while True:
            for record in self._ready:
                return record
            polled = self._runner.run(self._poll())
            if polled is None:
                raise StopIteration
            self._ready = iter(polled)

    def close(self) -> None:
        """End the walk, wherever it is."""
        self._runner.run(self._stack.aclose())

    async def _poll(self) -> list[Record] | None:
        """Some more of the records wanted; None where there are no more."""
        try:
            if self._consumer is None:
                self._consumer = await self._begin()
            return await self._more(self._consumer)
        except KafkaError as error:
            raise self._source.failed(self._topic, error) from error
        except RegistryUnavailableError as error:
            raise SourceUnreadable(str(error)) from error

    async def _begin(self) -> AIOKafkaConsumer:
        consumer = self._source.consumer()
        self._stack.push_async_callback(consumer.stop)
        await self._source.connect(consumer)
        self._registry = await self._source.open_registry(self._stack)
        numbers = self._chosen(await self._source.numbers(self._topic))
        partitions = [TopicPartition(self._source.full_name(self._topic), number) for number in numbers]
        consumer.assign(partitions)
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        starts = begins
        if self._wanted.since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, -(-self._wanted.since // 1000)))
            starts = {each: ends[each] if (at := found.get(each)) is None else at.offset for each in partitions}
        starts = {each: min(max(start, self._wanted.offset or 0), ends[each]) for each, start in starts.items()}
        for partition in partitions:
            consumer.seek(partition, starts[partition])
        self._open = {each: end for each, end in ends.items() if end > starts[each]}
        return consumer

    def _chosen(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self._wanted
        if wanted.partition is not None:
            if wanted.partition not in numbers:
                raise SourceUnreadable(f"topic {self._source.full_name(self._topic)} has no partition {wanted.partition}")
            return (wanted.partition,)
        if wanted.customer is not None and contract().topic(self._topic).co_partitioned:
            return (DefaultPartitioner()(wanted.customer.encode(), list(numbers), list(numbers)),)
        return numbers

    async def _more(self, consumer: AIOKafkaConsumer) -> list[Record] | None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + self._source.stalled_seconds
        reached: dict[TopicPartition, int] = {}
        while self._open:
            polled = await consumer.getmany(*self._open, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            found = [
                record
                for partition, records in polled.items()
                for each in records
                if each.offset < self._open[partition] and self._wanted.has(record := self._record(each))
            ]
            # the position also passes transaction markers and aborted records, so it reaches the end where no record does
            now = {each: await consumer.position(each) for each in self._open}
            self._open = {each: end for each, end in self._open.items() if now[each] < end}
            if found:
                if self._registry is not None:
                    await self._source.schemas.fetch(self._registry, found)
                return found
            if polled or now != reached:
                limit, reached = loop.time() + self._source.stalled_seconds, now
            elif loop.time() > limit:
                raise SourceUnreadable(
                    f"{self._source.name} gives no more of {self._source.full_name(self._topic)} "
                    f"for {self._source.stalled_seconds:.0f} s, before its end"
                )
        return None

    def _record(self, record: ConsumerRecord[bytes | None, bytes | None]) -> Record:
        timestamp = None if record.timestamp < 0 else record.timestamp * 1000
        place = f"{self._topic} {record.partition}/{record.offset}"
        return Record(self._topic, record.partition, record.offset, timestamp, record.key, record.value, place)
