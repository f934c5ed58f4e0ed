"""Every kind of damage, drawn: each function damages the records of a partition in one way and says which finding it must lead to."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from processors.audit.damage import Damage
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.codec import decode_decision, decode_journal_entry, encode
from processors.contract import Disposition, JournalEntry
from processors.contract.chain import entry_hash
from processors.core.emission import decision_id


@dataclass(frozen=True)
class Tampered:
    """The records after it; the finding's name; the places one of which it must name; whether inputs or a checkpoint are needed."""

    records: list[Record]
    damage: Damage
    places: frozenset[str]
    checkpoint: bool = False
    inputs: bool = False


def told(record: Record) -> JournalEntry:
    return decode_journal_entry(record.value)


def written(record: Record, entry: JournalEntry) -> Record:
    """The record with another entry, whose hash is right."""
    entry = replace(entry, entry_hash=entry_hash(entry))
    return replace(record, value=encode(JOURNAL, entry))


def at(records: Sequence[Record], topic: str) -> list[int]:
    return [number for number, record in enumerate(records) if record.topic == topic]


def own(records: Sequence[Record], topic: str, key: bytes | None) -> list[int]:
    return [number for number in at(records, topic) if records[number].key == key]


def chosen(drawn: random.Random, records: Sequence[Record], topic: str, least: int) -> list[int]:
    """The records of a customer who has so many."""
    by_customer: dict[bytes | None, list[int]] = {}
    for number in at(records, topic):
        by_customer.setdefault(records[number].key, []).append(number)
    enough = [numbers for numbers in by_customer.values() if len(numbers) >= least]
    return drawn.choice(enough) if enough else []


def flipped(drawn: random.Random, value: bytes) -> bytes:
    place = drawn.randrange(len(value))
    return value[:place] + bytes((value[place] ^ (1 << drawn.randrange(8)),)) + value[place + 1 :]


def byte_of_an_entry(drawn: random.Random, records: list[Record]) -> Tampered:
    number = drawn.choice(at(records, JOURNAL))
    record = records[number]
    assert record.key is not None and record.value is not None
    if drawn.random() < 0.1:
        records[number] = replace(record, key=flipped(drawn, record.key))
    else:
        records[number] = replace(record, value=flipped(drawn, record.value))
    return Tampered(records, Damage.ALTERED_ENTRY, frozenset({record.place}))


def bytes_of_an_entry_cut_off(drawn: random.Random, records: list[Record]) -> Tampered:
    number = drawn.choice(at(records, JOURNAL))
    record = records[number]
    assert record.value is not None
    records[number] = replace(record, value=record.value[: drawn.randrange(len(record.value))] or None)
    return Tampered(records, Damage.ALTERED_ENTRY, frozenset({record.place}))


def entry_in_other_bytes(drawn: random.Random, records: list[Record]) -> Tampered:
    """The same values, a length written in a byte more than it needs: every hash in the entry stays right."""
    number = drawn.choice(at(records, JOURNAL))
    value = records[number].value
    assert value is not None and value[10] == 2 * len(records[number].key or b"")
    records[number] = replace(records[number], value=value[:10] + bytes((value[10] | 0x80, 0)) + value[11:])
    return Tampered(records, Damage.ALTERED_ENTRY, frozenset({records[number].place}))


def mutated(drawn: random.Random, entry: JournalEntry) -> JournalEntry:
    """Something else in one field."""
    match drawn.randrange(6):
        case 0:
            return replace(entry, offset=entry.offset + 1_000)
        case 1:
            return replace(entry, timestamp=(entry.timestamp or 0) + 1)
        case 2:
            return replace(entry, state_hash=drawn.randbytes(32))
        case 3:
            return replace(entry, decision_ids=(*entry.decision_ids, "00000000-0000-5000-8000-000000000000"))
        case 4:
            return replace(entry, policy_fingerprint="0" * 64)
        case _:
            other = {Disposition.APPLIED: Disposition.STALE_IGNORED}.get(entry.disposition, Disposition.APPLIED)
            return replace(entry, disposition=other)


