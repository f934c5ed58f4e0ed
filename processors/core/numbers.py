"""Which number stands for a vector of facts? Small keys for what is decided again and again; a number is never given twice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

VECTORS_MAX: Final = 65_536
"""How many vectors are remembered; then all are forgotten, and come back under new numbers."""


class Numbers:
    """Gives equal vectors the same number, and different ones different numbers."""

    __slots__ = ("_given", "_numbers")

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._given = 0

    def of(self, vector: Hashable) -> int:
        """The vector's number."""
        number = self._numbers.get(vector)
        if number is None:
            if len(self._numbers) >= VECTORS_MAX:
                self._numbers.clear()
            self._given = number = self._given + 1
            self._numbers[vector] = number
        return number


OF_VECTORS: Final = Numbers()
"""Vectors say all that they mean, so one numbering serves all policies and customers."""
