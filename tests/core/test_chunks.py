"""Does a state come back from its chunks as it was, and are their bytes the same for the same state? (about 5 s)"""

from __future__ import annotations

import hashlib

import pytest

from processors.core import chunks
from processors.core.decisions import Decision
from processors.core.handle import Disposition, handle, wake
from processors.core.policy import Policy
from processors.core.state import CustomerState
from tests.core.test_stories import STORIES, lines
from tests.reference.core_replay import caused
from tests.reference.histories import history
from tests.reference.weights import THEMES

POLICY = Policy.shipped()


class Stored:
    """A customer whose state lies in chunks only: loaded for every event, stored after it."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.chunks: dict[str, bytes] = {}

    def handle(self, pair: tuple) -> tuple[Disposition, tuple[Decision, ...], bytes]:  # type: ignore[type-arg]
        event, cause = pair
        state = chunks.load(self.customer, self.chunks)
        handled = handle(state, event, cause, POLICY)
        if handled.disposition is Disposition.APPLIED:
            self.chunks.update(chunks.touched_chunks(state))
            self.chunks[chunks.HEADER] = chunks.header(state, wake(state))
        return handled.disposition, handled.decisions, chunks.state_hash(state)


@pytest.mark.parametrize("theme", THEMES)
def test_a_state_loaded_for_every_event_decides_as_one_kept_in_memory(theme: str) -> None:
    for seed in range(3):
        kept: dict[str, CustomerState] = {}
        stored: dict[str, Stored] = {}
        for raw in history(500 + seed, theme).events:
            event, cause = caused(raw)
            customer = event.customer_tenant_id
            state = kept.setdefault(customer, CustomerState(customer))
            handled = handle(state, event, cause, POLICY)
            chunks.touched_chunks(state)
            ours = handled.disposition, handled.decisions, chunks.state_hash(state)
            assert stored.setdefault(customer, Stored(customer)).handle((event, cause)) == ours


@pytest.mark.parametrize("theme", THEMES)
def test_all_chunks_are_written_again_byte_for_byte(theme: str) -> None:
    stored: dict[str, Stored] = {}
    for raw in history(700, theme).events:
        event, cause = caused(raw)
        customer = stored.setdefault(event.customer_tenant_id, Stored(event.customer_tenant_id))
        customer.handle((event, cause))
        again = chunks.load(customer.customer, customer.chunks)
        again.dirty_subscriptions |= set(again.facts.subscriptions)
        again.dirty_partners |= set(again.facts.partners)
        header = chunks.read_header(customer.chunks[chunks.HEADER])
        assert chunks.touched_chunks(again) | {chunks.HEADER: chunks.header(again, header.wake)} == customer.chunks


def of_story(name: str) -> Stored:
    events = [caused(line) for line in lines(STORIES / f"{name}.events.jsonl")]
    customer = Stored(events[0][0].customer_tenant_id)
    for pair in events:
        if pair[0].customer_tenant_id == customer.customer:
            customer.handle(pair)
    return customer


def test_the_bytes_of_a_known_history_are_pinned() -> None:
    customer = of_story("22-transfers-that-fail")
    digest = hashlib.sha256(b"".join(name.encode() + raw for name, raw in sorted(customer.chunks.items()))).hexdigest()
    state = chunks.load(customer.customer, customer.chunks)
    assert (digest, chunks.state_hash(state).hex()) == (
        "44d3c9cdf1f53b0d2c3f39d9c30f1cdf933c18ab5ddd0f33a07a19353e95bbaa",
        "78ada83c793b05d779ba54dfb52ecec69090bdce76dab1f3987a429b421c84cc",
    )


def test_the_header_tells_what_the_journal_and_the_clock_need_without_the_rest() -> None:
    customer = of_story("22-transfers-that-fail")
    state = chunks.load(customer.customer, customer.chunks)
    before = chunks.state_hash(state)
    state.journal_sequence, state.journal_head = 300, b"\x01" * 32
    found = chunks.read_header(chunks.header(state, 5))
    assert (found.wake, found.journal_sequence, found.journal_head) == (5, 300, b"\x01" * 32)
    assert (found.as_of, found.sequence) == (state.facts.as_of, state.sequence)
    assert chunks.state_hash(state) == before


@pytest.mark.parametrize("cut", [0, 1, 2, 5, -1])
def test_a_damaged_chunk_is_refused_by_name(cut: int) -> None:
    customer = of_story("22-transfers-that-fail")
    for name, raw in customer.chunks.items():
        with pytest.raises(ValueError, match=f"state chunk '{name}'".replace("|", "\\|")):
            chunks.load(customer.customer, customer.chunks | {name: raw[:cut]})
        with pytest.raises(ValueError, match="bytes are left over"):
            chunks.load(customer.customer, customer.chunks | {name: raw + b"\x00"})
    with pytest.raises(ValueError, match="format 9, expected 1"):
        chunks.load(customer.customer, {name: b"\x09" + raw[1:] for name, raw in customer.chunks.items()})
