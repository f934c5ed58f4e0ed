"""What does an Avro schema say? A tree of values, read from JSON: ours and those of strangers alike.

Named types stand where they are used, so that nobody who walks a tree needs a table of names. A schema that contains itself
is therefore refused, and so is an array or a map whose items take no bytes: both let a few bytes claim an endless message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import fastavro.schema

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
INNER: Final = frozenset({"type", "items", "values", "fields"})
DEPTH_MAX: Final = 32
MISSING: Final = object()


class SchemaError(Exception):
    """This is no schema that can be worked with; `path` says where in it. Whoever asked for the schema names its source."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'schema'}: {message}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Primitive:
    """One of Avro's eight primitive types, with its logical type if it has one."""

    type: str
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Enum:
    """A closed set; `default` is what a reader puts in the place of a symbol it does not know."""

    name: str
    symbols: tuple[str, ...]
    default: str | None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fixed number of bytes."""

    name: str
    size: int
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of items of one type."""

    items: Type


@dataclass(frozen=True, slots=True)
class Map:
    """Any number of values of one type, each under a string."""

    values: Type


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types."""

    branches: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record; `default` is MISSING where there is none; `form` is ours: id, country or duration."""

    name: str
    type: Type
    default: object = MISSING
    aliases: tuple[str, ...] = ()
    form: str | None = None

    @property
    def optional(self) -> bool:
        """Whether it is told or null, in the contract's way: null first."""
        return isinstance(self.type, Union) and len(self.type.branches) == 2 and self.type.branches[0] == NULL


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields, in the order in which they are written."""

    name: str
    fields: tuple[Field, ...]


Type: TypeAlias = Primitive | Enum | Fixed | Array | Map | Union | Record
NULL: Final = Primitive("null")


def parse(schema: Json) -> Type:
    """The tree of a schema given as parsed JSON; SchemaError says what is wrong with it and where."""
    return _Parser().type(schema, "", "", 0)


def parse_text(text: str) -> Type:
    """The tree of a schema given as JSON text."""
    try:
        return parse(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise SchemaError("", f"is not JSON: {error}") from error


def fingerprint(schema: Json) -> bytes:
    """CRC-64-AVRO of the schema's parsing canonical form, in the byte order of the single-object encoding (little-endian)."""
    canonical = fastavro.schema.to_parsing_canonical_form(cast("str | list[Any] | dict[Any, Any]", schema))
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def plain(schema: Json) -> Json:
    """The schema without logical types: instants and days stay the integers they are on the wire."""
    match schema:
        case dict():
            return {key: plain(value) if key in INNER else value for key, value in schema.items() if key != "logicalType"}
        case list():
            return [plain(item) for item in schema]
        case _:
            return schema


def short(name: str) -> str:
    """A name without its namespace: what schema resolution compares."""
    return name.rpartition(".")[2]


