"""What did the group really commit?

The client's own ``committed()`` ignores the error code of the answer: while a group coordinator moves or loads it says None, which reads as
"never committed". This reader sends the same request, looks at the code and asks again until the coordinator knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.structs import TopicPartition

from processors.engine.coordinators import OffsetFetchRequest
from processors.engine.settings import EngineSettings

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
UNKNOWN_OFFSET = -1
UNSTABLE_OFFSET_COMMIT = 88
"""A transaction that holds an offset of this partition has not ended."""


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
        answer = await self._ask(OffsetFetchRequest(self._group, wanted))
        return {place: offset for place, offset, _ in _read(answer) if offset != UNKNOWN_OFFSET}

    async def pending(self, places: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Return those of the input partitions for which a transaction holds offsets and has not ended.

        Raises:
            KafkaError: the broker refuses.

        """
        answer = await self._ask(OffsetFetchRequest(self._group, places, stable=True))
        return {place for place, _, code in _read(answer) if code == UNSTABLE_OFFSET_COMMIT}

    async def member_count(self) -> int:
        """Count the members of the group.

        Raises:
            KafkaError: the broker does not answer; ask again later.

        """
        node = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
        answer = await self._client.send(node, DescribeGroupsRequest([self._group]), group=ConnectionGroup.COORDINATION)
        return sum(len(group[5]) for group in answer.groups)

    async def _ask(self, request: OffsetFetchRequest) -> Any:  # noqa: ANN401 answers differ
        """Send to the group's coordinator until it is answered without an error that passes."""
        while True:
            with contextlib.suppress(ConnectionError, AssertionError):  # "Did we not perform bootstrap?": a broker that wakes up
                try:
                    if self._coordinator is None:
                        self._coordinator = await self._client.coordinator_lookup(CoordinationType.GROUP, self._group)
                    answer = await self._client.send(self._coordinator, request, group=ConnectionGroup.COORDINATION)
                    for code in (answer.error_code, *(code for _, _, code in _read(answer))):
                        if code not in {0, UNSTABLE_OFFSET_COMMIT}:
                            raise for_code(code)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    logger.debug("offsets of group %s not known yet: %r", self._group, error)
                else:
                    return answer
            self._coordinator = None
            await asyncio.sleep(RETRY_SECONDS)


def _read(answer: Any) -> Iterator[tuple[TopicPartition, int, int]]:  # noqa: ANN401 the client's answers have no types
    for topic, partitions, _ in answer.topics:
        for number, offset, _, _, code, _ in partitions:
            yield TopicPartition(topic, number), offset, code
