"""From bytes or JSON to messages and back: which reader and which writer serves which topic?

Everything is built on first use from the contract and kept: the newest version of a topic's record is what we read into and write with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Protocol

from processors.codec import door, shapes
from processors.codec.avro_bytes import Reader
from processors.codec.avro_reader import Plan
from processors.codec.avro_writer import record_writer
from processors.codec.json_form import JsonPlan, UnknownNames, expected, json_writer
from processors.codec.rejected import MessageRejected, undecodable
from processors.codec.shapes import BUILDERS, Message, Values
from processors.contract import ErrorCode, contract, problems
from processors.contract.avro import Record, SchemaError, parse_text, short

SINGLE_OBJECT: Final = b"\xc3\x01"
CONFLUENT: Final = 0
HEAD_SHOWN: Final = 8


class Schemas(Protocol):
    """Where a schema id of Confluent's framing leads: the registry, after it was asked."""

    def schema(self, schema_id: int) -> str:
        """The writer's schema as JSON; MessageRejected UNKNOWN_SCHEMA where the registry has none of that id."""


class TopicCodec:
    """Everything that is known about the messages of one topic."""

    def __init__(self, topic: str) -> None:
        described = contract().topic(topic)
        schema = contract().schema(topic)
        self.topic = topic
        self.limit = described.max_message_bytes
        self.record = schema.record
        self.type: Record = schema.type
        self.is_event = described.is_input
        self.names = frozenset(field.name for field in schema.type.fields)
        self.prefix = SINGLE_OBJECT + schema.fingerprint
        self.build = BUILDERS[self.record]
        self.plan = Plan(_symbols, shapes.tidy if self.is_event else _as_told, _builder, nulls=not self.is_event)
        self.readers: dict[bytes | str, Reader] = {
            version.fingerprint: self.plan.fields(version.type, schema.type) for version in contract().schemas[self.record]
        }
        self.refused: dict[tuple[int, str], tuple[Any, ...]] = {}  # so that a flood of records costs one reading of the schema
        self.read_fields = JsonPlan(_symbols, shapes.tidy if self.is_event else _as_told, _builder, nulls=not self.is_event).fields(
            schema.type
        )
        self.needed = tuple(field.name for field in schema.type.fields if not field.optional)
        self.write = record_writer(schema.type)
        self.write_json = json_writer(schema.type)

    def decode(self, value: bytes | None, schemas: Schemas | None) -> Message:
        """The message in a record's value."""
        return self.message(self.values(value, schemas, self.readers, self.plan))

    def values(self, value: bytes | None, schemas: Schemas | None, readers: dict[bytes | str, Reader], plan: Plan) -> Values:
        """The fields in a record's value, with whatever `plan` makes of them."""
        if value is None:
            raise undecodable("the record has no value")
        if len(value) > self.limit:
            raise MessageRejected(ErrorCode.TOO_LARGE, None, f"{len(value):,} bytes; topic {self.topic} takes at most {self.limit:,}")
        if value[:2] == SINGLE_OBJECT:
            start = len(self.prefix)
            reader = readers.get(value[2:start]) or self.no_reader(value[2:start])
        elif value[:1] == b"\0" and len(value) >= 5:
            start = 5
            reader = self.registered(int.from_bytes(value[1:5], "big"), schemas, readers, plan)
        else:
            found = f"begins with {value[:HEAD_SHOWN].hex()}" if value else "is empty"
            raise undecodable(
                f"the value {found}; expected Avro's single-object encoding (c301) or Confluent's framing (00 and a schema id)"
            )
        values, end = reader(value, start)
        if end != len(value):
            raise undecodable(f"{len(value) - end} bytes follow the message")
        return values  # type: ignore[no-any-return] # a reader of fields

    def message(self, values: Values) -> Message:
        """The message of these fields; of an event, if the door lets it in."""
        if self.is_event:
            door.admit(self.record, values)
        return self.build(values)  # type: ignore[no-any-return] # by the record

    def no_reader(self, fingerprint: bytes) -> Reader:
        """Why there is no reader for a fingerprint."""
        if len(fingerprint) < 8:
            raise undecodable("the bytes end within the schema's fingerprint")
        other = contract().by_fingerprint(fingerprint)
        what = f"is of {other.record}" if other else "is of no released schema"
        message = f"the fingerprint {fingerprint.hex()} {what}; topic {self.topic} takes {self.record}"
        raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, message)

    def registered(self, schema_id: int, schemas: Schemas | None, readers: dict[bytes | str, Reader], plan: Plan) -> Reader:
        """The reader for a schema of the registry."""
        if schemas is None:
            message = f"schema id {schema_id}, but no schema registry is configured"
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, message)
        text = schemas.schema(schema_id)
        reader = readers.get(text)
        if reader is None:
            if (schema_id, text) in self.refused:
                raise MessageRejected(*self.refused[schema_id, text])
            try:
                reader = readers[text] = self.foreign(text, f"schema id {schema_id}", plan)
            except MessageRejected as rejected:
                self.refused[schema_id, text] = rejected.args
                raise
        return reader

    def foreign(self, text: str, source: str, plan: Plan) -> Reader:
        """A reader for data written with a schema that is not ours; UNKNOWN_SCHEMA where it is no version of the topic's record."""
        try:
            writer = parse_text(text)
        except SchemaError as error:
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, f"{source} cannot be used: {error}") from None
        if not isinstance(writer, Record) or short(writer.name) != self.record:
            found = short(writer.name) if isinstance(writer, Record) else "no record"
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, f"{source} is {found}; topic {self.topic} takes {self.record}")
        if wrong := problems(writer, self.type):
            raise MessageRejected(ErrorCode.UNKNOWN_SCHEMA, None, f"{source} is no version of {self.record}: {wrong[0]}")
        return plan.fields(writer, self.type)

    def read_json(self, told: object, unknown: UnknownNames | None) -> Message:
        """The message told as a JSON object."""
        if not isinstance(told, dict):
            raise expected("an object", told)
        if unknown is not None and not self.names.issuperset(told):
            unknown(self.topic, told.keys() - self.names, self.names)
        values = self.read_fields(told)
        if not self.is_event:
            for name in self.needed:
                if name not in values:
                    raise MessageRejected(ErrorCode.INVALID, name, "must be told")
        return self.message(values)

    def encode(self, message: Message, schema_id: int | None) -> bytes:
        """The message in Confluent's framing with the id, else in the single-object encoding."""
        out = bytearray(self.prefix if schema_id is None else bytes([CONFLUENT]) + schema_id.to_bytes(4, "big"))
        self.write(out, message)
        if len(out) > self.limit:
            raise MessageRejected(ErrorCode.TOO_LARGE, None, f"{len(out):,} bytes; topic {self.topic} takes at most {self.limit:,}")
        return bytes(out)


