"""What does a transaction's coordinator know of it? A request that the client library does not have: DescribeTransactions, version 0."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

API_KEY = 65


class DescribeTransactionsResponse(Response):  # type: ignore[misc]
    """Per transactional id: error code, id, state, timeout and start in ms, producer id and epoch, partitions."""

    API_KEY = API_KEY
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("state", CompactString("utf-8")),
                ("timeout_ms", Int32),
                ("start_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeTransactionsRequestStruct(RequestStruct):  # type: ignore[misc]
    """The bytes of the request."""

    FLEXIBLE_VERSION = True
    API_KEY = API_KEY
    API_VERSION = 0
    RESPONSE_TYPE = DescribeTransactionsResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class DescribeTransactionsRequest(Request[DescribeTransactionsRequestStruct]):  # type: ignore[misc]
    """Asks for the states of transactional ids."""

    API_KEY = API_KEY

    def __init__(self, transactional_ids: Sequence[str]) -> None:
        self._transactional_ids = list(transactional_ids)

    def build(self, request_struct_class: type[DescribeTransactionsRequestStruct]) -> DescribeTransactionsRequestStruct:
        """Return the request as the broker's version wants it."""
        return request_struct_class(self._transactional_ids, {})
