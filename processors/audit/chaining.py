"""Is a customer's chain whole? Its records put in the order of the chain, and each damage to it named once.

An entry is *sound* where its bytes are canonical and its entry_hash is theirs. Sound entries are joined by previous_hash; what the
joined chain does not hold is named by where it stands: in a gap it is an altered entry, elsewhere an added one. What is missing in a gap
that nothing fills was removed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from processors.audit.canonical import is_written_as
from processors.audit.damage import Damage, Finding, found
from processors.audit.entries import JOURNAL, Entry, Record, entry_of
from processors.codec import MessageRejected, Schemas
from processors.contract.chain import NO_ENTRY, entry_hash


@dataclass(slots=True, eq=False)
class Item:
    """A record of the customer's journal, and what is wrong with it by itself."""

    record: Record
    position: int  # in what was read
    entry: Entry | None = None
    wrong: str | None = None
    blamed: bool = False  # named as damaged: what it says is not to be relied on
    gap: bool = False  # before it entries are missing, or were altered beyond reading
    suspects: Item | None = None  # it or this one was altered together with its hash; the core has to say which

    @property
    def sequence(self) -> int:
        """What it says of its place; 0 where it cannot be read."""
        return 0 if self.entry is None else self.entry.told.sequence


@dataclass(slots=True)
class Chained:
    """Everything that can be applied, in order, and the damages."""

    customer: str
    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ends_open: bool = False  # the last entry was altered beyond reading


def chained(customer: str, records: Sequence[Record], schemas: Schemas | None) -> Chained:
    """The customer's chain, from its records as they were read."""
    result = Chained(customer)
    items = [_item(record, position, schemas) for position, record in enumerate(records)]
    sound = _without_repeats([item for item in items if item.wrong is None], result)
    chain = _joined(sound)
    _blame_broken_links(chain, sound, result)
    _check_order(chain, result)
    for item in chain:
        assert item.entry is not None
        if item.record.key != item.entry.told.customer_tenant_id.encode():
            result.findings.append(
                _damage(Damage.ALTERED_ENTRY, item, f"its key is {item.record.key!r:.80}, not the customer's id", customer)
            )
    held = set(map(id, chain))
    repeated = {finding.place for finding in result.findings if finding.damage is Damage.REPEATED_ENTRY}
    left = [item for item in items if id(item) not in held and item.record.place not in repeated]
    _fill_gaps(chain, left, result)
    return result


def _item(record: Record, position: int, schemas: Schemas | None) -> Item:
    try:
        entry = entry_of(record, schemas)
    except MessageRejected as rejected:
        return Item(record, position, wrong=f"it cannot be read: {rejected.text}")
    told = entry.told
    if not is_written_as(record.value, JOURNAL, told, schemas):
        return Item(record, position, entry, "its bytes are not those that its values are written as")
    try:
        right = entry_hash(told)
    except ValueError as error:  # struct.error is one
        return Item(record, position, entry, f"it has no canonical bytes: {error}")
    if right != told.entry_hash:
        wrong = f"entry_hash is {told.entry_hash.hex()[:16]}..., the SHA-256 of its bytes {right.hex()[:16]}..."
        return Item(record, position, entry, wrong)
    return Item(record, position, entry)


def _damage(damage: Damage, item: Item, message: str, customer: str) -> Finding:
    return found(damage, item.record, message, customer=customer, entry=item.sequence or None)


def _without_repeats(items: Iterable[Item], result: Chained) -> list[Item]:
    """The first of each entry; every further one is reported."""
    first: dict[bytes, Item] = {}
    for item in items:
        assert item.entry is not None
        before = first.setdefault(item.entry.told.entry_hash, item)
        if before is not item:
            result.findings.append(_damage(Damage.REPEATED_ENTRY, item, f"the same entry as at {before.record.place}", result.customer))
    return list(first.values())


def _joined(sound: list[Item]) -> list[Item]:
    """The chain from its beginning; where no entry follows, from the next one that has not been passed."""
    by_previous: dict[bytes, list[Item]] = defaultdict(list)
    for item in sound:
        assert item.entry is not None
        by_previous[item.entry.told.previous_hash].append(item)
    by_sequence = sorted(sound, key=lambda item: (item.sequence, item.position))
    chain: list[Item] = []
    heads = {NO_ENTRY}
    head, sequence, next_place = NO_ENTRY, 0, 0
    while True:
        follows = [item for item in by_previous.get(head, ()) if item.sequence == sequence + 1]
        if follows:
            chosen = next((item for item in follows if item.entry and item.entry.told.entry_hash in by_previous), follows[0])
        else:
            while next_place < len(by_sequence) and (
                by_sequence[next_place].sequence <= sequence or _previous(by_sequence[next_place]) in heads
            ):
                next_place += 1
            if next_place == len(by_sequence):
                return chain
            chosen = by_sequence[next_place]
            chosen.gap = True
        assert chosen.entry is not None
        chain.append(chosen)
        heads.add(head)
        head, sequence = chosen.entry.told.entry_hash, chosen.sequence


