"""Which events does a file hold, and what is said of a bad one: file, line or record, field, what was expected?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from processors.codec import Located, MessageRejected, UnknownNames, read_file, read_stream, to_json
from processors.codec.files import LINE_BYTES_MAX
from processors.contract import contract
from processors.core.events import Cancellation, SubscriptionStateChanged

STATE = {
    "event_id": "e",
    "occurred_at": "2024-01-01T00:00:00Z",
    "customer_tenant_id": "c",
    "source_system": "s",
    "evidence_level": "DOCUMENT",
    "subscription_id": "s",
    "status": "ACTIVE",
}


def line(**change: Any) -> dict[str, Any]:
    return {"topic": "subscription-state-changed", "value": STATE} | change


def written(tmp_path: Path, *lines: bytes | dict[str, Any]) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines) + b"\n")
    return path


def refused(path: Path) -> str:
    with pytest.raises(MessageRejected) as caught:
        list(read_file(path))
    return str(caught.value).replace(str(path), path.name)


def test_a_line_tells_topic_and_value_and_may_tell_where_it_came_from(tmp_path: Path) -> None:
    path = written(tmp_path, line(), line(partition=3, offset=2**40, timestamp="2024-01-01T01:00:00.5+01:00"))
    first, second = read_file(path)
    assert isinstance(first, Located)
    assert isinstance(first.event, SubscriptionStateChanged)
    assert (first.topic, first.partition, first.offset, first.timestamp) == ("subscription-state-changed", None, None, None)
    assert (second.partition, second.offset, second.timestamp) == (3, 2**40, first.event.occurred_at + 500_000)
    assert (first.place, second.place) == (f"{path}:1", f"{path}:2")


def test_empty_lines_and_a_byte_order_mark_at_the_start_are_no_events(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps(line()).encode(), b"", b"  \t\r", line())
    assert [located.place for located in read_file(path)] == [f"{path}:1", f"{path}:4"]


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert list(read_file(path)) == []


BAD_LINES: dict[str, tuple[bytes | dict[str, Any], str]] = {
    "no JSON": (b'{"topic": ', "INVALID: is not JSON: Expecting value at character 12"),
    "a byte order mark in the middle": (b"\xef\xbb\xbf{}", "INVALID: is not JSON: Unexpected UTF-8 BOM"),
    "no UTF-8": (b'{"topic": "\xff"}', "INVALID: is not UTF-8 at byte 11"),
    "no object": (b"[1]", 'INVALID: expected an object {"topic": ..., "value": ...}, found a list'),
    "a name told twice": (b'{"topic": "a", "topic": "b"}', "INVALID: topic: is told twice"),
    "a name told twice within": (b'{"topic": "review-due", "value": {"cause": "TIME", "cause": "TIME"}}', "INVALID: cause: is told twice"),
    "not a number": (b'{"topic": "review-due", "value": {"cause": NaN}}', "INVALID: NaN is no JSON"),
    "endless": (b'{"topic": "review-due", "value": {"cause": -Infinity}}', "INVALID: -Infinity is no JSON"),
    "a number of 5,000 digits": (b'{"topic": ' + b"1" * 5000 + b"}", "INVALID: holds a number with too many digits"),
    "deep": (b"[" * 100_000, "INVALID: is nested too deeply"),
    "no topic": ({"value": STATE}, "INVALID: topic: must be told"),
    "a topic that is a number": (line(topic=1), "INVALID: topic: expected a text, found a number 1"),
    "a misspelt topic": (line(topic="subscription-purchase"), "no topic; did you mean 'subscription-purchased'?"),
    "a strange topic": (line(topic="x"), "INVALID: topic: 'x' is no topic; the inputs are subscription-purchased, consent-granted"),
    "a topic of ours that is no input": (line(topic="dead-letters"), "INVALID: topic: dead-letters is no input; the inputs are"),
    "no value": ({"topic": "review-due"}, "INVALID: value: must be told"),
    "a value that is a text": (line(value="x"), "INVALID: expected an object, found a text 'x'"),
    "a partition below zero": (line(partition=-1), "INVALID: partition: expected a whole number, 0 or more, found a number -1"),
    "a partition that is true": (line(partition=True), "INVALID: partition: expected a whole number, 0 or more, found a boolean true"),
    "an offset with a fraction": (line(offset=1.5), "INVALID: offset: expected a whole number, 0 or more, found a fraction 1.5"),
    "an offset beyond 64 bits": (line(offset=2**63), "INVALID: offset: expected a whole number"),
    "a timestamp in milliseconds": (line(timestamp=1704067200000), "INVALID: timestamp: expected an instant like 2024-05-31T23:59:59Z"),
    "a symbol that is an object": (line(value=STATE | {"status": {}}), "INVALID: status: expected a symbol, found an object"),
    "a list within a list": (
        line(value=STATE | {"suspension_reasons": [["x"]]}),
        "INVALID: suspension_reasons: expected a text, found a list",
    ),
    "an event too large for its topic": (line(value=STATE | {"suspension_reasons": ["x" * 300_000]}), "TOO_LARGE: 300,"),
    "a line too long to read": (b"x" * (LINE_BYTES_MAX + 1), "TOO_LARGE: the line has more than 4,194,304 bytes"),
}


@pytest.mark.parametrize("fault", BAD_LINES)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, fault: str) -> None:
    bad, complaint = BAD_LINES[fault]
    path = written(tmp_path, line(), bad, line())
    assert complaint in refused(path)
    assert refused(path).startswith("events.jsonl:2: ")
    rejected: list[MessageRejected] = []
    assert [located.place for located in read_file(path, on_rejected=rejected.append)] == [f"{path}:1", f"{path}:3"]
    assert [one.place for one in rejected] == [f"{path}:2"]


def test_a_name_that_a_record_does_not_have_is_told_once_with_the_nearest(tmp_path: Path) -> None:
    complaints: list[str] = []
    unknown = UnknownNames(complaints.append)
    bad = line(value=STATE | {"subscription_idd": "x", "zzz": 1}, key="c")
    for _ in range(2):
        assert len(list(read_file(written(tmp_path, bad, bad), unknown=unknown))) == 2
    assert complaints == [
        "a line: field 'key' is not known and is ignored",
        "subscription-state-changed: field 'subscription_idd' is not known and is ignored; did you mean 'subscription_id'?",
        "subscription-state-changed: field 'zzz' is not known and is ignored",
    ]


def test_a_file_of_nothing_but_unknown_names_does_not_flood(tmp_path: Path) -> None:
    complaints: list[str] = []
    strange = [line(**{f"name-{number}": 1}) for number in range(300)]
    assert len(list(read_file(written(tmp_path, *strange), unknown=UnknownNames(complaints.append)))) == 300
    assert len(complaints) == 101
    assert complaints[-1] == "more than 100 different fields are not known; further ones are ignored without a word"


def test_a_missing_file_is_the_operating_system_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_file(tmp_path / "nothing"))


# container files

CANCELLATION: dict[str, Any] = {
    "event_id": "E-1",
    "occurred_at": 1_704_067_200_000_000,
    "source_system": "s",
    "evidence_level": "DOCUMENT",
    "customer_tenant_id": "C",
    "kind": "CONSENT_REVOKED",
    "cancellation_status": "COMPLETED",
    "azure_services": [],
    "initiated_by": "CUSTOMER",
    "partner_tenant_id": "p",
}


def container(path: Path, events: list[dict[str, Any]], schema: Any = None, codec: str = "null", sync_interval: int = 16_000) -> Path:
    with path.open("wb") as file:
        raw: Any = contract().schema("cancellation").json if schema is None else schema
        fastavro.writer(file, raw, events, codec=codec, sync_interval=sync_interval)
    return path


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_a_container_file_holds_events_of_the_topic_of_its_record(tmp_path: Path, codec: str) -> None:
    path = container(tmp_path / "events.avro", [CANCELLATION] * 300, codec=codec, sync_interval=1_000)
    found = list(read_file(path))
    assert len(found) == 300
    assert {located.topic for located in found} == {"cancellation"}
    assert found[299].place == f"{path}, record 300"
    assert isinstance(found[0].event, Cancellation)
    assert (found[0].event.event_id, found[0].event.customer_tenant_id) == ("e-1", "c")


def test_an_instant_in_a_container_file_keeps_its_microseconds(tmp_path: Path) -> None:
    (found,) = read_file(container(tmp_path / "a.avro", [CANCELLATION | {"effective_at": 1_704_067_200_000_001}]))
    assert to_json(found.topic, found.event)["effective_at"] == "2024-01-01T00:00:00.000001Z"


def test_an_invalid_record_is_named_with_its_number_and_the_rest_can_be_read(tmp_path: Path) -> None:
    bad = CANCELLATION | {"partner_tenant_id": None}
    path = container(tmp_path / "events.avro", [CANCELLATION, bad, CANCELLATION])
    assert refused(path) == "events.avro, record 2: INVALID: partner_tenant_id: must be told with kind CONSENT_REVOKED"
    rejected: list[MessageRejected] = []
    assert len(list(read_file(path, on_rejected=rejected.append))) == 2
    assert len(rejected) == 1


def test_a_container_file_of_another_record_is_refused(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "Cancelation", "fields": [{"name": "a", "type": "int"}]}
    path = container(tmp_path / "events.avro", [{"a": 1}], schema=schema)
    assert "UNKNOWN_SCHEMA: holds Cancelation, which is no record of an input; did you mean 'Cancellation'?" in refused(path)


def test_a_container_file_with_instants_in_milliseconds_is_no_version(tmp_path: Path) -> None:
    raw: Any = json.loads(json.dumps(contract().schema("cancellation").json))
    next(field for field in raw["fields"] if field["name"] == "occurred_at")["type"]["logicalType"] = "timestamp-millis"
    path = container(tmp_path / "events.avro", [], schema=raw)
    wanted = "occurred_at: the logical type timestamp-millis became timestamp-micros"
    assert f"UNKNOWN_SCHEMA: the writer's schema is no version of Cancellation: {wanted}" in refused(path)


def places(whole: bytes) -> list[int]:
    """Every byte after the header, and some of the header, which is mostly the schema's text."""
    header = whole.index(whole[-16:])
    return [*range(4, header, 97), *range(header, len(whole))]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_container_file_that_is_cut_off_anywhere_is_refused_or_ends_at_a_whole_block(tmp_path: Path, codec: str) -> None:
    whole = container(tmp_path / "whole.avro", [CANCELLATION] * 9, codec=codec, sync_interval=200).read_bytes()
    path = tmp_path / "cut.avro"
    whole_blocks = 0
    for size in places(whole):
        path.write_bytes(whole[:size])
        rejected: list[MessageRejected] = []
        found = list(read_file(path, on_rejected=rejected.append))
        if rejected:
            assert [one.code for one in rejected] == ["UNDECODABLE"]
            assert str(path) in str(rejected[0])
        else:
            assert whole[:size].endswith(whole[-16:])
            whole_blocks += 1
        assert len(found) < 9
    assert whole_blocks >= 2


def test_a_damaged_container_file_never_escapes(tmp_path: Path) -> None:
    whole = container(tmp_path / "whole.avro", [CANCELLATION] * 20, codec="deflate", sync_interval=500).read_bytes()
    path = tmp_path / "damaged.avro"
    refused = 0
    for place in places(whole):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        rejected: list[MessageRejected] = []
        for located in read_file(path, on_rejected=rejected.append):
            assert isinstance(located, Located)
        refused += bool(rejected)
    assert refused > 100


def test_an_open_file_is_read_under_the_name_that_it_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, line(), line(topic="nowhere"))
    with path.open("rb") as file:
        events = read_stream(file, "standard input")
        assert next(events).place == "standard input:1"
        with pytest.raises(MessageRejected, match=r"^standard input:2: "):
            next(events)
