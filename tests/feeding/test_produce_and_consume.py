"""Do files arrive on the topics as every client would send them, and does `consume` show what is there?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from processors.broker import Broker
from processors.cli import main
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INTERRUPTED, EXIT_INVALID, EXIT_UNAVAILABLE
from processors.codec import read_json
from processors.contract import contract

ROOT = Path(__file__).parents[2]
STORIES = sorted((ROOT / "examples" / "stories").glob("*.jsonl"))
MULTICHANNEL = str(Path(sys.executable).parent / "multichannel")


@dataclass
class Ended:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def environment(broker: Broker, topic_prefix: str) -> dict[str, str]:
    return {"MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": ",".join(broker.bootstrap_servers), "MULTICHANNEL_TOPIC_PREFIX": topic_prefix}


@pytest.fixture
def make_topics(broker: Broker, topic_prefix: str) -> Callable[..., None]:
    """Makes topics of the contract for this test, and waits until each partition has a leader."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers[0]})

    def make(*names: str) -> None:
        wanted = {topic_prefix + name: contract().topics[name].partitions for name in names}
        for future in admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in wanted.items()]).values():
            future.result(timeout=60)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = {name: admin.list_topics(name, timeout=10).topics[name].partitions for name in wanted}
            if all(len(found[name]) == wanted[name] and all(each.leader >= 0 for each in found[name].values()) for name in wanted):
                return
            time.sleep(0.1)
        raise TimeoutError(f"no leaders for {wanted}")

    return make


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, as quick as its work."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*args: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in args])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return call


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines() if text.strip()]


