"""How is left in the log what a broker leaves there that forgets markers?

Kafka forgets the markers of a transaction only in a race at its start (KAFKA-20734). Here the same is left in the log without one: the
client does not tell the coordinator of the partitions, so all records and offsets of the transaction arrive, its end is acknowledged, and
no marker is written. The broker would notice; for these tests it is told not to (the fixture ``unverified``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.structs import TopicPartition

from processors.engine import Pipeline
from processors.engine.faults import Defect, Failpoint, Faults
from tests.engine.conftest import until

OFFSETS = "__consumer_offsets"


def faults(defect: Defect, *, rule: bool, reach: Callable[[Failpoint, int], Awaitable[None]] | None = None) -> Faults:
    return Faults(reach=reach, defects=frozenset() if rule else frozenset({defect}))


class Forgetful:
    """While entered, transactions of partition 0's writer end without a marker in some topics, or without one anywhere."""

    def __init__(self, pipeline: Pipeline, *topics: str) -> None:
        assert pipeline.ownership is not None
        writer = pipeline.ownership.partitions[0].writer
        assert writer is not None
        self._group = pipeline.wiring.application
        self._topics = topics
        self._manager: Any = writer._producer._txn_manager

    def __enter__(self) -> None:
        manager, add = self._manager, self._manager.maybe_add_partition_to_txn

        def add_place(place: TopicPartition) -> None:
            if not self._topics or place.topic in self._topics:
                manager._txn_partitions.add(place)
            else:
                add(place)

        def group_is_added() -> None:
            manager._txn_consumer_group = self._group

        manager.maybe_add_partition_to_txn = add_place
        if not self._topics or OFFSETS in self._topics:
            manager.consumer_group_to_add = group_is_added

    def __exit__(self, *_: object) -> None:
        self._manager.__dict__.pop("maybe_add_partition_to_txn")
        self._manager.__dict__.pop("consumer_group_to_add", None)


async def committed(pipeline: Pipeline, records: int) -> None:
    await until(lambda: pipeline.figures.records >= records)
    await until(lambda: pipeline.ownership is None or not pipeline.reasons_not_ready())


async def caught_up(pipeline: Pipeline) -> None:
    await until(lambda: pipeline.ownership is not None and all(p.lane and p.lane.caught_up for p in pipeline.ownership.partitions.values()))
