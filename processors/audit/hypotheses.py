"""Which events are only supposed? Lines in the form that `replay` reads, whose event_id may be left out."""

from __future__ import annotations

import json
import uuid
from typing import Final

from processors.codec import Located, UnknownNames
from processors.codec.files import parse_json, read_line
from processors.codec.rejected import MessageRejected

_NAMESPACE: Final = uuid.UUID("2d2a2d3e-0f0c-5f5b-9d0e-6f1f6a0b7c11")


def read_hypothesis(text: str, place: str, unknown: UnknownNames | None = None) -> Located:
    """The event of one JSON object {"topic": ..., "value": {...}}; without an event_id it gets one made of the text.

    Raises:
        MessageRejected: it is no valid event; with the place.
    """
    raw = text.encode("utf-8", "surrogatepass")
    try:
        line = parse_json(raw)
        if isinstance(line, dict) and isinstance(value := line.get("value"), dict) and not value.get("event_id"):
            raw = json.dumps({**line, "value": {**value, "event_id": str(uuid.uuid5(_NAMESPACE, text.strip()))}}).encode()
        return read_line(raw, place, unknown)
    except MessageRejected as rejected:
        raise rejected.at(place) from None
