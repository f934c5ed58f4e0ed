"""How is an agent tested without Kafka?

A bench makes batches whose rows live in memory and go on from one batch to the next, as in one partition. Give them to Faust's own
``agent.test_context()``::

    bench = Bench(pipeline)
    async with counting.test_context() as agent:
        emitted = await bench.work_through(agent.put, [record("orders", 0, key=b"k", value=b"v")])
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from processors.engine.batch import Batch, Emitted, Target
from processors.engine.pipeline import Pipeline
from processors.engine.records import Position, Record
from processors.engine.rows import PartitionRows
from processors.engine.store import MemoryStore

PARTITIONS = 1


@dataclass(slots=True)
class BenchRecord:
    """A record made by hand."""

    topic: str
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    timestamp: int = 0
    partition: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Bench:
    """One partition without Kafka; also the owner of its batches."""

    def __init__(self, pipeline: Pipeline, *, partition: int = 0) -> None:
        wiring = pipeline.wiring
        self.partition = partition
        self.rows = PartitionRows(MemoryStore(), wiring.codec, wiring.changelog, cache_rows_max=wiring.settings.cache_rows_max)
        self._targets = {output.name: Target(PARTITIONS, output.copartitioned) for output in pipeline.outputs}
        self._targets[wiring.changelog] = Target(PARTITIONS, copartitioned=True)
        self._failure: BaseException | None = None

    def batch(self, records: Sequence[Record]) -> Batch:
        """Make a batch."""
        positions = {record.topic: Position(record.offset + 1, record.timestamp) for record in records}
        return Batch(self.partition, records, positions, self.rows, self._targets, self)

    async def work_through(self, put: Callable[[Batch], Awaitable[object]], records: Sequence[Record]) -> list[Emitted]:
        """Give a batch to an agent, wait until it left it, keep its rows, return what it emitted.

        Raises:
            Exception: what the agent raised in the block.
        """
        batch = self.batch(records)
        while True:
            await put(batch)
            committable = await batch.finished
            if self._failure is not None:
                raise self._failure
            if committable:
                self.rows.hand_over(batch)
                return batch.emitted
            batch.again()

    def entered(self, batch: Batch) -> None:
        """Nothing to note."""

    def left(self, batch: Batch) -> None:
        """Nothing to note."""

    def failed(self, batch: Batch, error: BaseException) -> None:
        """Keep the error for whoever waits."""
        self._failure = error
        batch.finished.set_result(False)
