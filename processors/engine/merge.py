"""In which order are the records of one partition's topics processed?

By (running maximum of the record timestamp within its topic, rank of the topic, offset). The running maximum keeps the order of each topic
whatever its timestamps say; between topics the older record goes first; on a tie the topic that was declared first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

from processors.engine.records import Position, Record


class Merge:
    """Waiting records of one partition, by topic; ``positions`` tells what was taken, not what was added."""

    def __init__(self, topics: Sequence[str], positions: Mapping[str, Position]) -> None:
        """Begin with empty queues at ``positions``; the order of ``topics`` is their rank."""
        self._topics = tuple(topics)
        self._queues: dict[str, deque[Record]] = {topic: deque() for topic in topics}
        self._positions = {topic: positions[topic].copy() for topic in topics}
        self.count = 0
        self.size_bytes = 0

    def add(self, topic: str, records: Sequence[Record]) -> None:
        """Append fetched records of one topic, in the order of their offsets."""
        self._queues[topic].extend(records)
        self.count += len(records)
        self.size_bytes += sum([len(record.value) if record.value is not None else 0 for record in records])

    def waiting(self, topic: str) -> int:
        """Count the waiting records of one topic."""
        return len(self._queues[topic])

    def positions(self) -> dict[str, Position]:
        """Return where each topic stands after everything taken so far."""
        return {topic: position.copy() for topic, position in self._positions.items()}

    def take(self, records_max: int, bytes_max: int) -> list[Record]:
        """Take the next records in order; stops at either limit but always takes one if any waits."""
        taken: list[Record] = []
        size = 0
        heads = [
            (max(self._positions[topic].highest, queue[0].timestamp), rank, topic)
            for rank, topic in enumerate(self._topics)
            if (queue := self._queues[topic])
        ]
        heapify(heads)
        while heads and len(taken) < records_max and size < bytes_max:
            _, rank, topic = heappop(heads)
            queue = self._queues[topic]
            position = self._positions[topic]
            highest = position.highest
            bound = heads[0][:2] if heads else None
            while queue and len(taken) < records_max and size < bytes_max:
                record = queue[0]
                candidate = max(record.timestamp, highest)
                if bound is not None and (candidate, rank) > bound:
                    break
                highest = candidate
                taken.append(queue.popleft())
                size += len(record.value) if record.value is not None else 0
                position.offset = record.offset + 1
            position.highest = highest
            if queue:
                heappush(heads, (max(highest, queue[0].timestamp), rank, topic))
        self.count -= len(taken)
        self.size_bytes -= size
        return taken
