"""Does the command verify a real broker's topics as a newcomer would call it, name damage there, and let a worker go on meanwhile?"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.audit.kafka_source import KafkaSource
from processors.audit.verifying import Task, verify
from processors.codec import decode_decision
from processors.settings import Settings
from processors.topology.portfolio import TOPICS, portfolio
from tests.audit import tampering
from tests.audit.writing import REVIEWED_UNTIL, Written
from tests.conftest import Ended
from tests.end_to_end import living

pytestmark = [pytest.mark.xdist_group("audit"), pytest.mark.timeout(400)]

Run = Callable[..., Ended]


@pytest.fixture
def at_the_broker(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
    monkeypatch.setenv("MULTICHANNEL_TOPIC_PREFIX", written.settings.topic_prefix)


async def put(settings: Settings, records: Sequence[Record]) -> None:
    """The records in topics of their own, in their partitions and order."""
    await living.make_topics(settings, for_an_old_clock=True)
    producer = AIOKafkaProducer(**living.arguments_of(settings))
    await producer.start()
    try:
        for record in records:
            await producer.send(
                settings.topic_prefix + record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=None if record.timestamp is None else record.timestamp // 1_000,
            )
        await producer.flush()
    finally:
        await producer.stop()


@pytest.mark.usefixtures("at_the_broker")
def test_what_the_worker_wrote_is_verified_by_the_bare_command(written: Written, multichannel: Run) -> None:
    ended = multichannel("verify")
    assert (ended.code, ended.stderr) == (0, "")
    assert "everything is as it must be" in ended.stdout
    assert f"{len(written.records[JOURNAL]):,}  journal entries" in ended.stdout
    assert f"{len(written.records[DECISIONS]):,}  of them computed again, the same byte for byte" in ended.stdout


@pytest.mark.usefixtures("at_the_broker")
def test_the_report_for_programs_has_a_shape_that_stays(written: Written, multichannel: Run, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    made = multichannel("checkpoint", "--out", str(heads))
    assert made.code == 0
    assert json.loads(heads.read_text("utf-8"))["sha256"] in made.stderr
    ended = multichannel("verify", "--inputs", "--format", "json", "--processes", "1", "--checkpoint", str(heads))
    assert ended.code == 0
    report = json.loads(ended.stdout)
    assert list(report) == [
        "multichannel_verify",
        "ok",
        "source",
        "compared",
        "customer_tenant_id",
        "since",
        "until",
        "figures",
        "partitions",
        "damages",
        "findings",
        "otherwise_by_older_revision",
    ]
    assert report["ok"] is True
    assert report["compared"] == [JOURNAL, DECISIONS, IN_FORCE, "inputs", "checkpoint"]
    figures = report["figures"]
    assert figures["entries"] == len(written.records[JOURNAL]) == sum(each["records"] for each in report["partitions"])
    assert figures["inputs"] + figures["inputs_gone"] == figures["entries"]
    roots = {each["partition"]: each["root"] for each in json.loads(heads.read_text("utf-8"))["partitions"]}
    assert {each["partition"]: each["root"] for each in report["partitions"]}.items() <= roots.items()
    assert multichannel("checkpoint", "--out", str(heads)).code == 2  # never over another one


@pytest.mark.usefixtures("at_the_broker")
def test_one_customer_is_verified_alone(written: Written, multichannel: Run) -> None:
    key = written.records[JOURNAL][0].key or b""
    ended = multichannel("verify", "--customer", key.decode().upper(), "--format", "json")
    assert ended.code == 0
    report = json.loads(ended.stdout)
    assert (report["figures"]["customers"], report["customer_tenant_id"]) == (1, key.decode())
    assert report["figures"]["entries"] == sum(record.key == key for record in written.records[JOURNAL])
    stranger = multichannel("verify", "--customer", "nobody")
    assert (stranger.code, stranger.stdout) == (2, "")
    assert "no entry of customer 'nobody'" in stranger.stderr


def test_damage_on_a_broker_is_named_with_its_place_and_ends_with_1(
    written: Written, topic_prefix: str, multichannel: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = written.settings.model_copy(update={"topic_prefix": topic_prefix})
    records = [record for topic in (JOURNAL, DECISIONS, IN_FORCE) for record in written.records[topic]]
    tampered = tampering.byte_of_an_entry(random.Random(4), list(records))
    tampered = tampering.decisions_missing(random.Random(5), tampered.records)
    asyncio.run(put(settings, tampered.records))
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(settings.kafka_bootstrap_servers))
    ended = multichannel("verify", "--topic-prefix", topic_prefix)
    assert ended.code == 1
    assert "2 differences: 1 ALTERED_ENTRY, 1 MISSING_DECISION" in ended.stdout
    report = json.loads(multichannel("verify", "--topic-prefix", topic_prefix, "--format", "json").stdout)
    [altered, missing] = report["findings"]
    [place] = [
        (record.partition, sum(each.partition == record.partition for each in records[:number] if each.topic == JOURNAL))
        for number, record in enumerate(records)
        if record.topic == JOURNAL and tampered.records[number].value != record.value
    ]
    assert (altered["damage"], altered["topic"], (altered["partition"], altered["offset"])) == ("ALTERED_ENTRY", JOURNAL, place)
    assert missing["damage"] == "MISSING_DECISION"
    gone = {record.place for record in records if record.topic == DECISIONS} - {record.place for record in tampered.records}
    [first, *_] = [decode_decision(record.value).decision_id for record in records if record.place in gone]
    assert missing["decision_id"] == first
    assert multichannel("verify", "--topic-prefix", topic_prefix, "--no-decisions").code == 1


def test_a_tail_that_was_cut_off_is_found_through_the_heads(
    written: Written, topic_prefix: str, multichannel: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
    heads = tmp_path / "heads.json"
    assert multichannel("checkpoint", "--topic-prefix", written.settings.topic_prefix, "--out", str(heads)).code == 0
    last = written.records[JOURNAL][-1]
    kept = [record for record in written.records[JOURNAL] if record is not last]
    asyncio.run(put(written.settings.model_copy(update={"topic_prefix": topic_prefix}), kept))
    assert multichannel("verify", "--topic-prefix", topic_prefix, "--no-decisions").code == 0
    ended = multichannel("verify", "--topic-prefix", topic_prefix, "--no-decisions", "--checkpoint", str(heads))
    assert ended.code == 1
    assert "1 CUT_OFF_TAIL" in ended.stdout
    heads.write_text(heads.read_text("utf-8").replace('"count": ', '"count": 1'), "utf-8")
    refused = multichannel("verify", "--topic-prefix", topic_prefix, "--checkpoint", str(heads))
    assert refused.code == 2
    assert "sha256" in refused.stderr


def test_what_cannot_be_read_ends_with_2(multichannel: Run, written: Written, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
    missing = multichannel("verify", "--topic-prefix", "nobody-")
    assert missing.code == 2
    assert "no topic nobody-customer-journal" in missing.stderr
    (tmp_path / "journal.jsonl").write_text("{}\n", "utf-8")
    bad = multichannel("verify", str(tmp_path / "journal.jsonl"))
    assert bad.code == 2
    assert "journal.jsonl:1: " in bad.stderr
    assert "topic" in bad.stderr
    assert multichannel("verify", str(tmp_path)).code == 2
    assert multichannel("verify", "--customer", "x", "--checkpoint", str(tmp_path / "journal.jsonl")).code == 2
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    assert multichannel("verify").code == 2


async def test_a_worker_that_goes_on_writing_is_no_damage(settings: Settings) -> None:
    """Decisions that come after the journal was read are looked up in what it got since."""
    await living.make_topics(settings, for_an_old_clock=True)
    told = [(TOPICS[type(event)], event) for event in portfolio(320)]
    settled = asyncio.Event()

    async def look() -> int:
        looked = 0
        while not settled.is_set() or not looked:
            source = KafkaSource(settings, settings.kafka_bootstrap_servers)
            report = await asyncio.to_thread(verify, Task(source=source))
            assert [str(finding) for finding in report.findings] == []
            looked += report.figures["entries"] > 0
        return looked

    async with living.worker(settings, lambda: REVIEWED_UNTIL / 1_000_000) as topology:
        sending = asyncio.create_task(living.send(settings, told, first_ms=REVIEWED_UNTIL // 1_000, pause=0.03))
        looking = asyncio.create_task(look())
        sent = await sending
        await living.settled(topology, sent)
        settled.set()
        assert await looking > 0


def test_the_files_that_consume_prints_verify_too(
    written: Written, multichannel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
    path = tmp_path / f"{uuid.uuid4().hex}.jsonl"
    path.write_text(multichannel("consume", JOURNAL, "--topic-prefix", written.settings.topic_prefix).stdout, "utf-8")
    ended = multichannel("verify", str(path), "--format", "json")
    assert ended.code == 0
    assert json.loads(ended.stdout)["compared"] == [JOURNAL]
