"""What is connected with what? The whole topology, made by a call: nothing happens at import.

review-due ◄──────────────────────────── time: reviews that fall due (`write_due_reviews`)
    │                                                      ▲ next instants
    ▼                                                      │
five input topics ──► engine: lanes ──► agent `decide` ──► core.handle ──► multi-channel-support-decisions
                                           │   ▲                     ├───► customer-channel-support (compacted: in force)
                                           ▼   │                     ├───► customer-journal
                                 table `customers`, in chunks        ├───► dead-letters
                                 (changelog: compacted)              └───► changelog, input offsets: one transaction
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import faust

from processors import engine
from processors.codec import encode
from processors.codec.registry import Registry, RegistryUnavailableError
from processors.contract import contract
from processors.core.door import Limits
from processors.core.policy import Policy
from processors.core.symbols import ReviewCause
from processors.engine import Batch, EngineApp, EngineSettings, FailStop, Hooks, Output, Pipeline
from processors.engine.faults import Faults
from processors.settings import Settings
from processors.topology.customers import TABLE, Customers
from processors.topology.deciding import DEAD_LETTERS, DECISIONS, IN_FORCE, JOURNAL, Deciding, Figures
from processors.topology.refusing import RefusedShare, TooManyBadRecords
from processors.topology.reviews import ReviewPlan, review

logger = logging.getLogger(__name__)

REVIEW_DUE: Final = "review-due"
INPUTS: Final = (
    REVIEW_DUE,
    "subscription-purchased",
    "subscription-state-changed",
    "subscription-transfer",
    "consent-granted",
    "cancellation",
)
"""In the order of policy.md 4.1: on equal record timestamps an earlier topic goes first."""
CHANGELOG: Final = "multichannel-customers-changelog"

SLICE_SECONDS: Final = 0.05
"""How long the agent works before the event loop gets a turn."""
BATCH_RECORDS_MAX: Final = 1_000
"""Half of the engine's own figure: our events cost more than those it was measured with."""
REVIEWS_AT_ONCE: Final = 500
"""Reviews written for a partition before what is in its inputs goes on: after a long stop live events do not wait behind all of them."""
CUSTOMERS_HELD_MAX: Final = 20_000
"""Customers decoded in memory per worker, the least recently used out first."""
REGISTRY_RETRY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Topology:
    """A worker that is wired up and not started."""

    app: EngineApp
    pipeline: Pipeline
    customers: Customers
    plan: ReviewPlan
    figures: Figures
    clock: Callable[[], float]

    def reasons_not_ready(self) -> list[str]:
        """Say why the worker is not ready; empty means ready."""
        return self.pipeline.reasons_not_ready()

    def is_idle(self) -> bool:
        """Whether everything taken in is committed, and no review is due or on its way; inputs not fetched yet it does not know of."""
        figures = self.figures
        taken = sum(figures.events.values()) + sum(figures.dead_letters.values())
        written = figures.reviews_written <= figures.events[REVIEW_DUE]
        return written and taken <= self.pipeline.figures.records and self.review_due_overdue_seconds() == 0

    def review_due_overdue_seconds(self) -> float:
        """How long the oldest review is due that was not written yet."""
        return self.plan.overdue_seconds(int(self.clock() * 1_000_000))


