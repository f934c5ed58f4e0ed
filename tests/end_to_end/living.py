"""How do the tests run the real worker on the real broker? Topics of their own, events in, everything out, and an oracle over it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from processors.codec import decode_decision, decode_event, decode_journal_entry, encode
from processors.codec.files import read_line
from processors.contract import contract
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.contract.records import Disposition, JournalEntry
from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Answer, Cause, Decision
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from processors.core.state import CustomerState
from processors.engine import FailStop
from processors.feeding.reading import Start, read
from processors.settings import Settings
from processors.topics import apply
from processors.topology import Topology, build
from processors.topology.partitioning import partition_of

Told = tuple[str, Event]
"""An event and the topic it goes to."""
Pair = tuple[str, str, str | None]
STORIES = Path(__file__).parents[1] / "stories"
SECOND = 1_000_000


def arguments_of(settings: Settings) -> dict[str, Any]:
    return {"bootstrap_servers": list(settings.kafka_bootstrap_servers)}


async def make_topics(settings: Settings, *, for_an_old_clock: bool = False) -> None:
    """All topics of the contract; for a worker with a clock of years ago nothing in them is ever removed.

    A broker removes what is older than a topic's retention whenever it looks for that, half a minute after its start and every five
    minutes: a worker that has not read its own reviews by then stops (OffsetOutOfRange).
    """
    topics = list(contract().topics.values())
    if for_an_old_clock:
        topics = [topic.model_copy(update={"retention_days": "unlimited"}) for topic in topics]
    await apply(arguments_of(settings), topics, settings.topic_prefix)


def read_story(path: Path) -> list[Told]:
    lines = path.read_bytes().splitlines()
    return [
        (found.topic, found.event)
        for number, line in enumerate(lines, 1)
        if line.strip()
        for found in [read_line(line, f"{path}:{number}")]
    ]


async def send(
    settings: Settings, told: Iterable[Told], *, first_ms: int, headers: Sequence[tuple[str, bytes]] = (), pause: float = 0.0
) -> int:
    """Send events, each a millisecond after the one before it, so that the worker takes them in this order."""
    producer = AIOKafkaProducer(**arguments_of(settings), linger_ms=5)
    await producer.start()
    sent = []
    try:
        for number, (topic, event) in enumerate(told):
            key = event.customer_tenant_id.encode()
            count = contract().topics[topic].partitions
            if number % 10 == 0:
                await asyncio.sleep(pause)
            sent.append(
                await producer.send(
                    settings.topic_prefix + topic,
                    encode(topic, event),
                    key=key,
                    partition=partition_of(key, count),
                    timestamp_ms=first_ms + number,
                    headers=list(headers),
                )
            )
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return len(sent)


@asynccontextmanager
async def worker(settings: Settings, clock: Callable[[], float]) -> Any:
    """A worker in this process; its fail-stop is an error of the test."""
    codes: list[int] = []
    stop = FailStop(leave=codes.append)
    topology = build(settings, arguments_of(settings), clock=clock, fail_stop=stop)
    await topology.app.start()
    try:
        yield topology
        assert not codes, stop.reason
    finally:
        if not codes:
            await topology.app.stop()
        topology.pipeline.wiring.watchdog.stop()


async def settled(topology: Topology, sent: int | None, seconds: float = 150.0) -> None:
    """Wait until everything sent and every review that is due was committed, and no further one comes of it.

    ``sent`` is None where nobody can say how much there is to do: workers before this one may have left reviews of theirs.
    """
    loop = asyncio.get_running_loop()
    limit, calm = loop.time() + seconds, 0
    while calm < 4:
        stop = topology.pipeline.wiring.fail_stop
        assert stop.reason is None, stop.reason
        done = sent is None or topology.pipeline.figures.records == sent + topology.figures.reviews_written
        calm = calm + 1 if done and topology.is_idle() and not topology.reasons_not_ready() else 0
        found = f"{topology.pipeline.figures.records} of {sent} and {topology.figures.reviews_written} reviews"
        assert loop.time() < limit, f"{found}; {topology.reasons_not_ready()}"
        await asyncio.sleep(0.25)


@dataclass
class Output:
    """What a worker wrote, decoded, in the order of each partition."""

    decisions: list[Any]
    in_force: list[Any]
    journal: list[Any]
    dead_letters: list[Any]


async def output(settings: Settings) -> Output:
    async def records(topic: str) -> list[Any]:
        return [record async for record in read(arguments_of(settings), settings.topic_prefix + topic, Start())]

    return Output(
        await records("multi-channel-support-decisions"),
        await records("customer-channel-support"),
        await records("customer-journal"),
        await records("dead-letters"),
    )


def last_answers(decisions: Iterable[Decision]) -> dict[Pair, Answer]:
    return {(each.customer_tenant_id, each.subscription_id, each.partner_tenant_id): each.answer for each in decisions}


def replayed(told: Iterable[Told], policy: Policy, until: int) -> dict[Pair, Answer]:
    return last_answers(canonical_replay(((event, Cause(event.event_id, topic)) for topic, event in told), policy, until))


def problems(found: Output, policy: Policy) -> list[str]:
    """Whether journal, decisions and view say the same: the chain, the numbers, and the journal applied again; empty means they do."""
    wrong: list[str] = []
    journal: dict[str, list[JournalEntry]] = defaultdict(list)
    for record in found.journal:
        entry = decode_journal_entry(record.value)
        if record.key != entry.customer_tenant_id.encode():
            wrong.append(f"journal {record.partition}/{record.offset}: key {record.key!r}")
        journal[entry.customer_tenant_id].append(entry)
    decisions: dict[str, list[tuple[bytes, Decision]]] = defaultdict(list)
    for record in found.decisions:
        decision = decode_decision(record.value)
        decisions[decision.customer_tenant_id].append((record.value, decision))
    inputs = [(entry.topic, entry.partition, entry.offset) for entries in journal.values() for entry in entries]
    if len(inputs) != len(set(inputs)):
        wrong.append("a record was applied twice")
    for customer, entries in journal.items():
        wrong += _again(customer, entries, decisions.get(customer, []), policy)
    if foreign := decisions.keys() - journal.keys():
        wrong.append(f"decisions without a journal: {foreign}")
    view = {record.key: record.value for record in found.in_force}
    last = {}
    for told in decisions.values():
        for value, decision in told:
            last[f"{decision.customer_tenant_id}|{decision.subscription_id}|{decision.partner_tenant_id or '-'}".encode()] = value
    if view != last:
        wrong.append(
            f"the view differs from the last decisions in {sum(view.get(key) != last.get(key) for key in view.keys() | last.keys())} pairs"
        )
    return wrong


def _again(customer: str, entries: list[JournalEntry], decisions: list[tuple[bytes, Decision]], policy: Policy) -> list[str]:
    wrong = []
    state, head, made = CustomerState(customer), NO_ENTRY, []
    for number, entry in enumerate(entries, 1):
        where = f"{customer} entry {number}"
        if entry.sequence != number or entry.previous_hash != head or entry_hash(entry) != entry.entry_hash:
            wrong.append(f"{where}: sequence {entry.sequence}, chain {entry.previous_hash.hex()[:8]} after {head.hex()[:8]}")
        head = entry.entry_hash
        event = decode_event(entry.topic, entry.event)
        handled = core.handle(state, event, Cause(event.event_id, entry.topic, entry.partition, entry.offset), policy)
        chunks.touched_chunks(state)
        if Disposition(handled.disposition.value) is not entry.disposition:
            wrong.append(f"{where}: {entry.disposition}, applied again {handled.disposition}")
        if chunks.state_hash(state) != entry.state_hash:
            wrong.append(f"{where}: state hash")
        if tuple(each.decision_id for each in handled.decisions) != entry.decision_ids:
            wrong.append(f"{where}: decision ids")
        made += [encode("multi-channel-support-decisions", each) for each in handled.decisions]
    if made != [value for value, _ in decisions]:
        wrong.append(f"{customer}: {len(decisions)} decisions, the journal applied again makes {len(made)}, or other ones")
    return wrong


def renamed(told: list[Told], name: Callable[[str], str]) -> list[Told]:
    """The same events of customers with other ids."""
    return [(topic, replace(event, customer_tenant_id=name(event.customer_tenant_id))) for topic, event in told]


def shown(answers: dict[Pair, Answer]) -> str:
    return json.dumps({"|".join(map(str, pair)): str(answer) for pair, answer in sorted(answers.items(), key=str)}, indent=1)
