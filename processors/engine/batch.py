"""What does an agent get, and what becomes of it?

A batch is some records of one partition in order, plus everything the agent makes of them: records to emit and rows to change. Leaving
its ``with`` block normally hands all of that to one transaction. Leaving it by an exception ends the process with nothing acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from aiokafka.partitioner import murmur2

from processors.engine.records import Position, Record
from processors.engine.store import Row

if TYPE_CHECKING:
    from processors.engine.rows import PartitionRows


RECORD_OVERHEAD_BYTES = 96
"""More than a record and its record batch add to key, value and headers (batch header 61, varints)."""
HEADER_OVERHEAD_BYTES = 10
DEFAULT_LIMIT_BYTES = 1_048_588
"""Kafka's own default of max.message.bytes."""

current_batch: ContextVar[Batch | None] = ContextVar("current_batch", default=None)


class BatchMisuseError(Exception):
    """The application used a batch or a table in a way that would lose exactly-once; the text says what to do instead."""


class UndeclaredTopicError(BatchMisuseError):
    """``emit`` names a topic that the pipeline did not declare as an output."""


class RecordTooLargeError(Exception):
    """A record would not fit its topic. Nothing of it was sent; emit something smaller, or the origin to a dead-letter topic."""

    def __init__(self, topic: str, key: bytes | None, size_bytes: int, limit_bytes: int) -> None:
        """Keep what the catcher needs."""
        super().__init__(f"a record of {size_bytes} bytes does not fit topic {topic!r}, which takes {limit_bytes} bytes")
        self.topic = topic
        self.key = key
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of an output topic at run time."""

    partitions: int
    copartitioned: bool
    limit_bytes: int = DEFAULT_LIMIT_BYTES


class Emitted(NamedTuple):
    """One record on its way out."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int | None
    size_bytes: int
    """Upper bound of its bytes in the topic."""


_emitted = tuple.__new__
"""Quicker than the constructor of a NamedTuple, which is Python."""


class BatchOwner(Protocol):
    """Whoever handed the batch out."""

    def entered(self, batch: Batch) -> None:
        """The agent begins to work."""

    def left(self, batch: Batch) -> None:
        """The agent is done."""

    def failed(self, batch: Batch, error: BaseException) -> None:
        """The agent raised."""


