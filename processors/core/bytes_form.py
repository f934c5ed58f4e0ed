"""How are the values of a state written as bytes, the same bytes for the same values?

A number is a varint; an instant eight bytes, big-endian, signed; an id 16 bytes where it is a GUID, else its text; a symbol its place in
its set, so members are only ever added at the end of one. `docs/state.md` describes the chunks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from processors.core import facts as f
from processors.core.facts import Obtained, Predecessor, Seller
from processors.core.registers import Key, Registers, Value, Write
from processors.core.symbols import (
    AcquisitionChannel,
    AzureOffer,
    CancellationStatus,
    Cloud,
    CommercePlatform,
    PartnerType,
    ServiceType,
    Status,
    Symbol,
)

Read = TypeVar("Read")

_GUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NONE, _FALSE, _TRUE, _INT, _TEXT, _SELLER, _PREDECESSOR, _SYMBOL = range(8)
_OWN_START: Final = 0x80  # set on the number of a register whose in_force_from is not its occurred_at

SYMBOLS: Final[dict[int, type[Symbol]]] = {
    f.SERVICE_TYPE: ServiceType,
    f.ACQUISITION_CHANNEL: AcquisitionChannel,
    f.BILLING_CHANNEL: AcquisitionChannel,
    f.CLOUD: Cloud,
    f.COMMERCE_PLATFORM: CommercePlatform,
    f.AZURE_OFFER: AzureOffer,
    f.OBTAINED: Obtained,
    f.STATUS: Status,
    f.CANCEL_REQUEST: CancellationStatus,
}
"""The set of each register of a subscription that holds a symbol."""
PARTNER_SYMBOLS: Final[dict[int, type[Symbol]]] = {f.PARTNER_TYPE: PartnerType}
_PLACES: Final = {kind: {member: place for place, member in enumerate(kind)} for kind in {*SYMBOLS.values(), *PARTNER_SYMBOLS.values()}}


_BYTES: Final = tuple(bytes((byte,)) for byte in range(0x100))
_SYMBOL_BYTES: Final[dict[type[object], dict[object, bytes]]] = {
    kind: {member: _BYTES[_SYMBOL + place] for member, place in places.items()} for kind, places in _PLACES.items()
}


def number(value: int) -> bytes:
    """A varint, for numbers that are not negative."""
    if value < 0x80:
        return _BYTES[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def instant(value: int) -> bytes:
    """Microseconds since the epoch."""
    return value.to_bytes(8, "big", signed=True)


def optional_instant(value: int | None) -> bytes:
    """A byte that says whether there is one, and then the instant."""
    return b"\x00" if value is None else b"\x01" + value.to_bytes(8, "big", signed=True)


@lru_cache(maxsize=16_384)
def identity(value: str) -> bytes:
    """0x10 and 16 bytes of a GUID, or 0x11, a length and text."""
    if len(value) == 36 and _GUID.fullmatch(value) is not None:
        return b"\x10" + bytes.fromhex(value.replace("-", ""))
    return b"\x11" + text(value)


def optional_identity(value: str | None) -> bytes:
    """0x00 for none, else the id."""
    return b"\x00" if value is None else identity(value)


def text(value: str) -> bytes:
    """A length in bytes, and UTF-8."""
    raw = value.encode()
    return number(len(raw)) + raw


def optional_text(value: str | None) -> bytes:
    """A byte that says whether there is one, and then the text."""
    return b"\x00" if value is None else b"\x01" + text(value)


def _value(value: Value) -> bytes:
    if value is True:
        return _BYTES[_TRUE]
    if value is None:
        return _BYTES[_NONE]
    symbols = _SYMBOL_BYTES.get(type(value))
    if symbols is not None:
        return symbols[value]
    if value is False:
        return _BYTES[_FALSE]
    if isinstance(value, int):
        return bytes((_INT,)) + value.to_bytes(8, "big", signed=True)
    if isinstance(value, Seller):
        return bytes((_SELLER, value.by_transfer)) + identity(value.partner_tenant_id)
    if isinstance(value, Predecessor):
        return bytes((_PREDECESSOR,)) + identity(value.subscription_id) + optional_identity(value.holder)
    if isinstance(value, str):
        return bytes((_TEXT,)) + identity(value)
    raise TypeError(f"no register holds a {type(value).__name__}")


class Keys:
    """The event keys of a chunk, each written once; entries name them by their place."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: dict[Key, int] = {}

    def place(self, key: Key) -> bytes:
        """The place of a key, as bytes."""
        places = self._places
        place = places.get(key)
        if place is None:
            place = places[key] = len(places)
        return _BYTES[place] if place < 0x80 else number(place)

    def encode(self) -> bytes:
        """All keys: how many, and each as instant, rank and id."""
        return number(len(self._places)) + b"".join(
            [key[0].to_bytes(8, "big", signed=True) + bytes((key[1],)) + identity(key[2]) for key in self._places]
        )


