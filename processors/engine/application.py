"""How is a Faust app made whose Kafka side is the engine?

Faust's App, agents, channels, Table interface, command line and worker stay. Its consumer, producer, conductor, table recovery, leader
election and web server are never started: they lose batches, leave the transaction, or stand open to everybody (docs/faust.md).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.types.transports import ConsumerT

from processors.engine.failstop import ExitCode
from processors.engine.table import StagedTable

logger = logging.getLogger(__name__)


class EngineBoot(BootStrategy):
    """Starts sensors and agents only."""

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False
    enable_web = False


class EngineApp(faust.App):
    """A Faust app that leaves no directory behind and starts nothing of Faust's own Kafka side."""

    BootStrategy = EngineBoot

    def _create_directories(self) -> None:
        """Make none: Faust would put a data directory into the working directory."""

    def _new_consumer(self) -> ConsumerT:
        """Make the consumer that Faust's streams look at; close the event loop made for its thread, as neither is ever started."""
        consumer = super()._new_consumer()
        consumer._thread.thread_loop.close()  # type: ignore[attr-defined]  # noqa: SLF001 Faust offers no other way
        return consumer


def create_app(application_id: str, *, bootstrap_servers: Sequence[str] = ("127.0.0.1:9092",), **options: Any) -> EngineApp:  # noqa: ANN401 Faust has many settings
    """Make the app; ``application_id`` is the consumer group and the stem of the transactional ids.

    Faust shows ``bootstrap_servers`` but never connects to them; where the broker is, the pipeline's settings say.
    """
    return EngineApp(
        application_id,
        broker=";".join(f"kafka://{server}" for server in bootstrap_servers),
        Table=StagedTable,
        web_enabled=False,
        topic_disable_leader=True,
        **options,
    )


async def serve(app: faust.App) -> None:
    """Run an app until SIGTERM or SIGINT, then stop it in order; fail-stop ends the process before this returns.

    Asked to stop while it still waits for the broker, the process ends at once with 0: nothing was begun.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    asked = asyncio.ensure_future(ended.wait())
    starting = asyncio.ensure_future(app.start())
    await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        logger.info("asked to stop before it had started")
        os._exit(ExitCode.STOPPED)
    await starting
    try:
        await asked
    finally:
        await app.stop()