class Viewer:
    """Shows the messages of one topic as JSON, as they are: no door, symbols as text, nothing tidied."""

    def __init__(self, codec: TopicCodec) -> None:
        self.codec = codec
        self.plan = Plan(_symbol_texts, _as_told, lambda _: dict, nulls=True)
        self.readers: dict[bytes | str, Reader] = {
            version.fingerprint: self.plan.fields(version.type, codec.type) for version in contract().schemas[codec.record]
        }
        self.write = json_writer(codec.type, from_fields=True)

    def view(self, value: bytes | None, schemas: Schemas | None) -> dict[str, Any]:
        """The message as a JSON object."""
        return self.write(self.codec.values(value, schemas, self.readers, self.plan))


@cache
def topic_codec(topic: str) -> TopicCodec:
    """The codec of a topic of the contract; KeyError for any other, and for one that carries no messages."""
    return TopicCodec(topic)


@cache
def viewer(topic: str) -> Viewer:
    """The viewer of a topic."""
    return Viewer(topic_codec(topic))


@cache
def _symbols(enum: str) -> Mapping[str, Any]:
    return shapes.symbol_class(enum).__members__


class _SymbolTexts(Mapping[str, str]):
    """Every symbol as itself."""

    def __getitem__(self, symbol: str) -> str:
        return symbol

    def __iter__(self) -> Any:  # noqa: ANN401 - never walked
        return iter(())

    def __len__(self) -> int:
        return 0


def _symbol_texts(_: str) -> Mapping[str, Any]:
    return _SymbolTexts()


def _as_told(_: str | None) -> Callable[[str], Any]:
    return str


def _builder(record: str) -> Callable[[Values], Any]:
    return BUILDERS[short(record)]
