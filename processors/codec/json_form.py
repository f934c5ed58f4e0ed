"""How does a message read and write as JSON? Names and order of `events.md`, instants as text, an absent field as null.

A converter is a function from parsed JSON to our value, built once per type; INVALID says what was expected. Null and a field left out
are alike: not told; in an event an empty text is too. Bytes are base64, digests are hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from operator import attrgetter
from typing import Any, Final, TypeAlias

from processors.codec.avro_bytes import INT
from processors.codec.avro_reader import Records, Symbols, Texts
from processors.codec.instants import read_day, read_instant, write_day, write_instant
from processors.codec.rejected import MessageRejected, invalid
from processors.codec.shapes import attribute
from processors.contract.avro import Array, Enum, Field, Fixed, Primitive, Record, Type, Union, short

Converter: TypeAlias = Callable[[Any], Any]
LONG: Final = range(-(2**63), 2**63)
SHOWN_MAX: Final = 80
NAMES_MAX: Final = 100
_KINDS: Final = {
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class UnknownNames:
    """Reports each name that a record does not have once, with the nearest one it has; such a field is ignored.

    One collector serves any number of files: hand the same one to every read. After NAMES_MAX names it says so and falls silent.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, where: str, names: Collection[str], known: Collection[str]) -> None:
        """Some names that `where` (a topic or "a line") does not have."""
        for name in sorted(names):
            if (where, name) in self.seen or len(self.seen) > NAMES_MAX:
                continue
            self.seen.add((where, name))
            if len(self.seen) > NAMES_MAX:
                self.report(f"more than {NAMES_MAX} different fields are not known; further ones are ignored without a word")
            else:
                self.report(f"{where}: field {name[:SHOWN_MAX]!r} is not known and is ignored{nearest(name, known)}")


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a complaint about a name: the nearest known one, if one is near."""
    near = get_close_matches(name[:SHOWN_MAX], known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class JsonPlan:
    """Builds converters; says through three functions what symbols, texts and records become. `nulls`: of an output, not of an event."""

    def __init__(self, symbols: Symbols, texts: Texts, records: Records, *, nulls: bool) -> None:
        self.symbols = symbols
        self.texts = texts
        self.records = records
        self.nulls = nulls

    def fields(self, record: Record) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """From a JSON object to the fields that are told; those not told are their default, or left out where that is null."""
        converters = tuple((field.name, self.value(field.type, field)) for field in record.fields)
        defaults: dict[str, Any] = {field.name: False for field in record.fields if field.default is False}
        defaults |= {field.name: () for field in record.fields if field.default == []}
        if self.nulls:
            defaults |= {field.name: None for field in record.fields if field.optional}

        tells_nothing = not self.nulls  # an empty text, in an event

        def convert(told: dict[str, Any]) -> dict[str, Any]:
            values = dict(defaults)
            for name, convert_value in converters:
                value = told.get(name)
                if value is None or (value == "" and tells_nothing):
                    continue
                try:
                    values[name] = convert_value(value)
                except MessageRejected as rejected:
                    raise rejected.within(name) from None
            return values

        return convert

    def value(self, type_: Type, field: Field) -> Converter:
        """From parsed JSON that is not null to our value."""
        match type_:
            case Union(branches=(Primitive("null"), inner)):
                return self.value(inner, field)
            case Enum():
                return _symbol_converter(self.symbols(type_.name), type_)
            case Array():
                return _list_converter(self.value(type_.items, field))
            case Record():
                return self.record(type_)
            case Fixed():
                return _digest_converter(type_.size)
            case Primitive("string"):
                return _text_converter(self.texts(field.form))
            case Primitive():
                return _PRIMITIVES[type_.type, type_.logical]
            case _:
                raise TypeError(f"the contract has no {type_}")

    def record(self, record: Record) -> Converter:
        """From a JSON object to the record's value; every field without default must be told."""
        fields, build = self.fields(record), self.records(record.name)
        needed = tuple(field.name for field in record.fields if not field.optional)

        def convert(told: object) -> Any:  # noqa: ANN401 - one of ours, by the record
            if not isinstance(told, dict):
                raise expected("an object", told)
            values = fields(told)
            for name in needed:
                if name not in values:
                    raise invalid("must be told", name)
            return build(values)

        return convert


