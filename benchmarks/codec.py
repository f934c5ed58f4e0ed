"""What does it cost to read and write a message, beside what fastavro takes for the bytes alone? CPU time, one core, best of seven."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import fastavro

from processors.codec import decode, encode, read_json, to_json
from processors.codec.files import read_line
from processors.contract import contract
from processors.contract.avro import plain

ROUNDS = 7
REPEATS = 20


def microseconds(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Microseconds an item, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REPEATS):
            for item in items:
                work(item)
        best = min(best, time.process_time() - start)
    return best / len(items) / REPEATS * 1e6


def main() -> None:
    """Print a table: events of the example stories, then one decision, journal entry and dead letter."""
    lines = [
        json.loads(line)
        for folder in ("stories", "outputs")
        for path in sorted((contract().folder / "examples" / folder).glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    inputs = [line for line in lines if line["topic"] in contract().inputs]
    groups = {"events": inputs} | {line["topic"]: [line] for line in lines if line not in inputs}
    columns = ("bytes", "decode", "fastavro", "encode", "fastavro", "JSON to it", "it to JSON", "line")
    print(f"{'us a message':<32}" + "".join(f"{column:>12}" for column in columns))
    for name, group in groups.items():
        print(f"{name:<32}" + "".join(f"{figure:>12.1f}" for figure in figures(group)))


def figures(lines: list[dict[str, Any]]) -> tuple[float, ...]:
    """One row of the table; a line of JSON only for events."""
    schemas: dict[str, Any] = {
        line["topic"]: fastavro.parse_schema(plain(contract().schema(line["topic"]).json))  # type: ignore[arg-type]
        for line in lines
    }
    messages = [(line["topic"], read_json(line["topic"], line["value"])) for line in lines]
    values = [(topic, encode(topic, message)) for topic, message in messages]
    bodies = [(schemas[topic], value[10:]) for topic, value in values]
    dicts = [(schema, fastavro.schemaless_reader(io.BytesIO(body), schema, None)) for schema, body in bodies]
    return (
        sum(len(value) for _, value in values) / len(values),
        microseconds(lambda item: decode(*item), values),
        microseconds(lambda item: fastavro.schemaless_reader(io.BytesIO(item[1]), item[0], None), bodies),
        microseconds(lambda item: encode(*item), messages),
        microseconds(lambda item: fastavro.schemaless_writer(io.BytesIO(), *item), dicts),
        microseconds(lambda item: read_json(item["topic"], item["value"]), lines),
        microseconds(lambda item: to_json(*item), messages),
        microseconds(lambda raw: read_line(raw, "a line"), [json.dumps(line).encode() for line in lines])
        if lines[0]["topic"] in contract().inputs
        else float("nan"),
    )


if __name__ == "__main__":
    main()
