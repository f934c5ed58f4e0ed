"""Do the bytes mean the same to everybody, and is every deviation from Avro said with its field?"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import avro.datafile
import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.codec import MessageRejected, decode, encode, read_json, to_json, view
from processors.contract import ErrorCode, contract
from processors.contract.avro import plain
from tests.codec.drawing import TOPICS, message

HEAD = 10  # 0xC3 0x01 and eight bytes of fingerprint


def body(topic: str, value: bytes) -> bytes:
    assert value[:2] == b"\xc3\x01"
    assert value[2:HEAD] == contract().schema(topic).fingerprint
    return value[HEAD:]


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_message_survives_bytes_and_json(topic: str, data: st.DataObject) -> None:
    drawn = data.draw(message(topic))
    value = encode(topic, drawn)
    assert decode(topic, value) == drawn
    told = json.loads(json.dumps(to_json(topic, drawn)))
    assert view(topic, value) == told
    assert read_json(topic, told) == drawn


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_fastavro_reads_what_we_write_and_writes_what_we_read(topic: str, data: st.DataObject) -> None:
    drawn = data.draw(message(topic))
    value = encode(topic, drawn)
    schema: Any = fastavro.parse_schema(plain(contract().schema(topic).json))  # type: ignore[arg-type]
    stream = io.BytesIO(body(topic, value))
    read: Any = fastavro.schemaless_reader(stream, schema, None)
    assert stream.read() == b""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, read)
    assert out.getvalue() == body(topic, value)
    assert decode(topic, value[:HEAD] + out.getvalue()) == drawn


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_the_package_avro_reads_what_we_write_and_writes_what_we_read(topic: str, data: st.DataObject) -> None:
    drawn = data.draw(message(topic))
    value = encode(topic, drawn)
    schema = avro.schema.parse(json.dumps(plain(contract().schema(topic).json)))
    stream = io.BytesIO(body(topic, value))
    read = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(stream))
    assert stream.read() == b""
    out = io.BytesIO()
    avro.io.DatumWriter(schema).write(read, avro.io.BinaryEncoder(out))
    assert decode(topic, value[:HEAD] + out.getvalue()) == drawn


# schemas of other writers

STATE = "subscription-state-changed"
TOLD: dict[str, Any] = {
    "event_id": "e",
    "occurred_at": 1_704_067_200_000_000,
    "source_system": "s",
    "evidence_level": "DOCUMENT",
    "customer_tenant_id": "c",
    "subscription_id": "s",
    "status": "ACTIVE",
    "suspension_reasons": ["a", "b"],
}


class OneSchema:
    """A registry that knows one schema, under every id."""

    def __init__(self, schema: Any) -> None:
        self.text = schema if isinstance(schema, str) else json.dumps(schema)

    def schema(self, schema_id: int) -> str:
        return self.text


def told_with(change: Callable[[dict[str, Any], Any], object], **told: Any) -> Any:
    """What an event reads as that was written with a changed schema."""
    raw: Any = copy.deepcopy(contract().schema(STATE).json)
    change({field["name"]: field for field in raw["fields"]}, raw)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(raw), TOLD | told)
    return decode(STATE, b"\0\0\0\0\x01" + out.getvalue(), registry=OneSchema(raw))


def test_a_symbol_that_we_do_not_have_reads_as_unknown() -> None:
    def grow(fields: Any, _: Any) -> None:
        fields["status"]["type"][1]["symbols"].insert(0, "FROZEN")

    assert told_with(grow, status="FROZEN").status == "UNKNOWN"
    assert told_with(grow, status="ACTIVE").status == "ACTIVE"
    assert told_with(grow, previous_status="DELETED").previous_status == "DELETED"


def test_fields_that_we_do_not_have_are_read_over() -> None:
    more: dict[str, tuple[Any, Any]] = {
        "a": ({"type": "map", "values": {"type": "array", "items": "double"}}, {"x": [1.5, float("nan")], "y": []}),
        "b": (
            ["null", {"type": "record", "name": "Inner", "fields": [{"name": "i", "type": "float"}, {"name": "n", "type": "null"}]}],
            {"i": 1.0},
        ),
        "c": ({"type": "enum", "name": "E", "symbols": ["X", "Y"]}, "Y"),
        "d": ({"type": "fixed", "name": "F", "size": 3}, b"abc"),
        "e": (["null", "boolean", "int", "long", "bytes", "string"], b"\xff"),
    }

    def grow(_: Any, raw: Any) -> None:
        for place, (name, (type_, _)) in enumerate(more.items()):
            raw["fields"].insert(3 * place, {"name": name, "type": type_})

    read = told_with(grow, **{name: value for name, (_, value) in more.items()})
    assert (read.event_id, read.status, read.suspension_reasons) == ("e", "ACTIVE", ("a", "b"))


def test_fields_in_another_order_with_less_and_with_narrower_types_are_read() -> None:
    def shuffle(fields: Any, raw: Any) -> None:
        raw["fields"].reverse()
        raw["fields"].remove(fields["suspension_reasons"])
        raw["fields"].remove(fields["audit_uri"])
        fields["auto_renew_enabled"]["type"] = "boolean"
        fields["correlation_id"]["type"] = ["string", "null"]
        fields["source_event_name"].update(type="bytes")
        del fields["auto_renew_enabled"]["default"]
        del fields["correlation_id"]["default"]
        del fields["source_event_name"]["default"]
        raw["namespace"] = "elsewhere"
        last = [field for field in raw["fields"] if field["name"] in {"status", "previous_status"}]
        last[0]["type"], last[1]["type"] = last[1]["type"], last[0]["type"]

    read = told_with(shuffle, auto_renew_enabled=True, correlation_id="C", source_event_name=b"n")
    assert (read.auto_renew_enabled, read.correlation_id, read.source_event_name, read.suspension_reasons) == (True, "c", "n", ())


def test_a_bytes_field_that_is_no_text_is_undecodable_where_we_want_a_text() -> None:
    def widen(fields: Any, _: Any) -> None:
        fields["source_system"]["type"] = "bytes"

    with pytest.raises(MessageRejected, match="source_system: the text is not UTF-8") as refused:
        told_with(widen, source_system=b"\xff")
    assert refused.value.code is ErrorCode.UNDECODABLE


STRANGE: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "cannot be used: schema: is not JSON"),
    "no schema": ("7", "cannot be used: schema: expected a type"),
    "no record": ('"string"', "is no record; topic subscription-state-changed takes SubscriptionStateChanged"),
    "another record": ({"type": "record", "name": "Cancellation", "fields": []}, "is Cancellation; topic subscription-state-changed takes"),
    "needed fields are not there": (
        {"type": "record", "name": "x.SubscriptionStateChanged", "fields": []},
        "event_id: is not written and has no",
    ),
    "a schema that contains itself": (
        {"type": "record", "name": "SubscriptionStateChanged", "fields": [{"name": "x", "type": ["null", "SubscriptionStateChanged"]}]},
        "contains itself",
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_writer_s_schema_that_is_no_version_of_the_record_is_unknown(what: str) -> None:
    schema, complaint = STRANGE[what]
    for _ in range(2):  # the second time it is remembered
        with pytest.raises(MessageRejected) as refused:
            decode(STATE, b"\0\0\0\0\x01x", registry=OneSchema(schema))
        assert refused.value.code is ErrorCode.UNKNOWN_SCHEMA
        assert complaint in refused.value.text


def test_one_strange_schema_after_another_is_read_as_its_own() -> None:
    """What is remembered of a schema must not outlive it: the next one lies at the same place in memory."""
    strange: list[tuple[Any, Any]] = [
        ({"type": "fixed", "name": "F", "size": 3}, b"abc"),
        ({"type": "record", "name": "N", "fields": [{"name": "n", "type": "null"}]}, {}),
        ({"type": "array", "items": "string"}, ["x"]),
        ({"type": "record", "name": "L", "fields": [{"name": "l", "type": "long"}]}, {"l": 2**40}),
        ({"type": "map", "values": "int"}, {"a": 1}),
    ]
    for number in range(60):
        type_, value = strange[number % len(strange)]
        note = {"name": f"note{number}", "type": type_}
        read = told_with(lambda _, raw, note=note: raw["fields"].insert(0, note), **{f"note{number}": value})  # type: ignore[misc]
        assert (read.event_id, read.status) == ("e", "ACTIVE")


@pytest.mark.parametrize("within", ["a field", "an array", "a union"])
def test_a_schema_of_a_few_lines_that_stands_for_a_trillion_fields_costs_nothing(within: str) -> None:
    bomb: Any = {"type": "record", "name": "R0", "fields": [{"name": "nothing", "type": "null"}]}
    for depth in range(1, 13):
        again = [{"name": f"f{number}", "type": f"R{depth - 1}"} for number in range(1, 10)]
        bomb = {"type": "record", "name": f"R{depth}", "fields": [{"name": "f0", "type": bomb}, *again]}
    raw: Any = copy.deepcopy(contract().schema(STATE).json)
    raw["fields"].append(
        {"name": "bomb", "type": {"a field": bomb, "an array": {"type": "array", "items": bomb}, "a union": ["null", bomb]}[within]}
    )
    event = read_json(STATE, TOLD | {"occurred_at": "2024-01-01T00:00:00Z"})
    value = b"\0\0\0\0\x01" + encode(STATE, event)[HEAD:] + (b"\x02" if within == "a union" else b"")
    if within == "an array":
        with pytest.raises(MessageRejected, match="its items take no bytes"):
            decode(STATE, value, registry=OneSchema(raw))
    else:
        assert decode(STATE, value, registry=OneSchema(raw)) == event


# bytes that are wrong

GOOD = encode(STATE, read_json(STATE, TOLD | {"occurred_at": "2024-01-01T00:00:00Z"}))
EVENT_ID, OCCURRED = HEAD, HEAD + 2
LEVEL = HEAD + 2 + 8 + 1 + 2 + 1
REASONS = len(GOOD) - 7


def test_the_places_below_are_the_right_ones() -> None:
    assert GOOD[EVENT_ID:OCCURRED] == b"\x02e"
    assert GOOD[LEVEL - 3 : LEVEL + 1] == b"\x02s\x00\x04"
    assert GOOD[REASONS:] == b"\x04\x02a\x02b\x00\x00"


def spoilt(place: int, length: int, new: bytes) -> bytes:
    return GOOD[:place] + new + GOOD[place + length :]


WRONG: dict[str, tuple[bytes, str]] = {
    "a text of a negative length": (spoilt(EVENT_ID, 1, b"\x03"), "event_id: a length of -2"),
    "a text of 2^62 bytes": (spoilt(EVENT_ID, 1, b"\xfe" + b"\xff" * 8 + b"\x7f"), "event_id: a number has more than 64 bits"),
    "a text of 2^40 bytes": (
        spoilt(EVENT_ID, 1, b"\x80\x80\x80\x80\x80\x40"),
        "event_id: the bytes end early: a text of 1099511627776 bytes",
    ),
    "a text that is not UTF-8": (spoilt(EVENT_ID, 2, b"\x02\xff"), "event_id: the text is not UTF-8"),
    "a text with half a surrogate pair": (spoilt(EVENT_ID, 2, b"\x06\xed\xa0\x80"), "event_id: the text is not UTF-8"),
    "a number without end": (spoilt(OCCURRED, 8, b"\x80" * 11 + b"\x00"), "occurred_at: a number has more than 64 bits"),
    "a number of 65 bits": (spoilt(OCCURRED, 8, b"\xff" * 9 + b"\x03"), "occurred_at: a number has more than 64 bits"),
    "symbol -1": (spoilt(LEVEL, 1, b"\x01"), "evidence_level: symbol -1 of an enum of 5"),
    "symbol 5": (spoilt(LEVEL, 1, b"\x0a"), "evidence_level: symbol 5 of an enum of 5"),
    "branch -1": (spoilt(LEVEL + 1, 1, b"\x01"), "correlation_id: the branch of an optional field must be 0 or 1"),
    "branch 2": (spoilt(LEVEL + 1, 1, b"\x04"), "correlation_id: the branch of an optional field must be 0 or 1"),
    "more items than bytes": (spoilt(REASONS, 1, b"\xfe\xff\x03"), "suspension_reasons: 32767 items in 6 bytes"),
    "the greatest number of items": (spoilt(REASONS, 1, b"\xfe" + b"\xff" * 8 + b"\x01"), "suspension_reasons: 9223372036854775807 items"),
    "the smallest number of items": (spoilt(REASONS, 1, b"\xff" * 9 + b"\x01\x00"), "suspension_reasons: 9223372036854775808 items"),
    "a block that tells a wrong size": (spoilt(REASONS, 1, b"\x03\x0a"), "suspension_reasons: a block's size is not the size of its items"),
    "a block that tells a negative size": (spoilt(REASONS, 1, b"\x03\x01"), "suspension_reasons: a block's size is not"),
    "a boolean of 2": (spoilt(REASONS - 1, 1, b"\x02\x02"), "auto_renew_enabled: a boolean of 2"),
    "a byte too few": (GOOD[:-1], "effective_at: the bytes end early"),
    "a byte too many": (GOOD + b"\x00", "1 bytes follow the message"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_bytes_are_undecodable_and_the_field_is_named(what: str) -> None:
    value, complaint = WRONG[what]
    with pytest.raises(MessageRejected) as refused:
        decode(STATE, value)
    assert refused.value.code is ErrorCode.UNDECODABLE
    assert complaint in refused.value.text


def test_a_list_in_several_blocks_some_with_their_size_is_a_list() -> None:
    value = spoilt(REASONS, 6, b"\x02\x02a" + b"\x01\x04\x02b" + b"\x02\x02c" + b"\x00")
    assert getattr(decode(STATE, value), "suspension_reasons", None) == ("a", "b", "c")


def test_instants_and_days_outside_the_calendar_are_invalid() -> None:
    for place in (-(2**63), 2**63 - 1, -62_135_596_800_000_001, 253_402_300_800_000_000):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(plain(contract().schema(STATE).json)), TOLD | {"recorded_at": place})  # type: ignore[arg-type]
        with pytest.raises(MessageRejected) as refused:
            decode(STATE, GOOD[:HEAD] + out.getvalue())
        assert (refused.value.code, refused.value.field) == (ErrorCode.INVALID, "recorded_at")


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_bytes_cut_off_anywhere_are_undecodable(length: int) -> None:
    with pytest.raises(MessageRejected) as refused:
        decode(STATE, GOOD[:length])
    assert refused.value.code is ErrorCode.UNDECODABLE


# writing


PURCHASE = {
    "event_id": "e",
    "occurred_at": "2024-01-01T00:00:00Z",
    "source_system": "s",
    "evidence_level": "DOCUMENT",
    "customer_tenant_id": "c",
    "kind": "RENEWED",
    "subscription_id": "s",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [("quantity", 2**31), ("occurred_at", 2**63), ("offer_id", "\ud800"), ("offer_id", 7), ("kind", "NEW"), ("event_id", None)],
)
def test_what_the_schema_cannot_hold_is_not_written(name: str, value: Any) -> None:
    event = read_json("subscription-purchased", PURCHASE)
    object.__setattr__(event, name, value)
    with pytest.raises(MessageRejected) as refused:
        encode("subscription-purchased", event)
    assert (refused.value.code, refused.value.field) == (ErrorCode.INVALID, name)


def test_what_is_larger_than_its_topic_takes_is_not_written() -> None:
    event = read_json("subscription-purchased", PURCHASE | {"billing_type": "x" * 300_000})
    with pytest.raises(MessageRejected, match="topic subscription-purchased takes at most 262,144") as refused:
        encode("subscription-purchased", event)
    assert refused.value.code is ErrorCode.TOO_LARGE


def test_a_topic_that_the_contract_does_not_have_is_the_caller_s_mistake() -> None:
    for topic in ("nothing", "multichannel-customers-changelog"):
        with pytest.raises(KeyError):
            decode(topic, b"")


def test_a_decision_with_a_symbol_of_a_later_version_is_refused_by_name_but_can_be_looked_at() -> None:
    topic = "multi-channel-support-decisions"
    example = json.loads((contract().folder / "examples" / "outputs" / f"{topic}.jsonl").read_text())["value"]
    schema: Any = fastavro.parse_schema(plain(contract().schema(topic).json))  # type: ignore[arg-type]
    value = encode(topic, read_json(topic, example))
    read: Any = fastavro.schemaless_reader(io.BytesIO(body(topic, value)), schema, None)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, read | {"outcome": "UNKNOWN"})
    with pytest.raises(MessageRejected, match="outcome: the symbol UNKNOWN is not known to this version"):
        decode(topic, value[:HEAD] + out.getvalue())
    assert view(topic, value[:HEAD] + out.getvalue()) == example | {"outcome": "UNKNOWN"}
