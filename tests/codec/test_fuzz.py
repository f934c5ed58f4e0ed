"""Does anything but MessageRejected ever escape, whatever the bytes and the JSON?

A few thousand tries by default; MULTICHANNEL_FUZZ says how many (`MULTICHANNEL_FUZZ=100000 pytest tests/codec/test_fuzz.py --timeout 3600`)
and MULTICHANNEL_FUZZ_SEED with which seed. A failure prints the input, so that it can become a test of its own.
"""

from __future__ import annotations

import collections
import io
import json
import os
import random
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from processors.codec import MessageRejected, avro_bytes, avro_reader, check_record, decode, encode, json_form, read_json, to_json, view
from processors.codec.files import read_line
from processors.contract import ErrorCode, contract
from processors.contract.avro import plain
from processors.core.calendar import FIRST_INSTANT, LAST_INSTANT
from tests.codec.test_wire import OneSchema

TRIES = int(os.environ.get("MULTICHANNEL_FUZZ", "3000"))
SEED = int(os.environ.get("MULTICHANNEL_FUZZ_SEED", "1"))

LINES = [
    json.loads(line)
    for path in sorted((contract().folder / "examples").rglob("*.jsonl"))
    if path.parent.name != "invalid"
    for line in path.read_text().splitlines()
]
VALUES = [(line["topic"], encode(line["topic"], read_json(line["topic"], line["value"]))) for line in LINES]
SCHEMAS: dict[str, Any] = {topic: fastavro.parse_schema(plain(contract().schema(topic).json)) for topic, _ in VALUES}  # type: ignore[arg-type]
NASTY_HEX = ("", "00", "01", "02", "7f", "80", "ff", "ff" * 9 + "01", "80" * 12, "fe" + "ff" * 8 + "01", "eda080")
NASTY_BYTES = [bytes.fromhex(text) for text in NASTY_HEX]
NASTY_JSON: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, 10**400, "", " ", "\x00", "\ud800", "UNKNOWN", "x" * 1000, [], [[]], {}, {"": None},
    [None, "", 1, {}], "2024-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z", "P1Y", "P99999999999Y", "2024-02-29",
]  # fmt: skip
NASTY_NUMBERS = [0, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), FIRST_INSTANT, FIRST_INSTANT - 1, LAST_INSTANT, LAST_INSTANT + 1]
NASTY_TEXTS = ["", "UNKNOWN", "P1Y", "P1000Y", "PT1S", "\x00", "\u0130", "\u00df", "x" * 300_000]


def mutated(draw: random.Random, value: bytes) -> bytes:
    """The bytes with one place, or a few, changed, cut, repeated or filled with what is known to hurt."""
    for _ in range(draw.choice([1, 1, 1, 1, 2, 4])):
        place, other = sorted((draw.randrange(len(value) + 1), draw.randrange(len(value) + 1)))
        match draw.randrange(6):
            case 0:
                value = value[:place] + draw.randbytes(1) + value[place + 1 :]
            case 1:
                value = value[:place] + draw.choice(NASTY_BYTES) + value[place + draw.randrange(3) :]
            case 2:
                value = value[:place] + value[other:]
            case 3:
                value = value[:other] + value[place:]
            case 4:
                value = value[:place]
            case _:
                value = value[:place] + draw.randbytes(draw.randrange(20)) + value[place:]
    return value


def mutated_json(draw: random.Random, told: Any) -> Any:
    """The object with one to three of its values, at any depth, made into something else."""
    told = json.loads(json.dumps(told))
    for _ in range(draw.randint(1, 3)):
        place = told
        while isinstance(place, dict) and place:
            name = draw.choice(list(place))
            if isinstance(place[name], dict) and draw.random() < 0.8:
                place = place[name]
                continue
            match draw.randrange(4):
                case 0:
                    del place[name]
                case 1:
                    place[name + draw.choice(["", "x", "\ud800"])] = draw.choice(NASTY_JSON)
                case 2:
                    place[name] = [place[name]]
                case _:
                    place[name] = draw.choice(NASTY_JSON)
            break
    return told


def rewritten(draw: random.Random, topic: str, value: bytes) -> bytes:
    """The same message with one to three of its fields told otherwise, written by a library that does not know the door."""
    schema = SCHEMAS[topic]
    told: Any = fastavro.schemaless_reader(io.BytesIO(value), schema, None)
    for _ in range(draw.randint(1, 3)):
        field = draw.choice(schema["fields"])
        types = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if "null" in types and draw.random() < 0.4:
            told[field["name"]] = None
            continue
        match types[-1]:
            case "long" | {"type": "long"}:
                told[field["name"]] = draw.choice(NASTY_NUMBERS)
            case "int" | {"type": "int"}:
                told[field["name"]] = draw.choice([0, -1, 2**31 - 1, -(2**31)])
            case "string":
                told[field["name"]] = draw.choice(NASTY_TEXTS)
            case {"type": "enum", "symbols": symbols}:
                told[field["name"]] = draw.choice(symbols)
            case "boolean":
                told[field["name"]] = draw.random() < 0.5
            case {"type": "array", "items": "string"}:
                told[field["name"]] = draw.sample(NASTY_TEXTS[:-1], draw.randrange(4))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, told)
    return out.getvalue()


