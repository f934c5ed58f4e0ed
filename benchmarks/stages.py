"""How much of an event goes into which stage? Wraps the functions of the core while it is measured.

A call costs 0.3 us more, most of it outside of what it measures.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from processors.core import handle as handling
from processors.core.pairs import Pairs
from processors.core.settling import Settling

STAGES = ("read and fold", "evaluate", "review_at", "decision, evidence, id")


class Stages:
    """Adds up the time of each stage of what is handled while it is entered, or counts how many pairs were asked, which takes time."""

    def __init__(self, *, measured: bool, counted: bool = False) -> None:
        """Measured, counted, or neither: then it changes nothing."""
        self._measured = measured
        self._counted = counted
        self._spent: Counter[str] = Counter()
        self._undo: list[tuple[Any, str, Any]] = []
        self.asked = 0

    def clear(self) -> None:
        """Begin anew with nothing spent."""
        self._spent.clear()
        self.asked = 0

    def spent(self) -> dict[str, int]:
        """Nanoseconds by stage since `clear`, each without the stages inside it."""
        if not self._measured:
            return {}
        spent = self._spent
        return {
            "read and fold": spent["read and fold"],
            "evaluate": spent["all after the fold"] - spent["decision whole"],
            "review_at": spent["review_at"],
            "decision, evidence, id": spent["decision whole"] - spent["review_at"],
        }

    def _wrap(self, owner: Any, name: str, stage: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)
        clock, total = time.perf_counter_ns, self._spent

        def timed(*arguments: Any) -> Any:
            start = clock()
            found = inner(*arguments)
            total[stage] += clock() - start
            return found

        self._undo.append((owner, name, inner))
        setattr(owner, name, timed)

    def __enter__(self) -> Self:
        if self._counted:
            self._count_pairs()
        if not self._measured:
            return self
        for name in ("additions", "is_known", "evolve"):
            self._wrap(handling, name, "read and fold")
        self._wrap(handling, "_decide", "all after the fold")
        self._wrap(handling, "_emit", "decision whole")
        self._wrap(Pairs, "changes_at", "review_at")
        return self

    def _count_pairs(self) -> None:
        inner = Settling.changed_pairs

        def counted(settling: Settling, as_of: int) -> Any:
            found = inner(settling, as_of)
            self.asked += len(found)
            return found

        self._undo.append((Settling, "changed_pairs", inner))
        setattr(Settling, "changed_pairs", counted)  # noqa: B010 - mypy does not let a method be assigned

    def __exit__(self, *_: object) -> None:
        for owner, name, inner in self._undo:
            setattr(owner, name, inner)
        self._undo.clear()
