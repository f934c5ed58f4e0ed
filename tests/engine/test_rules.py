"""Does each rule of docs/engine.md matter? Every test here runs with the rule and, as a defect, without it, and must see the difference."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.commit import OffsetFetchRequest as ClientsOffsetFetchRequest
from aiokafka.structs import TopicPartition

from processors.engine import EngineSettings, ExitCode, Pipeline
from processors.engine.batch import Emitted, Target
from processors.engine.coordinators import OffsetFetchRequest
from processors.engine.faults import Defect, Failpoint, Faults
from processors.engine.marker import Marker
from processors.engine.offsets import GroupOffsets
from processors.engine.ownership import Ownership
from processors.engine.records import Position
from processors.engine.watchdog import Watchdog
from processors.engine.writer import Transaction, Writer
from tests.engine.conftest import Topics, until
from tests.engine.job import QUICK, Recorder, Running, build, problems, quiet, worker

RULE_AND_DEFECT = pytest.mark.parametrize("rule", [True, False], ids=["with the rule", "without it"])


def faults(defect: Defect, *, rule: bool, **options: Any) -> Faults:
    return Faults(defects=frozenset() if rule else frozenset({defect}), **options)


@pytest.fixture
async def ready(topics: Topics) -> Topics:
    await topics.make_all()
    return topics


async def running(pipeline: Pipeline) -> Ownership:
    await until(lambda: pipeline.ownership is not None and pipeline.ownership.assigned and not pipeline.reasons_not_ready())
    assert pipeline.ownership is not None
    return pipeline.ownership


def _asks_for_the_position(request: Any) -> bool:
    """The engine's own question, or the client's where a defect trusts that."""
    if isinstance(request, OffsetFetchRequest):
        return request._topics is not None and not request._stable
    return isinstance(request, ClientsOffsetFetchRequest) and request._partitions is not None


@pytest.fixture
def coordinator_loads() -> Iterator[pytest.MonkeyPatch]:
    """For three seconds the group's coordinator answers as it does while it loads: no topics, and an error code for the whole."""
    real = AIOKafkaClient.send
    until: float | None = None

    async def send(self: AIOKafkaClient, node: int, request: Any, **options: Any) -> Any:
        nonlocal until
        answer = await real(self, node, request, **options)
        if _asks_for_the_position(request):
            until = time.monotonic() + 3 if until is None else until
            if time.monotonic() < until:
                answer.topics, answer.error_code = [], 14
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaClient, "send", send)
        yield patch


@RULE_AND_DEFECT
async def test_1_a_coordinator_that_says_no_offset_does_not_mean_the_beginning(
    ready: Topics, rule: bool, request: pytest.FixtureRequest
) -> None:
    await ready.send("a", 100)
    async with Running(build(ready)):
        await quiet(ready, 100)
    await ready.send("a", 20, start=100)
    request.getfixturevalue("coordinator_loads")
    async with Running(build(ready, faults=faults(Defect.TRUST_COMMITTED, rule=rule))):
        await quiet(ready, 120 if rule else 220)
    twice = [problem for problem in await problems(ready) if problem.startswith("twice")]
    assert bool(twice) is not rule


