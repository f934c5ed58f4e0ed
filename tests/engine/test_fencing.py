"""Does a new writer end what the broker forgot to end, as the coordinator had decided it?"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced, UnknownTopicOrPartitionError
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from processors.engine.batch import Emitted, Target
from processors.engine.faults import Defect, Failpoint
from processors.engine.fencing import Fencing, Scope
from processors.engine.writer import Transaction, Writer
from tests.engine.conftest import Topics, until
from tests.engine.forgetting import OFFSETS, Forgetful, caught_up, committed, faults
from tests.engine.job import QUICK, Recorder, Running, build, problems, quiet

pytestmark = pytest.mark.xdist_group("unverified")  # one at a time: they change a setting of the shared broker
RULE_AND_DEFECT = pytest.mark.parametrize("rule", [True, False], ids=["with the rule", "without it"])
FIRST, HIDDEN, LATER = 20, 10, 5


@pytest.fixture
async def ready(topics: Topics, unverified: None) -> Topics:
    await topics.make_all()
    return topics


async def leave_open(topics: Topics) -> None:
    """Process 20 records, and 10 more in a transaction that nobody can see."""
    await topics.send("a", FIRST, keys=1)
    async with Running(build(topics, faults=faults(Defect.UNPROVEN_END, rule=False))) as pipeline:
        await quiet(topics, FIRST)
        with Forgetful(pipeline):
            await topics.send("a", HIDDEN, start=FIRST, keys=1)
            await committed(pipeline, FIRST + HIDDEN)
    assert len(await topics.read("out")) == FIRST, "the markers were to be forgotten"


async def end(topics: Topics, *shorts: str, commit: bool) -> None:
    """Do what the coordinator does: mark the partitions with its decision, and remember that."""
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(topics.servers))
    places = [TopicPartition(topics.name(short), 0) for short in shorts]
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{topics.group}-0")
    await producer.start()
    await producer.begin_transaction()
    for place in places:
        producer._txn_manager.maybe_add_partition_to_txn(place)
    await until(lambda: not producer._txn_manager.partitions_to_add())
    await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


@pytest.mark.parametrize("marked", ["none", "output committed", "output aborted"])
@RULE_AND_DEFECT
async def test_a_transaction_whose_markers_were_forgotten_comes_out_once(ready: Topics, rule: bool, marked: str) -> None:
    await leave_open(ready)
    if marked != "none":
        await end(ready, "out", commit=marked == "output committed")
    await ready.send("a", LATER, start=FIRST + HIDDEN, keys=1)
    total = FIRST + HIDDEN + LATER
    async with Running(build(ready, faults=faults(Defect.LEFT_OPEN, rule=rule))) as pipeline:
        await quiet(ready, total)
        await committed(pipeline, LATER)
        await caught_up(pipeline)
    found = await problems(ready)
    assert (found == []) is (rule or marked == "output aborted"), found


@RULE_AND_DEFECT
async def test_what_lacks_a_marker_is_ended_without_another_transaction(ready: Topics, rule: bool) -> None:
    async with Running(build(ready, faults=faults(Defect.UNPROVEN_END, rule=rule))) as pipeline:
        await ready.send("a", 1, keys=1)
        await committed(pipeline, 1)
        with Forgetful(pipeline):
            await ready.send("a", 1, start=1, keys=1)
            await committed(pipeline, 2)
            await until(lambda: pipeline.figures.writers_renewed == int(rule))
        assert len(await ready.read("out")) == 1 + int(rule)
        await ready.send("a", 1, start=2, keys=1)
        await quiet(ready, 3)
        assert pipeline.figures.writers_renewed == int(rule), "nothing lacks a marker, nothing is to be renewed"
    assert await problems(ready) == []


@pytest.mark.parametrize(
    ("forgotten", "otherwise"),
    [(("out",), "lost"), (("changelog", OFFSETS), "twice"), (("changelog",), "refused"), ((OFFSETS,), "refused")],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
@RULE_AND_DEFECT
async def test_what_was_acknowledged_is_out_of_reach_of_the_next_transactions_abort(
    ready: Topics, rule: bool, forgotten: tuple[str, ...], otherwise: str
) -> None:
    """Some markers are forgotten, the next transaction is begun, and its writer dies: the next owner aborts what is under way."""
    dying = asyncio.Event()

    async def reach(failpoint: Failpoint, _: int) -> None:
        if dying.is_set() and failpoint is Failpoint.COMMIT_OFFSETS:
            raise ConnectionError("as if it died")

    former, owner = Recorder(), Recorder()
    async with Running(build(ready, faults=faults(Defect.UNPROVEN_END, rule=rule, reach=reach), fail_stop=former.stop)) as pipeline:
        await ready.send("a", FIRST, keys=1)
        await quiet(ready, FIRST)
        await committed(pipeline, FIRST)
        with Forgetful(pipeline, *(place if place is OFFSETS else ready.name(place) for place in forgotten)):
            await ready.send("a", HIDDEN, start=FIRST, keys=1)
            await committed(pipeline, FIRST + HIDDEN)
            await until(lambda: pipeline.figures.writers_renewed == int(rule))
        dying.set()
        await ready.send("a", LATER, start=FIRST + HIDDEN, keys=1)
        await until(lambda: former.codes)
        assert "as if it died" in former.reason
    async with Running(build(ready, fail_stop=owner.stop)) as pipeline:
        await until(lambda: owner.codes or pipeline.figures.records >= LATER)
        if not owner.codes:
            await committed(pipeline, LATER)
            await caught_up(pipeline)
    found = ["refused"] if owner.codes else [problem.partition(":")[0] for problem in await problems(ready)]
    assert (set(found) & {"lost", "twice", "refused"}) == (set() if rule else {otherwise})


async def test_a_changelog_with_an_open_end_is_waited_for(ready: Topics) -> None:
    await leave_open(ready)
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    place = TopicPartition(ready.name("changelog"), 0)
    fencing = Fencing(settings, f"{ready.group}-0", ready.group, Scope(0, [place, TopicPartition(ready.name("out"), 0)]))
    await fencing.start()
    try:
        waiting = asyncio.create_task(fencing.nothing_open(place))
        assert not (await asyncio.wait([waiting], timeout=1))[0]
        await fencing.end_former()
        await asyncio.wait_for(waiting, 20)
    finally:
        await fencing.stop()


async def test_nothing_is_ended_before_every_leader_answers_for_its_partitions(ready: Topics) -> None:
    """A marker for a partition that its leader does not hold yet may hold up everybody's for 30 s (Kafka 4.3.1)."""
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    fencing = Fencing(settings, f"{ready.group}-0", ready.group, Scope(0, [TopicPartition(ready.name("out"), number) for number in (0, 1)]))
    told: list[str] = []
    send = fencing._client.send

    async def not_at_first(node: int, request: Any, **how: Any) -> Any:
        answer = await send(node, request, **how)
        if isinstance(request, OffsetRequest) and told.count("ListOffsets") < 3:
            answer.topics[0][1][1] = (1, UnknownTopicOrPartitionError.errno, -1, -1)
        told.append("ListOffsets" if isinstance(request, OffsetRequest) else type(request).__name__)
        return answer

    fencing._client.send = not_at_first
    await fencing.start()
    try:
        await asyncio.wait_for(fencing.end_former(), 20)
    finally:
        await fencing.stop()
    assert told[:4] == ["ListOffsets"] * 4
    after = [name for name in told[4:] if name != "FindCoordinatorRequest"]
    assert after.count("EndTxnRequest") == 1
    assert after[after.index("EndTxnRequest") - 1] == "ListOffsets"
    assert "InitProducerIdRequest" in after[: after.index("EndTxnRequest")]


