"""From where does a partition start, and may it?

Pure decisions over what was read: the changelog's marker is the truth; committed offsets must agree with it; and every position must still
lie within its topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processors.engine.marker import Marker
from processors.engine.records import Position


class PositionsContradictError(Exception):
    """Marker, committed offsets and topics do not belong together; the text says what was found and what an operator can do."""


RESET = "To start over, reset everything together: stop all workers, delete the changelog topic and the consumer group (docs/engine.md)."


def starting_positions(
    topics: Sequence[str],
    *,
    application: str,
    marker: Marker | None,
    committed: Mapping[str, int],
    limits: Mapping[str, tuple[int, int]],
) -> dict[str, Position]:
    """Return where each topic of one partition starts.

    ``committed`` holds no entry for what was never committed; ``limits`` are the first and the next offset of each topic.

    Raises:
        PositionsContradictError: the engine must not start from this.

    """
    if marker is None:
        if committed:
            text = (
                f"the group has committed offsets {dict(committed)}, but the changelog holds no marker: its records were deleted, "
                f"or another application runs under the id {application!r}. {RESET}"
            )
            raise PositionsContradictError(text)
        return {topic: Position(limits[topic][0]) for topic in topics}
    if marker.application != application:
        text = f"the changelog belongs to application {marker.application!r}, this is {application!r}. Give each its own changelog topic."
        raise PositionsContradictError(text)
    start: dict[str, Position] = {}
    for topic in topics:
        first, following = limits[topic]
        position = marker.positions.get(topic)
        if position is None:
            start[topic] = Position(first)
            continue
        agreed = committed.get(topic, position.offset)
        if agreed != position.offset:
            text = (
                f"topic {topic!r}: the group's committed offset is {agreed}, the changelog stands at {position.offset}. Offsets "
                f"were reset by hand, or another application runs under the id {application!r}. State and offsets move together only: set "
                f"the offset back to {position.offset}. {RESET}"
            )
            raise PositionsContradictError(text)
        if position.offset < first:
            text = (
                f"topic {topic!r}: the state stands at {position.offset}, but records before {first} are no longer retained: "
                f"{first - position.offset} were deleted before they were processed. {RESET}"
            )
            raise PositionsContradictError(text)
        if position.offset > following:
            text = (
                f"topic {topic!r}: the state stands at {position.offset}, but the topic ends at {following}: it was made anew, "
                f"or lost records. {RESET}"
            )
            raise PositionsContradictError(text)
        start[topic] = position.copy()
    return start
