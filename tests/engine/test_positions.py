"""Is every way in which state, offsets and topics can disagree recognised?"""

from __future__ import annotations

import pytest

from processors.engine.marker import Marker, MarkerDamagedError
from processors.engine.positions import PositionsContradictError, starting_positions
from processors.engine.records import Position

LIMITS = {"a": (5, 100), "b": (0, 50)}
MARKER = Marker("app", "lineage", {"a": Position(40, 1_000), "b": Position(10, 900)})


def start(
    *,
    marker: Marker | None = MARKER,
    committed: dict[str, int] | None = None,
    limits: dict[str, tuple[int, int]] | None = None,
    topics: tuple[str, ...] = ("a", "b"),
) -> dict[str, Position]:
    agreed = {"a": 40, "b": 10} if committed is None else committed
    return starting_positions(topics, application="app", marker=marker, committed=agreed, limits=limits or LIMITS)


def test_a_new_partition_starts_at_the_first_records() -> None:
    assert start(marker=None, committed={}) == {"a": Position(5), "b": Position(0)}


def test_the_marker_says_where_to_go_on() -> None:
    assert start() == {"a": Position(40, 1_000), "b": Position(10, 900)}


def test_missing_offsets_do_not_matter_where_a_marker_is() -> None:
    assert start(committed={}) == start()


def test_a_new_input_starts_at_its_first_record() -> None:
    assert start(topics=("a", "b", "c"), limits={**LIMITS, "c": (3, 9)})["c"] == Position(3)


@pytest.mark.parametrize(
    ("situation", "complaint"),
    [
        ({"marker": None}, "holds no marker"),
        ({"committed": {"a": 0, "b": 10}}, "reset by hand"),
        ({"committed": {"a": 41, "b": 10}}, "another application"),
        ({"limits": {"a": (41, 100), "b": (0, 50)}}, "1 were deleted before"),
        ({"limits": {"a": (0, 39), "b": (0, 50)}}, "made anew"),
        ({"marker": Marker("other", "lineage", MARKER.positions)}, "belongs to application 'other'"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(situation: dict[str, object], complaint: str) -> None:
    with pytest.raises(PositionsContradictError, match=complaint):
        start(**situation)  # type: ignore[arg-type]


def test_a_marker_reads_as_it_was_written() -> None:
    assert Marker.decode(MARKER.encode()) == MARKER


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b'{"application":"a","lineage":"l","positions":{"a":3}}'])
def test_a_damaged_marker_is_named(value: bytes | None) -> None:
    with pytest.raises(MarkerDamagedError):
        Marker.decode(value)
