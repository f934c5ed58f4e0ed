"""What does the changelog say about how far its partition has come?

Each transaction ends its part of the changelog with one marker: the positions of all inputs that the state in front of it has taken in.
Read after fencing, it is the truth about where to start. Committed offsets of the group only cross-check it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from processors.engine.records import Position

RESERVED = b"\x00engine\x00"
"""Row keys that begin so belong to the engine."""
MARKER_KEY = RESERVED + b"marker"


class MarkerDamagedError(Exception):
    """The changelog holds a marker that is not ours or not readable: another program wrote to it."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Positions after a transaction.

    ``lineage`` is drawn once, by the first transaction a changelog partition ever sees, and copied since: a local store with
    another one belongs to a topic that was deleted and made again.
    """

    application: str
    lineage: str
    positions: Mapping[str, Position]

    def encode(self) -> bytes:
        """Return the value of the marker's record."""
        document = {
            "application": self.application,
            "lineage": self.lineage,
            "positions": {topic: [position.offset, position.highest] for topic, position in self.positions.items()},
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, value: bytes | None) -> Marker:
        """Read a marker's value.

        Raises:
            MarkerDamagedError: it is no marker.

        """
        try:
            document = json.loads(value or b"")
            positions = {str(topic): Position(int(offset), int(highest)) for topic, (offset, highest) in document["positions"].items()}
            return cls(str(document["application"]), str(document["lineage"]), positions)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            text = f"the changelog's marker is not readable: {value!r}"
            raise MarkerDamagedError(text) from error
