"""How does a restore read records without what the client wraps each of them in?

The client makes a ``ConsumerRecord`` of eleven fields of every record, which takes half of a restore's time. A restore needs key, value and
offset, which the compiled record that it is made of has, too. What is left out is the wrapping alone: checksums, aborted transactions and
positions are the client's business as before.
"""

from __future__ import annotations

from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer


class BareRecord(Protocol):
    """What a restore looks at; the client's compiled record has it, and its ``ConsumerRecord``."""

    @property
    def offset(self) -> int:
        """Return the offset."""

    @property
    def key(self) -> bytes | None:
        """Return the key."""

    @property
    def value(self) -> bytes | None:
        """Return the value."""


def leave_records_bare(consumer: AIOKafkaConsumer) -> None:
    """Let a started consumer without deserializers return compiled records from now on."""
    consumer._fetcher._records = _Fetched()  # noqa: SLF001 the client offers no other way


class _Fetched(dict[Any, Any]):
    """What the client has fetched, by partition; everything that comes in is told to leave its records as they are."""

    def __setitem__(self, place: object, fetched: Any) -> None:  # noqa: ANN401 the client's FetchResult or FetchError
        records = getattr(fetched, "_partition_records", None)
        if records is not None:
            records._consumer_record = _bare  # noqa: SLF001
        super().__setitem__(place, fetched)


def _bare(_: object, record: BareRecord) -> BareRecord:
    return record
