"""Does a consumer at read_committed that is killed and started again get each decision once, or know it again by its id?"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from processors.codec import decode_decision
from processors.settings import Settings
from tests.end_to_end import living
from tests.end_to_end.test_worker import copies

pytestmark = pytest.mark.timeout(600)  # a worker and a consumer start, the latter four times, on a machine that may be busy

# What a billing system does: work on a decision, then commit; the worst crash lies in between.
CONSUMER = """
import asyncio, json, sys
from aiokafka import AIOKafkaConsumer

async def main():
    servers, topic, path = sys.argv[1:]
    options = {"group_id": topic + "-billing", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    options |= {"isolation_level": "read_committed", "session_timeout_ms": 6_000, "heartbeat_interval_ms": 1_000}
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, **options) as consumer:
        with open(path, "a", encoding="utf-8") as worked:
            async for number, record in numbered(consumer):
                line = [dict(record.headers)["ce_id"].decode(), record.key.decode(), record.partition, record.offset]
                print(json.dumps(line), file=worked, flush=True)
                await asyncio.sleep(0.01)  # the work
                if number % 20 == 0:
                    await consumer.commit()

async def numbered(consumer):
    number = 0
    async for record in consumer:
        yield (number := number + 1), record

asyncio.run(main())
"""


def lines(path: Path) -> list[tuple[str, str]]:
    """The ids that the consumer worked on, with their customers, in its order; a last line that a kill cut off is none."""
    text = path.read_text("utf-8") if path.exists() else ""
    return [(line.split('"')[1], line.split('"')[3]) for line in text.splitlines() if line.endswith("]")]


async def worked_on(settings: Settings, path: Path, wanted: int) -> None:
    """Run the consumer until its file has so many different decisions, then kill it."""
    topic = f"{settings.topic_prefix}multi-channel-support-decisions"
    arguments = [settings.kafka_bootstrap_servers[0], topic, str(path)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CONSUMER, *arguments)
    try:
        limit = time.monotonic() + 120
        while len({decision for decision, _ in lines(path)}) < wanted:
            assert process.returncode is None
            assert time.monotonic() < limit, f"{len(lines(path))} of {wanted}"
            await asyncio.sleep(0.02)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_consumer_that_is_killed_and_started_again_knows_each_decision_by_its_id(settings: Settings, tmp_path: Path) -> None:
    await living.make_topics(settings)
    told = copies(8)
    sent = await living.send(settings, told, first_ms=int(time.time() * 1000))
    async with living.worker(settings, time.time) as topology:
        await living.settled(topology, sent)
    decisions = [decode_decision(record.value) for record in (await living.output(settings)).decisions]
    path, drawn = tmp_path / "worked", random.Random(5)
    for wanted in [*sorted(drawn.sample(range(20, len(decisions)), 3)), len(decisions)]:
        await worked_on(settings, path, wanted)
    seen = lines(path)
    assert len(seen) > len(decisions), "killed before it committed, it must have met something twice"
    once = dict.fromkeys(seen)
    assert {decision for decision, _ in once} == {decision.decision_id for decision in decisions}
    in_order: dict[str, list[str]] = defaultdict(list)
    for decision, customer in once:
        in_order[customer].append(decision)
    told_in_order: dict[str, list[str]] = defaultdict(list)
    for each in sorted(decisions, key=lambda decision: decision.sequence):
        told_in_order[each.customer_tenant_id].append(each.decision_id)
    assert in_order == told_in_order
