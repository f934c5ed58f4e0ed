"""What does an application declare, and how does its engine start and stop?

One service on the Faust app. It holds the parts together: checks, consumer, ownership of partitions, fetch loop. Every error and every
deadline ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import faust
import mode
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from processors.engine.batch import Batch
from processors.engine.collector import tune_collector
from processors.engine.failstop import ExitCode, FailStop, StartRefusedError
from processors.engine.faults import Defect, Faults, defective
from processors.engine.fetching import fetch
from processors.engine.figures import EngineFigures
from processors.engine.offsets import GroupOffsets
from processors.engine.ownership import Ownership
from processors.engine.quiet import quieten
from processors.engine.rows import RawRows, RowCodec
from processors.engine.settings import EngineSettings
from processors.engine.startup import Output, check_group, checked_targets, topic_facts
from processors.engine.table import StagedTable
from processors.engine.tasks import bounded, guarded, persistently
from processors.engine.watchdog import Watchdog
from processors.engine.wiring import Hooks, Wiring

logger = logging.getLogger(__name__)


class Pipeline(mode.Service):
    """The engine of one application; register it with ``attach`` and give ``channel`` to its agents."""

    def __init__(
        self,
        app: faust.App,
        *,
        inputs: Sequence[str],
        outputs: Iterable[Output | str] = (),
        changelog: str,
        codec: RowCodec[Any, Any] | None = None,
        hooks: Hooks | None = None,
        settings: EngineSettings | None = None,
        clock: Callable[[], float] = time.time,
        faults: Faults | None = None,
        fail_stop: FailStop | None = None,
    ) -> None:
        """Declare the wiring; nothing is contacted before the app starts.

        Args:
            app: made by ``create_app``; its id is the consumer group and the stem of the transactional ids.
            inputs: co-partitioned topics; on equal timestamps an earlier one goes first.
            outputs: topics that batches emit to; an input that is also written to is named here too. A name alone is co-partitioned.
            changelog: compacted topic with the inputs' partition count.
            codec: turns the table's keys and values into bytes; the default leaves bytes alone.
            hooks: what the application adds to the way of a batch.
            settings: limits, deadlines, client options.
            clock: seconds since 1970, given to ``hooks.due``.
            faults: for tests alone.
            fail_stop: for tests alone.
        """
        super().__init__()
        self.app = app
        settings = settings or EngineSettings()
        fail_stop = fail_stop or FailStop(flush_seconds=settings.deadlines.flush_logs)
        self.wiring = Wiring(
            application=app.conf.id,
            inputs=tuple(inputs),
            changelog=changelog,
            codec=codec or RawRows(),
            settings=settings,
            fail_stop=fail_stop,
            watchdog=Watchdog(fail_stop),
            hooks=hooks or Hooks(),
            faults=faults,
            clock=clock,
        )
        self.outputs = tuple(Output(output) if isinstance(output, str) else output for output in outputs)
        self.channel = app.channel()
        self.ownership: Ownership | None = None
        self._offsets: GroupOffsets | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._fetcher: asyncio.Task[None] | None = None

    # Public face

    @property
    def figures(self) -> EngineFigures:
        """The counters of this process, for metrics."""
        return self.wiring.figures

    def table(self, name: str, *, default: Callable[[], Any] | None = None) -> StagedTable[Any, Any]:
        """Make the application's one table; its rows are encoded by the pipeline's codec and kept in its changelog.

        Raises:
            TypeError: the app was not made by ``create_app``.
            ValueError: there is a table already. Kinds of rows are told apart by their keys, for instance (kind, id).
        """
        if self.app.tables:
            raise ValueError(
                f"a pipeline has one table, and {list(self.app.tables)} is there already: tell kinds of rows apart by their keys"
            )
        topic = self.app.topic(self.wiring.changelog, key_type=bytes, value_type=bytes)
        table = self.app.Table(name, default=default, changelog_topic=topic)
        if not isinstance(table, StagedTable):
            raise TypeError("make the app with processors.engine.create_app: its tables are not the engine's")
        return table

    def reasons_not_ready(self) -> list[str]:
        """Say why the worker is not ready; empty means ready."""
        if self.ownership is None:
            return ["waiting for the broker and its topics"]
        return self.ownership.reasons_not_ready()

    # Start and stop

    async def on_start(self) -> None:
        """Check, connect, subscribe; partitions come up in tasks."""
        try:
            await self._begin()
        except StartRefusedError as refused:
            self.wiring.fail_stop(str(refused), code=ExitCode.MISCONFIGURED)
        except Exception as error:  # noqa: BLE001 an orderly way out could hang
            self.wiring.fail_stop(f"start failed: {error!r}", code=ExitCode.UNAVAILABLE, error=error)

    async def _begin(self) -> None:
        wiring, settings = self.wiring, self.wiring.settings
        tune_collector()
        quieten(wiring.figures)
        wiring.watchdog.start()
        with wiring.watchdog.limit("starting", settings.deadlines.start, code=ExitCode.UNAVAILABLE):
            facts = await topic_facts(settings, [*{*wiring.inputs, *(output.name for output in self.outputs), wiring.changelog}])
            count, targets = checked_targets(facts, inputs=wiring.inputs, outputs=self.outputs, changelog=wiring.changelog)
            wiring.targets.update(targets)
            self._offsets = GroupOffsets(settings, wiring.application)
            await persistently(self._offsets.start, "the reader of offsets")
            await check_group(self._offsets, wiring.inputs, group=wiring.application, retired=settings.retired_topics)
            self._check_wiring()
            self.app.flow_control.resume()  # channels are closed until then
            self._consumer = self._new_consumer()
            await persistently(self._consumer.start, "the consumer")
        self.ownership = Ownership(wiring, self._consumer, self._offsets, partition_count=count, put=self._put)
        self._consumer.subscribe(topics=list(wiring.inputs), listener=self.ownership)
        self._fetcher = guarded(wiring, fetch(wiring, self._consumer, self.ownership), "fetching")

    async def on_stop(self) -> None:
        """Finish what was handed out, leave the group; end the process if that cannot be done in time."""
        wiring, deadlines = self.wiring, self.wiring.settings.deadlines
        if self._fetcher is not None:
            self._fetcher.cancel()
        if self.ownership is not None:
            with wiring.watchdog.limit("finishing the batches handed out", deadlines.drain):
                await self.ownership.finish()
        # From here on everything is committed: whatever hangs, the process may end well.
        seconds = deadlines.stop_consumer + 2 * deadlines.close_writer
        with wiring.watchdog.limit("stopping the clients, all being committed,", seconds, code=ExitCode.STOPPED):
            if self._consumer is not None:
                await bounded(self._consumer.stop(), deadlines.stop_consumer)
            if self.ownership is not None:
                await self.ownership.let_go()
            if self._offsets is not None:
                await bounded(self._offsets.stop(), deadlines.close_writer)
        logger.info("stopped; all that was handed out is committed")

    def _check_wiring(self) -> None:
        """Refuse what would only show as a hang or as state that is mixed up."""
        if not __debug__:
            raise StartRefusedError("do not run with 'python -O': the Kafka client guards its own states by assert")
        if (readers := self.channel.subscriber_count) != 1:
            raise StartRefusedError(f"{readers} agents read the pipeline's channel, it must be one: '@app.agent(pipeline.channel)'")
        if len(self.app.tables) > 1:
            raise StartRefusedError(f"the pipeline has one changelog for one table, but the app has {list(self.app.tables)}")

    async def _put(self, batch: Batch) -> None:
        await self.channel.put(batch)  # type: ignore[arg-type]

    def _new_consumer(self) -> AIOKafkaConsumer:
        settings = self.wiring.settings
        reset = "earliest" if defective(self.wiring.faults, Defect.RESET_TO_EARLIEST) else "none"
        return AIOKafkaConsumer(
            **settings.client("consumer"),
            group_id=self.wiring.application,
            group_instance_id=settings.instance_id,
            enable_auto_commit=False,
            auto_offset_reset=reset,
            isolation_level="read_committed",
            partition_assignment_strategy=(RangePartitionAssignor,),
            request_timeout_ms=settings.consumer_request_timeout_ms,
            rebalance_timeout_ms=settings.rebalance_timeout_ms,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.heartbeat_interval_ms,
            max_poll_interval_ms=settings.max_poll_interval_ms,
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            max_partition_fetch_bytes=settings.partition_fetch_bytes,
        )


def attach(pipeline: Pipeline) -> Pipeline:
    """Let the pipeline start and stop with its app."""
    pipeline.app.service(pipeline)  # type: ignore[arg-type]  # it takes an instance too
    return pipeline
