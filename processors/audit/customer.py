"""Is everything that is kept of one customer what it must be? Journal, decisions, view and inputs, each damage named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processors.audit.applied import check_inputs, check_twice
from processors.audit.chaining import Chained, chained
from processors.audit.damage import Damage, Finding, found
from processors.audit.decided import Beyond, Checked, check_decisions
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL, Record
from processors.audit.in_force import check_view
from processors.audit.policies import Policies
from processors.audit.recomputing import recomputed
from processors.codec import Schemas


@dataclass(frozen=True, slots=True)
class Scope:
    """What is compared, and with what. `starts`: where the input topics begin today, by (topic, partition); None: inputs are not read."""

    policies: Policies
    recent_max: int
    schemas: Schemas | None
    decisions: bool
    view: bool
    starts: Mapping[tuple[str, int], int] | None = None


@dataclass(slots=True)
class Verdict:
    """What came of one customer or of many."""

    findings: list[Finding] = field(default_factory=list)
    otherwise: list[Finding] = field(default_factory=list)
    beyond: list[Beyond] = field(default_factory=list)
    unapplied: list[Record] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    explained: dict[int, int] = field(default_factory=dict)
    """Of each partition of the decisions the last offset at which an entry leads to what stands there."""
    applied: dict[tuple[str, int], int] = field(default_factory=dict)
    """Of each input topic and partition the last offset in the journal."""

    def add(self, other: Verdict) -> None:
        """Both together."""
        self.findings += other.findings
        self.otherwise += other.otherwise
        self.beyond += other.beyond
        self.unapplied += other.unapplied
        self.figures += other.figures
        for partition, offset in other.explained.items():
            self.explained[partition] = max(offset, self.explained.get(partition, -1))
        for place, offset in other.applied.items():
            self.applied[place] = max(offset, self.applied.get(place, -1))


def verify_customer(customer: str, records: Mapping[str, Sequence[Record]], scope: Scope) -> Verdict:
    """`records` are the customer's, by topic, those of each partition in order."""
    chain = chained(customer, records.get(JOURNAL, ()), scope.schemas)
    journal = recomputed(chain, scope.policies, scope.recent_max)
    verdict = Verdict(chain.findings, journal.otherwise)
    verdict.findings += check_twice(customer, chain.items)
    figures = verdict.figures
    known = not records.keys().isdisjoint({JOURNAL, DECISIONS, IN_FORCE})  # an input refused for its key makes no customer
    figures.update(customers=known, entries=len(records.get(JOURNAL, ())), not_recomputed=journal.not_recomputed)
    if scope.decisions:
        decided = check_decisions(customer, records.get(DECISIONS, ()), journal, scope.schemas)
        verdict.findings += decided.findings
        figures.update(decisions=len(records.get(DECISIONS, ())), decisions_recomputed=decided.matched)
        if scope.view:
            verdict.findings += check_view(customer, records.get(IN_FORCE, ()), decided, scope.schemas)
            figures.update(view=len(records.get(IN_FORCE, ())))
        beyond = {id(each.record) for each in decided.beyond}
        for record in records.get(DECISIONS, ()):
            if id(record) not in beyond:
                verdict.explained[record.partition] = max(record.offset, verdict.explained.get(record.partition, -1))
        _sort_beyond(chain, decided, verdict)
    if scope.starts is not None:
        inputs = [record for topic, each in records.items() if topic not in {JOURNAL, DECISIONS, IN_FORCE} for record in each]
        applied = check_inputs(customer, chain.items, inputs, scope.starts, scope.schemas)
        verdict.findings += applied.findings
        verdict.unapplied += applied.unapplied
        for item in chain.items:
            if item.entry is not None and not item.blamed:
                place = item.entry.told.topic, item.entry.told.partition
                verdict.applied[place] = max(item.entry.told.offset, verdict.applied.get(place, -1))
        figures.update(inputs=applied.compared, inputs_gone=applied.gone)
    return verdict


def _sort_beyond(chain: Chained, decided: Checked, verdict: Verdict) -> None:
    """A decision whose cause the journal has, and which that entry did not lead to, is foreign; of others the whole partition decides."""
    causes = {(item.entry.told.topic, item.entry.told.partition, item.entry.told.offset) for item in chain.items if item.entry is not None}
    for beyond in decided.beyond:
        cause = beyond.decision.caused_by
        if (cause.topic, cause.partition, cause.offset) not in causes:
            verdict.beyond.append(beyond)
        elif beyond.record.topic == DECISIONS:
            verdict.findings.append(foreign(beyond, "the entry of the event that it names did not lead to it"))
        elif beyond.decision.decision_id not in {each.decision.decision_id for each in decided.beyond if each.record.topic == DECISIONS}:
            text = "it is no decision of the customer's"
            customer = beyond.decision.customer_tenant_id
            verdict.findings.append(found(Damage.VIEW_DIFFERS, beyond.record, text, customer=customer))


def foreign(beyond: Beyond, message: str) -> Finding:
    """A decision that nothing leads to."""
    damage = Damage.FOREIGN_DECISION if beyond.record.topic == DECISIONS else Damage.VIEW_FOREIGN
    decision = beyond.decision
    return found(damage, beyond.record, message, customer=decision.customer_tenant_id, decision_id=decision.decision_id)
