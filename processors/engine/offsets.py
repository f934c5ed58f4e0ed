"""What did the group really commit?

The client's own ``committed()`` ignores the error code of the answer: while a group coordinator moves or loads it says None, which reads as
"never committed". This reader sends the same request, looks at the code and asks again until the coordinator knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.structs import TopicPartition

from processors.engine.settings import EngineSettings

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
UNKNOWN_OFFSET = -1


class GroupOffsets:
    """Reads offsets and members of one consumer group; waits without limit of its own, so callers put it under one."""

    def __init__(self, settings: EngineSettings, group: str, client: AIOKafkaClient | None = None) -> None:
        """Ask through ``client``, or prepare one of its own, so that a stuck consumer cannot hold it up."""
        self._group = group
        self._client = client or AIOKafkaClient(**settings.client("offsets"), request_timeout_ms=settings.producer_request_timeout_ms)
        self._coordinator: int | None = None

    async def start(self) -> None:
        """Connect."""
        await self._client.bootstrap()

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def committed(self, wanted: Iterable[TopicPartition] | None) -> dict[TopicPartition, int]:
        """Return the committed offsets of ``wanted``, or all of the group; what is missing was truly never committed.

        Raises:
            KafkaError: the broker refuses, for instance for want of authorization.

        """
        topics: list[tuple[str, list[int]]] | None = None
        if wanted is not None:
            by_topic: defaultdict[str, list[int]] = defaultdict(list)
            for place in wanted:
                by_topic[place.topic].append(place.partition)
            topics = list(by_topic.items())
        while True:
            with contextlib.suppress(ConnectionError, AssertionError):  # "Did we not perform bootstrap?": a broker that wakes up
                try:
                    if self._coordinator is None:
                        self._coordinator = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
                    request = OffsetFetchRequest(self._group, topics)
                    answer = await self._client.send(self._coordinator, request, group=ConnectionGroup.COORDINATION)
                    return self._offsets(answer)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    logger.debug("offsets of group %s not known yet: %r", self._group, error)
            self._coordinator = None
            await asyncio.sleep(RETRY_SECONDS)

    async def member_count(self) -> int:
        """Count the members of the group.

        Raises:
            KafkaError: the broker does not answer; ask again later.

        """
        node = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
        answer = await self._client.send(node, DescribeGroupsRequest([self._group]), group=ConnectionGroup.COORDINATION)
        return sum(len(group[5]) for group in answer.groups)

    @staticmethod
    def _offsets(answer: object) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = {}
        codes = [answer.error_code]  # type: ignore[attr-defined]
        for topic, partitions in answer.topics:  # type: ignore[attr-defined]
            for partition, offset, _, code in partitions:
                codes.append(code)
                if offset != UNKNOWN_OFFSET:
                    found[TopicPartition(topic, partition)] = offset
        for code in codes:
            if code:
                raise for_code(code)
        return found