async def test_2_a_restore_longer_than_the_session_costs_no_membership(ready: Topics, topic_prefix: str) -> None:
    async def slow(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.RESTORE_DONE:
            await asyncio.sleep(8)

    async def rebalances(rule: bool) -> int:
        group = ready.group + ("-good" if rule else "-bad")
        changelog = "changelog" if rule else "other"
        pipeline = build(ready, faults=faults(Defect.RESTORE_IN_CALLBACK, rule=rule, reach=slow), group=group, changelog=changelog)
        async with Running(pipeline):
            await running(pipeline)
            await asyncio.sleep(3)
            return pipeline.figures.rebalances

    await ready.make("other", compacted=True)
    good, bad = await asyncio.gather(rebalances(rule=True), rebalances(rule=False))
    assert good == 1
    assert bad > 1


@RULE_AND_DEFECT
async def test_3_kept_partitions_prove_that_nobody_owned_them_in_between(ready: Topics, rule: bool) -> None:
    await ready.send("a", 40, keys=1)
    recorder = Recorder()
    pipeline = build(ready, faults=faults(Defect.KEEP_WITHOUT_PROOF, rule=rule), fail_stop=recorder.stop)
    async with Running(pipeline):
        ownership = await running(pipeline)
        await quiet(ready, 40)
        places = [TopicPartition(ready.name(short), number) for short in ("a", "b") for number in (0, 1)]
        await ownership.on_partitions_revoked(places)
        await ready.send("a", 10, start=40, keys=1)
        await other_owner(ready, first=40, count=10)
        await ownership.on_partitions_assigned(places)
        await until(lambda: recorder.codes or not pipeline.reasons_not_ready())
        await ready.send("a", 5, start=50, keys=1)
        if rule:
            await quiet(ready, 55)
            assert await problems(ready) == []
        else:
            await until(lambda: recorder.codes)
            assert recorder.codes == [ExitCode.FAILED]
    assert bool(recorder.codes) is not rule


async def other_owner(topics: Topics, *, first: int, count: int, partition: int = 0) -> None:
    """Do what another member does with records of topic a that it owned for a while: one transaction."""
    targets = {topics.name("out"): Target(2, copartitioned=True), topics.name("changelog"): Target(2, copartitioned=True)}
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(topics.servers))
    writer = Writer(settings, topics.group, partition, changelog=topics.name("changelog"), targets=targets, inputs=())
    await writer.start()
    markers = {r.partition: r.value for r in await topics.read("changelog") if (r.key or b"").endswith(b"marker")}
    old = Marker.decode(markers[partition])
    positions = {**old.positions, topics.name("a"): Position(first + count, 2**50)}
    emitted = [
        Emitted(topics.name("out"), partition, b"k0", f"{topics.name('a')}|{partition}|{n}|{n + 1}".encode(), (), None, 200)
        for n in range(first, first + count)
    ]
    marker = Marker(old.application, old.lineage, positions).encode()
    offsets = {topic: position.offset for topic, position in positions.items()}
    await writer.commit(Transaction(emitted, [(b"k0", b"%d" % (first + count))], marker, offsets))
    await writer.stop()
    reader = GroupOffsets(settings, topics.group)
    await reader.start()
    visible = {TopicPartition(topic, partition): offset for topic, offset in offsets.items()}
    async with asyncio.timeout(20):
        while await reader.committed(visible) != visible:  # acknowledged is a moment earlier
            await asyncio.sleep(0.02)
    await reader.stop()


def empty(members: int) -> tuple[Ownership, Recorder]:
    recorder = Recorder()
    from processors.engine.rows import RawRows
    from processors.engine.wiring import Wiring

    watchdog = Watchdog(recorder.stop, tick_seconds=0.01)
    settings = EngineSettings(deadlines=dataclasses.replace(QUICK.deadlines, empty_assignment=0.1))
    wiring = Wiring(
        application="app", inputs=("a",), changelog="log", codec=RawRows(), settings=settings, fail_stop=recorder.stop, watchdog=watchdog
    )

    class Group(GroupOffsets):
        def __init__(self) -> None:
            pass

        async def member_count(self) -> int:
            return members

    async def put(_: object) -> None:
        raise AssertionError

    return Ownership(wiring, None, Group(), partition_count=2, put=put), recorder


async def test_4_nothing_assigned_although_there_is_enough_ends_the_process() -> None:
    ownership, recorder = empty(members=2)
    await ownership.on_partitions_assigned([])
    await until(lambda: recorder.codes)
    assert "nothing was assigned although 2 workers share 2 partitions" in recorder.reason


async def test_4_nothing_assigned_to_a_spare_worker_is_fine() -> None:
    ownership, recorder = empty(members=3)
    await ownership.on_partitions_assigned([])
    await asyncio.sleep(0.5)
    assert not recorder.codes
    ownership.epoch += 1
    await asyncio.sleep(0.2)


