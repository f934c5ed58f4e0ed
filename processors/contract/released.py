"""What is the contract? Reads topics.yaml, schemas/ and examples/, strictly, and hands them out as values.

Works from a checkout, where the files lie at the top, and from an installed wheel, which carries them in `processors/contract/files`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from processors.contract import avro
from processors.contract.models import RecordFile, Topic, TopicsFile

FILE_NAME: Final = re.compile(r"(?P<record>[a-z][a-z0-9-]*)\.v(?P<version>[1-9][0-9]*)\.avsc")


M = TypeVar("M", bound=BaseModel)


class ContractError(Exception):
    """The files of the contract are wrong; the message names file and key. A fault of whoever edited them: stop, do not go on without."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record: its tree, its text as released, and its fingerprint (CRC-64-AVRO, 8 bytes little-endian)."""

    record: str
    version: int
    type: avro.Record
    text: str
    json: avro.Json
    fingerprint: bytes
    file: Path

    @property
    def compact(self) -> str:
        """The schema as JSON without blanks, as a registry wants it."""
        return json.dumps(self.json, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """All topics by name, and all versions of all records, oldest first."""

    topics: dict[str, Topic]
    schemas: dict[str, tuple[Schema, ...]]
    folder: Path

    def topic(self, name: str) -> Topic:
        """The topic of that name; KeyError if the contract has none."""
        return self.topics[name]

    def schema(self, topic: str) -> Schema:
        """The newest version of the topic's record; KeyError for a topic that carries none."""
        record = self.topics[topic].record
        if record is None:
            raise KeyError(topic)
        return self.schemas[record][-1]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the topics that events are read from, in the order of topics.yaml, which is not the policy's rank."""
        return tuple(name for name, topic in self.topics.items() if topic.is_input)

    def by_fingerprint(self, fingerprint: bytes) -> Schema | None:
        """The released schema with that CRC-64-AVRO fingerprint (8 bytes, little-endian)."""
        return next((schema for versions in self.schemas.values() for schema in versions if schema.fingerprint == fingerprint), None)


@cache
def contract() -> Contract:
    """The contract this program was delivered with; read once."""
    return load(folder())


def folder() -> Path:
    """Where the contract's files lie: beside this module in an installed wheel, at the top of a checkout otherwise."""
    packaged = Path(__file__).parent / "files"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def load(folder: Path) -> Contract:
    """Read and check everything; ContractError names the file and the key of the first fault."""
    topics = _topics(folder / "topics.yaml")
    schemas = _schemas(folder / "schemas")
    named = {topic.record for topic in topics.values() if topic.record is not None}
    for topic in topics.values():
        if topic.record is not None and topic.record not in schemas:
            place = f"{folder / 'topics.yaml'}: topics.{topic.name}.record"
            raise ContractError(f"{place}: {topic.record} has no schema in {folder / 'schemas'}")
    for record, versions in schemas.items():
        if record not in named:
            raise ContractError(f"{versions[-1].file}: name: no topic in {folder / 'topics.yaml'} carries {record}")
    shown = _topics_with_examples(folder / "examples")
    for topic in topics.values():
        if topic.record is not None and topic.name not in shown:
            raise ContractError(f"{folder / 'examples'}: no example of {topic.record} for topic {topic.name}")
    return Contract(topics, schemas, folder)


def _topics(path: Path) -> dict[str, Topic]:
    try:
        raw = yaml.load(_text(path), Loader=_NoRepeatLoader)  # noqa: S506 - a SafeLoader that refuses repeated keys
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: is not YAML: {error}") from error
    topics = _checked(TopicsFile, raw, path).topics
    names = [topic.name for topic in topics]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ContractError(f"{path}: topics: {', '.join(sorted(repeated))} is listed twice")
    counts = {topic.partitions for topic in topics if topic.co_partitioned}
    if len(counts) > 1:
        found = ", ".join(f"{topic.name} {topic.partitions}" for topic in topics if topic.co_partitioned)
        raise ContractError(f"{path}: partitions: topics keyed by customer must have the same number, found {found}")
    return {topic.name: topic for topic in topics}


def _schemas(folder: Path) -> dict[str, tuple[Schema, ...]]:
    found: dict[str, dict[int, Schema]] = {}
    for path in sorted(folder.glob("*")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ContractError(f"{path}: name: expected <record>.v<version>.avsc")
        schema = _schema(path, match["record"], int(match["version"]))
        found.setdefault(schema.record, {})[schema.version] = schema
    if not found:
        raise ContractError(f"{folder}: no schema found")
    for versions in found.values():
        for version, schema in versions.items():
            if version > len(versions):
                raise ContractError(f"{schema.file}: version: {version - 1} is missing before it")
    return {record: tuple(versions[version] for version in sorted(versions)) for record, versions in sorted(found.items())}


def _schema(path: Path, name: str, version: int) -> Schema:
    text = _text(path)
    try:
        raw: avro.Json = json.loads(text, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"{path}: is not JSON: {error}") from error
    model = _checked(RecordFile, raw, path)
    if model.namespace is None:
        raise ContractError(f"{path}: namespace: must be told")
    if kebab(model.name) != name:
        raise ContractError(f"{path}: name: {model.name} belongs into {kebab(model.name)}.v{version}.avsc")
    try:
        tree = avro.parse(raw)
        fingerprint = avro.fingerprint(raw)
    except Exception as error:  # the library that makes the canonical form raises whatever it likes
        raise ContractError(f"{path}: {error}") from error
    if not isinstance(tree, avro.Record):
        raise ContractError(f"{path}: type: must be a record")
    return Schema(model.name, version, tree, text, raw, fingerprint, path)


def kebab(record: str) -> str:
    """A record's name as file names have it: ConsentGranted, consent-granted."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", record).lower()


def _topics_with_examples(folder: Path) -> set[str]:
    """The topics that a valid example shows; whether each line is valid is the codec's to say."""
    shown: set[str] = set()
    for path in sorted(folder.rglob("*.jsonl")):
        if path.parent.name == "invalid":
            continue
        for number, line in enumerate(_text(path).splitlines(), 1):
            try:
                shown.add(str(json.loads(line)["topic"]))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ContractError(f"{path}:{number}: topic: {error!r}") from error
    return shown


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path}: cannot be read: {error}") from error


def _checked(model: type[M], raw: object, path: Path) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        raise ContractError(f"{path}: {_key(first['loc'], raw) or 'the file'}: {message}{more}") from error


def _key(place: tuple[int | str, ...], raw: object) -> str:
    """The place of an error as a person writes it, with names instead of numbers where an item has one."""
    written: list[str] = []
    node: Any = raw
    for step in place:
        if isinstance(step, int) and isinstance(node, list) and step < len(node):
            node = node[step]
            name = node.get("name") if isinstance(node, dict) else None
            written.append(str(name or step))
        elif isinstance(node, dict) and step in node:
            node = node[step]
            written.append(str(step))
        elif step not in {"record", "enum", "array", "fixed", "primitive", "name", "union", "one"}:
            written.append(str(step))
    return ".".join(written)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a key is repeated: {', '.join(sorted({key for key in keys if keys.count(key) > 1}))}")
    return dict(pairs)


class _NoRepeatLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but a repeated key is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len({str(key) for key in keys}) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"a key is repeated: {keys}", node.start_mark)
        return super().construct_mapping(node, deep)
