"""Does a decision outlive the processes that die while they carry it out?

The last transaction was committed, a part of its markers is forgotten, and whoever ends the rest dies on the way, once or several times.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest
from aiokafka.structs import TopicPartition

from processors.engine.coordinators import DescribeTransactionsRequest, InitProducerIdRequest
from processors.engine.faults import Defect, Failpoint, Faults
from processors.engine.fencing import INVALID_TRANSACTION_TIMEOUT, Fencing, Purpose, Scope, Session
from tests.engine.conftest import Topics, until
from tests.engine.forgetting import OFFSETS, Forgetful, caught_up, committed
from tests.engine.job import QUICK, Recorder, Running, build, problems, quiet

pytestmark = pytest.mark.xdist_group("unverified")  # one at a time: they change a setting of the shared broker
RULE_AND_DEFECT = pytest.mark.parametrize("rule", [True, False], ids=["with the rule", "without it"])
FIRST, HIDDEN, LATER = 20, 10, 5
SETTINGS = dataclasses.replace(QUICK, transaction_timeout_ms=20_000)
OWNED, BEGUN, ENDED = Failpoint.FENCING_OWNED, Failpoint.FENCING_BEGUN, Failpoint.FENCING_ENDED


@pytest.fixture
async def ready(topics: Topics, unverified: None) -> Topics:
    await topics.make_all()
    return topics


def dying(at: Failpoint, when: Callable[[], bool] = lambda: True) -> Callable[[Failpoint, int], Awaitable[None]]:
    async def reach(failpoint: Failpoint, partition: int) -> None:
        if failpoint is at and partition == 0 and when():
            raise ConnectionError("as if it died")

    return reach


async def run_until_it_dies(topics: Topics, at: Failpoint, *defects: Defect) -> None:
    recorder = Recorder()
    async with Running(build(topics, faults=Faults(dying(at), frozenset(defects)), fail_stop=recorder.stop)):
        await until(lambda: recorder.codes)
    assert "as if it died" in recorder.reason


async def commit_and_forget(topics: Topics, *forgotten: str) -> None:
    """Process 20 records; commit 10 more without some of the markers and die before anything can be done about it."""
    recorder, last = Recorder(), asyncio.Event()
    reach = dying(Failpoint.COMMIT_ENDED, last.is_set)
    async with Running(build(topics, faults=Faults(reach), fail_stop=recorder.stop)) as pipeline:
        await topics.send("a", FIRST, keys=1)
        await quiet(topics, FIRST)
        await committed(pipeline, FIRST)
        with Forgetful(pipeline, *(place if place is OFFSETS else topics.name(place) for place in forgotten)):
            last.set()
            await topics.send("a", HIDDEN, start=FIRST, keys=1)
            await until(lambda: recorder.codes)
    assert "as if it died" in recorder.reason


async def wrong_after_the_next_owner(topics: Topics) -> set[str]:
    """What is lost, comes twice, or is refused when somebody processes all that is there, and a little more."""
    await topics.send("a", LATER, start=FIRST + HIDDEN, keys=1)
    recorder = Recorder()
    async with Running(build(topics, fail_stop=recorder.stop)) as pipeline:
        await until(lambda: recorder.codes or pipeline.figures.records >= LATER)
        if recorder.codes:
            assert "committed offset" in recorder.reason
            return {"refused"}
        await committed(pipeline, LATER)
        await caught_up(pipeline)
    return {problem.partition(":")[0] for problem in await problems(topics)} & {"lost", "twice"}


def long(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("forgotten", "deaths", "otherwise"),
    [
        (("out",), (OWNED,), {"lost"}),
        (("out",), (BEGUN,), {"lost"}),
        (("changelog", OFFSETS), (OWNED, BEGUN, BEGUN), {"twice"}),
        long(("out",), (ENDED, OWNED), {"lost"}),
        long(("changelog", OFFSETS), (OWNED,), {"twice"}),
        long(("changelog", OFFSETS), (BEGUN,), {"twice"}),
        long((OFFSETS,), (OWNED,), {"refused"}),
        long((OFFSETS,), (BEGUN,), {"refused"}),
        long(("changelog",), (OWNED,), {"refused"}),
        long(("changelog",), (BEGUN, OWNED), {"refused"}),
    ],
    ids=lambda value: "+".join(sorted(value) if isinstance(value, set) else value),
)
@RULE_AND_DEFECT
async def test_a_decision_outlives_whoever_carries_it_out(
    ready: Topics, rule: bool, forgotten: tuple[str, ...], deaths: tuple[Failpoint, ...], otherwise: set[str]
) -> None:
    await commit_and_forget(ready, *forgotten)
    for at in deaths:
        await run_until_it_dies(ready, at, *(() if rule else (Defect.UNTOLD_DECISION,)))
    harmless = rule or deaths[0] is ENDED  # the first one has carried it out
    assert await wrong_after_the_next_owner(ready) == (set() if harmless else otherwise)


@pytest.mark.parametrize(("forgotten", "otherwise"), [("out", "lost"), (OFFSETS, "refused")])
@RULE_AND_DEFECT
async def test_a_writer_begins_when_what_was_open_has_ended(
    ready: Topics, monkeypatch: pytest.MonkeyPatch, rule: bool, forgotten: str, otherwise: str
) -> None:
    """The markers of the fencing are forgotten as well; then the first transaction of its writer is aborted."""
    await commit_and_forget(ready, forgotten)
    ask, told = Fencing._ask, set()

    async def forgetful(self: Fencing, request: Any, accepted: Any = ()) -> Any:
        kind, first = type(request).__name__, self._id.endswith("-0") and type(request) not in told
        if forgotten is OFFSETS and kind == "AddOffsetsToTxnRequest" and first:
            told.add(type(request))
            return None
        if forgotten != OFFSETS and isinstance(request, AddPartitionsToTxnRequest) and first:
            told.add(type(request))
            request._topics = [(topic, numbers) for topic, numbers in request._topics if topic != ready.name(forgotten)]
        return await ask(self, request, accepted)

    monkeypatch.setattr(Fencing, "_ask", forgetful)
    await ready.send("a", LATER, start=FIRST + HIDDEN + LATER, keys=1)
    recorder = Recorder()
    defects = frozenset() if rule else frozenset({Defect.UNPROVEN_FENCING})
    async with Running(build(ready, faults=Faults(dying(Failpoint.COMMIT_OFFSETS), defects), fail_stop=recorder.stop)):
        await until(lambda: recorder.codes)
    assert told, "nothing was forgotten"
    refused = forgotten is OFFSETS and not rule  # by this very start, which sees changelog and offsets disagree
    assert ("committed offset" if refused else "as if it died") in recorder.reason
    assert await wrong_after_the_next_owner(ready) == (set() if rule else {otherwise})


def fencing_of(topics: Topics, reach: Any = None, *defects: Defect) -> Fencing:
    settings = dataclasses.replace(SETTINGS, bootstrap_servers=tuple(topics.servers))
    own = [TopicPartition(topics.name(short), 0) for short in ("out", "changelog")]
    inputs = [TopicPartition(topics.name(short), 0) for short in ("a", "b")]
    return Fencing(settings, f"{topics.group}-0", topics.group, Scope(0, own, (), inputs), Faults(reach, frozenset(defects)))


async def session_of(fencing: Fencing, purpose: Purpose) -> Session:
    """Take the id for a purpose, whoever has it."""
    while True:
        session = await fencing._new_session((await fencing._describe()).session, purpose)
        if session is not None:
            return session
        await asyncio.sleep(0.02)


@RULE_AND_DEFECT
async def test_a_commit_between_question_and_fence_is_kept_by_whoever_dies_then(
    ready: Topics, monkeypatch: pytest.MonkeyPatch, rule: bool
) -> None:
    recorder, commit, last = Recorder(), asyncio.Event(), asyncio.Event()

    async def reach(failpoint: Failpoint, _: int) -> None:
        if last.is_set() and failpoint is Failpoint.COMMIT_OFFSETS:
            last.clear()
            await commit.wait()
        elif commit.is_set() and failpoint is Failpoint.COMMIT_ENDED:
            raise ConnectionError("as if it died")

    fencing = fencing_of(ready, dying(OWNED), *(() if rule else (Defect.UNTOLD_DECISION,)))
    await fencing.start()
    new_session = fencing._new_session

    async def after_its_commit(*arguments: Any) -> Any:
        commit.set()
        await until(lambda: recorder.codes)
        return await new_session(*arguments)

    monkeypatch.setattr(fencing, "_new_session", after_its_commit)
    async with Running(build(ready, faults=Faults(reach), fail_stop=recorder.stop)) as pipeline:
        await ready.send("a", FIRST, keys=1)
        await quiet(ready, FIRST)
        await committed(pipeline, FIRST)
        with Forgetful(pipeline, ready.name("out")):
            last.set()
            await ready.send("a", HIDDEN, start=FIRST, keys=1)
            await until(lambda: not last.is_set())
            with pytest.raises(ConnectionError, match="as if it died"):
                await fencing.end_former()
    assert "as if it died" in recorder.reason
    await fencing.stop()
    assert await wrong_after_the_next_owner(ready) == (set() if rule else {"lost"})


async def test_an_abort_between_question_and_fence_is_not_taken_for_a_commit(ready: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    former, other, late = (fencing_of(ready) for _ in range(3))
    for fencing in (former, other, late):
        await fencing.start()
    writing = await session_of(former, Purpose.WRITE)
    topics = [(ready.name("out"), [0])]
    await former._ask(AddPartitionsToTxnRequest(former._id, writing.producer_id, writing.epoch, topics))
    new_session = late._new_session

    async def after_the_other(*arguments: Any) -> Any:
        monkeypatch.setattr(late, "_new_session", new_session)
        assert await other.end_former() is True
        return await new_session(*arguments)

    monkeypatch.setattr(late, "_new_session", after_the_other)
    _, committed, _ = await late._fence(None)
    assert not committed
    for fencing in (former, other, late):
        await fencing.stop()


async def test_whoever_is_overtaken_by_a_writer_does_not_end_its_transaction(ready: Topics) -> None:
    """A fencing goes on in the session of one that did not finish; meanwhile that one's process wakes up and its writer begins."""
    first, second = fencing_of(ready), fencing_of(ready)
    for fencing in (first, second):
        await fencing.start()
    session = await session_of(first, Purpose.COMMIT)
    adopted, committed, _ = await second._fence(None)
    assert (adopted, committed) == (session, True)
    await first._end_all(session, committed=True)
    await session_of(first, Purpose.WRITE)
    with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
        await second._end_all(adopted, committed=committed)
    assert (await first._describe()).state == "Empty"
    for fencing in (first, second):
        await fencing.stop()


