"""Does a record that is refused half-way leave nothing behind, and does what is in memory always equal what is stored?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from processors.codec import decode_dead_letter, decode_journal_entry, encode
from processors.contract import Disposition, ErrorCode, contract
from processors.core import chunks
from processors.core.door import Limits
from processors.core.events import Event, SubscriptionPurchased
from processors.core.policy import Policy
from processors.engine.batch import Batch, Target
from processors.engine.rows import PartitionRows, RawRows
from processors.engine.store import MemoryStore
from processors.topology.customers import Customers
from processors.topology.deciding import DEAD_LETTERS, DECISIONS, IN_FORCE, JOURNAL, Deciding
from processors.topology.partitioning import partition_of
from processors.topology.portfolio import TOPICS, portfolio
from processors.topology.refusing import RefusedShare
from processors.topology.reviews import ReviewPlan
from processors.topology.wiring import CHANGELOG

LARGE = 1_000_000
LIMITS = Limits()
EVENTS = list(portfolio(16))
PURCHASE = next(event for event in EVENTS if isinstance(event, SubscriptionPurchased))


@dataclass
class Bench:
    """One partition worked on without a broker: the real batch, rows and store."""

    deciding: Deciding
    customers: Customers
    rows: PartitionRows
    table: Any
    partition: int
    offset: int = 0
    limit: int = LARGE

    def __call__(self, *events: Event | bytes, key: bytes | None = None) -> Batch:
        """Work through a batch of events, or of values under a key."""
        records = []
        for event in events:
            self.offset += 1
            value = event if isinstance(event, bytes) else encode(TOPICS[type(event)], event)
            own = key if isinstance(event, bytes) else event.customer_tenant_id.encode()
            topic = "subscription-purchased" if isinstance(event, bytes) else TOPICS[type(event)]
            records.append(
                SimpleNamespace(topic=topic, partition=self.partition, offset=self.offset, timestamp=-1, key=own, value=value, headers=())
            )
        targets = {name: Target(8, copartitioned=True, limit_bytes=self.limit if name == JOURNAL else LARGE) for name in contract().topics}
        owner: Any = SimpleNamespace(entered=lambda _: None, left=lambda _: None, failed=lambda _, __: None)
        batch = Batch(self.partition, records, {}, self.rows, targets, owner)
        self.table.batch = batch
        with batch:
            list(self.deciding.work_through(batch))
        self.rows.hand_over(batch)
        return batch

    def stored(self, customer: str) -> dict[str, bytes]:
        """A customer's chunks as the changelog has them."""
        prefix = f"{customer}|"
        return {key.decode().removeprefix(prefix): value for key, value in self.rows.store.items() if key.startswith(prefix.encode())}


class Table:
    """What Faust's table does, of the batch at work."""

    batch: Batch

    def get(self, key: bytes) -> bytes | None:
        staged = self.batch.staged
        return staged[key] if key in staged else self.rows().store.get(key)

    def rows(self) -> PartitionRows:
        return self.batch.rows

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.batch.change(key, value)


def bench(customer: str, limits: Limits = LIMITS, held_max: int = 100) -> Bench:
    table = Table()
    customers = Customers(table, recent_max=100, held_max=held_max)
    names = {topic: topic for topic in contract().topics}
    deciding = Deciding(
        topics=names,
        customers=customers,
        plan=ReviewPlan(),
        policy=Policy.shipped(),
        limits=limits,
        refused=RefusedShare(1_000, 1),
        clock_tolerance=0,
        record_max_bytes=LARGE,
    )
    rows = PartitionRows(MemoryStore(), RawRows(), CHANGELOG, cache_rows_max=1)
    return Bench(deciding, customers, rows, table, partition_of(customer.encode(), 8))


def values(batch: Batch, topic: str) -> list[bytes]:
    return [each.value for each in batch.emitted if each.topic == topic and each.value is not None]


@pytest.fixture
def of_one_customer() -> list[Event]:
    """The longest history of the demo."""
    by_customer: dict[str, list[Event]] = {}
    for event in EVENTS:
        by_customer.setdefault(event.customer_tenant_id, []).append(event)
    return max(by_customer.values(), key=len)


