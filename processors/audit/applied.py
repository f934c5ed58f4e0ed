"""Do the input topics hold what the journal says was applied, and did nothing of them get lost on the way? For one customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from processors.audit.chaining import Item
from processors.audit.damage import Damage, Finding, found
from processors.audit.entries import Record
from processors.codec import MessageRejected, Schemas, decode_event, encode
from processors.codec.messages import SINGLE_OBJECT

Place: TypeAlias = tuple[str, int, int]
"""Input topic, partition, offset."""


EMPTY: Final = 1 << 62
"""Where a topic begins in which nothing is left: behind every offset."""


@dataclass(slots=True)
class Applied:
    """What came of it."""

    findings: list[Finding] = field(default_factory=list)
    compared: int = 0
    gone: int = 0  # entries whose input record retention has removed
    unapplied: list[Record] = field(default_factory=list)  # not in the journal: refused, not taken in yet, or passed over


def check_twice(customer: str, items: Sequence[Item]) -> list[Finding]:
    """No two entries may name the same input record; of an altered entry nothing is believed."""
    findings, seen = [], dict[Place, int]()
    for item in items:
        if item.blamed or item.entry is None:
            continue
        told = item.entry.told
        before = seen.setdefault((told.topic, told.partition, told.offset), told.sequence)
        if before != told.sequence:
            text = f"{told.topic} {told.partition}/{told.offset} was applied by entry {before} too"
            findings.append(found(Damage.INPUT_APPLIED_TWICE, item.record, text, customer=customer, entry=told.sequence))
    return findings


def check_inputs(
    customer: str, items: Sequence[Item], inputs: Sequence[Record], starts: Mapping[tuple[str, int], int], schemas: Schemas | None
) -> Applied:
    """Each entry against the input record that it names; `starts` are the offsets at which the inputs begin today."""
    result = Applied()
    held = {(record.topic, record.partition, record.offset): record for record in inputs}
    for item in items:
        if item.entry is None:
            continue
        told = item.entry.told
        record = held.pop((told.topic, told.partition, told.offset), None)
        if item.blamed:
            continue
        if record is None:
            if told.offset < starts.get((told.topic, told.partition), EMPTY):
                result.gone += 1
                continue
            text = f"{told.topic} {told.partition}/{told.offset} holds no record of the customer"
            result.findings.append(found(Damage.INPUT_MISSING, item.record, text, customer=customer, entry=told.sequence))
            continue
        result.compared += 1
        if wrong := _differing(item, record, schemas):
            text = f"{record.place} differs from what was applied: {wrong}"
            result.findings.append(found(Damage.INPUT_DIFFERS, item.record, text, customer=customer, entry=told.sequence))
    result.unapplied = list(held.values())
    return result


def _differing(item: Item, record: Record, schemas: Schemas | None) -> str:
    assert item.entry is not None
    told = item.entry.told
    if record.key != told.customer_tenant_id.encode():
        return "the key"
    if record.timestamp != told.timestamp:
        return "the record's timestamp"
    value = record.value
    if value == told.event:
        return ""
    if value is not None and not value.startswith(SINGLE_OBJECT):
        try:
            value = encode(told.topic, decode_event(told.topic, value, registry=schemas))
        except MessageRejected as rejected:
            return f"it is no event: {rejected.text}"
    return "" if value == told.event else "the event's bytes"
