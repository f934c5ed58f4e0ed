"""What do Avro bytes say, read strictly and with the writer's schema resolved to ours?

An own reader instead of the library's: fastavro 1.13 takes union branch -1, enum index -1, the boolean 5, 13-byte numbers and ints of
six bytes without a word, cannot say in which field it failed, and hands out text where the core wants symbols. Here every deviation is
UNDECODABLE and names the field, and values come out as the core wants them; `make bench` prints what that costs.

A reader is a function (bytes, position) -> (value, position after it). Readers are built once per writer's schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from processors.codec.instants import FIRST_DAY, LAST_DAY
from processors.codec.rejected import MessageRejected, invalid, undecodable
from processors.contract.avro import Array, Enum, Field, Fixed, Map, Primitive, Record, Type, Union
from processors.contract.compatibility import problems
from processors.core.calendar import FIRST_INSTANT, LAST_INSTANT

Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
Symbols: TypeAlias = Callable[[str], Mapping[str, Any]]  # enum -> symbol -> our value of it
Texts: TypeAlias = Callable[[str | None], Callable[[str], Any]]  # form -> what is done to a text
Records: TypeAlias = Callable[[str], Callable[[dict[str, Any]], Any]]  # record -> what makes it of its fields

INT: Final = range(-(2**31), 2**31)
_ENDS: Final = "the bytes end early"


def read_long(data: bytes, position: int) -> tuple[int, int]:
    """A zigzag number of up to 64 bits; IndexError where the bytes end."""
    byte = data[position]
    position += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position
    number, shift = byte & 0x7F, 7
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise undecodable("a number has more than 64 bits")
    if number >> 64:
        raise undecodable("a number has more than 64 bits")
    return (number >> 1) ^ -(number & 1), position


def read_bytes(data: bytes, position: int) -> tuple[bytes, int]:
    """A length and as many bytes."""
    length, position = read_long(data, position)
    end = position + length
    if length < 0:
        raise undecodable(f"a length of {length}")
    if end > len(data):
        raise undecodable(f"{_ENDS}: a length of {length}, {len(data) - position} left")
    return data[position:end], end


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
        return _fields_reader(tuple(steps), defaults, skips=None in written)

    def value(self, writer: Type, reader: Type, field: Field) -> Reader:
        """Reads one value written with `writer` as `reader` has it; the two are known to fit."""
        match writer, reader:
            case Union(branches=branches), _:
                return _union_reader(tuple(self.value(branch, reader, field) for branch in branches))
            case Primitive("null"), _:
                return _read_null
            case _, Union(branches=branches):
                fitting = next(branch for branch in branches if not problems(writer, branch))
                return self.value(writer, fitting, field)
            case Record(), Record():
                return _record_reader(self.fields(writer, reader), self.records(reader.name))
            case Enum(), Enum():
                return self.enum(writer, reader)
            case Array(), Array():
                return _array_reader(self.value(writer.items, reader.items, field))
            case Fixed(), _:
                return _fixed_reader(writer.size)
            case _, Primitive():
                return self.primitive(writer, reader, field)
            case _:
                raise TypeError(f"the contract has no {reader}")

    def primitive(self, writer: Type, reader: Primitive, field: Field) -> Reader:
        """Reads a primitive as ours; promotions included."""
        match reader.type, reader.logical:
            case "string", _:
                return _text_reader(self.texts(field.form))
            case "bytes", _:
                return read_bytes
            case "boolean", _:
                return _read_boolean
            case "long", "timestamp-micros":
                return _range_reader(FIRST_INSTANT, LAST_INSTANT, "an instant outside the years 1 to 9999")
            case "int", "date":
                return _range_reader(FIRST_DAY, LAST_DAY, "a day outside the years 1 to 9999")
            case "long", _:
                return _read_int if writer == Primitive("int") else read_long
            case "int", _:
                return _read_int
            case _:
                raise TypeError(f"the contract has no {reader}")

    def enum(self, writer: Enum, reader: Enum) -> Reader:
        """Reads a symbol; one that we do not have as our default."""
        ours = self.symbols(reader.name)
        return _enum_reader(tuple(symbol if symbol in reader.symbols else str(reader.default) for symbol in writer.symbols), ours)

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
                return _enum_reader(writer.symbols, dict.fromkeys(writer.symbols))
            case Fixed():
                return _fixed_reader(writer.size)
            case Array():
                return _array_reader(self.skip(writer.items))
            case Map():
                return _array_reader(_pair_reader(self.skip(writer.values)))
            case Union():
                return _union_reader(tuple(self.skip(branch) for branch in writer.branches))
            case Record():
                inner = tuple(skipper for field in writer.fields if (skipper := self.skip(field.type)) is not _read_null)
                return _fields_reader(tuple((None, False, skipper) for skipper in inner), {}, skips=True) if inner else _read_null


def _default(field: Field) -> Any:  # noqa: ANN401 - whatever the schema's default is
    """The contract has only the defaults null, false and the empty array besides symbols of its own."""
    return () if field.default == [] else field.default


def _fields_reader(steps: tuple[tuple[str | None, bool, Reader], ...], defaults: Mapping[str, Any], *, skips: bool) -> Reader:
    def read(data: bytes, position: int) -> tuple[dict[Any, Any], int]:
        values: dict[Any, Any] = {**defaults}
        name: str | None = None
        try:
            for name, optional, read_value in steps:
                if optional:
                    branch = data[position]
                    position += 1
                    if branch == 0:
                        continue
                    if branch != 2:
                        raise undecodable("the branch of an optional field must be 0 or 1")
                values[name], position = read_value(data, position)
        except IndexError:
            raise (undecodable(_ENDS) if name is None else undecodable(_ENDS).within(name)) from None
        except MessageRejected as rejected:
            raise (rejected if name is None else rejected.within(name)) from None
        if skips:
            values.pop(None, None)
        return values, position

    return read


def _record_reader(fields: Reader, build: Callable[[dict[str, Any]], Any]) -> Reader:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        values, position = fields(data, position)
        return build(values), position

    return read


def _text_reader(tidy: Callable[[str], Any]) -> Reader:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        length = data[position]
        position += 1
        if length < 0x80 and not length & 1:
            end = position + (length >> 1)
        else:
            length, position = read_long(data, position - 1)
            if length < 0:
                raise undecodable(f"a length of {length}")
            end = position + length
        if end > len(data):
            raise undecodable(f"{_ENDS}: a text of {end - position} bytes, {len(data) - position} left")
        try:
            return tidy(data[position:end].decode()), end
        except UnicodeDecodeError:
            raise undecodable("the text is not UTF-8") from None

    return read


def _enum_reader(written: tuple[str, ...], ours: Mapping[str, Any]) -> Reader:
    values = tuple(ours.get(symbol, MessageRejected) for symbol in written)
    count = len(values)

    def read(data: bytes, position: int) -> tuple[Any, int]:
        index, position = read_long(data, position)
        if not 0 <= index < count:
            raise undecodable(f"symbol {index} of an enum of {count}")
        value = values[index]
        if value is MessageRejected:
            raise invalid(f"the symbol {written[index]} is not known to this version")
        return value, position

    return read


def _union_reader(branches: tuple[Reader, ...]) -> Reader:
    count = len(branches)

    def read(data: bytes, position: int) -> tuple[Any, int]:
        index, position = read_long(data, position)
        if not 0 <= index < count:
            raise undecodable(f"branch {index} of a union of {count}")
        return branches[index](data, position)

    return read


def _array_reader(item: Reader) -> Reader:
    def read(data: bytes, position: int) -> tuple[tuple[Any, ...], int]:
        items: list[Any] = []
        while True:
            count, position = read_long(data, position)
            if count == 0:
                return tuple(items), position
            end = None
            if count < 0:  # a block that tells its size in bytes, so that it can be skipped
                count = -count
                size, position = read_long(data, position)
                end = position + size
            if count > len(data) - position:
                raise undecodable(f"{count} items in {len(data) - position} bytes")
            for _ in range(count):
                value, position = item(data, position)
                if value is not None:
                    items.append(value)
            if end is not None and end != position:
                raise undecodable("a block's size is not the size of its items")

    return read


def _pair_reader(value: Reader) -> Reader:
    def read(data: bytes, position: int) -> tuple[None, int]:
        _, position = read_bytes(data, position)
        return None, value(data, position)[1]

    return read


def _fixed_reader(size: int) -> Reader:
    def read(data: bytes, position: int) -> tuple[bytes, int]:
        end = position + size
        if end > len(data):
            raise undecodable(_ENDS)
        return data[position:end], end

    return read


def _range_reader(first: int, last: int, complaint: str) -> Reader:
    def read(data: bytes, position: int) -> tuple[int, int]:
        number, position = read_long(data, position)
        if not first <= number <= last:
            raise invalid(complaint)
        return number, position

    return read


def _read_int(data: bytes, position: int) -> tuple[int, int]:
    number, position = read_long(data, position)
    if number not in INT:
        raise undecodable("an int has more than 32 bits")
    return number, position


def _read_boolean(data: bytes, position: int) -> tuple[bool, int]:
    byte = data[position]
    if byte > 1:
        raise undecodable(f"a boolean of {byte}")
    return byte == 1, position + 1


def _read_null(_: bytes, position: int) -> tuple[None, int]:
    return None, position


_SKIPPERS: Final[dict[str, Reader]] = {
    "null": _read_null,
    "boolean": _read_boolean,
    "int": _read_int,
    "long": read_long,
    "float": _fixed_reader(4),
    "double": _fixed_reader(8),
    "bytes": read_bytes,
    "string": read_bytes,
}
