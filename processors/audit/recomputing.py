"""What does the core make of a customer's chain, entry by entry? Compared with what the journal says: disposition, decisions, state.

After damage the state is not known: what follows is applied all the same, and from the entry on whose state_hash is again that of the
state computed everything is compared as before. So one damage is named once, and what lies behind it is not passed over for longer than
it must be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from processors.audit.canonical import is_written_as
from processors.audit.chaining import Chained, Item, blame_one_of
from processors.audit.damage import Damage, Finding, found
from processors.audit.entries import DECISIONS, Record
from processors.audit.policies import Policies
from processors.codec import MessageRejected, Schemas
from processors.contract import JournalEntry
from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Decision
from processors.core.policy import Policy
from processors.core.revision import REVISION
from processors.core.state import CustomerState

_OF_WHOLE_ENTRIES: Final = frozenset({Damage.DECISION_DOES_NOT_FOLLOW, Damage.UNKNOWN_POLICY, Damage.UNKNOWN_REVISION})


@dataclass(slots=True)
class Due:
    """A decision that the journal leads to; `decision` is None where the core could not say what is in it."""

    decision_id: str
    entry: int
    decision: Decision | None


@dataclass(slots=True)
class Recomputed:
    """What the chain leads to."""

    due: list[Due] = field(default_factory=list)
    tolerated: set[str] = field(default_factory=set)
    """Ids that the journal or the core speaks of where both do not agree, which was reported: neither missing nor foreign."""
    gaps: set[int] = field(default_factory=set)
    """Places in `due` before which entries are missing or unreadable, and with them their decisions."""
    entries: int = 0
    not_recomputed: int = 0
    otherwise: list[Finding] = field(default_factory=list)
    """What an older revision of the core decided otherwise: no damage."""


def recomputed(chain: Chained, policies: Policies, recent_max: int) -> Recomputed:
    """The core over the whole chain; what does not follow is added to the chain's findings."""
    walk = _Walk(chain, policies, recent_max)
    for item in chain.items:
        walk.step(item)
    if chain.ends_open:
        walk.result.gaps.add(len(walk.result.due))
    return walk.result


class _Walk:
    """The state so far, and whether it is known to be the one that the journal's writer had."""

    def __init__(self, chain: Chained, policies: Policies, recent_max: int) -> None:
        self.chain = chain
        self.policies = policies
        self.state = CustomerState(chain.customer, recent_max)
        self.hash = chunks.state_hash(self.state)
        self.known = True
        self.agreed = True  # with the entry before
        self.policies_missed: set[str] = set()
        self.result = Recomputed()

    def step(self, item: Item) -> None:
        """Apply one entry and compare."""
        entry, result = item.entry, self.result
        assert entry is not None
        told = entry.told
        result.entries += 1
        if item.gap:
            self.known = False
            result.gaps.add(len(result.due))
        if item.suspects is not None:
            self._blame_one_of(item, item.suspects)
        policy = self._policy(item, told)
        decisions = self._apply(item, policy)
        ids = tuple(decision.decision_id for decision in decisions or ())
        same_state = decisions is not None and self.hash == told.state_hash
        self.agreed = policy is not None and same_state and ids == told.decision_ids and self.disposition == told.disposition.value
        if item.blamed:
            result.tolerated.update(ids, told.decision_ids)
            result.gaps.add(len(result.due))
            result.not_recomputed += 1
            self.known = False
        elif policy is None:
            self._take_at_its_word(told)
        elif self.agreed:
            result.due += [Due(decision.decision_id, told.sequence, decision) for decision in decisions or ()]
            self.known = True
        elif self.known:
            self._does_not_follow(item, told, ids)
            self.known = same_state
        else:
            self._take_at_its_word(told)
            self.known = same_state

    def _blame_one_of(self, item: Item, before: Item) -> None:
        """What was said of the entry before, as if it were whole, is the same damage."""
        if self.agreed:  # it may be the one that was altered, where the core cannot see it: in what its decisions name as their cause
            self.result.not_recomputed += 1
            for due in self.result.due:
                if due.entry == before.sequence:
                    due.decision = None
        else:
            kept = [each for each in self.chain.findings if each.damage not in _OF_WHOLE_ENTRIES or each.place != before.record.place]
            self.chain.findings[:] = kept
        blame_one_of(item, self.agreed, self.chain)

    def _policy(self, item: Item, told: JournalEntry) -> Policy | None:
        """The policy that the entry names; None, reported once, where there is none or where the revision is none."""
        if item.blamed:
            return self.policies.of(told.policy_fingerprint) or self.policies.in_force
        if not 1 <= told.core_revision <= REVISION:
            message = f"core_revision is {told.core_revision}; this program knows 1 to {REVISION}"
            self._miss(Damage.UNKNOWN_REVISION, item, f"revision {told.core_revision}", message)
            return None
        policy = self.policies.of(told.policy_fingerprint)
        if policy is None:
            message = f"the policy {told.policy_fingerprint[:16]}... is not known (licence_transfer_from must be as it was set then)"
            self._miss(Damage.UNKNOWN_POLICY, item, told.policy_fingerprint, message)
        return policy

    def _miss(self, damage: Damage, item: Item, what: str, message: str) -> None:
        if what not in self.policies_missed:
            self.policies_missed.add(what)
            self.chain.findings.append(found(damage, item.record, message, customer=self.chain.customer, entry=item.sequence))

    def _apply(self, item: Item, policy: Policy | None) -> tuple[Decision, ...] | None:
        """What the core decides; None where the event cannot be applied."""
        assert item.entry is not None
        self.disposition = ""
        try:
            event = item.entry.event
            cause = item.entry.cause
        except MessageRejected:
            return None
        if event.customer_tenant_id != self.chain.customer:
            return None
        handled = core.handle(self.state, event, cause, policy or self.policies.in_force)
        self.disposition = handled.disposition.value
        if handled.disposition is core.Disposition.APPLIED:
            chunks.touched_chunks(self.state)
            self.hash = chunks.state_hash(self.state)
        return handled.decisions

    def _does_not_follow(self, item: Item, told: JournalEntry, ids: tuple[str, ...]) -> None:
        wrong = []
        if not self.disposition:
            wrong.append("its event cannot be applied to the customer")
        elif self.disposition != told.disposition.value:
            wrong.append(f"disposition {told.disposition.value}, the core says {self.disposition}")
        if ids != told.decision_ids:
            wrong.append(f"{_counted(told.decision_ids)}, the core makes {_counted(ids)}")
        if self.hash != told.state_hash:
            wrong.append(f"state_hash {told.state_hash.hex()[:16]}..., the core has {self.hash.hex()[:16]}...")
        finding = found(Damage.DECISION_DOES_NOT_FOLLOW, item.record, "; ".join(wrong), customer=self.chain.customer, entry=told.sequence)
        (self.result.otherwise if told.core_revision < REVISION else self.chain.findings).append(finding)
        self.result.tolerated.update(ids, told.decision_ids)
        self.result.gaps.add(len(self.result.due))

    def _take_at_its_word(self, told: JournalEntry) -> None:
        self.result.not_recomputed += 1
        self.result.due += [Due(decision_id, told.sequence, None) for decision_id in told.decision_ids]


def _counted(ids: tuple[str, ...]) -> str:
    return "no decision" if not ids else f"{len(ids)} decision{'s' if len(ids) > 1 else ''} from {ids[0]} on"


def follows(record: Record, decision: Decision, schemas: Schemas | None) -> bool:
    """Whether a decision's record holds exactly the bytes that the decision is written as."""
    return is_written_as(record.value, DECISIONS, decision, schemas)
