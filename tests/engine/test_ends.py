"""Is it told apart whether a transaction's markers are late, forgotten, or not to be asked for now?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError, TopicAuthorizationFailedError
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from processors.engine import ends as module
from processors.engine.ends import READ_COMMITTED, READ_UNCOMMITTED, ended, ends, left_open
from processors.engine.offsets import GroupOffsets

OUT, LOG, INPUT = TopicPartition("out", 0), TopicPartition("log", 0), TopicPartition("in", 0)
WRITTEN = {OUT: 10, LOG: 20}
OFFSETS = {INPUT: 5}


class Leaders:
    """A client whose leaders give these answers one after another, the last for ever: ends by place, an error code, or no leader."""

    def __init__(self, *answers: dict[TopicPartition, int] | int | Exception | None) -> None:
        self.cluster = self
        self.updates = 0
        self.asked: list[OffsetRequest] = []
        self._answers = list(answers)

    def leader_for_partition(self, _: TopicPartition) -> int:
        return 1 if self._answers[0] is not None else -1

    async def force_metadata_update(self) -> None:
        self.updates += 1
        self._next()

    async def send(self, _: int, request: OffsetRequest) -> Any:
        self.asked.append(request)
        answer = self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict):
            self._next()
        topics = [
            (
                topic,
                [
                    (
                        number,
                        answer if isinstance(answer, int) else 0,
                        -1,
                        answer[TopicPartition(topic, number)] if isinstance(answer, dict) else -1,
                    )
                ],
            )
            for topic, ((number, _),) in request._topics
        ]
        return type("Answer", (), {"topics": topics})

    def _next(self) -> None:
        if len(self._answers) > 1:
            del self._answers[0]


class Group(GroupOffsets):
    """A group whose committed offsets are these, one after another; with offsets of these partitions pending, likewise."""

    def __init__(self, *answers: dict[TopicPartition, int], pending: Sequence[set[TopicPartition]] = (set(),)) -> None:
        self._left = list(answers)
        self._pending = list(pending)

    async def pending(self, places: Any) -> set[TopicPartition]:
        assert set(places) == set(OFFSETS)
        return self._pending.pop(0) if len(self._pending) > 1 else self._pending[0]

    async def committed(self, wanted: Any) -> dict[TopicPartition, int]:
        assert set(wanted) == set(OFFSETS)
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


async def test_the_end_is_seen_when_every_partition_can_be_read_beyond_it_and_the_group_has_the_offsets() -> None:
    assert await ended(Leaders({OUT: 12, LOG: 22}), Group(OFFSETS), WRITTEN, OFFSETS)


@pytest.mark.parametrize(
    ("stable", "committed"),
    [({OUT: 10, LOG: 22}, {INPUT: 5}), ({OUT: 12, LOG: 20}, {INPUT: 5}), ({OUT: 12, LOG: 22}, {INPUT: 4}), ({OUT: 12, LOG: 22}, {})],
    ids=["out", "log", "offsets", "no offsets yet"],
)
async def test_what_is_late_is_waited_for_and_what_does_not_come_is_missing(
    stable: dict[TopicPartition, int], committed: dict[TopicPartition, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MARKERS_LATE_SECONDS", 60.0)
    assert await ended(Leaders(stable, stable, {OUT: 12, LOG: 22}), Group(committed, committed, OFFSETS), WRITTEN, OFFSETS)
    monkeypatch.setattr(module, "MARKERS_LATE_SECONDS", -1.0)  # late with the second answer
    assert not await ended(Leaders(stable), Group(committed), WRITTEN, OFFSETS)


@pytest.mark.parametrize(
    "away", [None, NotLeaderForPartitionError.errno, ConnectionError("gone")], ids=["no leader", "not leader", "no connection"]
)
async def test_while_a_leader_does_not_answer_nothing_is_late(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARKERS_LATE_SECONDS", -1.0)  # late with the second answer
    client = Leaders(*[away] * 20, {OUT: 12, LOG: 22})
    assert await ended(client, Group(OFFSETS), WRITTEN, OFFSETS)
    assert client.updates == 20, "where the leader is must be asked again"


async def test_a_refusal_is_the_callers_business() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await ended(Leaders(TopicAuthorizationFailedError.errno), Group(OFFSETS), WRITTEN, OFFSETS)


@pytest.mark.parametrize("isolation", [READ_COMMITTED, READ_UNCOMMITTED])
async def test_the_end_asked_for_is_the_isolations(isolation: int) -> None:
    client = Leaders({OUT: 12, LOG: 22})
    assert await ends(client, WRITTEN, isolation) == {OUT: 12, LOG: 22}
    assert client.asked[0]._isolation_level == isolation


async def test_nothing_is_left_open_where_what_was_there_first_can_be_read() -> None:
    there, more = {OUT: 12, LOG: 22}, {OUT: 50, LOG: 60}
    assert await left_open(Leaders(there), Group(), WRITTEN, OFFSETS) == set()
    client = Leaders(there, {OUT: 10, LOG: 20}, {OUT: 13, LOG: 21}, more)
    assert await left_open(client, Group(pending=[{INPUT}, {INPUT}, {INPUT}, set()]), WRITTEN, OFFSETS) == set()
    assert [request._isolation_level for request in client.asked[:4]] == [READ_UNCOMMITTED, *[READ_COMMITTED] * 3]


@pytest.mark.parametrize(
    ("stable", "pending", "found"),
    [({OUT: 11, LOG: 22}, set(), {OUT}), ({OUT: 12, LOG: 20}, {INPUT}, {LOG, INPUT}), ({OUT: 12, LOG: 22}, {INPUT}, {INPUT})],
    ids=["out", "log and offsets", "offsets"],
)
async def test_what_is_left_open_is_told(
    stable: dict[TopicPartition, int], pending: set[TopicPartition], found: set[TopicPartition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MARKERS_LATE_SECONDS", -1.0)  # late with the first answer
    assert await left_open(Leaders({OUT: 12, LOG: 22}, stable), Group(pending=[pending]), WRITTEN, OFFSETS) == found


@pytest.mark.parametrize(
    "away", [None, NotLeaderForPartitionError.errno, ConnectionError("gone")], ids=["no leader", "not leader", "no connection"]
)
async def test_while_a_leader_does_not_answer_nothing_is_taken_for_left_open(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARKERS_LATE_SECONDS", -1.0)  # late with the first answer
    client = Leaders(*[away] * 20, {OUT: 12, LOG: 22})
    assert await left_open(client, Group(), WRITTEN, OFFSETS) == set()
    assert client.updates == 20, "where the leader is must be asked again"
