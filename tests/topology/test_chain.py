"""Are the bytes over which journal entries are chained the ones that were released, and does every field count?"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from processors.contract.chain import NO_ENTRY, canonical_bytes, entry_hash
from processors.contract.records import Disposition, JournalEntry

ENTRY = JournalEntry(
    customer_tenant_id="c1",
    sequence=3,
    topic="consent-granted",
    partition=5,
    offset=1_000_000_007,
    timestamp=1_600_000_000_000_000,
    event=b"\xc3\x01\x00",
    disposition=Disposition.APPLIED,
    decision_ids=("d1", "d2"),
    state_hash=bytes(range(32)),
    core_revision=1,
    policy_fingerprint="f",
    previous_hash=b"\xff" * 32,
    entry_hash=NO_ENTRY,
)


def test_the_canonical_bytes_are_the_released_ones() -> None:
    head = (
        b"multichannel journal entry 1\n"
        + b"\xff" * 32
        + bytes(range(32))
        + bytes.fromhex("000000000000000300000005000000003b9aca07010005af3107a400000000000100000002")
    )
    told = b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"c1", b"consent-granted", b"APPLIED", b"f", b"\xc3\x01\x00", b"d1", b"d2")
    )
    assert canonical_bytes(ENTRY) == head + told
    assert entry_hash(ENTRY).hex() == "d0988f3240b58b41991d97528f1d00a32f22d74d326607ce394370f9292ad2ec"


def test_an_entry_without_timestamp_is_not_one_of_1970() -> None:
    assert entry_hash(replace(ENTRY, timestamp=None)) != entry_hash(replace(ENTRY, timestamp=0))


@pytest.mark.parametrize("name", [field.name for field in fields(JournalEntry) if field.name != "entry_hash"])
def test_every_field_but_the_hash_itself_counts(name: str) -> None:
    other: Any
    match getattr(ENTRY, name):
        case Disposition():
            other = Disposition.STALE_IGNORED
        case int(number):
            other = number + 1
        case str(text):
            other = text + "x"
        case bytes(data):
            other = bytes([data[0] ^ 1]) + data[1:]
        case ids:
            other = ("".join(ids),)
    assert entry_hash(replace(ENTRY, **{name: other})) != entry_hash(ENTRY)


def test_the_hash_is_not_part_of_what_it_is_taken_over() -> None:
    assert entry_hash(replace(ENTRY, entry_hash=b"\x01" * 32)) == entry_hash(ENTRY)