def build(
    settings: Settings,
    client_arguments: Mapping[str, Any],
    *,
    registry: Registry | None = None,
    clock: Callable[[], float] = time.time,
    engine_settings: EngineSettings | None = None,
    fail_stop: FailStop | None = None,
    faults: Faults | None = None,
) -> Topology:
    """Wire everything up; contacts nothing. `clock` is seconds since 1970 and decides alone when reviews fall due.

    Where a `registry` is given its output schemas must be registered already (`register_outputs`).
    """
    schema_ids = {} if registry is None else registry.ids
    names = {topic: settings.topic_prefix + topic for topic in contract().topics}
    group = settings.topic_prefix + settings.application_id
    app = engine.create_app(group, bootstrap_servers=client_arguments["bootstrap_servers"])
    plan = ReviewPlan()

    def write_due_reviews(batch: Batch, now: float) -> None:
        plan.settle(batch.partition)
        milliseconds = int(now * 1000)  # the record's own timestamp, which must not be before the event's instant
        for instant, customer in plan.due(batch.partition, milliseconds * 1000, REVIEWS_AT_ONCE):
            value = encode(REVIEW_DUE, review(customer, instant, ReviewCause.TIME), schema_id=schema_ids.get(REVIEW_DUE))
            batch.emit(names[REVIEW_DUE], customer.encode(), value, timestamp=milliseconds)
            deciding.figures.reviews_written += 1

    def take_in(partition: int, rows: Sequence[tuple[bytes, bytes]]) -> None:
        plan.restore(partition, customers.restore(partition, rows))

    def forget(partition: int) -> None:
        customers.forget(partition)
        plan.forget(partition)

    def take_back(partition: int) -> None:
        customers.drop_all(partition)
        plan.take_back(partition)

    pipeline = engine.attach(
        Pipeline(
            app,
            inputs=[names[topic] for topic in INPUTS],
            outputs=[
                Output(names[DECISIONS]),
                Output(names[IN_FORCE], copartitioned=False),
                Output(names[JOURNAL]),
                Output(names[DEAD_LETTERS], copartitioned=False),
                Output(names[REVIEW_DUE]),
            ],
            changelog=names[CHANGELOG],
            hooks=Hooks(
                prepare=None if registry is None else lambda batch: fetch_schemas(registry, batch),
                due=write_due_reviews,
                rows_restored=take_in,
                partition_lost=forget,
                batch_discarded=take_back,
            ),
            settings=engine_settings or engine_settings_of(settings, client_arguments),
            clock=clock,
            fail_stop=fail_stop,
            faults=faults,
        )
    )
    customers = Customers(pipeline.table(TABLE), recent_max=settings.remembered_event_ids_per_customer, held_max=CUSTOMERS_HELD_MAX)
    deciding = Deciding(
        topics=names,
        customers=customers,
        plan=plan,
        policy=policy_of(settings),
        limits=limits_of(settings),
        refused=RefusedShare(settings.bad_record_window_records, settings.bad_record_share_max),
        clock_tolerance=int(settings.clock_ahead_tolerance_seconds * 1_000_000),
        record_max_bytes=settings.record_max_bytes,
        schemas=registry,
        schema_ids=schema_ids,
    )

    @app.agent(pipeline.channel)
    async def decide(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            with batch:  # leaving the block hands it to its transaction
                try:
                    await in_slices(batch, deciding.work_through(batch))
                except TooManyBadRecords as bad:
                    pipeline.wiring.fail_stop(str(bad), code=engine.ExitCode.BAD_INPUT)
                    raise

    return Topology(app, pipeline, customers, plan, deciding.figures, clock)


async def in_slices(batch: Batch, work: Iterator[None]) -> None:
    """Do the work, letting the event loop run in between.

    One event can lead to thousands of decisions; a batch of such would keep the loop from heartbeats and commits, and pass the deadline.
    """
    until = time.monotonic() + SLICE_SECONDS
    for _ in work:
        if time.monotonic() >= until:
            batch.working()
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE_SECONDS


async def serve(topology: Topology) -> None:
    """Run until SIGTERM or SIGINT, then stop in order; what cannot go on ends the process (docs/exit-codes.md)."""
    await engine.serve(topology.app)


async def register_outputs(registry: Registry, prefix: str) -> None:
    """Register the schemas of everything we write, `review-due` included; RegistryRefusedError, RegistryUnavailableError."""
    for topic in (DECISIONS, IN_FORCE, JOURNAL, DEAD_LETTERS, REVIEW_DUE):
        await registry.register(topic, contract(), prefix=prefix)


async def fetch_schemas(registry: Registry, batch: Batch) -> None:
    """Ask for the schema ids of a batch; while no registry answers the lane waits, up to the engine's deadline for preparing."""
    while missing := registry.missing(record.value for record in batch.records):
        try:
            await registry.fetch(missing)
        except RegistryUnavailableError as error:
            logger.warning("partition %d waits for the schema registry: %s", batch.partition, error)
            await asyncio.sleep(REGISTRY_RETRY_SECONDS)
        else:
            return


def policy_of(settings: Settings) -> Policy:
    """The released policy with the switches that are set."""
    start = settings.licence_transfer_from
    return Policy.shipped(None if start is None else round(start.timestamp() * 1_000_000))


def limits_of(settings: Settings) -> Limits:
    """The limits at the door."""
    return Limits(settings.subscriptions_per_customer_max, settings.partners_per_customer_max, settings.pairs_per_customer_max)


def engine_settings_of(settings: Settings, client_arguments: Mapping[str, Any]) -> EngineSettings:
    """What the engine is told of our settings; everything else are its measured defaults."""
    own = {"bootstrap_servers", "metadata_max_age_ms"}
    return EngineSettings(
        bootstrap_servers=tuple(client_arguments["bootstrap_servers"]),
        client_options={name: value for name, value in client_arguments.items() if name not in own},
        client_id=settings.application_id,
        instance_id=settings.kafka_group_instance_id,
        session_timeout_ms=settings.kafka_session_timeout_ms,
        heartbeat_interval_ms=settings.kafka_heartbeat_interval_ms,
        batch_records_max=BATCH_RECORDS_MAX,
        cache_rows_max=1,  # rows are bytes; decoded customers are kept by `Customers`
    )