def registers(known: Registers, keys: Keys) -> bytes:
    """The writes in force and then those that wait: how many, and each as register, key, in_force_from where it is another, and value."""
    parts = [b""]
    for register, write in enumerate(known.current):
        if write is not None:
            start, key, value = write
            parts.append(_BYTES[register] if start == key[0] else _BYTES[register | _OWN_START])
            parts.append(keys.place(key))
            if start != key[0]:
                parts.append(start.to_bytes(8, "big", signed=True))
            parts.append(_value(value))
    parts[0] = number(sum([write is not None for write in known.current]))
    parts.append(number(len(known.waiting)))
    for start, key, register, value in known.waiting:
        own_start = start != key[0]
        parts += [_BYTES[register | _OWN_START] if own_start else _BYTES[register], keys.place(key)]
        parts += [start.to_bytes(8, "big", signed=True), _value(value)] if own_start else [_value(value)]
    return b"".join(parts)


class Reader:
    """Reads what the functions above wrote, from the front."""

    __slots__ = ("_at", "_raw", "keys")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self.keys: list[Key] = []

    def done(self) -> bool:
        """Whether all was read."""
        return self._at == len(self._raw)

    def take(self, count: int) -> bytes:
        """The next bytes; ValueError where there are fewer."""
        start = self._at
        self._at += count
        if self._at > len(self._raw):
            raise ValueError(f"a state chunk ends at byte {len(self._raw)} where {count} more were expected from {start}")
        return self._raw[start : self._at]

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A varint."""
        value = shift = 0
        while (byte := self.byte()) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def instant(self) -> int:
        """Microseconds since the epoch."""
        return int.from_bytes(self.take(8), "big", signed=True)

    def text(self) -> str:
        """A text."""
        return self.take(self.number()).decode()

    def identity(self) -> str:
        """An id."""
        found = self.optional(self._identity_of)
        if found is None:
            raise ValueError("a state chunk has no id where one was expected")
        return found

    def optional_identity(self) -> str | None:
        """An id or none."""
        return self.optional(self._identity_of)

    def _identity_of(self, tag: int) -> str:
        if tag == 0x11:
            return self.text()
        if tag != 0x10:
            raise ValueError(f"a state chunk has {tag:#04x} where an id was expected")
        raw = self.take(16).hex()
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def optional_instant(self) -> int | None:
        """An instant or none."""
        return self.optional(lambda _: self.instant())

    def optional_text(self) -> str | None:
        """A text or none."""
        return self.optional(lambda _: self.text())

    def optional(self, read: Callable[[int], Read]) -> Read | None:
        """What follows a byte that says whether there is something."""
        tag = self.byte()
        return read(tag) if tag else None

    def read_keys(self) -> None:
        """The keys of the chunk."""
        for _ in range(self.number()):
            occurred_at, rank = self.instant(), self.byte()
            self.keys.append((occurred_at, rank, self.identity()))

    def key(self) -> Key:
        """A key by its place."""
        return self.keys[self.number()]

    def registers(self, known: Registers, symbols: dict[int, type[Symbol]]) -> None:
        """All writes, into empty registers."""
        for _ in range(self.number()):
            register, write = self._write(symbols)
            known.put(register, write)
        for _ in range(self.number()):
            register, (start, key, value) = self._write(symbols)
            known.waiting.append((start, key, register, value))

    def _write(self, symbols: dict[int, type[Symbol]]) -> tuple[int, Write]:
        tag = self.byte()
        register, key = tag & ~_OWN_START, self.key()
        start = self.instant() if tag & _OWN_START else key[0]
        return register, (start, key, self._value(symbols.get(register)))

    def _value(self, symbols: type[Symbol] | None) -> Value:
        tag = self.byte()
        if tag >= _SYMBOL and symbols is not None:
            return tuple(symbols)[tag - _SYMBOL]
        match tag:
            case 0:
                return None
            case 1 | 2:
                return tag == _TRUE
            case 3:
                return self.instant()
            case 4:
                return self.identity()
            case 5:
                by_transfer = self.byte() == 1
                return Seller(self.identity(), by_transfer)
            case 6:
                subscription_id = self.identity()
                return Predecessor(subscription_id, self.optional_identity())
            case _:
                raise ValueError(f"a state chunk has {tag:#04x} where a value was expected")
