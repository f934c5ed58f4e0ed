"""Does the compacted view hold the last decision of every pair, and nothing else? For one customer."""

from __future__ import annotations

from collections.abc import Iterable

from processors.audit.canonical import is_written_as
from processors.audit.damage import Damage, Finding, found
from processors.audit.decided import Beyond, Checked
from processors.audit.entries import IN_FORCE, Record
from processors.codec import MessageRejected, Schemas, decode_decision
from processors.core.decisions import Decision


def pair_key(customer: str, pair: tuple[str, str | None]) -> bytes:
    """The key of a pair in the view."""
    subscription_id, partner = pair
    return f"{customer}|{subscription_id}|{'-' if partner is None else partner}".encode()


def check_view(customer: str, records: Iterable[Record], decided: Checked, schemas: Schemas | None) -> list[Finding]:
    """The last record of each key against the last decision of its pair; decisions that the journal does not know yet go to `beyond`."""
    held: dict[bytes | None, Record] = {}
    for record in records:  # compaction may not have come by yet: the last one counts
        held[record.key] = record
    wanted = {pair_key(customer, pair): last for pair, last in decided.last.items()}
    newest = max((decision.sequence for _, decision in decided.last.values() if decision is not None), default=0)
    beyond = {each.decision.decision_id for each in decided.beyond}
    findings = []
    for key, (told, decision) in wanted.items():
        view = held.pop(key, None)
        if view is None:
            findings.append(_missing(customer, key, told, decision))
        elif not _is(view, told, decision, schemas):
            read = _read(view, schemas)
            if read is not None and (read.decision_id in beyond or _is_newer(read, decision, newest)):
                decided.beyond.append(Beyond(view, read))
            else:
                findings.append(_differs(customer, view, read, decision))
    for view in held.values():
        read = _read(view, schemas)
        if read is not None and (read.decision_id in beyond or (read.sequence > newest and _key_fits(view, read))):
            decided.beyond.append(Beyond(view, read))
        else:
            name = None if read is None else read.decision_id
            findings.append(found(Damage.VIEW_FOREIGN, view, "no decision was made for this pair", customer=customer, decision_id=name))
    return findings


def _read(record: Record, schemas: Schemas | None) -> Decision | None:
    try:
        return decode_decision(record.value, registry=schemas)
    except MessageRejected:
        return None


def _is(view: Record, told: Record | None, decision: Decision | None, schemas: Schemas | None) -> bool:
    """Whether the view's bytes are those of the decision; where only the topic's record is known, those of the record."""
    if decision is not None:
        return is_written_as(view.value, IN_FORCE, decision, schemas)
    if told is None or view.value == told.value:
        return told is not None
    read = _read(told, schemas)
    return read is not None and is_written_as(view.value, IN_FORCE, read, schemas)


def _key_fits(view: Record, read: Decision) -> bool:
    return view.key == pair_key(read.customer_tenant_id, (read.subscription_id, read.partner_tenant_id))


def _is_newer(read: Decision, decision: Decision | None, newest: int) -> bool:
    """Whether it may have been made after what was read of the journal."""
    return (
        decision is not None
        and read.sequence > newest
        and (read.subscription_id, read.partner_tenant_id)
        == (
            decision.subscription_id,
            decision.partner_tenant_id,
        )
    )


def _missing(customer: str, key: bytes, told: Record | None, decision: Decision | None) -> Finding:
    name = decision.decision_id if decision else None
    text = f"{key.decode()} has no record; its last decision stands at {told.place if told else 'no place'}"
    place = Record(IN_FORCE, -1, -1, None, key, None, f"{IN_FORCE} {key.decode()}") if told is None else told
    return found(Damage.VIEW_MISSING, place, text, customer=customer, decision_id=name)


def _differs(customer: str, view: Record, read: Decision | None, decision: Decision | None) -> Finding:
    if read is None:
        text = "its value cannot be read"
    elif decision is not None and read.sequence < decision.sequence:
        text = f"it holds decision {read.sequence} of the customer, the last one of the pair is {decision.sequence}"
    else:
        text = "its bytes are not those of the last decision of the pair"
    name = decision.decision_id if decision else None
    return found(Damage.VIEW_DIFFERS, view, text, customer=customer, decision_id=name)
