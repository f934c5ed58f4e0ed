"""Which of the values told for a register (policy.md 4.1) is in force, and when does another come into force?

A *key* is (occurred_at, rank, event_id); a *write* is (in_force_from, key, value). The greatest write that has come into force counts, so
the order of arrival leaves no trace.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Any, TypeAlias

from processors.core.policy import FOREVER

Key: TypeAlias = tuple[int, int, str]
Value: TypeAlias = object
Write: TypeAlias = tuple[int, Key, Value]


def values_of(writes: Iterable[Write | None]) -> list[Any]:
    """The value of each register, None where it is unset; what type it has the register's name says."""
    return [write[2] if write is not None else None for write in writes]


class Registers:
    """The registers of one thing: what is in force at as_of in `current`, what waits in `waiting`, rare and in the order of its start.

    `values` are those of `current`, kept because every outline and every profile reads them.
    """

    __slots__ = ("current", "values", "waiting")

    def __init__(self, count: int) -> None:
        self.current: list[Write | None] = [None] * count
        self.values: list[Any] = [None] * count
        self.waiting: list[tuple[int, Key, int, Value]] = []

    def knows(self, register: int, key: Key) -> bool:
        """Whether a write of this key is kept."""
        current = self.current[register]
        if current is not None and current[1] == key:
            return True
        return any(waiting[1] == key and waiting[2] == register for waiting in self.waiting)

    def add(self, writes: Iterable[tuple[int, int, Value]], key: Key, as_of: int) -> tuple[bool, bool]:
        """Keep each (register, in force from, value) unless a greater one is in force.

        Whether any was kept, and whether one of those tells another value than its register has, or waits.
        """
        news = other = False
        current, values = self.current, self.values
        for register, in_force_from, value in writes:
            if in_force_from > as_of:
                if not self.knows(register, key):
                    insort(self.waiting, (in_force_from, key, register, value), key=_start_of_waiting)
                    news = other = True
                continue
            before = current[register]
            if before is None:
                current[register] = (in_force_from, key, value)
                values[register] = value
                news = other = True
            elif in_force_from > before[0] or (in_force_from == before[0] and key > before[1]):
                current[register] = (in_force_from, key, value)
                news = True
                if before[2] != value:
                    values[register] = value
                    other = True
        return news, other

    def add_first(self, register: int, key: Key, value: Value) -> bool:
        """As `add`, for the one register whose smallest key counts."""
        current = self.current[register]
        if current is None or key < current[1]:
            self.put(register, (key[0], key, value))
            return True
        return False

    def put(self, register: int, write: Write) -> None:
        """Keep this very write, whatever is in force."""
        self.current[register] = write
        self.values[register] = write[2]

    def told(self, writes: list[Write | None]) -> list[Any]:
        """The values of writes that `at` gave, or that were read through predecessors."""
        return self.values if writes is self.current else values_of(writes)

    def at(self, instant: int) -> tuple[list[Write | None], int]:
        """The greatest write of each register in force at an instant not before as_of, and until when this holds."""
        if not self.waiting:
            return self.current, FOREVER
        if instant < self.waiting[0][0]:
            return self.current, self.waiting[0][0]
        current = list(self.current)
        for in_force_from, key, register, value in self.waiting:
            if in_force_from > instant:
                return current, in_force_from
            write = current[register]
            if write is None or (in_force_from, key) > write[:2]:
                current[register] = (in_force_from, key, value)
        return current, FOREVER

    def advance(self, as_of: int) -> bool:
        """Let come into force what was waiting, and drop what is below it; whether anything did."""
        if not self.waiting or self.waiting[0][0] > as_of:
            return False
        self.current = self.at(as_of)[0]
        self.values = values_of(self.current)
        self.waiting = [waiting for waiting in self.waiting if waiting[0] > as_of]
        return True


def _start_of_waiting(waiting: tuple[int, Key, int, Value]) -> tuple[int, Key, int]:
    return waiting[:3]
