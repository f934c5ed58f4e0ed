"""Who owns which partition, and when may it run?

Rebalance callbacks only note what changed and return at once, so that heartbeats go on; a task brings partitions up. The epoch, raised
before anything else in both callbacks, makes late work of an earlier assignment void. Writers and state of partitions that come back are
kept, but they must prove themselves: somebody else may have owned them in a generation this process slept through.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from processors.engine.agreement import Agreement
from processors.engine.batch import Batch
from processors.engine.collector import freeze_survivors
from processors.engine.faults import Defect, Failpoint, defective, reached
from processors.engine.lane import Lane
from processors.engine.offsets import GroupOffsets
from processors.engine.partition import Partition, State
from processors.engine.positions import PositionsContradictError
from processors.engine.records import Position
from processors.engine.tasks import guarded
from processors.engine.watchdog import Limit
from processors.engine.wiring import AgentProgress, Wiring

logger = logging.getLogger(__name__)


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions of this process; the consumer calls it at every rebalance."""

    def __init__(
        self,
        wiring: Wiring,
        consumer: AIOKafkaConsumer,
        offsets: GroupOffsets,
        *,
        partition_count: int,
        put: Callable[[Batch], Awaitable[None]],
    ) -> None:
        self.epoch = 0
        self.assigned: frozenset[int] = frozenset()
        self.partitions: dict[int, Partition] = {}
        self.fetching = asyncio.Lock()
        """Held while records are fetched and while positions are set."""
        self._wiring = wiring
        self._consumer = consumer
        self._offsets = offsets
        self._agreement = Agreement(wiring, consumer, offsets)
        self._partition_count = partition_count
        self._put = put
        self._progress = AgentProgress(wiring)
        self._gate = asyncio.Semaphore(wiring.settings.restores_at_once)
        self._settling: asyncio.Task[None] | None = None
        self._stopping = False
        deadlines = wiring.settings.deadlines
        self._first: Limit | None = wiring.watchdog.limit("the first assignment", deadlines.first_assignment)
        self.round = wiring.watchdog.limit("a round of the fetch loop", deadlines.fetch_loop)
        """Renewed by the fetch loop; while a rebalance is under way a fetch may wait for all of it."""

    # The callbacks of the consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish and commit; writers and state stay, in case the partitions come back."""
        self.epoch += 1
        logger.info("rebalance: %d partitions revoked", len({place.partition for place in revoked}))
        try:
            self._rebalancing(under_way=True)
            if self._settling is not None:
                self._settling.cancel()
                self._settling = None
            with self._wiring.watchdog.limit("draining for a rebalance", self._wiring.settings.deadlines.drain):
                await self._drain()
        except Exception as error:  # noqa: BLE001 the client would log it and go on as if assigned
            self._wiring.fail_stop(f"revoking partitions failed: {error!r}", error=error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Stop fetching from the partitions, start bringing them up and return: heartbeats begin only then."""
        self.epoch += 1
        try:
            places = frozenset(assigned)
            if places:
                self._consumer.pause(*places)
            self._wiring.figures.rebalances += 1
            self._rebalancing(under_way=False)
            self.assigned = frozenset(place.partition for place in places)
            if self._stopping:
                return
            self._settling = guarded(self._wiring, self._settle(self.epoch, places), "bringing up partitions")
            if defective(self._wiring.faults, Defect.RESTORE_IN_CALLBACK):
                await asyncio.wait([self._settling])
        except Exception as error:  # noqa: BLE001 the client would log it and go on as if assigned
            self._wiring.fail_stop(f"taking over partitions failed: {error!r}", error=error)

    # For the pipeline

    async def finish(self) -> None:
        """Let all lanes commit what they handed out; nothing new begins."""
        self._stopping = True
        self.epoch += 1
        self._assignment_seen()
        self.round.end()
        if self._settling is not None:
            self._settling.cancel()
        await self._drain()

    async def let_go(self) -> None:
        """Stop the writers and drop the state of all partitions."""
        await asyncio.gather(*(partition.let_go() for partition in self.partitions.values()))

    def reasons_not_ready(self) -> list[str]:
        """Say which partitions do not run yet, and why."""
        if self._first is not None:
            return ["waiting for the group's first assignment"]
        return [
            f"partition {number}: {state}" + (f", {left} changelog offsets left" if (left := self._left(number)) else "")
            for number in sorted(self.assigned)
            if (state := self.partitions[number].state if number in self.partitions else State.NONE) is not State.RUNNING
        ]

    def _left(self, number: int) -> int:
        return self._wiring.partition_figures(number).restore_left

    # Bringing partitions up

    async def _settle(self, epoch: int, places: frozenset[TopicPartition]) -> None:
        """Give up what was lost, bring up what was assigned."""
        numbers = self.assigned
        if places != {TopicPartition(topic, number) for topic in self._wiring.inputs for number in numbers}:
            raise RuntimeError(f"the group assigned {sorted(places)}, but the topics of a partition belong together")
        logger.info("rebalance: partitions %s assigned", sorted(numbers))
        await asyncio.gather(*(self.partitions.pop(number).let_go() for number in set(self.partitions) - numbers))
        if not numbers:
            await self._stand_by(epoch)
            return
        self._assignment_seen()
        for number in numbers - set(self.partitions):
            self.partitions[number] = Partition(self._wiring, number, self._gate, self._agreement.prove)
        await asyncio.gather(*(self._bring_up(epoch, self.partitions[number]) for number in sorted(numbers)))
        if all(self.partitions[number].state is State.RUNNING for number in numbers):
            freeze_survivors()

    async def _bring_up(self, epoch: int, partition: Partition) -> None:
        early: dict[str, Position] | None = None
        if defective(self._wiring.faults, Defect.SEEK_BEFORE_RESTORE) and partition.state is State.NONE:
            early = await self._agreement.trusting(partition)
        while True:
            await partition.ready(epoch)
            if epoch != self.epoch:
                return
            partition.positioning()
            try:
                positions = early or await self._agreement.positions(partition, epoch)
            except PositionsContradictError:
                if partition.epoch == epoch:
                    raise
                logger.warning("partition %d: somebody else owned it in between, restoring anew", partition.number)
                await partition.let_go()
                continue
            await reached(self._wiring.faults, Failpoint.POSITION_KNOWN, partition.number)
            await self._go(epoch, partition, positions)
            return

    async def _go(self, epoch: int, partition: Partition, positions: dict[str, Position]) -> None:
        """Set the positions and start the lane while no fetch is in flight."""
        if defective(self._wiring.faults, Defect.SEEK_DURING_FETCH):
            self._seek(partition, positions)
            return
        with self._wiring.watchdog.limit("waiting for a fetch in flight", self._wiring.settings.deadlines.fetch_lock):
            await self.fetching.acquire()
        try:
            if epoch != self.epoch:
                partition.parked()
                return
            self._seek(partition, positions)  # no await in here: positions and lane appear together
        finally:
            self.fetching.release()
        await reached(self._wiring.faults, Failpoint.RUNNING, partition.number)

    def _seek(self, partition: Partition, positions: dict[str, Position]) -> None:
        for topic, position in positions.items():
            place = TopicPartition(topic, partition.number)
            self._consumer.seek(place, position.offset)
            self._consumer.resume(place)
        partition.run(positions, lambda rows: Lane(self._wiring, partition, rows, self._progress, self._put))

    async def _stand_by(self, epoch: int) -> None:
        """With nothing assigned: fine while there are more workers than partitions, else the group's leader saw no topics."""
        while epoch == self.epoch:
            await asyncio.sleep(self._wiring.settings.deadlines.empty_assignment)
            try:
                members = await self._offsets.member_count()
            except (KafkaError, ConnectionError, AssertionError) as error:
                logger.warning("standing by; the group cannot be described: %r", error)
                continue
            if members <= self._partition_count:
                raise RuntimeError(f"nothing was assigned although {members} workers share {self._partition_count} partitions")
            self._assignment_seen()

    # Small parts

    async def _drain(self) -> None:
        await asyncio.gather(*(partition.drain() for partition in self.partitions.values()))
        await reached(self._wiring.faults, Failpoint.LANES_DRAINED, -1)

    def _assignment_seen(self) -> None:
        if self._first is not None:
            self._first.end()
            self._first = None

    def _rebalancing(self, *, under_way: bool) -> None:
        deadlines = self._wiring.settings.deadlines
        self.round.what = "a rebalance" if under_way else "a round of the fetch loop"
        self.round.seconds = deadlines.rebalance if under_way else deadlines.fetch_loop
        self.round.renew()
