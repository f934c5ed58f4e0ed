"""Do Kafka and files give the same records, those of a partition in order, and say where it is what cannot be read?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, entries_of
from processors.audit.file_source import FileSource
from processors.audit.sources import SourceUnreadable, Wanted
from processors.cli import main
from processors.codec import MessageRejected
from processors.contract.chain import entry_hash
from tests.audit.writing import Written

pytestmark = [pytest.mark.xdist_group("audit"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def consumed(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `multichannel consume` prints of journal, decisions and view, in one file."""
    path = tmp_path_factory.mktemp("consumed") / "all.jsonl"
    with pytest.MonkeyPatch.context() as patched, path.open("w", encoding="utf-8") as file:
        patched.setattr("sys.stdout", file)
        patched.setenv("MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", ",".join(written.settings.kafka_bootstrap_servers))
        for topic in (JOURNAL, DECISIONS, IN_FORCE):
            with pytest.raises(SystemExit) as ended:
                main(["consume", topic, "--topic-prefix", written.settings.topic_prefix])
            assert ended.value.code == 0
    return path


def test_kafka_gives_every_record_of_a_partition_in_order(written: Written) -> None:
    records = written.records[JOURNAL]
    assert len(records) > written.sent  # reviews too
    for partition in written.source().partitions(JOURNAL):
        own = [record for record in records if record.partition == partition]
        assert [record.offset for record in own] == sorted({record.offset for record in own})
        assert own == list(written.source().records(JOURNAL, Wanted(partition=partition)))


def test_a_file_that_consume_printed_holds_the_same_bytes(written: Written, consumed: Path) -> None:
    with FileSource(consumed) as source:
        for topic in (JOURNAL, DECISIONS, IN_FORCE):
            found = sorted(source.records(topic), key=lambda record: (record.partition, record.offset))
            wanted = sorted(written.records[topic], key=lambda record: (record.partition, record.offset))
            assert [replace(each, place="") for each in found] == [replace(each, place="") for each in wanted]
        assert source.partitions(JOURNAL) == tuple(sorted({record.partition for record in written.records[JOURNAL]}))


def test_one_customer_and_a_time_range_are_picked_from_all(written: Written, consumed: Path) -> None:
    record = max(written.records[JOURNAL], key=lambda each: each.offset)
    assert record.key is not None and record.timestamp is not None
    customer = record.key.decode()
    for topic in (JOURNAL, DECISIONS, IN_FORCE):
        for wanted in (Wanted(customer=customer), Wanted(customer=customer, since=record.timestamp), Wanted(until=record.timestamp - 1)):
            expected = [each.offset for each in written.records[topic] if wanted.has(each)]
            with written.source() as kafka, FileSource(consumed) as file:
                assert sorted(each.offset for each in kafka.records(topic, wanted)) == sorted(expected)
                assert sorted(each.offset for each in file.records(topic, wanted)) == sorted(expected)


def test_entries_carry_their_event_and_their_chain(written: Written) -> None:
    customer = (written.records[JOURNAL][0].key or b"").decode()
    with written.source() as source:
        entries = list(entries_of(source.records(JOURNAL, Wanted(customer=customer)), source.schemas))
    assert [entry.told.sequence for entry in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        assert entry.event.customer_tenant_id == customer == entry.told.customer_tenant_id
        assert entry_hash(entry.told) == entry.told.entry_hash
        assert entry.cause.event_id == entry.event.event_id


def test_a_topic_that_is_not_there_is_named(written: Written) -> None:
    other = replace(written, settings=written.settings.model_copy(update={"topic_prefix": "nobody-"}))
    with pytest.raises(SourceUnreadable, match="no topic nobody-customer-journal"):
        list(other.source().records(JOURNAL))


def test_a_broker_that_does_not_answer_is_named(written: Written) -> None:
    other = written.settings.model_copy(update={"kafka_bootstrap_servers": ("127.0.0.1:9",)})
    with pytest.raises(SourceUnreadable, match=r"127\.0\.0\.1:9"):
        replace(written, settings=other).source().partitions(JOURNAL)


def test_a_line_that_is_no_record_is_refused_with_file_line_and_field(consumed: Path, tmp_path: Path) -> None:
    good = json.loads(consumed.read_text("utf-8").splitlines()[0])
    path = tmp_path / "journal.jsonl"
    for field, value, complaint in (
        ("topic", "journal", "topic: expected the name of a topic"),
        ("partition", -1, "partition: expected a whole number"),
        ("offset", "1", "offset: expected a whole number"),
        ("timestamp", "today", "timestamp: expected an instant"),
        ("key", 1, "key: expected a text"),
        ("value", {**good["value"], "entry_hash": "00"}, "value.entry_hash: expected 64 hexadecimal digits"),
        ("value_base64", "!", "value_base64: expected bytes in base64"),
    ):
        path.write_text(f"{json.dumps(good)}\n\n{json.dumps({**good, field: value})}\n", "utf-8")
        with FileSource(path) as source, pytest.raises(SourceUnreadable) as refused:
            list(source.records(JOURNAL))
        assert str(refused.value).startswith(f"{path}:3: ")
        assert complaint in str(refused.value)
    path.write_text(f"{json.dumps(good)}\n{{", "utf-8")
    with FileSource(path) as source, pytest.raises(SourceUnreadable, match=r"journal\.jsonl:2: INVALID: is not JSON"):
        list(source.records(JOURNAL))
    with pytest.raises(SourceUnreadable, match="No such file"):
        list(FileSource(tmp_path / "absent").records(JOURNAL))


def test_an_entry_or_an_event_that_cannot_be_read_names_its_place(written: Written) -> None:
    record = written.records[JOURNAL][0]
    assert record.value is not None
    with pytest.raises(MessageRejected) as rejected:
        list(entries_of([replace(record, value=record.value[:-1])]))
    assert rejected.value.place == record.place
    [entry] = entries_of([record])
    broken = replace(entry, told=replace(entry.told, event=entry.told.event[:-1]))
    with pytest.raises(MessageRejected) as rejected:
        _ = broken.event
    assert (rejected.value.place, rejected.value.field is not None) == (record.place, True)
    elsewhere = replace(entry, told=replace(entry.told, topic="dead-letters-of-mine"))
    with pytest.raises(MessageRejected, match="is no input"):
        _ = elsewhere.event
