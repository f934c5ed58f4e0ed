"""What can be wrong with a journal and what belongs to it? Every kind of damage has one name; a finding is one damage at its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from processors.audit.entries import Record
from processors.codec.instants import write_instant


class Damage(StrEnum):
    """The names, as reports carry them; docs/audit.md says more."""

    ALTERED_ENTRY = "ALTERED_ENTRY"
    REMOVED_ENTRY = "REMOVED_ENTRY"
    ADDED_ENTRY = "ADDED_ENTRY"
    SWAPPED_ENTRY = "SWAPPED_ENTRY"
    REPEATED_ENTRY = "REPEATED_ENTRY"
    DECISION_DOES_NOT_FOLLOW = "DECISION_DOES_NOT_FOLLOW"
    UNKNOWN_POLICY = "UNKNOWN_POLICY"
    UNKNOWN_REVISION = "UNKNOWN_REVISION"
    ALTERED_DECISION = "ALTERED_DECISION"
    MISSING_DECISION = "MISSING_DECISION"
    FOREIGN_DECISION = "FOREIGN_DECISION"
    SWAPPED_DECISION = "SWAPPED_DECISION"
    REPEATED_DECISION = "REPEATED_DECISION"
    VIEW_DIFFERS = "VIEW_DIFFERS"
    VIEW_MISSING = "VIEW_MISSING"
    VIEW_FOREIGN = "VIEW_FOREIGN"
    INPUT_DIFFERS = "INPUT_DIFFERS"
    INPUT_MISSING = "INPUT_MISSING"
    INPUT_NOT_APPLIED = "INPUT_NOT_APPLIED"
    INPUT_APPLIED_TWICE = "INPUT_APPLIED_TWICE"
    CUT_OFF_TAIL = "CUT_OFF_TAIL"
    REWRITTEN_HISTORY = "REWRITTEN_HISTORY"


MEANINGS: Final[dict[Damage, str]] = {
    Damage.ALTERED_ENTRY: "A journal entry is not as it was written: unreadable, other bytes than its hash says, or under another key.",
    Damage.REMOVED_ENTRY: "Entries are missing between two others of the customer.",
    Damage.ADDED_ENTRY: "An entry stands in the journal that the customer's chain does not contain.",
    Damage.SWAPPED_ENTRY: "An entry of the chain stands in another place than its own.",
    Damage.REPEATED_ENTRY: "The same entry stands in the journal once more.",
    Damage.DECISION_DOES_NOT_FOLLOW: "The chain is whole, but what the entry says it led to is not what the core makes of its event.",
    Damage.UNKNOWN_POLICY: "The entry names a policy that neither this version nor the settings know: it cannot be computed again.",
    Damage.UNKNOWN_REVISION: "The entry names a revision of the core that is none, or newer than this program's.",
    Damage.ALTERED_DECISION: "A decision stands where one is due, but its bytes are not those that follow from the journal.",
    Damage.MISSING_DECISION: "A decision that follows from the journal is not in its topic.",
    Damage.FOREIGN_DECISION: "A decision is in its topic that no entry of the journal leads to.",
    Damage.SWAPPED_DECISION: "A decision stands in another place of its customer's order than its own.",
    Damage.REPEATED_DECISION: "The same decision stands in its topic once more.",
    Damage.VIEW_DIFFERS: "The view holds something else for a pair than the last decision.",
    Damage.VIEW_MISSING: "The view has no record for a pair that was decided.",
    Damage.VIEW_FOREIGN: "The view has a record for a pair that was never decided.",
    Damage.INPUT_DIFFERS: "The input record that the entry names says something else.",
    Damage.INPUT_MISSING: "The input has no record at the place that the entry names, although it reaches further back.",
    Damage.INPUT_NOT_APPLIED: "An input record was passed over: it is neither in the journal nor among the dead letters.",
    Damage.INPUT_APPLIED_TWICE: "Two entries name the same input record.",
    Damage.CUT_OFF_TAIL: "The journal ends before what a checkpoint or the decisions say was in it.",
    Damage.REWRITTEN_HISTORY: "What was in the partition at a checkpoint is not what is in it now.",
}
"""The explanation of each name for reports and docs/audit.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One damage: where, whose, and what was found instead of what.

    `entry` is the sequence in the journal, `timestamp` the record's own, in microseconds.
    """

    damage: Damage
    place: str
    topic: str
    partition: int
    offset: int
    customer_tenant_id: str | None
    entry: int | None
    decision_id: str | None
    message: str
    timestamp: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as reports have it; the shape only grows."""
        return {
            "damage": self.damage.value,
            "place": self.place,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "customer_tenant_id": self.customer_tenant_id,
            "entry": self.entry,
            "decision_id": self.decision_id,
            "timestamp": None if self.timestamp is None else write_instant(self.timestamp),
            "message": self.message,
        }

    @property
    def order(self) -> tuple[str, int, int, str]:
        """By place."""
        return self.topic, self.partition, self.offset, self.damage.value

    def __str__(self) -> str:
        """One line for a person."""
        whose = "" if self.customer_tenant_id is None else f" customer {self.customer_tenant_id}"
        which = "" if self.entry is None else f" entry {self.entry}"
        return f"{self.place}: {self.damage.value}:{whose}{which}{':' if whose or which else ''} {self.message}"


def found(
    damage: Damage, record: Record, message: str, *, customer: str | None, entry: int | None = None, decision_id: str | None = None
) -> Finding:
    """A damage at the place of a record."""
    return Finding(
        damage=damage,
        place=record.place,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        customer_tenant_id=customer,
        entry=entry,
        decision_id=decision_id,
        message=message,
        timestamp=record.timestamp,
    )
