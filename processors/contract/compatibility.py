"""Can what was written with one schema be read with another? The rule of the contract, stricter than a registry's.

Avro's resolution rules, and besides: a logical type never changes (microseconds read as milliseconds are a wrong instant, and
no registry refuses that), and an enum may gain a symbol only where the reader has a default for it.
Inputs stay readable for ever: every version reads all older ones. Outputs also forward: every older version reads the newer ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from processors.contract.avro import MISSING, Array, Enum, Fixed, Map, Primitive, Record, Type, Union, short

PROMOTIONS: Final = frozenset(
    {
        ("int", "long"),
        ("int", "float"),
        ("int", "double"),
        ("long", "float"),
        ("long", "double"),
        ("float", "double"),
        ("string", "bytes"),
        ("bytes", "string"),
    }
)


def problems(writer: Type, reader: Type, path: str = "") -> list[str]:
    """Why data written with `writer` cannot be read with `reader`, each with the field's path; empty where it can."""
    match writer, reader:
        case Union(branches=branches), _:
            return [problem for branch in branches for problem in problems(branch, reader, path)]
        case _, Union(branches=branches):
            tried = [problems(writer, branch, path) for branch in branches]
            return [] if [] in tried else _nearest(writer, branches, tried, path)
        case Record(), Record():
            return _record(writer, reader, path)
        case Enum(), Enum():
            lost = [] if reader.default is not None else [symbol for symbol in writer.symbols if symbol not in reader.symbols]
            return _name(writer, reader, path) + [f"{path}: symbol {symbol} has no reading and the enum no default" for symbol in lost]
        case Fixed(), Fixed():
            sizes = [] if writer.size == reader.size else [f"{path}: size {writer.size} became {reader.size}"]
            return _name(writer, reader, path) + sizes + _logical(writer.logical, reader.logical, path)
        case Array(), Array():
            return problems(writer.items, reader.items, f"{path}[]")
        case Map(), Map():
            return problems(writer.values, reader.values, f"{path}{{}}")
        case Primitive(), Primitive():
            if writer.type != reader.type and (writer.type, reader.type) not in PROMOTIONS:
                return [f"{path}: {writer.type} cannot be read as {reader.type}"]
            return _logical(writer.logical, reader.logical, path)
        case _:
            return [f"{path}: {_kind(writer)} cannot be read as {_kind(reader)}"]


def history_problems(versions: Sequence[Type], *, forward: bool) -> list[str]:
    """What breaks the rule among all versions of one record, oldest first; `forward` for outputs, which old readers must read too."""
    found: list[str] = []
    for newer in range(1, len(versions)):
        for older in range(newer):
            names = f"v{older + 1} read as v{newer + 1}: "
            found += [names + problem for problem in problems(versions[older], versions[newer])]
            if forward:
                names = f"v{newer + 1} read as v{older + 1}: "
                found += [names + problem for problem in problems(versions[newer], versions[older])]
    for older_type, newer_type in pairwise(versions):
        found += [problem for problem in _lost_defaults(older_type, newer_type) if problem not in found]
    return found


def _record(writer: Record, reader: Record, path: str) -> list[str]:
    found = _name(writer, reader, path)
    written = {field.name: field for field in writer.fields}
    for field in reader.fields:
        at = f"{path}.{field.name}".lstrip(".")
        source = next((written[name] for name in (field.name, *field.aliases) if name in written), None)
        if source is not None:
            found += problems(source.type, field.type, at)
        elif field.default is MISSING:
            found.append(f"{at}: is not written and has no default")
    return found


def _lost_defaults(older: Type, newer: Type, path: str = "") -> list[str]:
    """An enum that loses its UNKNOWN would break the reader after next."""
    match older, newer:
        case Record(), Record():
            now = {field.name: field.type for field in newer.fields}
            return [
                problem
                for field in older.fields
                if field.name in now
                for problem in _lost_defaults(field.type, now[field.name], f"{path}.{field.name}".lstrip("."))
            ]
        case Union(), Union():
            return [problem for a in older.branches for b in newer.branches for problem in _lost_defaults(a, b, path)]
        case Array(), Array():
            return _lost_defaults(older.items, newer.items, f"{path}[]")
        case Enum(), Enum() if older.default is not None and older.name == newer.name and newer.default != older.default:
            return [f"{path}: the enum's default {older.default} became {newer.default}"]
        case _:
            return []


def _nearest(writer: Type, branches: Sequence[Type], tried: list[list[str]], path: str) -> list[str]:
    """The problems with the branch of the writer's own kind, as the most telling; else that there is none."""
    for branch, found in zip(branches, tried, strict=True):
        if type(branch) is type(writer) and not (isinstance(branch, Primitive) and branch.type != getattr(writer, "type", None)):
            return found
    return [f"{path}: {_kind(writer)} cannot be read as any of {', '.join(map(_kind, branches))}"]


def _name(writer: Record | Enum | Fixed, reader: Record | Enum | Fixed, path: str) -> list[str]:
    return [] if short(writer.name) == short(reader.name) else [f"{path or 'schema'}: {short(writer.name)} is not {short(reader.name)}"]


def _logical(writer: str | None, reader: str | None, path: str) -> list[str]:
    return [] if writer == reader else [f"{path}: the logical type {writer or 'none'} became {reader or 'none'}"]


def _kind(type_: Type) -> str:
    match type_:
        case Primitive():
            return type_.type if type_.logical is None else f"{type_.type} ({type_.logical})"
        case Record() | Enum() | Fixed():
            return f"{type(type_).__name__.lower()} {short(type_.name)}"
        case _:
            return type(type_).__name__.lower()
