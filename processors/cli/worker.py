"""`multichannel worker`: the long-running service that decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_SETTINGS, EXIT_UNAVAILABLE, Stop

if TYPE_CHECKING:
    from processors.settings import Settings
    from processors.topology import Topology

logger = logging.getLogger("multichannel.worker")

REPORT_SECONDS = 60.0
READY_POLL_SECONDS = 0.2


@click.command()
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def worker(topic_prefix: str | None) -> None:
    """Decide what arrives, exactly once, until it is told to stop (SIGTERM or Ctrl-C).

    Topics are checked first: they must be as topics.yaml describes them (multichannel topics apply). Any number of
    workers share the partitions. It logs to stderr, text on a terminal and JSON elsewhere (MULTICHANNEL_LOG_FORMAT).
    A supervisor should start it again after every exit code but 0, 65 and 78, after a second, then after longer.

    Example: multichannel worker

    Exit codes: 0 told to stop, and everything begun is committed; 65 too many of the last records were no valid events
    (bad_record_share_max); 69 no broker, a topic is missing or is not as topics.yaml has it, no schema registry; 70 it
    stopped itself at once because going on could lose or double something; 75 the broker did not answer in time;
    78 wrong settings, or group and topics that do not fit each other.
    """
    from processors.cli.logs import log_to_stderr

    settings = settings_or_stop(topic_prefix=topic_prefix)
    log_to_stderr(settings.log_format, settings.log_level)
    arguments = broker_or_stop(settings)
    with answers_or_stop():
        asyncio.run(_work(settings, arguments))


async def _work(settings: Settings, arguments: dict[str, Any]) -> None:
    from processors.codec.configured import configured_registry
    from processors.topology import build, serve
    from processors.topology.wiring import register_outputs

    await check_topics(settings, arguments)
    async with configured_registry(settings) as registry:
        if registry is not None:
            await register_outputs(registry, settings.topic_prefix)
        try:
            topology = build(settings, arguments, registry=registry)
        except ValueError as error:  # settings that are each well formed and do not fit each other
            raise Stop(str(error), EXIT_SETTINGS) from None
        async with listening(settings, topology):
            reporting = asyncio.create_task(_report(topology))
            try:
                await serve(topology)
            finally:
                reporting.cancel()


@asynccontextmanager
async def listening(settings: Settings, topology: Topology) -> AsyncIterator[int]:
    """Serve /livez, /readyz and /metrics; the port."""
    from processors.engine.readings import readings
    from processors.metrics import Exposition, Listener
    from processors.topology.readings import topology_readings

    exposition = Exposition()
    exposition.add(lambda: readings(topology.pipeline.figures))
    exposition.add(lambda: topology_readings(topology))
    listener = Listener(exposition, topology.reasons_not_ready, host=settings.health_host, port=settings.health_port)
    try:
        await listener.start()
    except OSError as error:
        raise Stop(f"health_port: {settings.health_host}:{settings.health_port}: {error.strerror or error}", EXIT_SETTINGS) from None
    logger.info("/livez, /readyz and /metrics at http://%s:%d", listener.host, listener.port)
    try:
        yield listener.port
    finally:
        await listener.stop()


async def check_topics(settings: Settings, arguments: dict[str, Any]) -> None:
    """Refuse to start on topics that would lose, double or misplace records; each complaint names topic, found and wanted."""
    from processors.contract import contract
    from processors.topics import TopicsError, complaints

    try:
        found = await complaints(arguments, contract().topics.values(), settings.topic_prefix)
    except TopicsError as error:
        raise Stop(str(error), EXIT_UNAVAILABLE) from None
    if found:
        raise Stop("; ".join((*found, "multichannel topics apply makes what can be made")), EXIT_UNAVAILABLE)


async def _report(topology: Topology) -> None:
    """Say when the worker is ready, and from then on every minute what it did, if it did anything."""
    while topology.reasons_not_ready():  # noqa: ASYNC110 - the engine has no event for it
        await asyncio.sleep(READY_POLL_SECONDS)
    logger.info("ready: %d customers known", topology.customers.count())
    said = 0
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        figures = topology.figures
        done = sum(figures.events.values()) + sum(figures.dead_letters.values())
        if done != said:
            logger.info(
                "%d events since the start, %d decisions, %d dead letters, %d customers known, oldest review due since %.0f s",
                sum(figures.events.values()),
                sum(figures.decisions.values()),
                sum(figures.dead_letters.values()),
                topology.customers.count(),
                topology.review_due_overdue_seconds(),
            )
        said = done
