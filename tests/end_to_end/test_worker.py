"""Does the command `worker` start, decide, stop in order, and lose or double nothing when it is killed?"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from processors.cli.exits import Stop
from processors.cli.worker import check_topics
from processors.codec import decode_dead_letter, decode_decision, decode_journal_entry, encode
from processors.contract import ErrorCode
from processors.settings import Settings
from processors.topics import observe
from processors.topology.partitioning import partition_of
from processors.topology.wiring import policy_of
from tests.end_to_end import living
from tests.end_to_end.living import Told

COMMAND = Path(sys.executable).parent / "multichannel"
STORIES = [living.read_story(path) for path in sorted(living.STORIES.glob("*.events.jsonl"))[:8]]
pytestmark = pytest.mark.timeout(240)  # several processes start, on a machine that may be busy
READY = '"message": "ready: '
PARENT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def copies(count: int, first: int = 0) -> list[Told]:
    """So many customers from the number `first` on, each with a story."""
    told = STORIES
    return [
        (topic, replace(event, customer_tenant_id=f"{event.customer_tenant_id[:-6]}{number:06x}"))
        for number in range(first, first + count)
        for topic, event in told[number % len(told)]
    ]


@asynccontextmanager
async def started(settings: Settings, *, log: Path, **more: str) -> AsyncIterator[Process]:
    told = {"kafka_bootstrap_servers": ",".join(settings.kafka_bootstrap_servers), "topic_prefix": settings.topic_prefix}
    told |= {"application_id": settings.application_id, "kafka_session_timeout_ms": "6000", "kafka_heartbeat_interval_ms": "1000", **more}
    environment = {f"MULTICHANNEL_{name.upper()}": value for name, value in told.items()}
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(str(COMMAND), "worker", env={**os.environ, **environment}, stderr=file, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class StoppedItself(Exception):  # noqa: N818 - what a worker does when the machine stands still; a supervisor starts it again
    pass


def check_running(process: Process) -> None:
    if process.returncode == 70:
        raise StoppedItself
    assert process.returncode is None, f"ended with {process.returncode}"


async def until(condition: Callable[[], bool], process: Process, seconds: float = 100.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        check_running(process)
        await asyncio.sleep(0.1)


def lines(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def says(log: Path, what: str) -> Callable[[], bool]:
    return lambda: log.exists() and what in log.read_text("utf-8")


async def applied(settings: Settings) -> int:
    """How many records the journal holds at most: transactions count too; no record is read."""
    consumer = AIOKafkaConsumer(**living.arguments_of(settings), isolation_level="read_committed")
    await consumer.start()
    try:
        places = [TopicPartition(f"{settings.topic_prefix}customer-journal", number) for number in range(8)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()


async def until_all_applied(settings: Settings, number: int, process: Process) -> None:
    """As `until_applied`, counting records."""
    await until_applied(settings, number, process)
    while len((await living.output(settings)).journal) < number:
        check_running(process)
        await asyncio.sleep(1)


async def until_applied(settings: Settings, number: int, process: Process, seconds: float = 90.0) -> None:
    limit = time.monotonic() + seconds
    while (found := await applied(settings)) < number:
        assert time.monotonic() < limit, f"{found} of {number}"
        check_running(process)
        await asyncio.sleep(0.3)


async def test_the_worker_decides_serves_its_figures_and_stops_in_order(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await living.make_topics(settings)
    told = copies(4)
    async with started(settings, log=log) as process:
        sent = await living.send(settings, told, first_ms=int(time.time() * 1000), headers=[PARENT])
        await until(says(log, READY), process)
        await until_all_applied(settings, sent, process)
        [where] = [line["message"].rsplit(" ", 1)[1] for line in lines(log) if "/metrics" in line["message"]]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{where}/readyz") as answer:
                assert answer.status == 200
            async with session.get(f"{where}/metrics") as answer:
                figures = await answer.text()
        assert 'multichannel_events_total{topic="subscription-purchased"}' in figures
        assert "multichannel_records_total" in figures
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 100) == 0
    found = await living.output(settings)
    assert living.problems(found, policy_of(settings)) == []
    assert not found.dead_letters
    for record in found.decisions:
        headers = dict(record.headers)
        decision = decode_decision(record.value)
        assert headers["ce_id"].decode() == decision.decision_id
        assert decision.caused_by.topic == "review-due" or headers["traceparent"] == PARENT[1]


@pytest.mark.timeout(400)
async def test_a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing(settings: Settings, tmp_path: Path) -> None:
    await living.make_topics(settings)
    drawn, enough = random.Random(3), False

    def endless() -> Iterator[Told]:
        for number in itertools.count():
            if enough:
                return
            yield from copies(1, number)

    sending = asyncio.create_task(living.send(settings, endless(), first_ms=int(time.time() * 1000), pause=0.3))
    kills, logs = 0, (tmp_path / f"log{number}" for number in itertools.count())
    while kills < 2:
        log = next(logs)
        async with started(settings, log=log) as process:
            with suppress(StoppedItself):
                await until(says(log, READY), process)
                await until_applied(settings, await applied(settings) + 60, process)
                await asyncio.sleep(drawn.uniform(0, 0.5))
                process.kill()
                kills += 1
    enough = True
    sent = await sending
    ended = None
    while ended != 0:
        log = next(logs)
        async with started(settings, log=log) as process:
            with suppress(StoppedItself):
                await until(says(log, READY), process)
                await until_all_applied(settings, sent, process)
                process.send_signal(signal.SIGTERM)
            ended = await asyncio.wait_for(process.wait(), 100)
            assert ended in {0, 70}
    found = await living.output(settings)
    assert living.problems(found, policy_of(settings)) == []
    assert not found.dead_letters
    entries = [decode_journal_entry(record.value) for record in found.journal]
    assert sum(entry.topic != "review-due" for entry in entries) == sent


async def test_bad_records_become_dead_letters_with_origin_and_bytes_and_the_good_ones_go_on(settings: Settings, tmp_path: Path) -> None:
    await living.make_topics(settings)
    [(topic, event), *_] = copies(1)
    good, key = encode(topic, event), event.customer_tenant_id.encode()
    now = int(time.time() * 1000)
    ahead = encode(topic, replace(event, occurred_at=(now + 3_600_000) * 1000))
    unknown = b"\xc3\x01" + bytes(8) + good[10:]
    bad: list[tuple[bytes | None, bytes | None, ErrorCode]] = [
        (key, b"not avro", ErrorCode.UNDECODABLE),
        (key, None, ErrorCode.UNDECODABLE),
        (key, good[:-1], ErrorCode.UNDECODABLE),
        (key, unknown, ErrorCode.UNKNOWN_SCHEMA),
        (b"someone-else", good, ErrorCode.KEY_MISMATCH),
        (None, good, ErrorCode.KEY_MISMATCH),
        (key, ahead, ErrorCode.CLOCK_AHEAD),
        (key, good + bytes(2_000), ErrorCode.TOO_LARGE),
    ]
    producer = AIOKafkaProducer(**living.arguments_of(settings))
    await producer.start()
    try:
        for bad_key, value, _ in bad:
            await producer.send_and_wait(settings.topic_prefix + topic, value, key=bad_key, headers=[("a", b"b")], timestamp_ms=now)
        wrong_partition = (partition_of(key, 8) + 1) % 8
        await producer.send_and_wait(settings.topic_prefix + topic, good, key=key, partition=wrong_partition, timestamp_ms=now)
        await producer.send_and_wait(settings.topic_prefix + topic, good, key=key, timestamp_ms=now)
    finally:
        await producer.stop()
    async with living.worker(settings.model_copy(update={"record_max_bytes": 2_000}), time.time) as topology:
        await living.settled(topology, len(bad) + 2)
    found = await living.output(settings)
    letters = [(record.key, decode_dead_letter(record.value)) for record in found.dead_letters]
    wanted = [*bad, (key, good, ErrorCode.KEY_MISMATCH)]
    shown = sorted(((letter_key, each.value, each.error_code) for letter_key, each in letters), key=str)
    assert shown == sorted(wanted, key=str)
    for letter_key, letter in letters:
        assert letter.key == letter_key
        assert letter.topic == topic and letter.error_message and letter.timestamp == now * 1000
        assert [(header.name, header.value) for header in letter.headers] in ([("a", b"b")], [])
    assert len({(letter.partition, letter.offset) for _, letter in letters}) == len(wanted)
    assert living.problems(found, policy_of(settings)) == []
    assert topology.figures.events[topic] == 1


async def test_when_most_records_are_bad_the_worker_stops_with_65_and_acknowledges_nothing(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await living.make_topics(settings)
    producer = AIOKafkaProducer(**living.arguments_of(settings))
    await producer.start()
    for number in range(20):
        await producer.send_and_wait(f"{settings.topic_prefix}cancellation", b"no", key=b"%d" % number, partition=0)
    await producer.stop()
    async with started(settings, log=log, bad_record_window_records="10") as process:
        assert await asyncio.wait_for(process.wait(), 90) == 65
    assert "bad_record_share_max" in log.read_text("utf-8")
    assert not (await living.output(settings)).dead_letters


@pytest.mark.parametrize("wrong", ["a topic is missing", "the changelog is not compacted"])
async def test_the_worker_refuses_to_start_on_wrong_topics(settings: Settings, wrong: str) -> None:
    if wrong == "the changelog is not compacted":
        await living.make_topics(settings)
        admin = AIOKafkaAdminClient(**living.arguments_of(settings))
        await admin.start()
        name = f"{settings.topic_prefix}multichannel-customers-changelog"
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"cleanup.policy": "delete"})])
        await admin.close()
        await until_configured(settings, name)
    with pytest.raises(Stop, match="cleanup.policy" if "compacted" in wrong else "consent-granted") as refused:
        await check_topics(settings, living.arguments_of(settings))
    assert refused.value.code == 69


async def until_configured(settings: Settings, name: str) -> None:
    """A broker answers before it has taken in the change."""
    limit = time.monotonic() + 30
    while (await observe(living.arguments_of(settings), [name])).topics[name].settings["cleanup.policy"] != "delete":
        assert time.monotonic() < limit
        await asyncio.sleep(0.1)