def held(broker: Broker, topic: str) -> int:
    """How many records an independent client says the topic holds."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers[0], "group.id": "nobody"})
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        deadline = time.monotonic() + 30
        while True:
            try:
                marks = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in partitions]
                return sum(high - low for low, high in marks)
            except KafkaException:  # a leader that has just been chosen does not know it yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
    finally:
        consumer.close()


def test_what_was_produced_is_consumed_as_it_was_told(make_topics: Callable[..., None], run: Run) -> None:
    make_topics(*contract().inputs)
    sent = run("produce", *STORIES, "--format", "json")
    assert sent.returncode == 0, sent.stderr
    wanted = [line for path in STORIES for line in lines(path)]
    summary = json.loads(sent.stdout)
    assert summary["valid"] == sum(summary["sent"].values()) == len(wanted)
    seen = [json.loads(text) for topic in sorted({line["topic"] for line in wanted}) for text in run("consume", topic).stdout.splitlines()]
    assert all(record["key"] == record["value"]["customer_tenant_id"] for record in seen)
    told = {line["value"]["event_id"]: (line["topic"], read_json(line["topic"], line["value"])) for line in wanted}
    shown = {record["value"]["event_id"]: (record["topic"], read_json(record["topic"], record["value"])) for record in seen}
    assert len(seen) == len(wanted)
    assert shown == told


def test_what_consume_prints_can_be_produced_again(make_topics: Callable[..., None], run: Run, tmp_path: Path) -> None:
    make_topics(*contract().inputs)
    assert run("produce", STORIES[0]).returncode == 0
    printed = tmp_path / "printed.jsonl"
    printed.write_text("".join(run("consume", topic).stdout for topic in contract().inputs), encoding="utf-8")
    again = run("produce", printed, "--dry-run", "--format", "json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["valid"] == len(lines(STORIES[0]))


def test_partitions_are_those_that_an_independent_client_chooses(
    make_topics: Callable[..., None], topic_prefix: str, run: Run, broker: Broker, tmp_path: Path
) -> None:
    make_topics(*contract().inputs, "customer-journal")
    template = lines(STORIES[0])[0]
    events = tmp_path / "events.jsonl"
    keys = [f"{number:08x}-0000-4000-8000-{number * 7919:012x}" for number in range(64)]
    told_lines = [
        {**template, "value": {**template["value"], "event_id": key, "customer_tenant_id": key, "subscription_id": key}} for key in keys
    ]
    events.write_text("\n".join(map(json.dumps, told_lines)), encoding="utf-8")
    assert run("produce", events).returncode == 0
    ours = {record["key"]: record["partition"] for record in map(json.loads, run("consume", template["topic"]).stdout.splitlines())}
    other = topic_prefix + "customer-journal"  # as many partitions, no other records
    theirs: dict[bytes | None, int | None] = {}
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers[0], "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(other, b"x", key, on_delivery=lambda _, message: theirs.update({message.key(): message.partition()}))
    assert producer.flush(20) == 0
    assert {key.encode(): partition for key, partition in ours.items()} == theirs
    assert len(set(ours.values())) > 4


def test_nothing_is_sent_where_a_line_is_not_valid(
    make_topics: Callable[..., None], topic_prefix: str, run: Run, broker: Broker, tmp_path: Path
) -> None:
    make_topics(*contract().inputs)
    good = lines(STORIES[0])
    bad = {**good[0], "value": {**good[0]["value"], "occurred_at": "yesterday"}}
    events = tmp_path / "events.jsonl"
    events.write_text("\n".join(json.dumps(line) for line in (good[0], bad)), encoding="utf-8")
    refused = run("produce", events)
    assert refused.returncode == EXIT_INVALID
    assert f"{events}:2: INVALID: occurred_at: " in refused.stderr
    assert held(broker, topic_prefix + good[0]["topic"]) == 0
    skipped = run("produce", events, "--skip-invalid")
    assert skipped.returncode == EXIT_DIFFERENCES
    assert f"{events}:2: INVALID: occurred_at: " in skipped.stderr
    assert held(broker, topic_prefix + good[0]["topic"]) == 1


def test_a_name_that_no_record_has_is_warned_of_once_with_the_nearest(run: Run, tmp_path: Path) -> None:
    line = lines(STORIES[0])[0]
    line["value"]["quantitty"] = 3
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(line) + "\n" + json.dumps(line), encoding="utf-8")
    warned = run("produce", events, "--dry-run")
    assert warned.stderr.count("'quantitty'") == 1
    assert "did you mean 'quantity'?" in warned.stderr


def test_aborted_records_are_not_shown_and_what_cannot_be_read_is(
    make_topics: Callable[..., None], topic_prefix: str, run: Run, broker: Broker
) -> None:
    make_topics("consent-granted")
    topic = topic_prefix + "consent-granted"
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers[0], "transactional.id": f"{topic_prefix}t"})
    producer.init_transactions(30)
    for value in (b"\xc3\x01rubbish", b"aborted"):
        producer.begin_transaction()
        producer.produce(topic, value, b"k", partition=0)
        assert producer.flush(20) == 0
        if value == b"aborted":
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    assert held(broker, topic) >= 3  # both records and a marker
    shown = run("consume", "consent-granted")
    assert shown.returncode == 0
    (record,) = map(json.loads, shown.stdout.splitlines())
    assert record["error"]["error_code"] in {"UNDECODABLE", "UNKNOWN_SCHEMA"}
    assert record["value_base64"]


@pytest.fixture
def numbered(make_topics: Callable[..., None], topic_prefix: str, broker: Broker) -> str:
    """Ten records on one partition of dead-letters' neighbour, a second apart."""
    make_topics("cancellation")
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers[0]})
    for number in range(10):
        producer.produce(topic_prefix + "cancellation", b"%d" % number, b"k", partition=3, timestamp=1_700_000_000_000 + number * 1000)
    assert producer.flush(20) == 0
    return "cancellation"


@pytest.mark.parametrize(
    ("start", "first", "count"),
    [
        ("beginning", 0, 10),
        ("7", 7, 3),
        ("99", None, 0),
        ("end", None, 0),
        ("2023-11-14T22:13:25Z", 5, 5),
        ("2023-11-14T22:13:24.5Z", 5, 5),
    ],
)
def test_reading_begins_where_it_is_told_to(numbered: str, run: Run, start: str, first: int | None, count: int) -> None:
    shown = [json.loads(text) for text in run("consume", numbered, "--from", start).stdout.splitlines()]
    assert len(shown) == count
    assert (shown[0]["offset"] if shown else None) == first


def test_only_the_records_of_a_key_are_shown(numbered: str, run: Run) -> None:
    assert run("consume", numbered, "--key", "other").stdout == ""


def test_a_place_to_begin_that_is_none_is_refused(run: Run) -> None:
    refused = run("consume", "cancellation", "--from", "noon")
    assert refused.returncode == EXIT_INVALID
    assert "an instant like" in refused.stderr


