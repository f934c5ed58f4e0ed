"""Where do the rows of one partition's table live between batches?

A store keeps raw bytes and decodes nothing. Rows become visible when their batch leaves the agent (``stage``) and durable, where the store
has a disk, only when the transaction that carries them is acknowledged (``commit``): so a store on disk is never ahead of the changelog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

Row = tuple[bytes, bytes | None]
"""Row key and value; None deletes the row."""


class StoreDamagedError(Exception):
    """The store on disk cannot be read; it has been marked so, and the next start rebuilds it from the changelog."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to which marker a store holds the changelog: the marker's own offset there, and its lineage."""

    offset: int
    lineage: str


class StateStore(Protocol):
    """Rows of one partition. Every method is synchronous and short; a failing disk raises ``StoreDamagedError``."""

    def get(self, key: bytes) -> bytes | None:
        """Return the newest value staged, committed or loaded, None if there is none."""

    def stage(self, rows: Sequence[Row]) -> None:
        """Make the rows of a batch visible."""

    def commit(self, rows: Sequence[Row], checkpoint: Checkpoint) -> None:
        """Make staged rows durable together with the checkpoint, both or neither."""

    def load(self, rows: Sequence[Row], checkpoint: Checkpoint | None) -> None:
        """Take in a slice of the changelog; a checkpoint says that everything before it is complete."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate all rows; the store must not change meanwhile."""

    def checkpoint(self) -> Checkpoint | None:
        """Return how far the store had come when it was opened or last committed; None means: restore everything."""

    def clear(self) -> None:
        """Forget everything, on disk too."""

    def close(self) -> None:
        """Give back resources; what was committed stays where it is durable."""

    def row_count(self) -> int:
        """Count the rows; an estimate where counting would be slow."""

    def size_bytes(self) -> int:
        """Return the bytes of keys and values; an estimate where counting would be slow."""


class MemoryStore:
    """Rows in a dictionary. Nothing is durable: each ownership begins with a complete restore."""

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: dict[bytes, bytes] = {}
        self._size = 0

    def get(self, key: bytes) -> bytes | None:
        """Return the newest value."""
        return self._rows.get(key)

    def stage(self, rows: Sequence[Row]) -> None:
        """Apply at once: if the transaction fails the process ends and the dictionary with it."""
        held = self._rows
        size = self._size
        for key, value in rows:
            old = held.get(key)
            if old is not None:
                size -= len(key) + len(old)
            if value is None:
                held.pop(key, None)
            else:
                held[key] = value
                size += len(key) + len(value)
        self._size = size

    def commit(self, rows: Sequence[Row], checkpoint: Checkpoint) -> None:
        """Do nothing: there is no disk."""

    def load(self, rows: Sequence[Row], checkpoint: Checkpoint | None) -> None:  # noqa: ARG002 the disk store needs it
        """Apply a slice of the changelog."""
        self.stage(rows)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate all rows."""
        return iter(self._rows.items())

    def checkpoint(self) -> Checkpoint | None:
        """Return None: memory never survives."""
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._size = 0

    def close(self) -> None:
        """Let go of the rows."""
        self.clear()

    def row_count(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def size_bytes(self) -> int:
        """Return the bytes of keys and values, without Python's own overhead (about 130 bytes a row)."""
        return self._size
