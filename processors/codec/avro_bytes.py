"""What do the bytes of one Avro value say, read strictly? Every deviation is UNDECODABLE and says what was wrong.

A reader is a function (bytes, position) -> (value, position after it); IndexError where the bytes end early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from processors.codec.rejected import MessageRejected, invalid, undecodable

Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

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


def fields_reader(steps: tuple[tuple[str | None, bool, Reader], ...], defaults: Mapping[str, Any], *, skips: bool) -> Reader:
    """Reads fields into a dict. A step is a name, whether the value may be null, and its reader; without a name it is read over."""

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


def record_reader(fields: Reader, build: Callable[[dict[str, Any]], Any]) -> Reader:
    """Reads fields and makes of them what `build` makes."""

    def read(data: bytes, position: int) -> tuple[Any, int]:
        values, position = fields(data, position)
        return build(values), position

    return read


def text_reader(tidy: Callable[[str], Any]) -> Reader:
    """Reads a text and does to it what `tidy` does."""

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


def enum_reader(written: tuple[str, ...], ours: Mapping[str, Any]) -> Reader:
    """Reads a symbol as our value of it; one that we do not have is INVALID_VALUE."""
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


def union_reader(branches: tuple[Reader, ...]) -> Reader:
    """Reads the branch that the bytes name."""
    count = len(branches)

    def read(data: bytes, position: int) -> tuple[Any, int]:
        index, position = read_long(data, position)
        if not 0 <= index < count:
            raise undecodable(f"branch {index} of a union of {count}")
        return branches[index](data, position)

    return read


def array_reader(item: Reader) -> Reader:
    """Reads items in blocks."""

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


def pair_reader(value: Reader) -> Reader:
    """Reads over an entry of a map."""

    def read(data: bytes, position: int) -> tuple[None, int]:
        _, position = read_bytes(data, position)
        return None, value(data, position)[1]

    return read


def fixed_reader(size: int) -> Reader:
    """Reads a fixed number of bytes."""

    def read(data: bytes, position: int) -> tuple[bytes, int]:
        end = position + size
        if end > len(data):
            raise undecodable(_ENDS)
        return data[position:end], end

    return read


def range_reader(first: int, last: int, complaint: str) -> Reader:
    """Reads a number that must lie between two, or the complaint is told."""

    def read(data: bytes, position: int) -> tuple[int, int]:
        number, position = read_long(data, position)
        if not first <= number <= last:
            raise invalid(complaint)
        return number, position

    return read


def read_int(data: bytes, position: int) -> tuple[int, int]:
    """A zigzag number of up to 32 bits."""
    number, position = read_long(data, position)
    if number not in INT:
        raise undecodable("an int has more than 32 bits")
    return number, position


def read_boolean(data: bytes, position: int) -> tuple[bool, int]:
    """One byte, 0 or 1."""
    byte = data[position]
    if byte > 1:
        raise undecodable(f"a boolean of {byte}")
    return byte == 1, position + 1


def read_null(_: bytes, position: int) -> tuple[None, int]:
    """No bytes at all."""
    return None, position
