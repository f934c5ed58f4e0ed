"""Is every example what it claims to be: valid ones valid in both forms, invalid ones refused as they say?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from processors.codec import MessageRejected, UnknownNames, check_record, decode, decode_event, encode, read_file, read_json, to_json, view
from processors.codec.files import read_line
from processors.codec.instants import read_instant
from processors.contract import ErrorCode, contract, folder
from processors.core.events import ConsentGranted

EXAMPLES = folder() / "examples"
STORIES = sorted((EXAMPLES / "stories").glob("*.jsonl")) + sorted(
    (Path(__file__).parents[1] / "reference" / "stories").glob("*.events.jsonl")
)
OUTPUTS = [json.loads(line) for path in sorted((EXAMPLES / "outputs").glob("*.jsonl")) for line in path.read_text().splitlines()]
INVALID = [json.loads(line) for line in (EXAMPLES / "invalid" / "events.jsonl").read_text().splitlines()]
MINUTE = 60_000_000


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.name)
def test_every_event_of_a_story_survives_both_forms(path: Path) -> None:
    complaints: list[str] = []
    found = list(read_file(path, unknown=UnknownNames(complaints.append)))
    assert found
    assert complaints == []
    for located in found:
        value = encode(located.topic, located.event)
        assert decode(located.topic, value) == located.event
        told = to_json(located.topic, located.event)
        assert read_json(located.topic, json.loads(json.dumps(told))) == located.event
        assert view(located.topic, value) == told
        check_record(decode_event(located.topic, value), located.event.customer_tenant_id.encode(), None, 0)


@pytest.mark.parametrize("example", OUTPUTS, ids=lambda example: example["topic"])
def test_every_output_survives_both_forms(example: dict[str, Any]) -> None:
    topic = example["topic"]
    message = read_json(topic, example["value"])
    value = encode(topic, message)
    assert decode(topic, value) == message
    assert to_json(topic, message) == example["value"]
    assert list(to_json(topic, message)) == [field.name for field in contract().schema(topic).type.fields]
    assert view(topic, value) == example["value"]


def test_the_journal_s_event_can_be_read_by_itself() -> None:
    entry: Any = read_json("customer-journal", next(example["value"] for example in OUTPUTS if example["topic"] == "customer-journal"))
    event = decode_event(entry.topic, entry.event)
    assert isinstance(event, ConsentGranted)
    assert event.customer_tenant_id == entry.customer_tenant_id


def refusal(example: dict[str, Any]) -> MessageRejected | None:
    """What reading the example ends with."""
    try:
        if "line" in example:
            read_line(json.dumps(example["line"]).encode(), "a line")
            return None
        record = example["record"]
        value = None if record["value"] is None else bytes.fromhex(record["value"]).ljust(record.get("repeat_to", 0), b"\0")
        event = decode_event(record["topic"], value)
        if "key" in record:
            timestamp = read_instant(record["timestamp"]) if "timestamp" in record else None
            check_record(event, None if record["key"] is None else record["key"].encode(), timestamp, 5 * MINUTE)
    except MessageRejected as rejected:
        return rejected
    return None


@pytest.mark.parametrize("example", INVALID, ids=lambda example: example["why"])
def test_every_invalid_example_gets_its_error(example: dict[str, Any]) -> None:
    rejected = refusal(example)
    assert rejected is not None
    assert (rejected.code, rejected.field) == (example["error_code"], example["field"])
    assert rejected.field is None or rejected.text.startswith(f"{rejected.field}: ")


def test_there_is_an_invalid_example_for_every_error_code() -> None:
    assert {example["error_code"] for example in INVALID} == set(ErrorCode)


def test_there_is_an_example_of_every_input() -> None:
    shown = {located.topic for path in (EXAMPLES / "stories").glob("*.jsonl") for located in read_file(path)}
    assert shown == set(contract().inputs)
