"""How late are reviews on an idle worker? The worker's clock is put just before an instant at which time alone changes an answer.

`python -m benchmarks.reviews [--reviews N]`; it starts a broker of its own under `.broker/bench`. Measured from the instant to reading the
journal entry of the review at read_committed; worker and consumer share this process. Nothing is asserted (issue 6: under 2 s).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.pipeline import fill, settings_for
from benchmarks.pipeline_stages import JOURNAL, PARTITIONS
from processors.broker import start_broker, stop_broker
from processors.codec import decode_event, decode_journal_entry, encode
from processors.core.events import ReviewDue
from processors.settings import Settings
from processors.topology import Topology, build
from processors.topology.portfolio import TOPICS, portfolio

AHEAD_SECONDS = 1.0
SETTLE_SECONDS = 3.0
DEADLINE_SECONDS = 300.0


class Clock:
    """Runs like the wall clock, `ahead` seconds before or behind it; stands still until it is set for the first time."""

    def __init__(self) -> None:
        self.ahead: float | None = None

    def __call__(self) -> float:
        """Seconds since 1970."""
        return 0.0 if self.ahead is None else time.time() + self.ahead


async def measure(servers: tuple[str, ...], reviews: int) -> list[float]:
    """Seconds from the instant of each review to its journal entry."""
    settings, arguments = settings_for(servers), {"bootstrap_servers": list(servers)}
    events = list(portfolio(4 * reviews))
    await fill(settings, arguments, [(TOPICS[type(e)], e.customer_tenant_id.encode(), encode(TOPICS[type(e)], e)) for e in events])
    clock = Clock()
    topology = build(settings, arguments, clock=clock)
    await topology.app.start()
    while topology.pipeline.figures.records < len(events):  # noqa: ASYNC110 - the engine has no event for it
        await asyncio.sleep(0.1)
    consumer = AIOKafkaConsumer(**arguments, isolation_level="read_committed", fetch_max_wait_ms=10)
    await consumer.start()
    consumer.assign([TopicPartition(settings.topic_prefix + JOURNAL, number) for number in range(PARTITIONS)])
    found = []
    for _ in range(reviews):
        clock.ahead = None
        await asyncio.sleep(SETTLE_SECONDS)
        await consumer.seek_to_end()
        due = earliest(topology) / 1_000_000
        clock.ahead = due - AHEAD_SECONDS - time.time()
        found.append(await read(consumer) + clock.ahead - due)
    await consumer.stop()
    await topology.app.stop()
    topology.pipeline.wiring.watchdog.stop()
    return found


def earliest(topology: Topology) -> int:
    """The next instant at which time alone changes anything, in microseconds."""
    return min(instant for planned in topology.plan._next.values() for instant in planned.values())  # noqa: SLF001


async def read(consumer: Any) -> float:
    """The wall clock when the first review comes out."""
    while True:
        for records in (await consumer.getmany(timeout_ms=50)).values():
            for record in records:
                entry = decode_journal_entry(record.value)
                if isinstance(decode_event(entry.topic, entry.event), ReviewDue):
                    return time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=20)
    options = parser.parse_args()
    cache = Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER", ".broker/cache"))
    broker_settings = Settings(broker_folder=Path(".broker/bench"), broker_cache_folder=cache)
    broker = start_broker(broker_settings, print, by="java")
    try:
        late = asyncio.run(asyncio.wait_for(measure(broker.bootstrap_servers, options.reviews), DEADLINE_SECONDS))
    finally:
        stop_broker(broker_settings)
    print(f"{len(late)} reviews; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"late: least {min(late):.2f} s, median {statistics.median(late):.2f} s, most {max(late):.2f} s")


if __name__ == "__main__":
    main()