@pytest.mark.parametrize("limit", [1.0, 14.0], ids=["with the rule", "without it"])
async def test_6_a_commit_without_an_answer_ends_the_process(ready: Topics, limit: float) -> None:
    held = asyncio.Event()

    async def hang(failpoint: Failpoint, partition: int) -> None:
        if failpoint is Failpoint.COMMIT_SENT:
            await held.wait()

    recorder = Recorder()
    settings = dataclasses.replace(QUICK, deadlines=dataclasses.replace(QUICK.deadlines, commit=limit), producer_request_timeout_ms=400)
    await ready.send("a", 1)
    async with Running(build(ready, settings=settings, faults=Faults(reach=hang), fail_stop=recorder.stop)) as pipeline:
        await running(pipeline)
        await asyncio.sleep(3)
        assert recorder.codes == ([ExitCode.FAILED] if limit < 3 else [])
        held.set()


@RULE_AND_DEFECT
async def test_7_a_position_out_of_range_is_not_silently_the_beginning(ready: Topics, rule: bool) -> None:
    await ready.send("a", 50, keys=1)
    recorder = Recorder()
    pipeline = build(ready, faults=faults(Defect.RESET_TO_EARLIEST, rule=rule), fail_stop=recorder.stop)
    async with Running(pipeline):
        ownership = await running(pipeline)
        await quiet(ready, 50)
        async with ownership.fetching:
            ownership._consumer.seek(TopicPartition(ready.name("a"), 0), 10_000)
        if rule:
            await until(lambda: recorder.codes)
            assert "OffsetOutOfRange" in recorder.reason
        else:
            await quiet(ready, 100)
            assert any(problem.startswith("twice") for problem in await problems(ready))


@pytest.mark.parametrize("defect", [None, Defect.UNAWAITED_SENDS], ids=["with the rule", "without it"])
async def test_8_a_batch_the_broker_refuses_is_never_committed_over(ready: Topics, defect: Defect | None) -> None:
    await ready.send("a", 5, keys=1)
    recorder = Recorder()
    pipeline = build(ready, faults=Faults(defects=frozenset({defect} if defect else ())), fail_stop=recorder.stop)
    async with Running(pipeline):
        await running(pipeline)
        await quiet(ready, 5)
        await shrink(ready, "out", 150)
        await ready.send("a", 20, start=5, keys=1)
        await until(lambda: recorder.codes or pipeline.figures.records == 25)
    assert recorder.codes == ([] if defect else [ExitCode.FAILED])
    lost = [problem for problem in await problems(ready) if problem.startswith("lost")]
    committed = max(Marker.decode(r.value).positions[ready.name("a")].offset for r in await ready.read("changelog") if b"marker" in r.key)
    assert (committed == 25) is bool(defect)
    assert lost  # with the rule they are not processed yet, without it they never will be


async def shrink(topics: Topics, short: str, limit: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.servers)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.name(short), {"max.message.bytes": str(limit)})])
    await admin.close()
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("defect", [None, Defect.OFFSETS_WITH_SENDS], ids=["with the rule", "without it"])
async def test_8_offsets_are_sent_when_every_batch_is_acknowledged(defect: Defect | None) -> None:
    said: list[str] = []
    settings = EngineSettings()
    targets = {"log": Target(1, copartitioned=True)}
    writer = Writer(
        settings, "app", 0, changelog="log", targets=targets, inputs=(), faults=Faults(defects=frozenset({defect} if defect else ()))
    )
    await writer.stop()

    class Producer:
        client = SimpleNamespace(_conns={})

        async def begin_transaction(self) -> None:
            said.append("begin")

        def create_batch(self) -> BatchBuilder:
            return BatchBuilder(1_000, 0, is_transactional=1)

        async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> asyncio.Task[Any]:
            async def answer() -> Any:
                await asyncio.sleep(0.01)
                said.append("acknowledged")
                return type("Metadata", (), {"offset": 41, "topic_partition": TopicPartition("log", 0)})

            assert builder.record_count() == 1
            return asyncio.create_task(answer())

        async def send_offsets_to_transaction(self, offsets: object, group: str) -> None:
            said.append("offsets")

        async def commit_transaction(self) -> None:
            said.append("commit")

    writer._producer = Producer()
    assert await writer.commit(Transaction((), (), b"{}", {"a": 3})) == 41
    expected = ["begin", "acknowledged", "offsets", "commit"]
    assert (said == expected) is (defect is None)


