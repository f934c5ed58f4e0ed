"""`multichannel run`: the main job with a demo portfolio, on this machine."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from processors.broker import ServerBusyError, ServerUnavailableError, start_broker
from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_TRY_AGAIN, EXIT_UNAVAILABLE, Stop
from processors.cli.run_summary import NO_KAFKA, say, summarise, where_to_look

if TYPE_CHECKING:
    from processors.codec import Located
    from processors.codec.registry import Registry
    from processors.settings import Settings
    from processors.topology import Topology
    from processors.topology.demo import BadRecord, Came

OUT_SECONDS_MAX = 180.0
POLL_SECONDS = 0.1
CALM_POLLS = 5
LIVE_SECONDS = 0.5


@click.command()
@click.option(
    "--kafka",
    type=click.Choice(["auto", "required"]),
    default="auto",
    show_default=True,
    help="auto: without a broker the demo goes through the core alone, and says so. required: it fails instead.",
)
@click.option("--customers", type=click.IntRange(16, 100_000), default=300, show_default=True, help="How many customers the demo tells of.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def run(kafka: str, customers: int, topic_prefix: str | None) -> None:
    """Find or start a broker, make its topics, start a worker, send a demo portfolio and say what came of it.

    The answers are compared with those that replay computes from the same events. On a terminal the worker stays up and
    shows live figures until Ctrl-C; otherwise it ends. The broker stays up. Running it again sends the same events: they
    carry the same ids, so they are duplicates and change nothing.

    Example: multichannel run

    Exit codes: 0 done, 1 what came out is not what replay computes, 69 no broker can be had (only with --kafka required),
    or it or a topic is not usable, 70 the worker stopped itself, 75 another command is starting the broker, 78 wrong
    settings, 130 interrupted.
    """
    settings = settings_or_stop(topic_prefix=topic_prefix)
    from processors.topology.demo import demo_events

    events = demo_events(customers)
    try:
        broker = start_broker(settings, lambda words: click.echo(f"  {words}", err=True))
    except ServerUnavailableError as error:
        if kafka == "required":
            raise Stop(str(error), EXIT_UNAVAILABLE) from None
        click.echo(str(error), err=True)
        _offline(settings, events)
        return
    except ServerBusyError as error:
        raise Stop(str(error), EXIT_TRY_AGAIN) from None
    say("broker", f"Apache Kafka {broker.version or '(its version is its own)'} at {', '.join(broker.bootstrap_servers)}")
    arguments = broker_or_stop(settings)
    with answers_or_stop():
        asyncio.run(_live(settings, arguments, events))


def _offline(settings: Settings, events: Sequence[Located]) -> None:
    from processors.topology.demo import bad_records, without_kafka
    from processors.topology.wiring import policy_of

    click.echo(NO_KAFKA)
    now = int(time.time() * 1_000_000)
    tolerance = int(settings.clock_ahead_tolerance_seconds * 1_000_000)
    summarise(without_kafka(events, bad_records(events, now), policy_of(settings), now, tolerance), kafka=False)
    click.echo()
    click.echo(NO_KAFKA)


async def _live(settings: Settings, arguments: dict[str, Any], events: list[Located]) -> None:
    from processors.codec.configured import configured_registry
    from processors.topology import build
    from processors.topology.wiring import register_outputs

    await _apply_topics(arguments, settings.topic_prefix)
    async with configured_registry(settings) as registry:
        if registry is not None:
            await register_outputs(registry, settings.topic_prefix)
        topology = build(settings, arguments, registry=registry)
        await topology.app.start()
        try:
            await _ready(topology)
            say("worker", f"ready, {topology.customers.count():,} customers known from earlier runs")
            came = await _through(settings, arguments, topology, events)
            summarise(came, kafka=True)
            _compare(settings, events, came)
            where_to_look(settings.topic_prefix)
            if sys.stdout.isatty():
                await _show(topology)
        finally:
            await topology.app.stop()


async def _apply_topics(arguments: dict[str, Any], prefix: str) -> None:
    from processors.contract import contract
    from processors.topics import TopicsError, apply

    topics = contract().topics.values()
    try:
        made, refused = await apply(arguments, topics, prefix)
    except TopicsError as error:
        raise Stop(str(error), EXIT_UNAVAILABLE) from None
    harmful = [difference for difference in refused if difference.wanted != "nothing"]
    if harmful:
        raise Stop("; ".join(map(str, harmful)), EXIT_UNAVAILABLE)
    say("topics", f"{len(topics)} as topics.yaml wants them, {len({each.topic for each in made})} of them made or changed now")


async def _ready(topology: Topology) -> None:
    limit = time.monotonic() + OUT_SECONDS_MAX
    while reasons := topology.reasons_not_ready():
        if time.monotonic() > limit:
            raise Stop(f"the worker is not ready after {OUT_SECONDS_MAX:.0f} s: {'; '.join(reasons)}", EXIT_UNAVAILABLE)
        await asyncio.sleep(POLL_SECONDS)


async def _through(settings: Settings, arguments: dict[str, Any], topology: Topology, events: list[Located]) -> Came:
    """Send the demo and wait until all of it, and every review it leads to, has come out."""
    from processors.feeding.sending import send
    from processors.topology.demo import Came, bad_records

    began, began_ms = time.monotonic(), int(time.time() * 1000)
    bad = bad_records(events, began_ms * 1000)
    sent = await send(arguments, events, topic_prefix=settings.topic_prefix)
    await _send_bad(settings, arguments, bad)
    came = Came(events=sent.total())
    source = Source(settings, arguments, began_ms)
    applied = _until_applied(source, came, {each.event.event_id for each in events})
    refused = _until_refused(source, came, Counter(record.value for record in bad))
    await _while_it_moves(asyncio.gather(applied, refused), came, came.events + len(bad))
    came.seconds = time.monotonic() - began
    await _until_calm(topology)
    came.reviews = topology.figures.reviews_written
    await _read_decisions(source, came, {each.event.customer_tenant_id for each in events})
    return came


async def _send_bad(settings: Settings, arguments: dict[str, Any], bad: list[BadRecord]) -> None:
    from aiokafka import AIOKafkaProducer

    from processors.topology.demo import BAD_TOPIC

    producer = AIOKafkaProducer(**arguments)
    await producer.start()
    try:
        for record in bad:
            await producer.send_and_wait(settings.topic_prefix + BAD_TOPIC, record.value, key=record.key)
    finally:
        await producer.stop()


async def _while_it_moves(out: asyncio.Future[Any], came: Came, wanted: int) -> None:
    """Wait for everything to come out, however much it is; Stop where nothing more comes."""
    before = -1
    while not out.done() and (now := came.dispositions.total() + came.refused.total()) > before:
        before = now
        await asyncio.wait([out], timeout=OUT_SECONDS_MAX)
    if not out.done():
        out.cancel()
        raise Stop(f"{before} of {wanted} records came out, and none in the last {OUT_SECONDS_MAX:.0f} s", EXIT_DIFFERENCES)
    await out


async def _until_applied(source: Source, came: Came, event_ids: set[str]) -> None:
    """Follow the journal until every event sent is in it."""
    from processors.codec import decode_event, decode_journal_entry

    async for record, registry in source.records("customer-journal", follow=True):
        entry = decode_journal_entry(record.value, registry=registry)
        event_id = decode_event(entry.topic, entry.event).event_id
        if event_id in event_ids:
            event_ids.remove(event_id)
            came.dispositions[entry.disposition.value] += 1
            if not event_ids:
                return


async def _until_refused(source: Source, came: Came, waiting: Counter[bytes]) -> None:
    """Follow the dead letters until every record sent to be refused is there."""
    from processors.codec import decode_dead_letter

    async for record, registry in source.records("dead-letters", follow=True):
        letter = decode_dead_letter(record.value, registry=registry)
        if letter.value is not None and waiting[letter.value] > 0:
            waiting[letter.value] -= 1
            came.refused[letter.error_code.value] += 1
            if not waiting.total():
                return


async def _until_calm(topology: Topology) -> None:
    """Until no review is due any more: each may lead to the next, up to now. Stop where they do not come to an end."""
    calm, applied, limit = 0, 0, time.monotonic() + OUT_SECONDS_MAX
    while calm < CALM_POLLS:
        await asyncio.sleep(POLL_SECONDS)
        calm = calm + 1 if topology.is_idle() else 0
        if topology.figures.events.total() > applied:
            applied, limit = topology.figures.events.total(), time.monotonic() + OUT_SECONDS_MAX
        if time.monotonic() > limit:
            raise Stop(f"reviews are due, and none was applied in the last {OUT_SECONDS_MAX:.0f} s", EXIT_DIFFERENCES)


async def _read_decisions(source: Source, came: Came, customers: set[str]) -> None:
    """Count what was decided since the demo began, and keep what is in force, as a consumer would."""
    from processors.codec import decode_decision
    from processors.topology.demo import pair_of

    async for record, registry in source.records("multi-channel-support-decisions"):
        decision = decode_decision(record.value, registry=registry)
        if decision.customer_tenant_id in customers:
            came.in_force[pair_of(decision)] = decision
            if record.timestamp >= source.began_ms:
                came.decisions[decision.answer.outcome.value] += 1


class Source:
    """Where the demo reads what came out: at read_committed, like any consumer; followed topics from the demo's beginning on."""

    def __init__(self, settings: Settings, arguments: dict[str, Any], began_ms: int) -> None:
        self._settings = settings
        self._arguments = arguments
        self.began_ms = began_ms

    async def records(self, topic: str, *, follow: bool = False) -> AsyncIterator[tuple[Any, Registry | None]]:
        """The records, each with a registry that knows its schema."""
        from processors.codec.configured import configured_registry
        from processors.feeding.reading import Start, read

        start = Start(timestamp_ms=self.began_ms) if follow else Start()
        async with configured_registry(self._settings) as registry:
            async for record in read(self._arguments, self._settings.topic_prefix + topic, start, follow=follow):
                if registry is not None:
                    await registry.fetch(registry.missing([record.value]))
                yield record, registry


