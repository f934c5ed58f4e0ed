"""What is a record, and how far was a topic read?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """A fetched record: raw bytes, nothing decoded. aiokafka's ConsumerRecord is one."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970, as the topic's producer or broker set it."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Position:
    """How far one topic was read: the next offset and the highest timestamp before it (milliseconds)."""

    __slots__ = ("highest", "offset")

    def __init__(self, offset: int, highest: int = -1) -> None:
        """Set both."""
        self.offset = offset
        self.highest = highest

    def copy(self) -> Position:
        """Return an independent equal."""
        return Position(self.offset, self.highest)

    def __eq__(self, other: object) -> bool:
        """Compare offset and timestamp."""
        return isinstance(other, Position) and (self.offset, self.highest) == (other.offset, other.highest)

    def __hash__(self) -> int:
        """Refuse: a position moves."""
        raise TypeError

    def __repr__(self) -> str:
        """Show both numbers."""
        return f"Position({self.offset}, {self.highest})"