async def test_a_transaction_that_is_under_way_is_aborted(ready: Topics) -> None:
    targets = {ready.name(short): Target(2, copartitioned=True) for short in ("out", "changelog")}
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    former, new = (Writer(settings, ready.group, 0, changelog=ready.name("changelog"), targets=targets, inputs=()) for _ in range(2))
    assert await former.start() is False
    await former._producer.begin_transaction()
    await former._producer.send_and_wait(ready.name("out"), b"v", b"k", partition=0)
    assert await new.start() is True
    assert await ready.read("out") == []
    await asyncio.wait([asyncio.ensure_future(former.stop())], timeout=5)
    await new.stop()


async def test_what_several_partitions_abort_at_once_is_counted(ready: Topics) -> None:
    targets = {ready.name(short): Target(2, copartitioned=True) for short in ("out", "changelog")}
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    former = [Writer(settings, ready.group, number, changelog=ready.name("changelog"), targets=targets, inputs=()) for number in range(2)]
    for number, writer in enumerate(former):
        await writer.start()
        await writer._producer.begin_transaction()
        await writer._producer.send_and_wait(ready.name("out"), b"v", b"k", partition=number)
    async with Running(build(ready)) as pipeline:
        await until(lambda: not pipeline.reasons_not_ready())
        assert pipeline.figures.transactions_aborted == 2
    for writer in former:
        await asyncio.wait([asyncio.ensure_future(writer.stop())], timeout=5)


async def test_a_writer_that_lost_its_partition_does_not_fence_the_owner_by_renewing_itself(ready: Topics) -> None:
    targets = {ready.name(short): Target(2, copartitioned=True) for short in ("out", "changelog")}
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    zombie, owner, renewed = (
        Writer(settings, ready.group, 0, changelog=ready.name("changelog"), targets=targets, inputs=()) for _ in range(3)
    )
    await zombie.start()
    await owner.start()
    with pytest.raises(ProducerFenced):
        await renewed.start(zombie.session)
    work = Transaction([Emitted(ready.name("out"), 0, b"k", b"v", (), None, 98)], (), b"{}", {ready.name("a"): 1})
    await owner.commit(work)
    for writer in (zombie, owner, renewed):
        await writer.stop()
