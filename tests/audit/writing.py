"""Who writes the journals that the tests of the audit read? The real worker on the real broker, once per session."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass
from itertools import zip_longest

from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.audit.kafka_source import KafkaSource
from processors.settings import Settings
from processors.topology.portfolio import TOPICS, portfolio
from processors.topology.wiring import INPUTS
from tests.end_to_end import living
from tests.end_to_end.living import Told

PORTFOLIO = 24
REVIEWED_UNTIL = 1_717_200_000_000_000  # 2024-06-01, behind every event: reviews fall due on the way


@dataclass(frozen=True)
class Written:
    """What a worker wrote, and where."""

    settings: Settings
    records: dict[str, list[Record]]
    sent: int

    def source(self) -> KafkaSource:
        return KafkaSource(self.settings, self.settings.kafka_bootstrap_servers)


def told() -> list[Told]:
    """The stories, each with customers of its own, and a portfolio: in turns, some twice and some late."""
    drawn = random.Random(7)
    histories = [
        living.renamed(
            living.read_story(path),
            lambda customer, path=path: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{path.stem}/{customer}")),  # type: ignore[misc]
        )
        for path in sorted(living.STORIES.glob("*.events.jsonl"))
    ]
    by_customer: dict[str, list[Told]] = {}
    for event in portfolio(PORTFOLIO):
        by_customer.setdefault(event.customer_tenant_id, []).append((TOPICS[type(event)], event))
    mixed = [each for row in zip_longest(*histories, *by_customer.values()) for each in row if each is not None]
    for _ in range(len(mixed) // 20):
        place = drawn.randrange(len(mixed))
        mixed.insert(drawn.randrange(len(mixed)), mixed[place])  # a repeat
        other = drawn.randrange(len(mixed) - 1)
        mixed[other], mixed[other + 1] = mixed[other + 1], mixed[other]
    return mixed


def write(settings: Settings) -> Written:
    """Run the worker over it, until every review up to REVIEWED_UNTIL is done."""

    async def work() -> int:
        await living.make_topics(settings, for_an_old_clock=True)
        sent = await living.send(settings, told(), first_ms=REVIEWED_UNTIL // 1_000)
        async with living.worker(settings, lambda: REVIEWED_UNTIL / 1_000_000) as topology:
            await living.settled(topology, sent)
        return sent

    sent = asyncio.run(work())
    source = KafkaSource(settings, settings.kafka_bootstrap_servers)
    return Written(
        settings, {topic: list(source.records(topic)) for topic in (JOURNAL, DECISIONS, IN_FORCE, "dead-letters", *INPUTS)}, sent
    )