def entry_with_a_new_hash(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """Altered, and its own hash made right; the chain behind it was left."""
    numbers = chosen(drawn, records, JOURNAL, 2)
    if not numbers:
        return None
    number = drawn.choice(numbers[:-1])
    records[number] = written(records[number], mutated(drawn, told(records[number])))
    # of the last two nobody vouches for either: where the core finds nothing strange in the first the finding stands at the second
    places = {records[number].place} | ({records[numbers[-1]].place} if number == numbers[-2] else set())
    return Tampered(records, Damage.ALTERED_ENTRY, frozenset(places))


def entry_and_all_hashes_behind_it(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """What an entry led to is told otherwise, and the chain is made right to its end."""
    numbers = chosen(drawn, records, JOURNAL, 1)
    number = drawn.choice(numbers)
    entry = told(records[number])
    match drawn.randrange(3):
        case 0:
            entry = replace(entry, state_hash=drawn.randbytes(32))
        case 1 if entry.decision_ids:
            entry = replace(entry, decision_ids=entry.decision_ids[1:])
        case _:
            other = {Disposition.APPLIED: Disposition.DUPLICATE_IGNORED}.get(entry.disposition, Disposition.APPLIED)
            entry = replace(entry, disposition=other)
    damaged = records[number] = written(records[number], entry)
    head = told(damaged).entry_hash
    for later in numbers[numbers.index(number) + 1 :]:
        records[later] = written(records[later], replace(told(records[later]), previous_hash=head))
        head = told(records[later]).entry_hash
    return Tampered(records, Damage.DECISION_DOES_NOT_FOLLOW, frozenset({damaged.place}))


def entries_removed(drawn: random.Random, records: list[Record]) -> Tampered | None:
    numbers = chosen(drawn, records, JOURNAL, 2)
    if not numbers:
        return None
    first = drawn.randrange(len(numbers) - 1)
    count = drawn.randrange(1, min(4, len(numbers) - first))
    after = records[numbers[first + count]].place
    for number in reversed(numbers[first : first + count]):
        del records[number]
    return Tampered(records, Damage.REMOVED_ENTRY, frozenset({after}))


def entry_added(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """A made-up entry beside a real one: the hash right, joined to the one before, the chain going on without it."""
    numbers = chosen(drawn, records, JOURNAL, 2)
    if not numbers:
        return None
    number = drawn.choice(numbers[:-1])
    made = written(records[number], mutated(drawn, told(records[number])))
    made = replace(made, offset=made.offset * 10_000 + 1, place="made up")
    records.insert(number + drawn.randrange(2), made)
    return Tampered(records, Damage.ADDED_ENTRY, frozenset({"made up"}))


def junk_added(drawn: random.Random, records: list[Record]) -> Tampered:
    numbers = chosen(drawn, records, JOURNAL, 1)
    number = drawn.choice(numbers)
    made = replace(records[number], value=drawn.randbytes(drawn.randrange(400)), place="made up")
    records.insert(number, made)
    return Tampered(records, Damage.ADDED_ENTRY, frozenset({"made up"}))


def two_of(drawn: random.Random, records: list[Record], topic: str) -> tuple[int, int] | None:
    numbers = chosen(drawn, records, topic, 2)
    if not numbers:
        return None
    one, other = sorted(drawn.sample(numbers, 2))
    return one, other


def entries_swapped(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """Two entries of a customer change places; their records' own offsets stay, as in a topic written anew."""
    return swapped(drawn, records, JOURNAL, Damage.SWAPPED_ENTRY)


def decisions_swapped(drawn: random.Random, records: list[Record]) -> Tampered | None:
    return swapped(drawn, records, DECISIONS, Damage.SWAPPED_DECISION)


def swapped(drawn: random.Random, records: list[Record], topic: str, damage: Damage) -> Tampered | None:
    two = two_of(drawn, records, topic)
    if two is None:
        return None
    one, other = two
    first, second = records[one], records[other]
    records[one] = replace(first, value=second.value, timestamp=second.timestamp)
    records[other] = replace(second, value=first.value, timestamp=first.timestamp)
    return Tampered(records, damage, frozenset({first.place, second.place}))


def entry_repeated(drawn: random.Random, records: list[Record]) -> Tampered:
    return repeated(drawn, records, JOURNAL, Damage.REPEATED_ENTRY)


def decision_repeated(drawn: random.Random, records: list[Record]) -> Tampered:
    return repeated(drawn, records, DECISIONS, Damage.REPEATED_DECISION)


def repeated(drawn: random.Random, records: list[Record], topic: str, damage: Damage) -> Tampered:
    number = drawn.choice(at(records, topic))
    again = replace(records[number], place="again", offset=records[number].offset * 10_000 + 1)
    records.insert(drawn.randrange(number + 1, len(records) + 1), again)
    return Tampered(records, damage, frozenset({"again"}))


def byte_of_a_decision(drawn: random.Random, records: list[Record]) -> Tampered:
    number = drawn.choice(at(records, DECISIONS))
    record = records[number]
    assert record.value is not None and record.key is not None
    if drawn.random() < 0.1:
        records[number] = replace(record, key=flipped(drawn, record.key))
    else:
        records[number] = replace(record, value=flipped(drawn, record.value))
    return Tampered(records, Damage.ALTERED_DECISION, frozenset({record.place}))


def another_answer(drawn: random.Random, records: list[Record]) -> Tampered:
    """A decision that says something else and is well formed."""
    number = drawn.choice(at(records, DECISIONS))
    decision = decode_decision(records[number].value)
    answer = replace(decision.answer, manual_review=not decision.answer.manual_review)
    records[number] = replace(records[number], value=encode(DECISIONS, replace(decision, answer=answer)))
    return Tampered(records, Damage.ALTERED_DECISION, frozenset({records[number].place}))


def decisions_missing(drawn: random.Random, records: list[Record]) -> Tampered:
    numbers = chosen(drawn, records, DECISIONS, 1)
    first = drawn.randrange(len(numbers))
    gone = numbers[first : first + drawn.randrange(1, 4)]
    near = {records[number].place for number in numbers if number not in gone} | {DECISIONS}
    for number in reversed(gone):
        del records[number]
    return Tampered(records, Damage.MISSING_DECISION, frozenset(near))


def decision_made_up(drawn: random.Random, records: list[Record]) -> Tampered:
    """Well formed, its id right, numbered behind the customer's last one."""
    numbers = chosen(drawn, records, DECISIONS, 1)
    decision = decode_decision(records[numbers[-1]].value)
    sequence = decision.sequence + drawn.randrange(1, 5)
    name = decision_id(decision.customer_tenant_id, sequence, decision.subscription_id, decision.partner_tenant_id)
    made = replace(decision, sequence=sequence, decision_id=name, supersedes=decision.decision_id)
    records.insert(drawn.choice(numbers), replace(records[numbers[0]], value=encode(DECISIONS, made), place="made up"))
    return Tampered(records, Damage.FOREIGN_DECISION, frozenset({"made up"}))


def decision_of_a_stranger(drawn: random.Random, records: list[Record]) -> Tampered:
    number = drawn.choice(at(records, DECISIONS))
    decision, customer = decode_decision(records[number].value), "00000000-aaaa-4000-8000-000000000000"
    name = decision_id(customer, 1, decision.subscription_id, decision.partner_tenant_id)
    cause = replace(decision.caused_by, offset=(decision.caused_by.offset or 0) + 1_000_000)
    made = replace(decision, customer_tenant_id=customer, sequence=1, decision_id=name, supersedes=None, caused_by=cause)
    records.insert(number, replace(records[number], key=customer.encode(), value=encode(DECISIONS, made), place="made up"))
    return Tampered(records, Damage.FOREIGN_DECISION, frozenset({"made up"}))


def last_of_the_view(drawn: random.Random, records: list[Record]) -> int:
    last = {records[number].key: number for number in at(records, IN_FORCE)}
    return drawn.choice(list(last.values()))


def byte_of_the_view(drawn: random.Random, records: list[Record]) -> Tampered:
    number = last_of_the_view(drawn, records)
    record = records[number]
    assert record.value is not None
    records[number] = replace(record, value=flipped(drawn, record.value))
    return Tampered(records, Damage.VIEW_DIFFERS, frozenset({record.place}))


def view_left_behind(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """The last record of a pair is not there, an older one is."""
    number = last_of_the_view(drawn, records)
    older = own(records, IN_FORCE, records[number].key)[:-1]
    if not older:
        return None
    del records[number]
    return Tampered(records, Damage.VIEW_DIFFERS, frozenset({records[older[-1]].place}))


def view_without_a_pair(drawn: random.Random, records: list[Record]) -> Tampered:
    key = records[last_of_the_view(drawn, records)].key
    kept = [record for record in records if record.topic != IN_FORCE or record.key != key]
    return Tampered(kept, Damage.VIEW_MISSING, frozenset(record.place for record in kept if record.topic == DECISIONS))


def view_with_another_pair(drawn: random.Random, records: list[Record]) -> Tampered:
    number = last_of_the_view(drawn, records)
    record = records[number]
    made = replace(record, key=(record.key or b"")[:-1] + b"x", place="made up")
    records.insert(number, made)
    return Tampered(records, Damage.VIEW_FOREIGN, frozenset({"made up"}))


def tail_cut_off(drawn: random.Random, records: list[Record]) -> Tampered:
    numbers = at(records, JOURNAL)
    gone = set(numbers[-drawn.randrange(1, len(numbers)) :])
    kept = [record for number, record in enumerate(records) if number not in gone]
    places = {f"{JOURNAL} {record.partition}/{record.offset}" for record in kept if record.topic == JOURNAL}
    return Tampered(kept, Damage.CUT_OFF_TAIL, frozenset(places), checkpoint=True)


def customer_wiped_out(drawn: random.Random, records: list[Record]) -> Tampered | None:
    """No chain speaks of who is gone altogether; only a checkpoint does."""
    numbers = at(records, JOURNAL)
    customers = {records[number].key for number in numbers} - {records[numbers[-1]].key}
    if not customers:
        return None
    key = drawn.choice(sorted(key for key in customers if key is not None))
    kept = [record for record in records if not (record.key or b"").startswith(key)]
    places = {f"{JOURNAL} {record.partition}/{record.offset}" for record in kept if record.topic == JOURNAL}
    return Tampered(kept, Damage.REWRITTEN_HISTORY, frozenset(places), checkpoint=True)


def named_inputs(records: Sequence[Record]) -> list[int]:
    """The input records that the journal names."""
    places = {(entry.topic, entry.partition, entry.offset) for number in at(records, JOURNAL) for entry in [told(records[number])]}
    return [number for number, each in enumerate(records) if (each.topic, each.partition, each.offset) in places]


def entry_of_input(records: Sequence[Record], record: Record) -> frozenset[str]:
    place = record.topic, record.partition, record.offset
    entries = [(records[number], told(records[number])) for number in at(records, JOURNAL)]
    return frozenset(each.place for each, entry in entries if (entry.topic, entry.partition, entry.offset) == place)


def input_altered(drawn: random.Random, records: list[Record]) -> Tampered:
    numbers = named_inputs(records)
    record = records[number := drawn.choice(numbers)]
    assert record.value is not None
    records[number] = replace(record, value=flipped(drawn, record.value))
    return Tampered(records, Damage.INPUT_DIFFERS, entry_of_input(records, record), inputs=True)


def input_removed(drawn: random.Random, records: list[Record]) -> Tampered | None:
    numbers = named_inputs(records)
    begins = {each.topic: each.offset for each in sorted(records, key=lambda each: -each.offset)}
    inner = [number for number in numbers if records[number].offset > begins[records[number].topic]]
    if not inner:
        return None
    record = records[number := drawn.choice(inner)]
    del records[number]
    return Tampered(records, Damage.INPUT_MISSING, entry_of_input(records, record), inputs=True)


KINDS: tuple[Callable[[random.Random, list[Record]], Tampered | None], ...] = (
    byte_of_an_entry,
    bytes_of_an_entry_cut_off,
    entry_in_other_bytes,
    entry_with_a_new_hash,
    entry_and_all_hashes_behind_it,
    entries_removed,
    entry_added,
    junk_added,
    entries_swapped,
    entry_repeated,
    byte_of_a_decision,
    another_answer,
    decisions_missing,
    decision_made_up,
    decision_of_a_stranger,
    decisions_swapped,
    decision_repeated,
    byte_of_the_view,
    view_left_behind,
    view_without_a_pair,
    view_with_another_pair,
    tail_cut_off,
    customer_wiped_out,
    input_altered,
    input_removed,
)
