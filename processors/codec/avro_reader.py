"""What do Avro bytes say, read strictly and with the writer's schema resolved to ours?

An own reader instead of the library's: fastavro 1.13 takes union branch -1, enum index -1, the boolean 5, 13-byte numbers and ints of
six bytes without a word, cannot say in which field it failed, and hands out text where the core wants symbols. Here every deviation is
UNDECODABLE and names the field, and values come out as the core wants them; `make bench` prints what that costs. Readers
(avro_bytes.py) are built once per writer's schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from processors.codec.avro_bytes import (
    Reader,
    array_reader,
    enum_reader,
    fields_reader,
    fixed_reader,
    pair_reader,
    range_reader,
    read_boolean,
    read_bytes,
    read_int,
    read_long,
    read_null,
    record_reader,
    text_reader,
    union_reader,
)
from processors.codec.instants import FIRST_DAY, LAST_DAY
from processors.contract.avro import Array, Enum, Field, Fixed, Map, Primitive, Record, Type, Union
from processors.contract.compatibility import problems
from processors.core.calendar import FIRST_INSTANT, LAST_INSTANT

Symbols: TypeAlias = Callable[[str], Mapping[str, Any]]  # enum -> symbol -> our value of it
Texts: TypeAlias = Callable[[str | None], Callable[[str], Any]]  # form -> what is done to a text
Records: TypeAlias = Callable[[str], Callable[[dict[str, Any]], Any]]  # record -> what makes it of its fields


class Plan:
    """Builds readers; says through three functions what symbols, texts and records become, and whether nulls are handed on or left out."""

    def __init__(self, symbols: Symbols, texts: Texts, records: Records, *, nulls: bool) -> None:
        self.symbols = symbols
        self.texts = texts
        self.records = records
        self.nulls = nulls
        self.skippers: dict[int, tuple[Type, Reader]] = {}  # by id; the type is held, so that no other takes its id

    def fields(self, writer: Record, reader: Record) -> Reader:
        """Reads the fields of a record into a dict."""
        steps: list[tuple[str | None, bool, Reader]] = []
        wanted = {field.name: field for field in reader.fields}
        wanted |= {alias: field for field in reader.fields for alias in field.aliases if alias not in wanted}
        for field in writer.fields:
            ours = wanted.get(field.name)
            if ours is None:
                steps.append((None, False, self.skip(field.type)))
            elif ours.optional and field.optional:
                assert isinstance(field.type, Union)
                assert isinstance(ours.type, Union)
                steps.append((ours.name, True, self.value(field.type.branches[1], ours.type.branches[1], ours)))
            else:
                steps.append((ours.name, False, self.value(field.type, ours.type, ours)))
        written = {name for name, _, _ in steps}
        defaults: dict[str, Any] = {field.name: None for field in reader.fields if field.optional} if self.nulls else {}
        defaults |= {field.name: _default(field) for field in reader.fields if field.name not in written and field.default is not None}
        return fields_reader(tuple(steps), defaults, skips=None in written)

    def value(self, writer: Type, reader: Type, field: Field) -> Reader:
        """Reads one value written with `writer` as `reader` has it; the two are known to fit."""
        match writer, reader:
            case Union(branches=branches), _:
                return union_reader(tuple(self.value(branch, reader, field) for branch in branches))
            case Primitive("null"), _:
                return read_null
            case _, Union(branches=branches):
                fitting = next(branch for branch in branches if not problems(writer, branch))
                return self.value(writer, fitting, field)
            case Record(), Record():
                return record_reader(self.fields(writer, reader), self.records(reader.name))
            case Enum(), Enum():
                return self.enum(writer, reader)
            case Array(), Array():
                return array_reader(self.value(writer.items, reader.items, field))
            case Fixed(), _:
                return fixed_reader(writer.size)
            case _, Primitive():
                return self.primitive(writer, reader, field)
            case _:
                raise TypeError(f"the contract has no {reader}")

    def primitive(self, writer: Type, reader: Primitive, field: Field) -> Reader:
        """Reads a primitive as ours; promotions included."""
        match reader.type, reader.logical:
            case "string", _:
                return text_reader(self.texts(field.form))
            case "bytes", _:
                return read_bytes
            case "boolean", _:
                return read_boolean
            case "long", "timestamp-micros":
                return range_reader(FIRST_INSTANT, LAST_INSTANT, "an instant outside the years 1 to 9999")
            case "int", "date":
                return range_reader(FIRST_DAY, LAST_DAY, "a day outside the years 1 to 9999")
            case "long", _:
                return read_int if writer == Primitive("int") else read_long
            case "int", _:
                return read_int
            case _:
                raise TypeError(f"the contract has no {reader}")

    def enum(self, writer: Enum, reader: Enum) -> Reader:
        """Reads a symbol; one that we do not have as our default."""
        ours = self.symbols(reader.name)
        return enum_reader(tuple(symbol if symbol in reader.symbols else str(reader.default) for symbol in writer.symbols), ours)

    def skip(self, writer: Type) -> Reader:
        """Reads over a value that we do not want; built once per type, however often a schema uses it."""
        found = self.skippers.get(id(writer))
        if found is None:
            found = self.skippers[id(writer)] = (writer, self._skip(writer))
        return found[1]

    def _skip(self, writer: Type) -> Reader:
        match writer:
            case Primitive():
                return _SKIPPERS[writer.type]
            case Enum():
                return enum_reader(writer.symbols, dict.fromkeys(writer.symbols))
            case Fixed():
                return fixed_reader(writer.size)
            case Array():
                return array_reader(self.skip(writer.items))
            case Map():
                return array_reader(pair_reader(self.skip(writer.values)))
            case Union():
                return union_reader(tuple(self.skip(branch) for branch in writer.branches))
            case Record():
                inner = tuple(skipper for field in writer.fields if (skipper := self.skip(field.type)) is not read_null)
                return fields_reader(tuple((None, False, skipper) for skipper in inner), {}, skips=True) if inner else read_null


def _default(field: Field) -> Any:  # noqa: ANN401 - whatever the schema's default is
    """The contract has only the defaults null, false and the empty array besides symbols of its own."""
    return () if field.default == [] else field.default


_SKIPPERS: Final[dict[str, Reader]] = {
    "null": read_null,
    "boolean": read_boolean,
    "int": read_int,
    "long": read_long,
    "float": fixed_reader(4),
    "double": fixed_reader(8),
    "bytes": read_bytes,
    "string": read_bytes,
}