class _Parser:
    """One walk through one schema: remembers the named types that it has met."""

    def __init__(self) -> None:
        self.named: dict[str, Type | None] = {}
        self.weighed: dict[int, bool] = {}

    def type(self, node: Json, namespace: str, path: str, depth: int) -> Type:
        if depth > DEPTH_MAX:
            raise SchemaError(path, f"is nested more than {DEPTH_MAX} deep")
        match node:
            case str():
                return self.reference(node, namespace, path)
            case list():
                return self.union(node, namespace, path, depth)
            case {"type": dict() | list() as inner}:
                return self.type(inner, namespace, path, depth + 1)
            case dict() if isinstance(kind := node.get("type"), str):
                return self.complex(kind, node, namespace, path, depth)
            case _:
                raise SchemaError(path, f"expected a type, found {type(node).__name__}")

    def reference(self, name: str, namespace: str, path: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name)
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self.named:
                found = self.named[candidate]
                if found is None:
                    raise SchemaError(path, f"{name} contains itself; such schemas are not read")
                return found
        raise SchemaError(path, f"unknown type {name!r}")

    def union(self, node: list[Json], namespace: str, path: str, depth: int) -> Union:
        branches = tuple(self.type(branch, namespace, f"{path}[{index}]", depth + 1) for index, branch in enumerate(node))
        if not branches or any(isinstance(branch, Union) for branch in branches):
            raise SchemaError(path, "a union needs at least one branch and none that is a union")
        return Union(branches)

    def complex(self, kind: str, node: dict[str, Json], namespace: str, path: str, depth: int) -> Type:
        match kind:
            case "array":
                return Array(self.items(node, "items", namespace, path, depth))
            case "map":
                return Map(self.items(node, "values", namespace, path, depth))
            case "record" | "error" | "enum" | "fixed":
                return self.define(kind, node, namespace, path, depth)
            case _ if kind in PRIMITIVES:
                return Primitive(kind, _logical(node, path))
            case _:
                return self.reference(kind, namespace, path)

    def items(self, node: dict[str, Json], key: str, namespace: str, path: str, depth: int) -> Type:
        if key not in node:
            raise SchemaError(path, f"needs {key!r}")
        items = self.type(node[key], namespace, f"{path}.{key}", depth + 1)
        if key == "items" and not self.takes_bytes(items):
            raise SchemaError(path, "its items take no bytes; such arrays are not read")
        return items

    def takes_bytes(self, type_: Type) -> bool:
        """Whether a value takes at least one byte; weighed once per type, since a few lines can stand for 10^12 fields."""
        if id(type_) not in self.weighed:
            self.weighed[id(type_)] = self.weigh(type_)
        return self.weighed[id(type_)]

    def weigh(self, type_: Type) -> bool:
        match type_:
            case Primitive("null"):
                return False
            case Fixed(size=size):
                return size > 0
            case Record(fields=fields):
                return any(self.takes_bytes(field.type) for field in fields)
            case _:
                return True

    def define(self, kind: str, node: dict[str, Json], namespace: str, path: str, depth: int) -> Type:
        name = node.get("name")
        if not isinstance(name, str) or not name:
            raise SchemaError(path, f"{kind} needs a name")
        space = node.get("namespace", namespace)
        if not isinstance(space, str):
            raise SchemaError(path, "namespace must be a string")
        full = name if "." in name or not space else f"{space}.{name}"
        if full in self.named:
            raise SchemaError(path, f"{full} is defined twice")
        self.named[full] = None
        inner = full.rpartition(".")[0]
        defined: Type
        match kind:
            case "enum":
                defined = _enum(full, node, path)
            case "fixed":
                size = node.get("size")
                if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                    raise SchemaError(path, "size must be a whole number, 0 or more")
                defined = Fixed(full, size, _logical(node, path))
            case _:
                defined = Record(full, self.fields(node, inner, path, depth))
        self.named[full] = defined
        return defined

    def fields(self, node: dict[str, Json], namespace: str, path: str, depth: int) -> tuple[Field, ...]:
        raw = node.get("fields")
        if not isinstance(raw, list):
            raise SchemaError(path, "record needs a list of fields")
        fields: list[Field] = []
        for index, item in enumerate(raw):
            if not isinstance(item, dict) or not isinstance(name := item.get("name"), str) or "type" not in item:
                raise SchemaError(f"{path}.fields[{index}]".lstrip("."), "a field needs a name and a type")
            at = f"{path}.{name}".lstrip(".")
            aliases = item.get("aliases", [])
            form = item.get("form")
            fields.append(
                Field(
                    name,
                    self.type(item["type"], namespace, at, depth + 1),
                    item.get("default", MISSING),
                    tuple(alias for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else (),
                    form if isinstance(form, str) else None,
                )
            )
        if len({field.name for field in fields}) < len(fields):
            raise SchemaError(path, "two fields have the same name")
        return tuple(fields)


def _enum(name: str, node: dict[str, Json], path: str) -> Enum:
    symbols = node.get("symbols")
    if (
        not isinstance(symbols, list)
        or not all(isinstance(symbol, str) for symbol in symbols)
        or not 0 < len(set(map(str, symbols))) == len(symbols)
    ):
        raise SchemaError(path, "an enum needs a list of different symbols")
    default = node.get("default")
    if default is not None and default not in symbols:
        raise SchemaError(path, f"the default {default!r} is none of the symbols")
    return Enum(name, tuple(map(str, symbols)), default if isinstance(default, str) else None)


def _logical(node: dict[str, Json], path: str) -> str | None:
    logical = node.get("logicalType")
    if logical is not None and not isinstance(logical, str):
        raise SchemaError(path, "logicalType must be a string")
    return logical
