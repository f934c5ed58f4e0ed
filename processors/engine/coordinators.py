"""What do coordinators answer that the client library never asks? Three requests: DescribeTransactions, InitProducerId, OffsetFetch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import TopicPartition

DESCRIBE_TRANSACTIONS, INIT_PRODUCER_ID, OFFSET_FETCH = 65, 22, 9
NO_SESSION = (-1, -1)
TEXT = CompactString("utf-8")
TAGS = ("tags", TaggedFields)


class DescribeTransactionsResponse(Response):  # type: ignore[misc]
    """Per transactional id: error code, id, state, timeout and start in ms, producer id and epoch, partitions."""

    API_KEY = DESCRIBE_TRANSACTIONS
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", TEXT),
                ("state", TEXT),
                ("timeout_ms", Int32),
                ("start_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                ("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(Int32)), TAGS)),
                TAGS,
            ),
        ),
        TAGS,
    )


class DescribeTransactionsRequestStruct(RequestStruct):  # type: ignore[misc]
    """The bytes of the request."""

    FLEXIBLE_VERSION = True
    API_KEY = DESCRIBE_TRANSACTIONS
    API_VERSION = 0
    RESPONSE_TYPE = DescribeTransactionsResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(TEXT)), TAGS)


class DescribeTransactionsRequest(Request[DescribeTransactionsRequestStruct]):  # type: ignore[misc]
    """Asks for the states of transactional ids."""

    API_KEY = DESCRIBE_TRANSACTIONS

    def __init__(self, transactional_ids: Sequence[str]) -> None:
        self._transactional_ids = list(transactional_ids)

    def build(self, request_struct_class: type[DescribeTransactionsRequestStruct]) -> DescribeTransactionsRequestStruct:
        """Return the request as the broker's version wants it."""
        return request_struct_class(self._transactional_ids, {})


class InitProducerIdResponse(Response):  # type: ignore[misc]
    """The new session's producer id and epoch."""

    API_KEY = INIT_PRODUCER_ID
    API_VERSION = 3
    SCHEMA = Schema(("throttle_time_ms", Int32), ("error_code", Int16), ("producer_id", Int64), ("producer_epoch", Int16), TAGS)


class InitProducerIdRequestStruct(RequestStruct):  # type: ignore[misc]
    """The bytes of the request."""

    FLEXIBLE_VERSION = True
    API_KEY = INIT_PRODUCER_ID
    API_VERSION = 3
    RESPONSE_TYPE = InitProducerIdResponse
    SCHEMA = Schema(("transactional_id", TEXT), ("timeout_ms", Int32), ("producer_id", Int64), ("producer_epoch", Int16), TAGS)


class InitProducerIdRequest(Request[InitProducerIdRequestStruct]):  # type: ignore[misc]
    """Asks for a new session in place of the one expected; with ``NO_SESSION`` in place of whichever there is."""

    API_KEY = INIT_PRODUCER_ID

    def __init__(self, transactional_id: str, timeout_ms: int, expected: tuple[int, int]) -> None:
        self._values = (transactional_id, timeout_ms, *expected)

    def build(self, request_struct_class: type[InitProducerIdRequestStruct]) -> InitProducerIdRequestStruct:
        """Return the request as the broker's version wants it."""
        return request_struct_class(*self._values, {})


class OffsetFetchResponse(Response):  # type: ignore[misc]
    """Per partition its committed offset or an error code: if asked to, where a transaction that holds another one has not ended."""

    API_KEY = OFFSET_FETCH
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", TEXT), ("error_code", Int16), TAGS
                    ),
                ),
                TAGS,
            ),
        ),
        ("error_code", Int16),
        TAGS,
    )


class OffsetFetchRequestStruct(RequestStruct):  # type: ignore[misc]
    """The bytes of the request."""

    FLEXIBLE_VERSION = True
    API_KEY = OFFSET_FETCH
    API_VERSION = 7
    RESPONSE_TYPE = OffsetFetchResponse
    SCHEMA = Schema(
        ("group", TEXT),
        ("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(Int32)), TAGS)),
        ("require_stable", Boolean),
        TAGS,
    )


class OffsetFetchRequest(Request[OffsetFetchRequestStruct]):  # type: ignore[misc]
    """Asks for a group's committed offsets: of some partitions, or of all that it has."""

    API_KEY = OFFSET_FETCH

    def __init__(self, group: str, places: Iterable[TopicPartition] | None, *, stable: bool = False) -> None:
        """With ``stable`` a partition for which a transaction's offsets are pending is answered with an error."""
        self._topics: list[tuple[str, list[int], dict[int, bytes]]] | None = None
        if places is not None:
            numbers: defaultdict[str, list[int]] = defaultdict(list)
            for place in places:
                numbers[place.topic].append(place.partition)
            self._topics = [(topic, partitions, {}) for topic, partitions in numbers.items()]
        self._group = group
        self._stable = stable

    def build(self, request_struct_class: type[OffsetFetchRequestStruct]) -> OffsetFetchRequestStruct:
        """Return the request as the broker's version wants it."""
        return request_struct_class(self._group, self._topics, self._stable, {})