@pytest.mark.parametrize("limit", [50, 2**30], ids=["with the rule", "without it"])
async def test_9_a_writer_is_renewed_before_its_sequence_numbers_wrap(ready: Topics, limit: int) -> None:
    settings = dataclasses.replace(QUICK, sequence_records_max=limit, batch_records_max=20)
    await ready.send("a", 300)
    async with Running(build(ready, settings=settings)) as pipeline:
        await quiet(ready, 300)
        assert bool(pipeline.figures.writers_renewed) is (limit == 50)
    assert await problems(ready) == []


@pytest.mark.parametrize("limit", [0.2, 86_400.0], ids=["with the rule", "without it"])
async def test_9_a_writer_is_renewed_after_a_long_idle_time(ready: Topics, limit: float) -> None:
    settings = dataclasses.replace(QUICK, writer_idle_seconds_max=limit)
    await ready.send("a", 30)
    async with Running(build(ready, settings=settings)) as pipeline:
        await quiet(ready, 30)
        await asyncio.sleep(0.3)
        renewed = pipeline.figures.writers_renewed
        await ready.send("a", 30, start=30)
        await quiet(ready, 60)
        assert (pipeline.figures.writers_renewed > renewed) is (limit == 0.2)
    assert await problems(ready) == []


@RULE_AND_DEFECT
async def test_10_an_exception_of_the_fetch_ends_the_process(ready: Topics, rule: bool) -> None:
    recorder = Recorder()
    pipeline = build(ready, faults=faults(Defect.SWALLOW_FETCH_ERRORS, rule=rule), fail_stop=recorder.stop)
    async with Running(pipeline):
        ownership = await running(pipeline)
        ownership._consumer._coordinator._pending_exception = KafkaError("pushed by the coordinator")
        await asyncio.sleep(1)
    assert recorder.codes == ([ExitCode.FAILED] if rule else [])


@RULE_AND_DEFECT
async def test_a_fenced_writer_cannot_write(ready: Topics, rule: bool) -> None:
    targets = {ready.name(short): Target(2, copartitioned=True) for short in ("out", "changelog")}
    settings = dataclasses.replace(QUICK, bootstrap_servers=tuple(ready.servers))
    zombie, owner = (
        Writer(
            settings,
            ready.group,
            0,
            changelog=ready.name("changelog"),
            targets=targets,
            inputs=(),
            faults=faults(Defect.NO_FENCING, rule=rule),
        )
        for _ in range(2)
    )
    await zombie.start()
    await owner.start()
    work = Transaction([Emitted(ready.name("out"), 0, b"k", b"v", (), None, 98)], (), b"{}", {ready.name("a"): 1})
    try:
        await zombie.commit(work)
        wrote = True
    except KafkaError:
        wrote = False
    finally:
        await asyncio.wait([asyncio.ensure_future(zombie.stop())], timeout=5)
        await owner.stop()
    assert wrote is not rule


@pytest.mark.parametrize("defect", [None, Defect.COMMIT_BEFORE_FLUSH], ids=["with the rule", "without it"])
async def test_offsets_and_output_travel_in_one_transaction(ready: Topics, defect: Defect | None) -> None:
    await ready.send("a", 50)
    options = [f"kill={Failpoint.COMMIT_BEGUN}:1", "instance=one", *([f"defect={defect.value}"] if defect else [])]
    assert await (await worker(ready, *options)).wait() == -9
    recorder = Recorder()
    async with Running(build(ready, settings=dataclasses.replace(QUICK, instance_id="one"), fail_stop=recorder.stop)) as pipeline:
        await until(lambda: recorder.codes or (not pipeline.reasons_not_ready()))
        if not defect:
            await quiet(ready, 50)
    # Offsets without a marker are recognised at the next start: nothing more can go wrong unnoticed.
    assert bool(recorder.codes) is bool(defect)