async def test_an_event_whose_effects_do_not_fit_is_a_dead_letter_and_as_if_it_had_never_come(of_one_customer: list[Event]) -> None:
    customer = of_one_customer[0].customer_tenant_id
    with_it, without_it = bench(customer), bench(customer)
    *before, last = of_one_customer
    with_it(*before), without_it(*before)
    with_it.limit = 100
    refused = with_it(last)
    [letter] = [decode_dead_letter(value) for value in values(refused, DEAD_LETTERS)]
    assert (letter.error_code, letter.value) == (ErrorCode.TOO_LARGE, encode(TOPICS[type(last)], last))
    assert len(refused.emitted) == 1 and not refused.staged
    assert with_it.stored(customer) == without_it.stored(customer)
    with_it.limit = LARGE
    without_it.offset += 1  # the refused record had one, and the journal tells it
    again, first = with_it(last), without_it(last)
    assert with_it.stored(customer) == without_it.stored(customer)
    assert values(again, DECISIONS) == values(first, DECISIONS) != []
    assert values(again, IN_FORCE) == values(first, IN_FORCE)


@pytest.mark.parametrize("held_max", [1, 100])
async def test_customers_in_memory_and_customers_read_back_are_the_same(held_max: int) -> None:
    """Customers of a partition take turns; with room for one each of them is read back every time."""
    spread = Counter(partition_of(customer.encode(), 8) for customer in {event.customer_tenant_id for event in EVENTS})
    [(fullest, customers)] = spread.most_common(1)
    chosen = [event for event in EVENTS if partition_of(event.customer_tenant_id.encode(), 8) == fullest]
    assert customers > 2
    work = bench(chosen[0].customer_tenant_id, held_max=held_max)
    entries = [decode_journal_entry(value) for event in chosen for value in values(work(event), JOURNAL)]
    assert len(entries) == len(chosen) > 3
    wanted = bench(chosen[0].customer_tenant_id)
    for value, entry in zip(values(wanted(*chosen), JOURNAL), entries, strict=True):
        assert decode_journal_entry(value).state_hash == entry.state_hash
        assert decode_journal_entry(value).decision_ids == entry.decision_ids
    for customer in {event.customer_tenant_id for event in chosen}:
        assert work.stored(customer) == wanted.stored(customer)
        state = chunks.load(customer, work.stored(customer))
        assert (state.journal_sequence, chunks.state_hash(state)) == max(
            (entry.sequence, entry.state_hash) for entry in entries if entry.customer_tenant_id == customer
        )


async def test_an_event_over_a_limit_of_the_door_is_a_dead_letter_that_names_it_and_changes_nothing() -> None:
    work = bench(PURCHASE.customer_tenant_id, Limits(subscriptions=1))
    work(PURCHASE)
    before = work.stored(PURCHASE.customer_tenant_id)
    other = replace(PURCHASE, event_id="another", subscription_id="another")
    [letter] = [decode_dead_letter(value) for value in values(work(other), DEAD_LETTERS)]
    assert letter.error_code is ErrorCode.TOO_LARGE
    assert "subscriptions" in letter.error_message and "1" in letter.error_message
    assert work.stored(PURCHASE.customer_tenant_id) == before


async def test_a_record_on_the_wrong_partition_is_refused_before_it_makes_a_second_state() -> None:
    work = bench(PURCHASE.customer_tenant_id)
    work.partition = (work.partition + 1) % 8
    [letter] = [decode_dead_letter(value) for value in values(work(PURCHASE), DEAD_LETTERS)]
    assert letter.error_code is ErrorCode.KEY_MISMATCH
    assert "murmur2" in letter.error_message
    assert not list(work.rows.store.items())


async def test_duplicates_and_stale_events_are_in_the_journal_and_chained_but_change_no_state() -> None:
    work = bench(PURCHASE.customer_tenant_id)
    older = replace(PURCHASE, event_id="older", occurred_at=PURCHASE.occurred_at - 1_000_000)
    emitted = [work(event) for event in (PURCHASE, PURCHASE, older)]
    entries = [decode_journal_entry(value) for batch in emitted for value in values(batch, JOURNAL)]
    assert [entry.disposition for entry in entries] == [Disposition.APPLIED, Disposition.DUPLICATE_IGNORED, entries[2].disposition]
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert [entry.previous_hash for entry in entries[1:]] == [entry.entry_hash for entry in entries[:-1]]
    assert entries[1].state_hash == entries[0].state_hash
    assert entries[1].decision_ids == ()


def numbered() -> Iterator[bytes]:
    """Values that are no event."""
    yield from (b"", b"\x00", b"\xc3\x01", b"\xc3\x01" + bytes(8))


async def test_nothing_that_a_record_can_hold_stops_the_worker() -> None:
    work = bench(PURCHASE.customer_tenant_id)
    batch = work(*numbered(), key=PURCHASE.customer_tenant_id.encode())
    assert len(values(batch, DEAD_LETTERS)) == 4
    assert len(batch.emitted) == 4
