"""In which order are the records of one partition's topics processed?

By (running maximum of the record timestamp within its topic, rank of the topic, offset). The running maximum keeps the order of each topic
whatever its timestamps say; between topics the older record goes first; on a tie the topic that was declared first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate, islice

from processors.engine.records import Position, Record


class _Queue:
    """Waiting records of one topic, side by side with the running maximum of their timestamps and with their bytes."""

    __slots__ = ("highest", "position", "records", "sizes", "start")

    def __init__(self, position: Position) -> None:
        self.position = position
        self.records: list[Record] = []
        self.highest: list[int] = []
        self.sizes: list[int] = []
        self.start = 0

    def add(self, records: Sequence[Record]) -> int:
        """Append records and return their bytes."""
        before = self.highest[-1] if self.highest else self.position.highest
        sizes = [len(record.value) if record.value is not None else 0 for record in records]
        self.records += records
        self.highest += islice(accumulate([record.timestamp for record in records], max, initial=before), 1, None)
        self.sizes += sizes
        return sum(sizes)

    def take(self, end: int, bytes_max: int, taken: list[Record]) -> int:
        """Take the records up to ``end``, fewer if they are too many bytes but always one; return their bytes."""
        sizes = self.sizes[self.start : end]
        size = sum(sizes)
        if size >= bytes_max:
            bounds = list(accumulate(sizes))
            last = bisect_left(bounds, bytes_max)
            size, end = bounds[last], self.start + last + 1
        taken += self.records[self.start : end]
        self.start = end
        return size

    def let_go(self) -> None:
        """Let go of what was taken."""
        if self.start:
            self.position.offset = self.records[self.start - 1].offset + 1
            self.position.highest = self.highest[self.start - 1]
            del self.records[: self.start], self.highest[: self.start], self.sizes[: self.start]
            self.start = 0


class Merge:
    """Waiting records of one partition, by topic; ``positions`` tells what was taken, not what was added."""

    def __init__(self, topics: Sequence[str], positions: Mapping[str, Position]) -> None:
        """Begin with empty queues at ``positions``; the order of ``topics`` is their rank."""
        self._queues = {topic: _Queue(positions[topic].copy()) for topic in topics}
        self._ranked = tuple(self._queues.values())
        self.count = 0
        self.size_bytes = 0

    def add(self, topic: str, records: Sequence[Record]) -> None:
        """Append fetched records of one topic, in the order of their offsets."""
        self.size_bytes += self._queues[topic].add(records)
        self.count += len(records)

    def waiting(self, topic: str) -> int:
        """Count the waiting records of one topic."""
        return len(self._queues[topic].records)

    def positions(self) -> dict[str, Position]:
        """Return where each topic stands after everything taken so far."""
        return {topic: queue.position.copy() for topic, queue in self._queues.items()}

    def take(self, records_max: int, bytes_max: int) -> list[Record]:
        """Take the next records in order; stops at either limit but always takes one if any waits."""
        taken: list[Record] = []
        size = 0
        heads = [(queue.highest[0], rank) for rank, queue in enumerate(self._ranked) if queue.records]
        heapify(heads)
        while heads and len(taken) < records_max and size < bytes_max:
            _, rank = heappop(heads)
            queue = self._ranked[rank]
            end = len(queue.records)
            if heads:  # up to the next topic's head, on a tie with it if this topic was declared first
                bound, other = heads[0]
                end = (bisect_right if rank < other else bisect_left)(queue.highest, bound, queue.start)
            size += queue.take(min(end, queue.start + records_max - len(taken)), bytes_max - size, taken)
            if queue.start < len(queue.records):
                heappush(heads, (queue.highest[queue.start], rank))
        for queue in self._ranked:
            queue.let_go()
        self.count -= len(taken)
        self.size_bytes -= size
        return taken
