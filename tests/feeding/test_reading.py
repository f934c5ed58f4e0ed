"""Is no record passed over between asking where to begin and beginning?"""

from __future__ import annotations

from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition

from processors.feeding import reading
from processors.feeding.reading import Start

PARTITION = TopicPartition("t", 0)


class Growing:
    """A partition that gets a record with every question that is asked of it; none is as late as the instant asked for was."""

    def __init__(self) -> None:
        self.end = 5
        self.sought: dict[TopicPartition, int] = {}

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        asked = self.end
        self.end += 1
        return dict.fromkeys(partitions, asked)

    async def offsets_for_times(self, instants: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        self.end += 1
        return dict.fromkeys(instants)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset


async def test_a_record_that_comes_while_we_ask_where_to_begin_is_read() -> None:
    growing = Growing()
    await reading._seek(cast("AIOKafkaConsumer", growing), [PARTITION], Start(timestamp_ms=1))
    assert growing.sought == {PARTITION: 5}