@pytest.mark.parametrize("longest_ms", [900_000, 20_002])
async def test_a_fencing_that_commits_asks_for_as_long_as_the_broker_allows(ready: Topics, longest_ms: int) -> None:
    fencing = fencing_of(ready)
    await fencing.start()
    send = fencing._client.send

    async def limited(node: int, request: Any, **how: Any) -> Any:
        if isinstance(request, InitProducerIdRequest) and request._values[1] > longest_ms:
            return type("Answer", (), {"error_code": INVALID_TRANSACTION_TIMEOUT})
        return await send(node, request, **how)

    fencing._client.send = limited
    await session_of(fencing, Purpose.COMMIT)
    answer = await fencing._ask(DescribeTransactionsRequest([fencing._id]))
    assert answer.transaction_states[0][3] == (600_001 if longest_ms == 900_000 else 20_001)
    assert (await fencing._describe()).purpose == Purpose.COMMIT
    await fencing.stop()


async def test_a_commit_that_was_cut_off_is_said(ready: Topics, caplog: pytest.LogCaptureFixture) -> None:
    first, second = fencing_of(ready), fencing_of(ready)
    for fencing in (first, second):
        await fencing.start()
    session = await session_of(first, Purpose.COMMIT)
    await first._ask(AddPartitionsToTxnRequest(first._id, session.producer_id, session.epoch, [(ready.name("out"), [0])]))
    assert await first._new_session(session, Purpose.WRITE) is None  # no fencing does that: the coordinator aborts
    await second.end_former()
    assert "aborted what it was to commit" in caplog.text
    for fencing in (first, second):
        await fencing.stop()


@pytest.mark.parametrize("shared", [True, False])
async def test_what_others_have_open_in_a_shared_partition_is_theirs(ready: Topics, shared: bool) -> None:
    place = TopicPartition(ready.name("out"), 1)
    other = AIOKafkaProducer(bootstrap_servers=ready.servers, transactional_id=ready.name("other"))
    await other.start()
    await other.begin_transaction()
    await other.send_and_wait(place.topic, b"v", partition=1)
    settings = dataclasses.replace(SETTINGS, bootstrap_servers=tuple(ready.servers))
    scope = Scope(0, [] if shared else [place], [place] if shared else [])
    fencing = Fencing(settings, f"{ready.group}-0", ready.group, scope)
    await fencing.start()
    ending = asyncio.create_task(fencing.end_former())
    if not shared:
        assert not (await asyncio.wait([ending], timeout=5))[0]
        await other.commit_transaction()
    assert await asyncio.wait_for(ending, 40) is False
    await fencing.stop()
    await other.stop()
