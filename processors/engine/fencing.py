"""How does a new writer shut out the former ones of its partition and end what they left open?

A transaction ends in the log: its coordinator writes a marker into each of its partitions. A broker may forget the markers and still say
that the transaction is complete. Kafka 4.3.1 takes a partition without a leader for a deleted one (KAFKA-20734), and while a broker
starts again nothing has a leader. What was written is then invisible to every reader, the next owner's among them, until the id's next
marker decides over both. So before a new writer writes, a transaction over all partitions that it may ever write to, without a record,
puts a marker into each: the one that the coordinator had decided for the last transaction. Where nothing is open it changes nothing.

The coordinator knows its decision until the id is given to a new session. So the session of a fencing says what it is for, in the
milliseconds of its transaction timeout, which the coordinator keeps and tells: whoever finds a fencing that did not come to its end goes
on with the same decision, in the same session. It must not ask for a new one, which would abort what the former was to commit. A writer's
own session begins when everything that was there has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import ConcurrentTransactions, KafkaError, ProducerFenced, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.transaction import AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest
from aiokafka.structs import TopicPartition

from processors.engine.coordinators import NO_SESSION, DescribeTransactionsRequest, InitProducerIdRequest
from processors.engine.ends import READ_UNCOMMITTED, ends, left_open
from processors.engine.faults import Defect, Failpoint, Faults, defective, reached
from processors.engine.offsets import GroupOffsets
from processors.engine.settings import EngineSettings
from processors.engine.tasks import persistently

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.02
COMMIT_MS = 600_000
"""A fencing that commits may be cut off by a death of every worker: the coordinator aborts it only after so long, if it allows that."""
SHARED_ROUNDS = 2
"""So often what is open in a partition that others write to as well is ended; then it is taken for theirs."""
INVALID_PRODUCER_EPOCH = 47
INVALID_TRANSACTION_TIMEOUT = 50
CONCURRENT_TRANSACTIONS = 51
OPERATION_NOT_ATTEMPTED = 55
"""Another partition of the same request was refused, and says why."""
PRODUCER_FENCED = 90
TRANSACTIONAL_ID_NOT_FOUND = 105
COMMITTED = frozenset({"PrepareCommit", "CompleteCommit"})
ABORTED = frozenset({"PrepareAbort", "CompleteAbort", "PrepareEpochFence"})
UNDECIDED = "Ongoing"
UNENDED = frozenset({"Empty", UNDECIDED})


class Purpose(IntEnum):
    """What a session is for: the milliseconds of its transaction timeout, which is whole seconds otherwise."""

    WRITE = 0
    COMMIT = 1
    """To end what is open as committed."""
    ABORT = 2
    """To end what is open as aborted."""


@dataclass(frozen=True, slots=True)
class Session:
    """A producer id with its epoch, as the coordinator numbers the owners of a transactional id."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that the transactions of one partition's writer may contain."""

    partition: int
    own: Sequence[TopicPartition]
    """Only writers of this partition write to these."""
    shared: Sequence[TopicPartition] = ()
    inputs: Sequence[TopicPartition] = ()
    """Their offsets are committed."""

    @property
    def places(self) -> list[TopicPartition]:
        """All partitions that may be written to."""
        return [*self.own, *self.shared]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the coordinator says of the id."""

    state: str = ""
    session: Session | None = None
    purpose: int = Purpose.WRITE


class Fencing:
    """One fencing of one transactional id; waits without limit of its own, so callers put it under one."""

    def __init__(self, settings: EngineSettings, transactional_id: str, group: str, scope: Scope, faults: Faults | None = None) -> None:
        """Prepare a client of its own."""
        self._id = transactional_id
        self._group = group
        self._scope = scope
        self._faults = faults
        self._timeout_ms = settings.transaction_timeout_ms
        self._commit_ms = max(COMMIT_MS, settings.transaction_timeout_ms)
        self._client = AIOKafkaClient(
            **settings.client(f"fencing-{transactional_id}"), request_timeout_ms=settings.producer_request_timeout_ms
        )
        self._offsets = GroupOffsets(settings, group, self._client)

    async def start(self) -> None:
        """Connect."""
        await persistently(self._client.bootstrap, f"fencing {self._id}")

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def end_former(self, own: Session | None = None) -> bool:
        """Fence every former writer and put the marker of its last transaction into every partition.

        Return whether a transaction was under way and is aborted by this.

        ``own`` is the session to be renewed: whoever has lost the id to somebody else must not fence that one.

        Raises:
            KafkaError: somebody else fenced this one, or the broker refuses.
        """
        await self._served()
        session, committed, interrupted = await self._fence(own)
        await reached(self._faults, Failpoint.FENCING_OWNED, self._scope.partition)
        rounds = 0
        while True:
            await self._end_all(session, committed=committed)
            rounds += 1
            still_open = await self._left_open()
            if not still_open or (rounds >= SHARED_ROUNDS and still_open <= {*self._scope.shared}):
                return interrupted
            logger.warning("%s: after its end a transaction is still open in %s; ending it again", self._id, sorted(still_open))

    async def nothing_open(self, place: TopicPartition) -> None:
        """Wait until a partition that nobody else writes to holds no open transaction: a reader of what is committed reaches its end."""
        while await left_open(self._client, self._offsets, [place], ()):
            logger.warning("a transaction is still open in %s[%d]", *place)

    async def _end_all(self, session: Session, *, committed: bool) -> None:
        """Put a marker into every partition that the writer may write to, and into the group's offsets."""
        topics = list(_by_topic(self._scope.places).items())
        await self._ask(AddPartitionsToTxnRequest(self._id, session.producer_id, session.epoch, topics))
        await self._ask(AddOffsetsToTxnRequest(self._id, session.producer_id, session.epoch, self._group))
        await reached(self._faults, Failpoint.FENCING_BEGUN, self._scope.partition)
        await self._served()
        await self._ask(EndTxnRequest(self._id, session.producer_id, session.epoch, committed))
        await reached(self._faults, Failpoint.FENCING_ENDED, self._scope.partition)

    async def _left_open(self) -> set[TopicPartition]:
        if defective(self._faults, Defect.UNPROVEN_FENCING):
            return set()
        return await left_open(self._client, self._offsets, self._scope.places, self._scope.inputs)

    async def _fence(self, own: Session | None) -> tuple[Session, bool, bool]:
        """Become the only writer; return the session, and whether the former's last transaction was committed, or aborted by this.

        Where the coordinator never heard of a transaction, or a writer began none, nothing is open that was acknowledged: aborted.
        """
        interrupted = False
        while True:
            told = await self._describe()
            if own is not None and told.session not in {own, None}:  # None: the id has expired, so nobody took it from us lately
                raise ProducerFenced
            own = None
            if told.session is not None and told.purpose == Purpose.COMMIT and told.state in UNENDED:
                logger.info("%s: going on with a fencing that did not come to its end: what is open is committed", self._id)
                return told.session, True, False
            if told.purpose == Purpose.COMMIT and told.state in ABORTED:
                logger.error("%s: a fencing was cut off and aborted what it was to commit, if anything was open", self._id)
            # Under way: this request aborts it and is refused; it succeeds only if the writer itself has committed in the meantime.
            under_way = told.state == UNDECIDED and told.purpose == Purpose.WRITE
            committed = told.state in COMMITTED or under_way
            new = await self._new_session(told.session, Purpose.COMMIT if committed else Purpose.ABORT)
            if new is not None:
                return new, committed, interrupted and not committed
            interrupted = interrupted or under_way
            await asyncio.sleep(RETRY_SECONDS)

    async def _new_session(self, expected: Session | None, purpose: Purpose) -> Session | None:
        """Ask once for a session in place of the one expected; None: the coordinator is to be asked again what it knows."""
        timeout_ms = self._commit_ms if purpose is Purpose.COMMIT else self._timeout_ms
        if not defective(self._faults, Defect.UNTOLD_DECISION):
            timeout_ms += purpose
        old = NO_SESSION if expected is None else (expected.producer_id, expected.epoch)
        passing = {CONCURRENT_TRANSACTIONS, PRODUCER_FENCED, INVALID_PRODUCER_EPOCH, INVALID_TRANSACTION_TIMEOUT}
        answer = await self._try(InitProducerIdRequest(self._id, timeout_ms, old), passing)
        if answer is None:
            return None
        if answer.error_code == INVALID_TRANSACTION_TIMEOUT:
            if self._commit_ms == self._timeout_ms or purpose is not Purpose.COMMIT:
                raise for_code(INVALID_TRANSACTION_TIMEOUT)
            self._commit_ms = self._timeout_ms
        return None if answer.error_code else Session(answer.producer_id, answer.producer_epoch)

    async def _describe(self) -> _Told:
        answer = await self._ask(DescribeTransactionsRequest([self._id]), {TRANSACTIONAL_ID_NOT_FOUND})
        code, _, state, timeout_ms, _, producer_id, epoch, *_ = answer.transaction_states[0]
        return _Told() if code else _Told(state, Session(producer_id, epoch), timeout_ms % 1000)

    async def _served(self) -> None:
        """Wait until every partition is answered for by its leader.

        Before it has a leader its marker may be forgotten. One that has a leader which does not hold it yet (a topic just made, a broker
        just started) refuses the marker, and Kafka 4.3.1 may then leave the second attempt unanswered until it gives up on it after 30 s.
        """
        self._client.set_topics({place.topic for place in self._scope.places})
        while True:
            await self._client.force_metadata_update()
            if await ends(self._client, self._scope.places, READ_UNCOMMITTED) is not None:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _ask(self, request: Request[Any], accepted: Collection[int] = ()) -> Any:  # noqa: ANN401 answers differ
        """Send to the transaction's coordinator until it is answered without an error that passes."""
        while True:
            answer = await self._try(request, accepted)
            if answer is not None:
                return answer
            await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, request: Request[Any], accepted: Collection[int]) -> Any:  # noqa: ANN401 answers differ
        """Send to the transaction's coordinator once; None: no answer, or an error that passes."""
        with contextlib.suppress(ConnectionError, AssertionError):  # "Did we not perform bootstrap?": a broker that wakes up
            try:
                node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, self._id)
                answer = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
                wrong = {code for code in _codes(answer) if code and code not in accepted}
                if not wrong:
                    return answer
                raise for_code(min(wrong - {OPERATION_NOT_ATTEMPTED} or wrong))
            except KafkaError as error:
                if not error.retriable and not isinstance(error, ConcurrentTransactions):
                    raise
                logger.debug("%s for %s: %r, asking again", type(request).__name__, self._id, error)
        return None


def _by_topic(places: Iterable[TopicPartition]) -> dict[str, list[int]]:
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for place in places:
        numbers[place.topic].append(place.partition)
    return numbers


def _codes(answer: Any) -> Sequence[int]:  # noqa: ANN401 answers differ
    """Return the error codes of an answer, wherever its kind keeps them."""
    if hasattr(answer, "error_code"):
        return [answer.error_code]
    if hasattr(answer, "errors"):  # AddPartitionsToTxn
        return [code for _, partitions in answer.errors for _, code in partitions]
    return [state[0] for state in answer.transaction_states]
