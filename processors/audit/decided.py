"""Does the decisions topic hold what the journal leads to, and the view the last of it? For one customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from processors.audit.chaining import out_of_order
from processors.audit.damage import Damage, Finding, found
from processors.audit.entries import DECISIONS, Record
from processors.audit.recomputing import Due, Recomputed, follows
from processors.codec import MessageRejected, Schemas, decode_decision
from processors.core.decisions import Decision
from processors.core.emission import decision_id


@dataclass(slots=True)
class Read:
    """A record of the decisions topic or of the view; `decision` is None where it cannot be read."""

    record: Record
    decision: Decision | None
    at: int | None = None  # its place among those due


@dataclass(frozen=True, slots=True)
class Beyond:
    """A decision that no entry read leads to: newer than the journal as it was read, behind its cut-off tail, or foreign."""

    record: Record
    decision: Decision


@dataclass(slots=True)
class Checked:
    """What came of it."""

    findings: list[Finding] = field(default_factory=list)
    beyond: list[Beyond] = field(default_factory=list)
    matched: int = 0
    last: dict[tuple[str, str | None], tuple[Record | None, Decision | None]] = field(default_factory=dict)
    """Of each pair the last decision: its record in the topic, and what the core says is in it."""


def check_decisions(customer: str, records: Sequence[Record], journal: Recomputed, schemas: Schemas | None) -> Checked:
    """Each decision due against the topic, and the topic against what is due."""
    result = Checked()
    if _all_as_due(customer, records, journal, schemas):
        result.matched = len(records)
        for record, due in zip(records, journal.due, strict=True):
            assert due.decision is not None
            result.last[due.decision.subscription_id, due.decision.partner_tenant_id] = record, due.decision
        return result
    places = {due.decision_id: place for place, due in enumerate(journal.due)}
    held: dict[int, Read] = {}
    strange: list[tuple[int, Read]] = []  # with the place that would come next
    seen: set[str] = set()
    following = 0
    for record in records:
        read = _read(record, schemas)
        name = None if read.decision is None else read.decision.decision_id
        read.at = None if name is None else places.get(name)
        if name is not None and name in seen:
            result.findings.append(_found(Damage.REPEATED_DECISION, read, "the same decision stands there before", customer))
            continue
        if name is not None:
            seen.add(name)
        if read.at is not None:
            held[read.at] = read
            following = read.at + 1
        elif name is None or name not in journal.tolerated:
            strange.append((following, read))
    _take_strange(customer, strange, held, journal, result)
    _check_bytes(customer, held, journal.due, result, schemas)
    order = list(held.values())
    for number, other in out_of_order([read.at for read in order if read.at is not None]):
        message = f"it stands in the place of {journal.due[sorted(held)[other]].decision_id}"
        result.findings.append(_found(Damage.SWAPPED_DECISION, order[number], message, customer))
    _note_last(records, journal, held, result, schemas)
    return result


def _all_as_due(customer: str, records: Sequence[Record], journal: Recomputed, schemas: Schemas | None) -> bool:
    """Whether the topic holds exactly what is due: then nothing needs to be read."""
    key = customer.encode()
    return len(records) == len(journal.due) and all(
        due.decision is not None and record.key == key and follows(record, due.decision, schemas)
        for record, due in zip(records, journal.due, strict=True)
    )


def _read(record: Record, schemas: Schemas | None) -> Read:
    try:
        return Read(record, decode_decision(record.value, registry=schemas))
    except MessageRejected:
        return Read(record, None)


def _found(damage: Damage, read: Read, message: str, customer: str) -> Finding:
    name = None if read.decision is None else read.decision.decision_id
    return found(damage, read.record, message, customer=customer, decision_id=name)


def _take_strange(customer: str, strange: list[tuple[int, Read]], held: dict[int, Read], journal: Recomputed, result: Checked) -> None:
    """What is not due is an altered decision where one is missing, explained by a gap of the journal, or foreign or beyond the journal."""
    taken: set[int] = set()
    for place, read in strange:
        missing = next((at for at in range(place, len(journal.due)) if at not in taken), None)
        if missing is not None and missing == place + sum(at in taken for at in range(place, missing)) and missing not in held:
            taken.add(missing)
            read.at = missing
            message = f"{journal.due[missing].decision_id} is due here; " + ("it is another" if read.decision else "it cannot be read")
            result.findings.append(_found(Damage.ALTERED_DECISION, read, message, customer))
        elif read.decision is None:
            if not journal.gaps:
                result.findings.append(_found(Damage.FOREIGN_DECISION, read, "it cannot be read, and none is due here", customer))
        elif not _in_a_gap(read.decision, held, journal):
            result.beyond.append(Beyond(read.record, read.decision))
    _report_missing(customer, [at for at in range(len(journal.due)) if at not in held and at not in taken], held, journal.due, result)


def _in_a_gap(decision: Decision, held: dict[int, Read], journal: Recomputed) -> bool:
    """Whether the decision's number lies where entries of the journal are missing."""
    if not derives(decision):
        return False
    numbers = {at: read.decision.sequence for at, read in held.items() if read.decision is not None}
    for gap in journal.gaps:
        before = max((number for at, number in numbers.items() if at < gap), default=0)
        after = min((number for at, number in numbers.items() if at >= gap), default=None)
        if before < decision.sequence and (after is None or decision.sequence < after):
            return True
    return False


