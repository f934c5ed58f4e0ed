"""What becomes of a record that is not let in? A dead letter with its reason and everything it came with; and when is it too many?"""

from __future__ import annotations

from collections import deque
from importlib.metadata import version
from typing import Final

from processors.codec import encode
from processors.codec.rejected import MessageRejected
from processors.contract import DeadLetter, ErrorCode, Header
from processors.engine import Batch, Record, RecordTooLargeError
from processors.topology.partitioning import partition_of

TOPIC: Final = "dead-letters"
MESSAGE_MAX: Final = 2_000
PROCESSOR_VERSION: Final = version("multichannel")


def dead_letter(record: Record, topic: str, code: ErrorCode, message: str) -> DeadLetter:
    """The record as received, and why it was refused; `topic` is its name in the contract."""
    return DeadLetter(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp * 1000 if record.timestamp >= 0 else None,
        key=record.key,
        value=record.value,
        headers=tuple(Header(name, value) for name, value in record.headers),
        error_code=code,
        error_message=message[:MESSAGE_MAX],
        processor_version=PROCESSOR_VERSION,
    )


def emit_dead_letter(batch: Batch, name: str, letter: DeadLetter, trace: tuple[tuple[str, bytes], ...], schema_id: int | None) -> None:
    """Put the dead letter into the batch's transaction.

    Where it would not fit its topic the value goes first, then the headers, then the key: origin and reason always arrive.
    """
    for size, smaller in enumerate((letter, _without(letter, "value"), _without(letter, "headers"), _without(letter, "key"))):
        try:
            value = encode(TOPIC, smaller, schema_id=schema_id)
            partitions = batch.targets[name].partitions
            place = batch.partition % partitions if smaller.key is None else partition_of(smaller.key, partitions)
            batch.emit(name, smaller.key, value, trace if size < 2 else (), partition=place)
        except (MessageRejected, RecordTooLargeError):
            continue
        return
    raise AssertionError("a dead letter without key, value and headers fits every topic")


def _without(letter: DeadLetter, what: str) -> DeadLetter:
    kept = {"value": letter.value, "headers": letter.headers, "key": letter.key}
    for name in ("value", "headers", "key"):
        kept[name] = () if name == "headers" else None
        if name == what:
            break
    return DeadLetter(
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        timestamp=letter.timestamp,
        error_code=letter.error_code,
        error_message=letter.error_message,
        processor_version=letter.processor_version,
        **kept,  # type: ignore[arg-type] # three fields of three types
    )


class TooManyBadRecords(Exception):  # noqa: N818 - a condition, not a fault of the program
    """More than the tolerated share of the last records were refused: the producer is broken. Stop, commit nothing of it."""


class RefusedShare:
    """Which share of the last records was refused? It counts once `window` records were seen; a share of 1 is never exceeded."""

    def __init__(self, window: int, share_max: float) -> None:
        self._last: deque[bool] = deque(maxlen=window)
        self._refused = 0
        self._window = window
        self._share_max = share_max

    def seen(self, *, refused: bool) -> None:
        """Count one record.

        Raises:
            TooManyBadRecords: with the sentence for the log.
        """
        last = self._last
        if len(last) == self._window:
            self._refused -= last[0]
        last.append(refused)
        self._refused += refused
        if refused and len(last) == self._window and self._refused > self._share_max * self._window:
            raise TooManyBadRecords(
                f"{self._refused:,} of the last {self._window:,} records were refused, more than the share of {self._share_max:g} that"
                " bad_record_share_max allows: a producer sends what is no valid event. Nothing of this batch was acknowledged. Look at"
                " the dead letters (multichannel dead-letters list), mend the producer; or let all of it become dead letters with"
                " bad_record_share_max = 1"
            )
