"""When may time alone change which customer's answers, and which reviews are due now? Kept by the worker, per partition.

The instants themselves are the core's and lie in the customers' headers; here is only the order in which they come.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID, uuid5

from processors.core.events import ReviewDue
from processors.core.symbols import ReviewCause

_NAMESPACE: Final = UUID("0f6f3c0e-51d8-4b0e-8a55-6d0d3c2f7a11")


def review(customer_tenant_id: str, instant: int, cause: ReviewCause) -> ReviewDue:
    """A review of a customer at an instant (microseconds); its id is derived, so that a repeat is a duplicate."""
    event_id = str(uuid5(_NAMESPACE, f"{customer_tenant_id}|{instant}|{cause}"))
    return ReviewDue(event_id=event_id, occurred_at=instant, customer_tenant_id=customer_tenant_id, cause=cause)


class ReviewPlan:
    """The next instant of every customer of every partition that this worker holds.

    What a batch learnt is noted first and counts once its successor begins: a batch that is taken back leaves no trace.
    """

    def __init__(self) -> None:
        self._next: dict[int, dict[str, int]] = {}
        self._heaps: dict[int, list[tuple[int, str]]] = {}
        self._noted: dict[int, dict[str, int | None]] = {}

    def note(self, partition: int, customer: str, instant: int | None) -> None:
        """A customer's next instant after an event; None: time alone will change nothing."""
        self._noted.setdefault(partition, {})[customer] = instant

    def take_back(self, partition: int) -> None:
        """Forget what was noted since `settle`."""
        self._noted.pop(partition, None)

    def settle(self, partition: int) -> None:
        """What was noted counts from now on."""
        noted = self._noted.pop(partition, None)
        if noted:
            self.restore(partition, noted)

    def restore(self, partition: int, instants: Mapping[str, int | None]) -> None:
        """Take in instants that are known to be true."""
        known, heap = self._next.setdefault(partition, {}), self._heaps.setdefault(partition, [])
        for customer, instant in instants.items():
            if instant is None:
                known.pop(customer, None)
            elif known.get(customer) != instant:
                known[customer] = instant
                heapq.heappush(heap, (instant, customer))
        if len(heap) > 2 * len(known) + 1_000:  # overtaken entries are dropped when they come up, or here before they are too many
            self._heaps[partition] = [(instant, customer) for customer, instant in known.items()]
            heapq.heapify(self._heaps[partition])

    def forget(self, partition: int) -> None:
        """The partition is somebody else's now."""
        for kept in (self._next, self._heaps, self._noted):
            kept.pop(partition, None)

    def due(self, partition: int, now: int, count_max: int) -> list[tuple[int, str]]:
        """Take what is due at `now` (microseconds), the oldest first, `count_max` at most; each is handed out once."""
        known, heap = self._next.get(partition, {}), self._heaps.get(partition, [])
        taken: list[tuple[int, str]] = []
        while heap and heap[0][0] <= now and len(taken) < count_max:
            instant, customer = heapq.heappop(heap)
            if known.get(customer) == instant:
                del known[customer]
                taken.append((instant, customer))
        return taken

    def overdue_seconds(self, now: int) -> float:
        """How long the oldest review is due that was not handed out yet; 0 where none is."""
        return max((now - oldest for oldest in self._oldest() if oldest <= now), default=0) / 1_000_000

    def planned(self) -> int:
        """How many customers time alone may change."""
        return sum(map(len, self._next.values()))

    def _oldest(self) -> Iterable[int]:
        for noted in self._noted.values():
            yield from (instant for instant in noted.values() if instant is not None)
        for partition, heap in self._heaps.items():
            known = self._next[partition]
            while heap and known.get(heap[0][1]) != heap[0][0]:
                heapq.heappop(heap)
            if heap:
                yield heap[0][0]
