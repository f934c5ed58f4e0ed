"""Where is a customer's state between two events? In a Faust table, in chunks; decoded customers stay in memory as long as there is room.

The table's rows are bytes. A row's key is the customer's id, `|`, and the name of the chunk, so every row of a customer lies in the
customer's partition of the changelog. Which chunks a customer has is known from the rows themselves, read once after a restore.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from processors.core import chunks
from processors.core.chunks import HEADER
from processors.core.state import CustomerState

TABLE: Final = "customers"
_SEPARATOR: Final = b"|"
_HEADER: Final = HEADER.encode()
_SAFE: Final = "-._~ :"


class Held:
    """A customer in memory, and the hash of the state as long as it is not known to be another."""

    __slots__ = ("hash", "state")

    def __init__(self, state: CustomerState) -> None:
        self.state = state
        self.hash: bytes | None = None


class Customers:
    """The customers of the partitions that this worker holds; `table` is read and written inside a batch's block only."""

    def __init__(self, table: Any, *, recent_max: int, held_max: int) -> None:  # noqa: ANN401 - Faust's Table
        self._table = table
        self._recent_max = recent_max
        self._held_max = held_max
        self._held: OrderedDict[tuple[int, bytes], Held] = OrderedDict()
        self._rows: dict[int, dict[bytes, list[bytes]]] = {}  # partition -> customer -> keys of its rows

    def get(self, partition: int, customer: bytes) -> Held:
        """The customer, read from the table where it is not in memory; a customer never heard of is empty."""
        place = partition, customer
        held = self._held.get(place)
        if held is None:
            held = self._held[place] = self._read(partition, customer)
            if len(self._held) > self._held_max:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(place)
        return held

    def knows(self, partition: int, customer: bytes) -> bool:
        """Whether the customer is in memory already."""
        return (partition, customer) in self._held

    def write(self, partition: int, customer: bytes, changed: dict[str, bytes], header: bytes) -> None:
        """Stage the chunks that changed and the header."""
        table, prefix = self._table, row_prefix(customer)
        rows = self._rows.setdefault(partition, {}).setdefault(customer, [])
        known = len(rows)
        for name, chunk in changed.items():
            key = prefix + name.encode()
            table[key] = chunk
            if known == 0 or key not in rows:
                rows.append(key)
        key = prefix + _HEADER
        table[key] = header
        if known == 0:
            rows.append(key)

    def drop(self, partition: int, customer: bytes) -> None:
        """Forget what is in memory: it may be ahead of the table."""
        self._held.pop((partition, customer), None)

    def drop_all(self, partition: int) -> None:
        """As `drop`, for all customers of a partition."""
        for place in [place for place in self._held if place[0] == partition]:
            del self._held[place]

    def restore(self, partition: int, rows: Sequence[tuple[bytes, bytes]]) -> dict[str, int | None]:
        """Take in rows of a partition that was restored; the next instants of the customers whose header is among them."""
        own = self._rows.setdefault(partition, {})
        wakes: dict[str, int | None] = {}
        for key, value in rows:
            own.setdefault(_customer(key), []).append(key)
            if (customer := customer_of_header(key)) is not None:
                wakes[customer] = chunks.read_header(value).wake
        return wakes

    def forget(self, partition: int) -> None:
        """The partition is somebody else's now."""
        self.drop_all(partition)
        self._rows.pop(partition, None)

    def count(self) -> int:
        """How many customers are known in the partitions held."""
        return sum(map(len, self._rows.values()))

    def count_held(self) -> int:
        """How many of them are decoded in memory."""
        return len(self._held)

    def _read(self, partition: int, customer: bytes) -> Held:
        prefix = len(row_prefix(customer))
        found: dict[str, bytes] = {}
        for key in self._rows.get(partition, {}).get(customer, ()):
            chunk = self._table.get(key)
            if chunk is not None:
                found[key[prefix:].decode()] = chunk
        return Held(chunks.load(customer.decode(), found, self._recent_max))


def customer_of_header(row_key: bytes) -> str | None:
    """The customer whose header has this row key; None where it is the key of anything else."""
    prefix, separator, name = row_key.partition(_SEPARATOR)
    return _customer(row_key).decode() if name == _HEADER and separator and prefix else None


def _customer(row_key: bytes) -> bytes:
    prefix, _, _ = row_key.partition(_SEPARATOR)
    return unquote(prefix.decode()).encode() if b"%" in prefix else prefix


def row_prefix(customer: bytes) -> bytes:
    """What the keys of a customer's rows begin with; an id that is no GUID is escaped where it could be taken for something else."""
    if customer.isalnum() or customer.replace(b"-", b"").isalnum():
        return customer + _SEPARATOR
    return quote(customer.decode(), safe=_SAFE).encode() + _SEPARATOR
