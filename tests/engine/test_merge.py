"""Are the records of several topics put into one order, whatever arrives when?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.engine.merge import Merge
from processors.engine.records import Position
from tests.engine.samples import Sample

TOPICS = ("a", "b", "c")


def merged(records: list[Sample], *, at_once: int = 10**6, bytes_max: int = 10**9) -> list[tuple[str, int]]:
    merge = Merge(TOPICS, {topic: Position(0) for topic in TOPICS})
    for topic in TOPICS:
        merge.add(topic, [record for record in records if record.topic == topic])
    order = []
    while taken := merge.take(at_once, bytes_max):
        order += [(record.topic, record.offset) for record in taken]
    return order


def test_an_older_record_of_another_topic_goes_first() -> None:
    assert merged([Sample("a", 0, 20), Sample("b", 0, 10)]) == [("b", 0), ("a", 0)]


def test_on_equal_timestamps_the_topic_declared_first_goes_first() -> None:
    assert merged([Sample("b", 0, 10), Sample("a", 0, 10), Sample("a", 1, 10)]) == [("a", 0), ("a", 1), ("b", 0)]


def test_a_record_that_is_older_than_its_predecessor_waits_for_its_turn_in_its_topic() -> None:
    assert merged([Sample("a", 0, 30), Sample("a", 1, 5), Sample("b", 0, 20)]) == [("b", 0), ("a", 0), ("a", 1)]


def test_the_running_maximum_survives_a_restart_in_the_position() -> None:
    merge = Merge(("a", "b"), {"a": Position(7, highest=100), "b": Position(0)})
    merge.add("a", [Sample("a", 7, 5)])
    merge.add("b", [Sample("b", 0, 50)])
    assert [record.topic for record in merge.take(10, 10**6)] == ["b", "a"]


def test_positions_tell_what_was_taken_not_what_waits() -> None:
    merge = Merge(("a", "b"), {"a": Position(4), "b": Position(9)})
    merge.add("a", [Sample("a", 4, 1), Sample("a", 6, 2)])
    merge.take(1, 10**6)
    assert merge.positions() == {"a": Position(5, 1), "b": Position(9)}
    assert merge.waiting("a") == merge.count == 1


def test_one_record_is_taken_even_if_it_is_over_the_limit_of_bytes() -> None:
    merge = Merge(("a",), {"a": Position(0)})
    merge.add("a", [Sample("a", 0, 1, value=b"x" * 100), Sample("a", 1, 1, value=b"x")])
    assert len(merge.take(10, 50)) == 1
    assert merge.size_bytes == 1


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 5)), max_size=30), st.integers(1, 7))
def test_the_order_does_not_depend_on_how_batches_are_cut(drawn: list[tuple[str, int]], at_once: int) -> None:
    offsets = dict.fromkeys(TOPICS, 0)
    records = []
    for topic, timestamp in drawn:
        records.append(Sample(topic, offsets[topic], timestamp))
        offsets[topic] += 1
    whole = merged(records)
    assert merged(records, at_once=at_once) == whole
    highest = dict.fromkeys(TOPICS, -1)
    keys = []
    by_place = {(record.topic, record.offset): record for record in records}
    for topic, offset in whole:
        highest[topic] = max(highest[topic], by_place[topic, offset].timestamp)
        keys.append((highest[topic], TOPICS.index(topic), offset))
    assert keys == sorted(keys)
