"""What does each stage of the pipeline cost alone, in memory? And what would it write?"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.portfolio import portfolio
from processors.codec import decode_event, encode
from processors.contract import Disposition, JournalEntry
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Cause, Decision
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.state import CustomerState
from processors.topology.cloud_events import decision_headers
from processors.topology.deciding import pair_key
from processors.topology.partitioning import partition_of
from processors.topology.portfolio import TOPICS

PARTITIONS = 8
MICRO = 1_000_000
JOURNAL, DECISIONS, IN_FORCE = "customer-journal", "multi-channel-support-decisions", "customer-channel-support"
CHANGELOG = "multichannel-customers-changelog"
NAMES = tuple(JournalEntry.__dataclass_fields__)


@dataclass
class Work:
    """The portfolio in the order of arrival, and what each stage makes of it."""

    told: list[tuple[str, bytes, bytes]] = field(default_factory=list)  # topic, key, value
    outputs: dict[bytes, list[list[tuple[str, int, bytes, bytes]]]] = field(default_factory=lambda: defaultdict(list))


def arrivals(customers: int) -> list[Event]:
    """Customers take turns, as they would."""
    rows = [each.events for each in portfolio(customers)]
    return [events[turn] for turn in range(max(map(len, rows))) for events in rows if turn < len(events)]


def spent(what: str, work: Callable[[], Any], events: int, found: dict[str, float]) -> Any:
    """Run it, and note the CPU time for each event."""
    gc.collect()
    gc.freeze()
    began = time.process_time()
    result = work()
    found[what] = (time.process_time() - began) / events * MICRO
    return result


def stages(customers: int) -> tuple[Work, dict[str, float]]:
    """Every stage alone, over the whole portfolio, in memory; and the outputs for the raw loop."""
    events, work, policy = arrivals(customers), Work(), Policy.shipped()
    found: dict[str, float] = {}
    count = len(events)
    topics = [TOPICS[type(event)] for event in events]
    values = [encode(topic, event) for topic, event in zip(topics, events, strict=True)]
    work.told = [(topic, event.customer_tenant_id.encode(), value) for topic, event, value in zip(topics, events, values, strict=True)]
    told = spent("decode", lambda: [decode_event(topic, value) for topic, value in zip(topics, values, strict=True)], count, found)

    def decide(*, store: bool) -> list[tuple[core.Handled, dict[str, bytes], bytes, bytes]]:
        states: dict[str, CustomerState] = {}
        made = []
        for number, (topic, event) in enumerate(zip(topics, told, strict=True)):
            state = states.get(event.customer_tenant_id)
            if state is None:
                state = states[event.customer_tenant_id] = CustomerState(event.customer_tenant_id)
            handled = core.handle(state, event, Cause(event.event_id, topic, 0, number), policy)
            if store:
                made.append((handled, chunks.touched_chunks(state), chunks.state_hash(state), chunks.header(state, core.wake(state))))
            else:
                made.append((handled, {}, b"", b""))
        return made

    spent("warm-up", lambda: decide(store=False), count, found)
    spent("core", lambda: decide(store=False), count, found)
    made = spent("core and chunks", lambda: decide(store=True), count, found)
    found["chunks and state hash"] = found.pop("core and chunks") - found["core"]
    del found["warm-up"]

    def entries() -> list[bytes]:
        written = []
        for number, ((topic, _, value), event, (handled, _, state_hash, _)) in enumerate(zip(work.told, told, made, strict=True)):
            ids = tuple(each.decision_id for each in handled.decisions)
            disposition = Disposition(handled.disposition.value)
            fields = (topic, 0, number, 0, value, disposition, ids, state_hash, 1, policy.fingerprint, NO_ENTRY, NO_ENTRY)
            entry = JournalEntry(**dict(zip(NAMES, (event.customer_tenant_id, number, *fields), strict=True)))
            hashed = {name: getattr(entry, name) for name in NAMES} | {"entry_hash": entry_hash(entry)}
            written.append(encode(JOURNAL, JournalEntry(**hashed)))
        return written

    journal = spent("journal entry and hash", entries, count, found)

    def decisions() -> list[list[tuple[Decision, bytes, bytes]]]:
        return [
            [(each, encode(DECISIONS, each), pair_key(each)) for each in handled.decisions if decision_headers(each, ())]
            for handled, _, _, _ in made
        ]

    encoded = spent("decisions and headers", decisions, count, found)
    for (_, key, _), (_, changed, _, header), entry, decided in zip(work.told, made, journal, encoded, strict=True):
        partition = partition_of(key, PARTITIONS)
        records = [(JOURNAL, partition, key, entry)]
        for _, value, pair in decided:
            records += [(DECISIONS, partition, key, value), (IN_FORCE, partition_of(pair, PARTITIONS), pair, value)]
        records += [(CHANGELOG, partition, key + name.encode(), chunk) for name, chunk in (*changed.items(), ("h", header))]
        work.outputs[key].append(records)
    return work, found