def _previous(item: Item) -> bytes:
    assert item.entry is not None
    return item.entry.told.previous_hash


def _blame_broken_links(chain: list[Item], sound: list[Item], result: Chained) -> None:
    """Two neighbours by sequence that are not joined: one of them was altered and given a new hash."""
    named = {_previous(item) for item in sound}
    for before, item in zip([None, *chain], chain, strict=False):
        if not item.gap or item.sequence != (0 if before is None else before.sequence) + 1:
            continue
        item.gap = False
        assert item.entry is not None
        goes_on = item.entry.told.entry_hash in named
        if before is None or (not goes_on and item is not chain[-1]):
            _blame(item, "the entry before it is not the one it names, and none names it", result)
        elif before.blamed or item.blamed:
            continue
        elif goes_on:
            _blame(before, "the next entry names another hash: it was altered and given a new one", result)
        else:
            item.suspects = before


def _blame(item: Item, message: str, result: Chained) -> None:
    if not item.blamed:
        item.blamed = True
        result.findings.append(_damage(Damage.ALTERED_ENTRY, item, message, result.customer))


def blame_one_of(item: Item, other_follows: bool, result: Chained) -> None:
    """Which of two that are not joined was altered: the earlier one, if the core makes something else of it, or the last one."""
    assert item.suspects is not None
    if other_follows:
        _blame(item, f"it or the entry before it, {item.suspects.record.place}, was altered and given a new hash", result)
    else:
        _blame(item.suspects, "the next entry names another hash: it was altered and given a new one", result)


def _check_order(chain: list[Item], result: Chained) -> None:
    for item, other in out_of_order([item.position for item in chain]):
        message = f"it stands in the place of entry {chain[other].sequence}"
        result.findings.append(_damage(Damage.SWAPPED_ENTRY, chain[item], message, result.customer))


def out_of_order(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Which members do not stand in their order, and in whose place? Two that changed places are told once."""
    if all(before < after for before, after in pairwise(positions)):
        return []
    places = sorted(positions)
    wrong = [number for number, (position, place) in enumerate(zip(positions, places, strict=True)) if position != place]
    rank = {position: number for number, position in enumerate(places)}
    if len(wrong) == 2:
        return [(wrong[0], wrong[1])]
    kept = _longest_rising(positions)
    return [(number, rank[positions[number]]) for number in range(len(positions)) if number not in kept]


def _longest_rising(positions: Sequence[int]) -> set[int]:
    """The members of a longest rising part."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int | None] = []
    for number, position in enumerate(positions):
        place = bisect_left(tails, position)
        before.append(ends[place - 1] if place else None)
        tails[place : place + 1] = [position]
        ends[place : place + 1] = [number]
    kept: set[int] = set()
    number_or_none: int | None = ends[-1]
    while number_or_none is not None:
        kept.add(number_or_none)
        number_or_none = before[number_or_none]
    return kept


def _fill_gaps(chain: list[Item], left: list[Item], result: Chained) -> None:
    """Each record that is not in the chain is an altered entry where one is missing, else an added one; the rest of a gap was removed."""
    waiting = list(left)
    sequence, position = 0, -1
    for item in chain:
        missing = item.sequence - sequence - 1
        between = [each for each in waiting if position < each.position < item.position][:missing] if missing else []
        for number, each in enumerate(between, sequence + 1):
            waiting.remove(each)
            _altered(each, number, result)
        if missing > len(between):
            first, last = sequence + 1, item.sequence - 1
            which = f"entry {first}" if first == last else f"{missing - len(between)} of the entries {first} to {last}"
            removed = _damage(Damage.REMOVED_ENTRY, item, f"{which} {'is' if first == last else 'are'} missing before it", result.customer)
            result.findings.append(removed)
        result.items += [each for each in between if each.entry is not None]
        result.items.append(item)
        item.gap = missing > 0
        sequence, position = item.sequence, max(position, item.position)
    for each in waiting:
        if each.wrong is not None and each.position > position:
            sequence += 1
            _altered(each, sequence, result)
            result.ends_open = True
            if each.entry is not None:
                result.items.append(each)
        else:
            message = each.wrong or "the chain goes on without it"
            result.findings.append(found(Damage.ADDED_ENTRY, each.record, message, customer=result.customer, entry=each.sequence or None))


def _altered(item: Item, sequence: int, result: Chained) -> None:
    item.blamed = True
    message = item.wrong or "it was altered and given a new hash"
    result.findings.append(found(Damage.ALTERED_ENTRY, item.record, message, customer=result.customer, entry=sequence))