def derives(decision: Decision) -> bool:
    """Whether its id is the one that follows from its own fields."""
    wanted = decision_id(decision.customer_tenant_id, decision.sequence, decision.subscription_id, decision.partner_tenant_id)
    return wanted == decision.decision_id


def _report_missing(customer: str, missing: list[int], held: dict[int, Read], due: list[Due], result: Checked) -> None:
    """Those that stand next to each other are one damage."""
    for at in missing:
        if at - 1 in missing:
            continue
        count = 1
        while at + count in missing:
            count += 1
        near = held.get(at + count) or held.get(at - 1)
        what = f"{due[at].decision_id}, which entry {due[at].entry} led to, is missing" + (
            f", and {count - 1} after it" if count > 1 else ""
        )
        result.findings.append(
            Finding(
                damage=Damage.MISSING_DECISION,
                place=near.record.place if near else DECISIONS,
                topic=DECISIONS,
                partition=near.record.partition if near else -1,
                offset=near.record.offset if near else -1,
                customer_tenant_id=customer,
                entry=due[at].entry,
                decision_id=due[at].decision_id,
                message=what,
                timestamp=near.record.timestamp if near else None,
            )
        )


def _check_bytes(customer: str, held: dict[int, Read], due: list[Due], result: Checked, schemas: Schemas | None) -> None:
    for at, read in held.items():
        wanted, decision = due[at].decision, read.decision
        assert decision is not None
        if read.record.key != customer.encode():
            message = f"its key is {read.record.key!r:.80}, not the customer's id"
        elif wanted is None:
            if derives(decision):
                continue
            message = "its id does not follow from its fields"
        elif follows(read.record, wanted, schemas):
            result.matched += 1
            continue
        else:
            message = differing(decision, wanted)
        result.findings.append(_found(Damage.ALTERED_DECISION, read, message, customer))


def differing(found_decision: Decision, wanted: Decision) -> str:
    """Which fields differ, the first of them told."""
    names = [name for name in Decision.__slots__ if getattr(found_decision, name) != getattr(wanted, name)]
    if not names:
        return "its bytes are not those that its values are written as"
    first = names[0]
    ours, theirs = getattr(wanted, first), getattr(found_decision, first)
    if first == "answer":
        inner = [name for name in type(theirs).__slots__ if getattr(theirs, name) != getattr(ours, name)]
        first, theirs, ours = inner[0], getattr(theirs, inner[0]), getattr(ours, inner[0])
        names = [*inner, *names[1:]]
    return f"differs in {', '.join(names)}: {first} is {theirs!s:.120}, the journal leads to {ours!s:.120}"


def _note_last(records: Sequence[Record], journal: Recomputed, held: dict[int, Read], result: Checked, schemas: Schemas | None) -> None:
    """The last decision of each pair: as the core makes it where it could, else as the topic has it."""
    for at, due in enumerate(journal.due):
        read = held.get(at)
        decision = due.decision or (read.decision if read else None)
        if decision is not None:
            result.last[decision.subscription_id, decision.partner_tenant_id] = (read.record if read else None, due.decision)
    if journal.tolerated or journal.gaps:
        for record in records:  # what no entry can vouch for is taken as the topic has it
            decision = _read(record, schemas).decision
            if decision is None:
                continue
            pair = decision.subscription_id, decision.partner_tenant_id
            last_record, last = result.last.get(pair, (None, None))
            known = last or (_read(last_record, schemas).decision if last_record else None)
            if known is None or decision.sequence > known.sequence:
                result.last[pair] = record, None