def size_of(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> int:
    """Return an upper bound of a record's bytes in its topic."""
    size = RECORD_OVERHEAD_BYTES + (len(key) if key is not None else 0) + (len(value) if value is not None else 0)
    for name, content in headers:
        size += HEADER_OVERHEAD_BYTES + 3 * len(name) + len(content)
    return size


class Batch:
    """Records of one partition in processing order; iterate inside ``with batch:``."""

    __slots__ = (
        "_entered",
        "_owner",
        "_token",
        "_undo",
        "careful",
        "emitted",
        "finished",
        "partition",
        "positions",
        "records",
        "rows",
        "sealed",
        "staged",
        "targets",
    )

    def __init__(
        self,
        partition: int,
        records: Sequence[Record],
        positions: Mapping[str, Position],
        rows: PartitionRows,
        targets: Mapping[str, Target],
        owner: BatchOwner,
    ) -> None:
        """Begin with nothing emitted and nothing changed."""
        self.partition = partition
        self.records = records
        self.positions = positions
        self.rows = rows
        self.targets = targets
        self.emitted: list[Emitted] = []
        self.staged: dict[Any, Any] = {}
        self.sealed: list[Row] = []
        self.careful = False
        self.finished: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Done when the agent left: True to commit, False to work through it again, carefully."""
        self._owner = owner
        self._undo: dict[Any, Any] | None = None
        self._token: Any = None
        self._entered = False

    def __iter__(self) -> Iterator[Record]:
        """Iterate the records; only inside the block, so that whoever forgets the block finds out at once."""
        if not self._entered:
            text = "iterate a batch inside its block: 'with batch: for record in batch: ...'; only leaving the block commits it"
            raise BatchMisuseError(text)
        return iter(self.records)

    def __len__(self) -> int:
        """Count the records."""
        return len(self.records)

    def __bool__(self) -> bool:
        """Be true even without records."""
        return True

    def __enter__(self) -> Self:
        """Begin; tables read and write through this batch until it is left."""
        if self._entered or self.finished.done():
            text = "a batch is entered once"
            raise BatchMisuseError(text)
        self._entered = True
        self._token = current_batch.set(self)
        self._owner.entered(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Hand over if the block ended normally; otherwise tell the owner, who ends the process."""
        self._entered = False
        current_batch.set(None)
        if error is not None:
            self._owner.failed(self, error)
            return
        try:
            self.sealed = self.rows.seal(self.staged, self.targets)
        except RecordTooLargeError as oversize:
            if self.careful:
                self._owner.failed(self, oversize)
                raise
            self._discard()
            self.careful = True
            self._owner.left(self)
            self.finished.set_result(False)
            return
        except BaseException as failure:
            self._owner.failed(self, failure)
            raise
        self._owner.left(self)
        self.finished.set_result(True)

    def working(self) -> None:
        """Say inside the block that the work goes on: the deadline of the handler counts from now again.

        For an agent that lets the event loop run in between (``await asyncio.sleep(0)``), as one with much to do must: heartbeats, commits
        of other partitions and every other deadline go on meanwhile.
        """
        self._owner.entered(self)

    def emit(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        *,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Put a record into the batch's transaction.

        Without ``partition`` a co-partitioned topic gets it in the batch's own partition (its key must be one of this partition), any
        other topic by murmur2 of the key, as Java's producer does. ``timestamp`` is in milliseconds, default now.

        Raises:
            RecordTooLargeError: it would not fit; nothing was added.
            UndeclaredTopicError: the pipeline has no such output.

        """
        target = self.targets.get(topic)
        if target is None:
            text = f"topic {topic!r} is not an output of this pipeline; declared are {sorted(self.targets)}"
            raise UndeclaredTopicError(text)
        if key is not None and value is not None and not headers:  # nearly every record: spared a call
            size = RECORD_OVERHEAD_BYTES + len(key) + len(value)
        elif key is None and value is None:
            text = f"a record for {topic!r} needs a key or a value"
            raise BatchMisuseError(text)
        else:
            size = size_of(key, value, headers)
        if size > target.limit_bytes:
            raise RecordTooLargeError(topic, key, size, target.limit_bytes)
        if partition is None:
            if target.copartitioned:
                partition = self.partition
            else:
                number = self.partition if key is None else murmur2(key) & 0x7FFFFFFF
                partition = number % target.partitions
        elif not 0 <= partition < target.partitions:
            text = f"topic {topic!r} has no partition {partition}"
            raise BatchMisuseError(text)
        self.emitted.append(_emitted(Emitted, (topic, partition, key, value, headers, timestamp, size)))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep or take back as a whole what is emitted and changed in the block.

        If the block raises, everything it emitted and changed is undone and the exception goes on: catch it outside of the block and
        emit the record to a dead-letter topic. A row too large for the changelog is found only when the batch is left; the batch is
        then handed out once more with ``careful`` set, and the attempt that made the row raises ``RecordTooLargeError``.
        """
        if self._undo is not None:
            text = "attempts do not nest"
            raise BatchMisuseError(text)
        emitted = len(self.emitted)
        undo: dict[Any, Any] = {}
        self._undo = undo
        try:
            yield
            if self.careful and undo:
                self.rows.seal({key: self.staged[key] for key in undo}, self.targets)
        except BaseException:
            del self.emitted[emitted:]
            for key, value in undo.items():
                if value is UNSET:
                    self.staged.pop(key, None)
                else:
                    self.staged[key] = value
            self.rows.forget(undo)
            raise
        finally:
            self._undo = None

    def row(self, key: object) -> object:
        """Return a row's value as the batch sees it, or ``ABSENT``. Tables call this."""
        value = self.staged.get(key, UNSET)
        return self.rows.read(key) if value is UNSET else value

    def change(self, key: object, value: object) -> None:
        """Stage a row; ``ABSENT`` as value deletes it. Tables call this."""
        if self._undo is not None and key not in self._undo:
            self._undo[key] = self.staged.get(key, UNSET)
        self.staged[key] = value

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to commit."""
        return not (self.records or self.emitted or self.sealed)

    def again(self) -> None:
        """Prepare to be handed out once more."""
        self.finished = asyncio.get_running_loop().create_future()

    def _discard(self) -> None:
        self.emitted.clear()
        self.rows.forget(self.staged)
        self.staged.clear()


class _Sign:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT = _Sign("ABSENT")
"""Staged for a deleted row."""
UNSET = _Sign("UNSET")
"""Remembered by an attempt for a row that was not staged before."""