def _compare(settings: Settings, events: list[Located], came: Came) -> None:
    """The last answer of every pair must be the one that replay computes from the same events, up to now."""
    from processors.topology.demo import pair_of, replayed
    from processors.topology.wiring import policy_of

    wanted = {pair_of(each): each.answer for each in replayed(events, policy_of(settings), int(time.time() * 1_000_000))}
    live = {pair: decision.answer for pair, decision in came.in_force.items()}
    different = [pair for pair in wanted.keys() | live.keys() if wanted.get(pair) != live.get(pair)]
    if different:
        raise Stop(f"{len(different)} of {len(wanted)} answers are not those of replay, the first: {different[0]}", EXIT_DIFFERENCES)
    click.echo()
    say("checked", f"all {len(wanted):,} answers in force are those that replay computes from the same events")


async def _show(topology: Topology) -> None:
    """Live figures until Ctrl-C."""
    from rich.live import Live
    from rich.table import Table

    def figures(rate: float) -> Table:
        table = Table.grid(padding=(0, 3))
        for name, number in (
            ("events", sum(topology.figures.events.values())),
            ("events/s", f"{rate:,.0f}"),
            ("decisions", sum(topology.figures.decisions.values())),
            ("dead letters", sum(topology.figures.dead_letters.values())),
            ("reviews planned", topology.plan.planned()),
            ("customers", topology.customers.count()),
        ):
            table.add_row(name, str(number))
        return table

    click.echo()
    click.echo("the worker stays up; Ctrl-C ends it")
    last = sum(topology.figures.events.values())
    with Live(figures(0.0), refresh_per_second=2) as live:
        while True:
            await asyncio.sleep(LIVE_SECONDS)
            now = sum(topology.figures.events.values())
            live.update(figures((now - last) / LIVE_SECONDS))
            last = now