def test_following_ends_with_ctrl_c(make_topics: Callable[..., None], environment: dict[str, str]) -> None:
    make_topics("cancellation")
    following = subprocess.Popen(
        [MULTICHANNEL, "consume", "cancellation", "--follow"], env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )
    time.sleep(4)
    assert following.poll() is None
    following.send_signal(signal.SIGINT)
    _, complaints = following.communicate(timeout=30)
    assert following.returncode == EXIT_INTERRUPTED
    assert "Traceback" not in complaints


def test_a_topic_that_is_none_names_the_nearest(run: Run) -> None:
    refused = run("consume", "cancelation")
    assert refused.returncode == EXIT_INVALID
    assert "did you mean 'cancellation'?" in refused.stderr


def test_without_topics_on_the_broker_both_commands_say_so(run: Run) -> None:
    for refused in (run("consume", "cancellation"), run("produce", STORIES[0])):
        assert refused.returncode == EXIT_UNAVAILABLE
        assert "has no topic" in refused.stderr


def test_without_a_broker_both_commands_say_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    for refused in (run("consume", "cancellation"), run("produce", STORIES[0])):
        assert refused.returncode == EXIT_UNAVAILABLE
        assert "127.0.0.1:1" in refused.stderr


def test_avro_container_files_are_sent_as_json_lines_are(make_topics: Callable[..., None], run: Run, tmp_path: Path) -> None:
    make_topics("subscription-purchased")
    purchases = [line["value"] for line in lines(STORIES[0]) if line["topic"] == "subscription-purchased"]
    schema = json.loads((ROOT / "schemas" / "subscription-purchased.v1.avsc").read_text(encoding="utf-8"))
    path = tmp_path / "purchases.avro"
    with path.open("wb") as file:
        fastavro.writer(file, schema, [as_avro(schema, value) for value in purchases])
    sent = run("produce", path)
    assert sent.returncode == 0, sent.stderr
    shown = [json.loads(text)["value"] for text in run("consume", "subscription-purchased").stdout.splitlines()]
    assert [read_json("subscription-purchased", value) for value in shown] == [
        read_json("subscription-purchased", value) for value in purchases
    ]


def as_avro(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """A JSON value as fastavro writes it: instants and days as Python's."""

    def convert(kind: Any, told: Any) -> Any:
        logical = json.dumps(kind)
        if told is None or not isinstance(told, str):
            return told
        if "timestamp-micros" in logical:
            return datetime.fromisoformat(told)
        return date.fromisoformat(told) if '"date"' in logical else told

    defaults = {field["name"]: field["default"] for field in schema["fields"] if "default" in field}
    return defaults | {field["name"]: convert(field["type"], value[field["name"]]) for field in schema["fields"] if field["name"] in value}


def test_with_a_registry_values_carry_its_ids_and_are_read_by_them(
    make_topics: Callable[..., None], topic_prefix: str, run: Run, broker: Broker, registry_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_topics(*contract().inputs)
    monkeypatch.setenv("MULTICHANNEL_SCHEMA_REGISTRY_URLS", registry_url)
    assert run("produce", STORIES[0]).returncode == 0
    raw = records(broker, topic_prefix + "subscription-purchased")
    assert raw
    assert all(value[:1] == b"\x00" for value in raw)
    shown = [json.loads(text) for text in run("consume", "subscription-purchased").stdout.splitlines()]
    wanted = [line["value"] for line in lines(STORIES[0]) if line["topic"] == "subscription-purchased"]
    assert [read_json("subscription-purchased", record["value"]) for record in shown] == [
        read_json("subscription-purchased", value) for value in wanted
    ]


def records(broker: Broker, topic: str) -> list[bytes]:
    """The values that an independent client reads."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers[0], "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        found: list[bytes] = []
        deadline = time.monotonic() + 60
        while len(found) < held(broker, topic) and time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                found.append(message.value() or b"")
        return found
    finally:
        consumer.close()


def test_a_registry_that_does_not_answer_stops_before_anything_is_sent(
    make_topics: Callable[..., None], topic_prefix: str, run: Run, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_topics("subscription-purchased")
    monkeypatch.setenv("MULTICHANNEL_SCHEMA_REGISTRY_URLS", "http://127.0.0.1:1")
    refused = run("produce", STORIES[0])
    assert refused.returncode == EXIT_UNAVAILABLE
    assert "no schema registry answers" in refused.stderr
    assert held(broker, topic_prefix + "subscription-purchased") == 0