def json_writer(record: Record, *, from_fields: bool = False) -> Callable[[Any], dict[str, Any]]:
    """From our value (or from a dict of fields) to a JSON object with every field of the record, in its order."""
    name = short(record.name)
    names = tuple(field.name for field in record.fields)
    writers = tuple(_json_value(field.type, from_fields=from_fields) for field in record.fields)
    if from_fields:
        return lambda values: {name: write(values.get(name)) for name, write in zip(names, writers, strict=True)}
    paths = [attribute(name, field) for field in names]
    get = attrgetter(*paths)
    return lambda message: {name: write(value) for name, write, value in zip(names, writers, get(message), strict=True)}


def _json_value(type_: Type, *, from_fields: bool) -> Converter:
    match type_:
        case Union(branches=(Primitive("null"), inner)):
            write = _json_value(inner, from_fields=from_fields)
            return lambda value: None if value is None else write(value)
        case Array():
            item = _json_value(type_.items, from_fields=from_fields)
            return lambda values: [item(value) for value in values]
        case Record():
            return json_writer(type_, from_fields=from_fields)
        case Enum():
            return str
        case Fixed():
            return bytes.hex
        case Primitive("bytes"):
            return lambda value: base64.b64encode(value).decode()
        case Primitive(_, "timestamp-micros"):
            return write_instant
        case Primitive(_, "date"):
            return write_day
        case _:
            return lambda value: value


def expected(what: str, found: object) -> MessageRejected:
    """INVALID: what was expected and what was found."""
    kind = _KINDS.get(type(found), "something else")
    return invalid(f"expected {what}, found {kind}{_shown(found)}")


def _shown(found: object) -> str:
    """A short value as it is, nothing for any other: a text of a megabyte or a number of a million digits is not repeated."""
    match found:
        case bool():
            return f" {str(found).lower()}"
        case str() if len(found) <= SHOWN_MAX:
            return f" {found!r}"
        case int() if found.bit_length() <= 3 * SHOWN_MAX:
            return f" {found}"
        case float():
            return f" {found}"
        case _:
            return ""


def _text_converter(tidy: Callable[[str], Any]) -> Converter:
    def convert(value: object) -> Any:  # noqa: ANN401 - a text or None, by tidy
        if not isinstance(value, str):
            raise expected("a text", value)
        return tidy(_whole(value))

    return convert


def _whole(text: str) -> str:
    """JSON can write half a surrogate pair, which is no character and has no UTF-8."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise invalid("the text holds half a surrogate pair") from None
    return text


def _symbol_converter(ours: Mapping[str, Any], enum: Enum) -> Converter:
    symbols = frozenset(enum.symbols)

    def convert(value: object) -> Any:  # noqa: ANN401 - a symbol of ours, or its text
        if not isinstance(value, str):
            raise expected("a symbol", value)
        read = value if value in symbols else str(enum.default)
        if read not in ours:
            raise invalid(f"the symbol {value[:SHOWN_MAX]!r} is not known to this version")
        return ours[read]

    return convert


def _list_converter(item: Converter) -> Converter:
    def convert(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise expected("a list", value)
        items = (item(one) for one in value if one is not None)
        return tuple(one for one in items if one is not None)

    return convert


def _told_as_text(read: Callable[[str], int | None], what: str) -> Converter:
    def convert(value: object) -> int:
        found = read(value) if isinstance(value, str) else None
        if found is None:
            raise expected(what, value)
        return found

    return convert


def _number_converter(allowed: range, what: str) -> Converter:
    def convert(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            raise expected(what, value)
        return value

    return convert


def _digest_converter(size: int) -> Converter:
    def convert(value: object) -> bytes:
        try:
            digest = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            digest = b""
        if len(digest) != size:
            raise expected(f"{2 * size} hexadecimal digits", value)
        return digest

    return convert


def _read_base64(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else _no_text(value)
    except (binascii.Error, ValueError):
        raise expected("bytes in base64", value) from None


def _no_text(value: object) -> bytes:
    raise expected("bytes in base64", value)


def _read_boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise expected("true or false", value)
    return value


_PRIMITIVES: Final[dict[tuple[str, str | None], Converter]] = {
    ("bytes", None): _read_base64,
    ("boolean", None): _read_boolean,
    ("long", "timestamp-micros"): _told_as_text(read_instant, "an instant like 2024-05-31T23:59:59Z in the years 1 to 9999"),
    ("int", "date"): _told_as_text(read_day, "a day like 2024-05-31"),
    ("int", None): _number_converter(INT, "a whole number of 32 bits"),
    ("long", None): _number_converter(LONG, "a whole number of 64 bits"),
}
