"""What does a table see of one partition: bytes in a store, values decoded from them?"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from processors.engine.batch import ABSENT, Batch, BatchMisuseError, RecordTooLargeError, Target, size_of
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
    """The rows of one partition as the table sees them: a store of bytes and a bounded cache of decoded values."""

    def __init__(self, store: StateStore, codec: RowCodec[Any, Any], changelog: str, *, cache_rows_max: int) -> None:
        """Begin with an empty cache."""
        self.store = store
        self.codec = codec
        self._changelog = changelog
        self._cache: OrderedDict[Any, Any] = OrderedDict()
        self._cache_rows_max = cache_rows_max

    def read(self, key: object) -> object:
        """Return the decoded value of a row, or ``ABSENT``."""
        try:
            self._cache.move_to_end(key)
        except KeyError:
            pass
        else:
            return self._cache[key]
        data = self.store.get(self.codec.encode_key(key))
        if data is None:
            return ABSENT
        value = self.codec.decode(data)
        self._remember(key, value)
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
            if (size := size_of(row_key, data)) > limit:
                raise RecordTooLargeError(self._changelog, row_key, size, limit)
            rows.append((row_key, data))
        return rows

    def hand_over(self, batch: Batch) -> None:
        """Make a left batch's rows visible to the batches behind it."""
        self.store.stage(batch.sealed)
        for key, value in batch.staged.items():
            if value is ABSENT:
                self._cache.pop(key, None)
            else:
                self._remember(key, value)

    def forget(self, keys: Iterable[Any]) -> None:
        """Drop decoded values: they may have been changed in place by work that was taken back."""
        for key in keys:
            self._cache.pop(key, None)

    def close(self) -> None:
        """Let go of everything."""
        self._cache.clear()
        self.store.close()

    def _remember(self, key: object, value: object) -> None:
        cache = self._cache
        cache[key] = value
        cache.move_to_end(key)
        if len(cache) > self._cache_rows_max:
            cache.popitem(last=False)
