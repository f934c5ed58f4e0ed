"""How are topics and records explained to a person? The text of `docs/topics.md`, made from topics.yaml and schemas/."""

from __future__ import annotations

from processors.contract.avro import Json
from processors.contract.models import Topic
from processors.contract.released import Contract, Schema

HEAD = """# Topics and records

<!-- made by `make docs` from topics.yaml and schemas/; a test fails where the two differ -->

Instants are microseconds since 1970-01-01T00:00:00Z (`timestamp-micros`), days are days since then (`date`). A type with `?` may be null:
not told. Every closed set has UNKNOWN as its default, so that a symbol of a newer version reads as UNKNOWN in an older reader.
How the bytes are framed: [wire-format.md](wire-format.md).
"""


def document(contract: Contract) -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, _overview(contract)]
    for record, versions in contract.schemas.items():
        topics = ", ".join(f"`{topic.name}`" for topic in contract.topics.values() if topic.record == record)
        parts.append(_record(versions[-1], topics, len(versions)))
    return "\n".join(parts)


def _overview(contract: Contract) -> str:
    head = "## Topics\n\n| topic | role | key | record | partitions | cleanup | retention | what for |\n|---|---|---|---|---|---|---|---|\n"
    return head + "".join(_topic(topic) for topic in contract.topics.values())


def _topic(topic: Topic) -> str:
    retention = topic.retention_days if isinstance(topic.retention_days, str) else f"{topic.retention_days:,} days"
    key = topic.key.replace("|", "\\|")
    cells = (f"`{topic.name}`", topic.role, key, topic.record or "none", str(topic.partitions), topic.cleanup, retention, topic.about)
    return f"| {' | '.join(cells)} |\n"


def _record(schema: Schema, topics: str, versions: int) -> str:
    raw = schema.json
    assert isinstance(raw, dict)
    newest = f"version {schema.version}" + ("" if versions == 1 else f" of {versions}")
    named: dict[str, dict[str, Json]] = {}
    rows = _fields(raw, named, "")
    head = f"## {schema.record}\n\n{raw['doc']} Topics: {topics}; {newest}.\n\n| field | type | meaning |\n|---|---|---|\n"
    return head + "".join(rows) + "".join(_enum(node) for node in named.values() if node["type"] == "enum")


def _fields(record: dict[str, Json], named: dict[str, dict[str, Json]], prefix: str) -> list[str]:
    rows: list[str] = []
    fields = record["fields"]
    assert isinstance(fields, list)
    for field in fields:
        assert isinstance(field, dict)
        inner: list[str] = []
        path = f"{prefix}{field['name']}"
        rows.append(f"| `{path}` | {_type(field['type'], named, path, inner)} | {field['doc']} |\n")
        rows += inner
    return rows


def _type(node: Json, named: dict[str, dict[str, Json]], path: str, rows: list[str]) -> str:
    match node:
        case [_, inner]:
            return f"{_type(inner, named, path, rows)}?"
        case {"type": "array", "items": items}:
            return f"array of {_type(items, named, f'{path}[]', rows)}"
        case dict() if node.get("type") == "record":
            rows += _fields(node, named, f"{path}.")
            return str(node["name"])
        case dict() if node.get("type") in {"enum", "fixed"}:
            named[str(node["name"])] = node
            return str(node["name"])
        case {"logicalType": logical}:
            return {"timestamp-micros": "instant", "date": "day"}[str(logical)]
        case _:
            return str(node)


def _enum(node: dict[str, Json]) -> str:
    docs = node["symbol_docs"]
    assert isinstance(docs, dict)
    rows = "".join(f"| `{symbol}` | {doc} |\n" for symbol, doc in docs.items())
    return f"\n### {node['name']}\n\n{node['doc']}\n\n| symbol | meaning |\n|---|---|\n{rows}"