def outcome(attempt: Callable[[], Any], shown: object) -> tuple[str, Any]:
    """The error code and nothing, or `valid` and what was read; anything else is what we look for."""
    try:
        read = attempt()
    except MessageRejected as rejected:
        str(rejected).encode("utf-8", "backslashreplace")
        return rejected.code.value, None
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} escaped for {shown!r:.2000}") from error
    return "valid", read


def survives(topic: str, message: Any, shown: object) -> None:
    """What was let in can be written in both forms and is the same when it comes back."""
    try:
        assert decode(topic, encode(topic, message)) == message
        assert read_json(topic, json.loads(json.dumps(to_json(topic, message)))) == message
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__}: {error!s:.500} for what was let in of {shown!r:.2000}") from error


def try_bytes(draw: random.Random) -> str:
    topic, value = draw.choice(VALUES)
    other = draw.choice(VALUES)[0] if draw.random() < 0.05 else topic
    told = rewritten(draw, topic, value[10:]) if draw.random() < 0.5 else value[10:]
    if draw.random() < 0.5:
        told = mutated(draw, told) if draw.random() < 0.95 else draw.randbytes(draw.randrange(200))
    framed = (value[:10] if draw.random() < 0.7 else b"\0\0\0\0\1") + told if draw.random() < 0.95 else mutated(draw, value[:10]) + told
    registry = OneSchema(contract().schema(topic).json) if draw.random() < 0.9 else None
    shown = (other, framed.hex())
    outcome(lambda: view(other, framed, registry=registry), shown)
    code, message = outcome(lambda: decode(other, framed, registry=registry), shown)
    if message is not None:
        survives(other, message, shown)
    if message is not None and contract().topic(other).is_input:
        timestamp = draw.choice([None, 0, 10**15])
        code, _ = outcome(lambda: check_record(message, draw.choice([None, message.customer_tenant_id.encode()]), timestamp, 0), shown)
    return code


def try_json(draw: random.Random) -> str:
    line = mutated_json(draw, draw.choice(LINES))
    raw = json.dumps(line, ensure_ascii=draw.random() < 0.8).encode("utf-8", "surrogatepass")
    if draw.random() < 0.2:
        raw = mutated(draw, raw)
    if isinstance(line, dict) and isinstance(line.get("topic"), str) and line["topic"] in SCHEMAS:
        outcome(lambda: read_json(line["topic"], line.get("value")), line)
    code, located = outcome(lambda: read_line(raw, "a line"), raw)
    if located is not None:
        survives(located.topic, located.event, raw)
    return code


def try_schema(draw: random.Random) -> str:
    """A registry that hands out a spoilt schema."""
    topic, value = draw.choice(VALUES)
    text = contract().schema(topic).compact
    if draw.random() < 0.5:
        text = mutated(draw, text.encode()).decode("utf-8", "replace")
    else:
        text = json.dumps(mutated_json(draw, json.loads(text)))
    return outcome(lambda: decode(topic, b"\0\0\0\0\1" + value[10:], registry=OneSchema(text)), (topic, text))[0]


def run(attempt: Callable[[random.Random], str], tries: int, name: str) -> collections.Counter[str]:
    draw = random.Random(f"{name} {SEED}")
    seen = collections.Counter(attempt(draw) for _ in range(tries))
    print(f"{name}, {tries:,} tries: {dict(seen.most_common())}")
    return seen


@pytest.mark.timeout(3600)
def test_nothing_escapes_for_any_bytes() -> None:
    seen = run(try_bytes, TRIES, "bytes")
    assert seen.keys() == {"valid", *ErrorCode}


@pytest.mark.timeout(3600)
def test_nothing_escapes_for_any_json() -> None:
    seen = run(try_json, TRIES, "JSON")
    assert seen["valid"] and seen["INVALID"]


@pytest.mark.timeout(3600)
def test_nothing_escapes_for_any_schema_of_a_registry() -> None:
    seen = run(try_schema, TRIES // 10, "schemas")
    assert seen["valid"] and seen["UNKNOWN_SCHEMA"]


DEFECTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[random.Random], str]]] = {
    "a wrong index is no rejection": (lambda patch: patch.setattr(avro_bytes, "undecodable", lambda _: ValueError()), try_bytes),
    "instants are not checked": (lambda patch: patch.setattr(avro_reader, "FIRST_INSTANT", -(2**63)), try_bytes),
    "half a surrogate pair is a text": (lambda patch: patch.setattr(json_form, "_whole", str), try_json),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_fuzz_finds_a_defect_that_is_switched_on(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from processors.codec import messages

    switch_on, attempt = DEFECTS[defect]
    switch_on(monkeypatch)
    messages.topic_codec.cache_clear()
    messages.viewer.cache_clear()
    try:
        with pytest.raises(AssertionError):
            run(attempt, 3000, defect)
    finally:
        monkeypatch.undo()
        messages.topic_codec.cache_clear()
        messages.viewer.cache_clear()
