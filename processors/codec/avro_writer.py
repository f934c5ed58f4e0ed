"""How does a message of ours become Avro bytes? With the newest schema of its record, writers built once.

An own writer because fastavro's tries the branches of every union anew: it takes nearly twice as long for a decision (`make bench`).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, TypeAlias

from processors.codec.rejected import MessageRejected, invalid
from processors.codec.shapes import attribute
from processors.contract.avro import Array, Enum, Fixed, Primitive, Record, Type, Union, short

Writer: TypeAlias = Callable[[bytearray, Any], None]


def record_writer(record: Record) -> Writer:
    """A function that appends a message; INVALID names the field whose value the schema cannot hold."""
    name = short(record.name)
    writers = tuple((field.name, _writer(field.type)) for field in record.fields)
    assert len(writers) > 1  # attrgetter gives a tuple only for several names
    get = attrgetter(*(attribute(name, field.name) for field in record.fields))

    def write(out: bytearray, message: Any) -> None:  # noqa: ANN401 - one of ours, by the record
        field = name
        try:
            for (field, write_value), value in zip(writers, get(message), strict=True):  # noqa: B007 - named by the handlers
                write_value(out, value)
        except MessageRejected as rejected:
            raise rejected.within(field) from None
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise invalid(f"cannot be written: {error}", field) from error

    return write


def write_long(out: bytearray, number: int) -> None:
    """A zigzag number; OverflowError beyond 64 bits."""
    if 0 <= number < 64:
        out.append(number << 1)
        return
    if not -(2**63) <= number < 2**63:
        raise OverflowError("a number has more than 64 bits")
    number = (number << 1) ^ (number >> 63)
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _writer(type_: Type) -> Writer:
    match type_:
        case Union(branches=(Primitive("null"), inner)):
            return _optional_writer(_writer(inner))
        case Enum():
            return _enum_writer(type_)
        case Record():
            return record_writer(type_)
        case Array():
            return _array_writer(_writer(type_.items))
        case Fixed():
            return _fixed_writer(type_.size)
        case Primitive():
            return _PRIMITIVES[type_.type]
        case _:
            raise TypeError(f"the contract has no {type_}")


def _optional_writer(inner: Writer) -> Writer:
    def write(out: bytearray, value: Any) -> None:  # noqa: ANN401 - any type of the contract
        if value is None:
            out.append(0)
        else:
            out.append(2)
            inner(out, value)

    return write


def _enum_writer(enum: Enum) -> Writer:
    written: dict[str, bytes] = {}
    for index, symbol in enumerate(enum.symbols):
        out = bytearray()
        write_long(out, index)
        written[symbol] = bytes(out)

    def write(out: bytearray, value: str) -> None:
        out += written[value]

    return write


def _array_writer(item: Writer) -> Writer:
    def write(out: bytearray, values: tuple[Any, ...]) -> None:
        if values:
            write_long(out, len(values))
            for value in values:
                item(out, value)
        out.append(0)

    return write


def _fixed_writer(size: int) -> Writer:
    def write(out: bytearray, value: bytes) -> None:
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes instead of {size}")
        out += value

    return write


def _write_text(out: bytearray, value: str) -> None:
    data = value.encode()
    write_long(out, len(data))
    out += data


def _write_bytes(out: bytearray, value: bytes) -> None:
    write_long(out, len(value))
    out += value


def _write_boolean(out: bytearray, value: bool) -> None:
    out.append(1 if value else 0)


def _write_int(out: bytearray, value: int) -> None:
    if not -(2**31) <= value < 2**31:
        raise OverflowError("an int has more than 32 bits")
    write_long(out, value)


_PRIMITIVES: Final[dict[str, Writer]] = {
    "string": _write_text,
    "bytes": _write_bytes,
    "boolean": _write_boolean,
    "int": _write_int,
    "long": write_long,
}
