"""What does one record lead to? A dead letter; or decisions, a journal entry and changed rows: everything in the batch's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from processors.codec import Schemas, check_record, decode_event, encode
from processors.codec.messages import SINGLE_OBJECT
from processors.codec.rejected import MessageRejected
from processors.contract import Disposition, ErrorCode, JournalEntry
from processors.contract.chain import NO_ENTRY, entry_hash
from processors.core import chunks
from processors.core import handle as core
from processors.core.decisions import Cause, Decision
from processors.core.door import Limits, too_large
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.revision import REVISION
from processors.engine import Batch, Record, RecordTooLargeError
from processors.topology.cloud_events import Headers, decision_headers, trace_of
from processors.topology.customers import Customers
from processors.topology.partitioning import partition_of
from processors.topology.refusing import RefusedShare, dead_letter, emit_dead_letter
from processors.topology.reviews import ReviewPlan

DECISIONS: Final = "multi-channel-support-decisions"
IN_FORCE: Final = "customer-channel-support"
JOURNAL: Final = "customer-journal"
DEAD_LETTERS: Final = "dead-letters"


@dataclass(slots=True)
class Figures:
    """What the records of this process led to; plain integers, for metrics and the summary of `run`."""

    events: Counter[str] = field(default_factory=Counter)  # by topic
    dispositions: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)  # by outcome
    dead_letters: Counter[str] = field(default_factory=Counter)  # by error code
    reviews_written: int = 0


class Deciding:
    """The work on a record, with everything it needs."""

    def __init__(
        self,
        *,
        topics: Mapping[str, str],
        customers: Customers,
        plan: ReviewPlan,
        policy: Policy,
        limits: Limits,
        refused: RefusedShare,
        clock_tolerance: int,
        record_max_bytes: int,
        schemas: Schemas | None = None,
        schema_ids: Mapping[str, int] | None = None,
    ) -> None:
        """`topics` gives the broker's name of each topic of the contract, `clock_tolerance` is in microseconds."""
        self._name_of = dict(topics)
        self._topic_of = {name: topic for topic, name in topics.items()}
        self._customers = customers
        self._plan = plan
        self._policy = policy
        self._limits = limits
        self._refused = refused
        self._clock_tolerance = clock_tolerance
        self._record_max_bytes = record_max_bytes
        self._schemas = schemas
        self._schema_ids = schema_ids or {}
        self.figures = Figures()

    def work_through(self, batch: Batch) -> Iterator[None]:
        """All records of a batch, in order, inside its block; between two of them the caller may do something else.

        Raises:
            TooManyBadRecords: nothing of the batch may be committed.
        """
        self._plan.settle(batch.partition)
        for record in batch:
            topic = self._topic_of[record.topic]
            try:
                event = self._let_in(topic, record, batch)
                with batch.attempt():
                    self._apply(batch, record, topic, event)
            except MessageRejected as rejected:
                self._refuse(batch, record, topic, rejected.code, rejected.text)
            except RecordTooLargeError as large:
                self._refuse(batch, record, topic, ErrorCode.TOO_LARGE, f"what it leads to is too large: {large}")
            else:
                self.figures.events[topic] += 1
                self._refused.seen(refused=False)
            yield

    def _let_in(self, topic: str, record: Record, batch: Batch) -> Event:
        """The event in a record, or MessageRejected."""
        if record.value is not None and len(record.value) > self._record_max_bytes:
            limit = f"{len(record.value):,} bytes; record_max_bytes is {self._record_max_bytes:,}"
            raise MessageRejected(ErrorCode.TOO_LARGE, None, limit)
        event = decode_event(topic, record.value, registry=self._schemas)
        check_record(event, record.key, record.timestamp * 1000 if record.timestamp >= 0 else None, self._clock_tolerance)
        key = record.key
        assert key is not None, "check_record found it equal to the customer's id"
        if not self._customers.knows(batch.partition, key):
            partitions = batch.targets[self._name_of[DECISIONS]].partitions
            wanted = partition_of(key, partitions)
            if wanted != record.partition:
                found = f"its key belongs in partition {wanted} (murmur2), the record came in partition {record.partition}"
                raise MessageRejected(ErrorCode.KEY_MISMATCH, "customer_tenant_id", found)
        return event

    def _apply(self, batch: Batch, record: Record, topic: str, event: Event) -> None:
        key = record.key
        assert key is not None
        partition = batch.partition
        held = self._customers.get(partition, key)
        state = held.state
        if (over := too_large(state, event, self._limits)) is not None:
            raise MessageRejected(ErrorCode.TOO_LARGE, None, str(over))
        try:
            cause = Cause(event.event_id, topic, record.partition, record.offset)
            handled = core.handle(state, event, cause, self._policy)
            changed: dict[str, bytes] = {}
            if handled.disposition is core.Disposition.APPLIED:
                changed = chunks.touched_chunks(state)
                held.hash = None
            if held.hash is None:
                held.hash = chunks.state_hash(state)
            trace = trace_of(record.headers)
            for decision in handled.decisions:
                self._emit_decision(batch, key, decision, trace)
            disposition = Disposition(handled.disposition.value)
            ids = tuple(decision.decision_id for decision in handled.decisions)
            entry = self._entry(
                record, topic, event, disposition, ids, state.journal_sequence + 1, state.journal_head or NO_ENTRY, held.hash
            )
            batch.emit(self._name_of[JOURNAL], key, encode(JOURNAL, entry, schema_id=self._schema_ids.get(JOURNAL)), trace)
            state.journal_sequence, state.journal_head = entry.sequence, entry.entry_hash
            self._customers.write(partition, key, changed, chunks.header(state, core.wake(state)))
        except BaseException:
            self._customers.drop(partition, key)
            raise
        self._plan.note(partition, event.customer_tenant_id, core.wake(state))
        figures = self.figures
        figures.dispositions[disposition.value] += 1
        for decision in handled.decisions:
            figures.decisions[decision.answer.outcome] += 1

    def _emit_decision(self, batch: Batch, key: bytes, decision: Decision, trace: Headers) -> None:
        ids = self._schema_ids
        value = encode(DECISIONS, decision, schema_id=ids.get(DECISIONS))
        headers = decision_headers(decision, trace)
        batch.emit(self._name_of[DECISIONS], key, value, headers)
        if ids.get(IN_FORCE) != ids.get(DECISIONS):
            value = encode(IN_FORCE, decision, schema_id=ids.get(IN_FORCE))
        name, pair = self._name_of[IN_FORCE], pair_key(decision)
        batch.emit(name, pair, value, headers, partition=partition_of(pair, batch.targets[name].partitions))

    def _entry(
        self,
        record: Record,
        topic: str,
        event: Event,
        disposition: Disposition,
        decision_ids: tuple[str, ...],
        sequence: int,
        previous_hash: bytes,
        state_hash: bytes,
    ) -> JournalEntry:
        value = record.value
        assert value is not None, "it was decoded"
        entry = JournalEntry(
            customer_tenant_id=event.customer_tenant_id,
            sequence=sequence,
            topic=topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp * 1000 if record.timestamp >= 0 else None,
            event=value if value.startswith(SINGLE_OBJECT) else encode(topic, event),
            disposition=disposition,
            decision_ids=decision_ids,
            state_hash=state_hash,
            core_revision=REVISION,
            policy_fingerprint=self._policy.fingerprint,
            previous_hash=previous_hash,
            entry_hash=NO_ENTRY,
        )
        return replace(entry, entry_hash=entry_hash(entry))

    def _refuse(self, batch: Batch, record: Record, topic: str, code: ErrorCode, message: str) -> None:
        letter = dead_letter(record, topic, code, message)
        emit_dead_letter(batch, self._name_of[DEAD_LETTERS], letter, trace_of(record.headers), self._schema_ids.get(DEAD_LETTERS))
        self.figures.dead_letters[code.value] += 1
        self._refused.seen(refused=True)


def pair_key(decision: Decision) -> bytes:
    """The key of the view of what is in force: customer, subscription, partner, the partner `-` for the any-partner."""
    partner = "-" if decision.partner_tenant_id is None else decision.partner_tenant_id
    return f"{decision.customer_tenant_id}|{decision.subscription_id}|{partner}".encode()
