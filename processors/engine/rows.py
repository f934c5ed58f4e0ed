"""What does a table see of one partition: bytes in a store, values decoded from them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from processors.engine.batch import ABSENT, RECORD_OVERHEAD_BYTES, UNSET, Batch, BatchMisuseError, RecordTooLargeError, Target
from processors.engine.marker import RESERVED
from processors.engine.store import Row, StateStore

K = TypeVar("K")
V = TypeVar("V")


class RowCodec(Protocol[K, V]):
    """Turns a table's keys and values into bytes and back.

    A key's bytes name the row in the changelog, so equal keys must give equal bytes for ever. A key may be (entity, chunk): then an
    entity is many rows, and a change rewrites only some of them.
    """

    def encode_key(self, key: K) -> bytes:
        """Return the row key."""

    def decode_key(self, row_key: bytes) -> K:
        """Return the key of a row."""

    def encode(self, value: V) -> bytes:
        """Return a value's bytes."""

    def decode(self, data: bytes) -> V:
        """Return the value; data that cannot be decoded raises, which ends the process: state is damaged."""


class RawRows:
    """The codec that leaves bytes alone."""

    def encode_key(self, key: bytes) -> bytes:
        """Return the key."""
        return key

    def decode_key(self, row_key: bytes) -> bytes:
        """Return the key."""
        return row_key

    def encode(self, value: bytes) -> bytes:
        """Return the value."""
        return value

    def decode(self, data: bytes) -> bytes:
        """Return the data."""
        return data


class PartitionRows:
    """The rows of one partition as the table sees them: a store of bytes and a bounded cache of decoded values.

    The cache has two halves. What is used goes into the young one; when that is full it becomes the old one, whose values are gone unless
    they were used since. So a value that is used stays, and using it costs no more than finding it.
    """

    def __init__(self, store: StateStore, codec: RowCodec[Any, Any], changelog: str, *, cache_rows_max: int) -> None:
        """Begin with an empty cache."""
        self.store = store
        self.codec = codec
        self._changelog = changelog
        self._young: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}
        self._half = cache_rows_max // 2

    def read(self, key: object) -> object:
        """Return the decoded value of a row, or ``ABSENT``."""
        value = self._young.get(key, UNSET)
        if value is not UNSET:
            return value
        value = self._old.get(key, UNSET)
        if value is UNSET:
            data = self.store.get(self.codec.encode_key(key))
            value = ABSENT if data is None else self.codec.decode(data)
        self._remember({key: value})
        return value

    def seal(self, staged: Mapping[Any, Any], targets: Mapping[str, Target]) -> list[Row]:
        """Encode staged rows.

        Raises:
            RecordTooLargeError: one does not fit the changelog.
            BatchMisuseError: a row key begins with the bytes reserved for the engine.

        """
        target = targets.get(self._changelog)
        limit = target.limit_bytes if target is not None else 0
        rows: list[Row] = []
        for key, value in staged.items():
            row_key = self.codec.encode_key(key)
            if row_key.startswith(RESERVED):
                text = f"row keys must not begin with {RESERVED!r}: {key!r}"
                raise BatchMisuseError(text)
            data = None if value is ABSENT else self.codec.encode(value)
            size = RECORD_OVERHEAD_BYTES + len(row_key) + (len(data) if data is not None else 0)
            if size > limit:
                raise RecordTooLargeError(self._changelog, row_key, size, limit)
            rows.append((row_key, data))
        return rows

    def hand_over(self, batch: Batch) -> None:
        """Make a left batch's rows visible to the batches behind it."""
        self.store.stage(batch.sealed)
        self._remember(batch.staged)

    def forget(self, keys: Iterable[Any]) -> None:
        """Drop decoded values: they may have been changed in place by work that was taken back."""
        for key in keys:
            self._young.pop(key, None)
            self._old.pop(key, None)

    def close(self) -> None:
        """Let go of everything."""
        self._young, self._old = {}, {}
        self.store.close()

    def _remember(self, values: Mapping[Any, Any]) -> None:
        if len(self._young) + len(values) > self._half:
            self._young, self._old = {}, self._young
        if len(values) <= self._half:
            self._young.update(values)
        else:
            self._old = {}  # too many to keep: what is known of them is no longer true
