"""What lies behind the end of the journal? Newer than what was read, cut off, or never led to: a question to whole partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from processors.audit.applied import Place
from processors.audit.customer import Verdict, foreign
from processors.audit.damage import Damage, Finding, found
from processors.audit.decided import Beyond, derives
from processors.audit.entries import DECISIONS, JOURNAL, Record, entries_of
from processors.audit.grouping import PartitionRead
from processors.audit.sources import Source, Wanted
from processors.codec import MessageRejected, decode_dead_letter


def settle_beyond(verdict: Verdict, read: Mapping[tuple[str, int], PartitionRead], source: Source) -> list[Finding]:
    """Decisions that no entry read leads to: those that the journal got since are right; behind all others it was cut off; else foreign."""
    if not verdict.beyond:
        return []
    newer = _places_since(source, {each.decision.caused_by.partition for each in verdict.beyond}, read)
    tails: dict[int, list[Beyond]] = defaultdict(list)
    findings, views = [], []
    for beyond in verdict.beyond:
        cause = beyond.decision.caused_by
        if (cause.topic, cause.partition, cause.offset) in newer:
            continue
        if beyond.record.topic != DECISIONS:
            views.append(beyond)
        elif derives(beyond.decision) and beyond.record.offset > verdict.explained.get(beyond.record.partition, -1):
            tails[beyond.record.partition].append(beyond)
        else:
            findings.append(foreign(beyond, "no entry of the journal leads to it"))
    told = {each.decision.decision_id for each in verdict.beyond if each.record.topic == DECISIONS}
    findings += [
        foreign(each, "no decision of the journal or of the topic is this one") for each in views if each.decision.decision_id not in told
    ]
    return findings + [_cut_off(partition, tail, read) for partition, tail in sorted(tails.items())]


def _places_since(source: Source, partitions: set[int | None], read: Mapping[tuple[str, int], PartitionRead]) -> set[Place]:
    """The input records that the journal names behind what was read of it."""
    places: set[Place] = set()
    for partition in sorted(each for each in partitions if each is not None and each in source.partitions(JOURNAL)):
        last = read.get((JOURNAL, partition), PartitionRead()).last_offset
        try:
            for entry in entries_of(source.records(JOURNAL, Wanted(partition=partition, offset=last + 1)), source.schemas):
                places.add((entry.told.topic, entry.told.partition, entry.told.offset))
        except MessageRejected:
            continue  # what cannot be read vouches for nothing; the next verification names it
    return places


def _cut_off(partition: int, tail: list[Beyond], read: Mapping[tuple[str, int], PartitionRead]) -> Finding:
    journal = read.get((JOURNAL, partition), PartitionRead())
    first = min(tail, key=lambda each: each.record.offset)
    customers = {each.decision.customer_tenant_id for each in tail}
    text = (
        f"no entry leads to the last {len(tail)} decision{'s' if len(tail) > 1 else ''} of the partition, from {first.record.place} on"
        f" ({len(customers)} customer{'s' if len(customers) > 1 else ''}): the journal was cut off behind this place"
    )
    place = f"{JOURNAL} {partition}/{journal.last_offset}" if journal.records else f"{JOURNAL} {partition}"
    end = Record(JOURNAL, partition, journal.last_offset, first.record.timestamp, None, None, place)
    return found(Damage.CUT_OFF_TAIL, end, text, customer=customers.pop() if len(customers) == 1 else None)


def settle_unapplied(verdict: Verdict, source: Source, customer: str | None) -> list[Finding]:
    """Input records that are not in the journal: refused ones are among the dead letters, those behind the last applied one still wait."""
    if not verdict.unapplied:
        return []
    refused: set[Place] = set()
    for record in source.records("dead-letters"):
        try:
            letter = decode_dead_letter(record.value, registry=source.schemas)
        except MessageRejected:
            continue
        refused.add((letter.topic, letter.partition, letter.offset))
    findings = []
    for record in verdict.unapplied:
        place = record.topic, record.partition, record.offset
        if place not in refused and record.offset < verdict.applied.get(place[:2], -1):
            text = "it is neither in the journal nor among the dead letters, although later ones of the topic are"
            whose = customer or (None if record.key is None else record.key.decode("utf-8", "backslashreplace"))
            findings.append(found(Damage.INPUT_NOT_APPLIED, record, text, customer=whose))
    return findings
