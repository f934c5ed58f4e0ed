"""May the next version of a record look like that?"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from processors.contract import contract, history_problems, problems
from processors.contract.avro import SchemaError, parse


def next_version(record: str, change: Any) -> tuple[Any, Any]:
    """The newest released version and a made-up one after it."""
    raw: Any = copy.deepcopy(contract().schemas[record][-1].json)
    change({field["name"]: field for field in raw["fields"]}, raw)
    return contract().schemas[record][-1].type, parse(raw)


@pytest.mark.parametrize("record", [versions[0].record for versions in contract().schemas.values()])
def test_all_released_versions_of_a_record_keep_the_rule(record: str) -> None:
    outputs = {topic.record for topic in contract().topics.values() if topic.role == "output"}
    assert history_problems([schema.type for schema in contract().schemas[record]], forward=record in outputs) == []


def add_field(_: Any, raw: Any) -> None:
    raw["fields"].append({"name": "price", "type": ["null", "string"], "default": None, "doc": "x"})


def add_needed_field(_: Any, raw: Any) -> None:
    raw["fields"].append({"name": "price", "type": "string", "doc": "x"})


def add_symbol(fields: Any, _: Any) -> None:
    fields["evidence_level"]["type"]["symbols"].append("HEARSAY")


def test_a_next_version_with_one_more_optional_field_and_one_more_symbol_is_allowed() -> None:
    for change in (add_field, add_symbol):
        assert history_problems(list(next_version("Cancellation", change)), forward=True) == []


REFUSED: dict[str, tuple[Any, bool, str]] = {
    "a field that older events do not have": (add_needed_field, False, "v1 read as v2: price: is not written and has no default"),
    "microseconds that become milliseconds": (
        lambda fields, _: fields["occurred_at"]["type"].update(logicalType="timestamp-millis"),
        False,
        "v1 read as v2: occurred_at: the logical type timestamp-micros became timestamp-millis",
    ),
    "microseconds that become a plain number": (
        lambda fields, _: fields["occurred_at"].update(type="long"),
        False,
        "occurred_at: the logical type timestamp-micros became none",
    ),
    "an optional instant in milliseconds": (
        lambda fields, _: fields["effective_at"].update(type=["null", {"type": "long", "logicalType": "timestamp-millis"}]),
        False,
        "effective_at: the logical type timestamp-micros became timestamp-millis",
    ),
    "another type": (
        lambda fields, _: fields["reason"].update(type=["null", "int"]),
        False,
        "reason: string cannot be read as any of null, int",
    ),
    "an optional field that must be told": (
        lambda fields, _: fields["reason"].update(type="string"),
        False,
        "reason: null cannot be read as string",
    ),
    "an enum without its default": (
        lambda fields, _: fields["evidence_level"]["type"].pop("default"),
        False,
        "evidence_level: the enum's default UNKNOWN became None",
    ),
    "another name": (lambda _, raw: raw.update(name="Cancelled"), False, "schema: Cancellation is not Cancelled"),
    "a field less, where old consumers need it": (
        lambda fields, raw: raw["fields"].remove(fields["kind"]),
        True,
        "v2 read as v1: kind: is not written and has no default",
    ),
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_next_version_that_breaks_a_reader_is_refused(change: str) -> None:
    made, forward, complaint = REFUSED[change]
    found = history_problems(list(next_version("Cancellation", made)), forward=forward)
    assert any(complaint in problem for problem in found), found


def test_a_field_less_is_allowed_where_nobody_old_reads_on() -> None:
    made = next_version("Cancellation", lambda fields, raw: raw["fields"].remove(fields["kind"]))
    assert history_problems(list(made), forward=False) == []


def test_every_older_version_counts_not_only_the_last() -> None:
    first: Any = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
    second: Any = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    found = history_problems([parse(first), parse(second), parse(first)], forward=False)
    assert found == ["v2 read as v3: b: is not written and has no default"]


def test_numbers_may_grow_but_not_shrink() -> None:
    assert problems(parse("int"), parse("long")) == []
    assert problems(parse("long"), parse("int")) == [": long cannot be read as int"]


STRANGE: dict[str, tuple[Any, str]] = {
    "a number": (7, "expected a type, found int"),
    "a name nobody defined": ("text", "unknown type 'text'"),
    "an empty union": ([], "a union needs at least one branch"),
    "a union in a union": ([["null"]], "a union needs"),
    "an enum that repeats": ({"type": "enum", "name": "E", "symbols": ["A", "A"]}, "different symbols"),
    "a default that is no symbol": ({"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}, "none of the symbols"),
    "a negative size": ({"type": "fixed", "name": "F", "size": -1}, "size must be"),
    "a record without fields": ({"type": "record", "name": "R"}, "list of fields"),
    "a field without type": ({"type": "record", "name": "R", "fields": [{"name": "a"}]}, "needs a name and a type"),
    "a schema that contains itself": (
        {"type": "record", "name": "R", "fields": [{"name": "next", "type": ["null", "R"]}]},
        "contains itself",
    ),
    "an array of nothing": ({"type": "array", "items": "null"}, "take no bytes"),
    "an array without items": ({"type": "array"}, "needs 'items'"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_strangers_schema_that_cannot_be_worked_with_is_refused(what: str) -> None:
    raw, complaint = STRANGE[what]
    with pytest.raises(SchemaError, match=complaint):
        parse(raw)


def test_a_strangers_schema_nested_without_end_is_refused() -> None:
    raw: Any = "int"
    for _ in range(5_000):
        raw = {"type": "array", "items": raw}
    with pytest.raises(SchemaError, match="deep"):
        parse(raw)
