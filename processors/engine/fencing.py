"""How does a new writer shut out the former ones of its partition and end what they left open?

A transaction ends in the log: its coordinator writes a marker into each of its partitions. A broker may forget the markers and still say
that the transaction is complete. Kafka 4.3.1 takes a partition without a leader for a deleted one (KAFKA-20734), and while a broker
starts again nothing has a leader. What was written is then invisible to every reader, the next owner's among them, until the id's next
marker decides over both. So before a new writer writes, a transaction over all partitions that it may ever write to, without a record,
puts a marker into each: the one that the coordinator had decided for the last transaction. Where nothing is open it changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import ConcurrentTransactions, KafkaError, ProducerFenced, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.transaction import AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest
from aiokafka.structs import TopicPartition

from processors.engine.describe import DescribeTransactionsRequest
from processors.engine.ends import READ_COMMITTED, READ_UNCOMMITTED, ends
from processors.engine.settings import EngineSettings
from processors.engine.tasks import persistently

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.02
CONCURRENT_TRANSACTIONS = 51
OPERATION_NOT_ATTEMPTED = 55
"""Another partition of the same request was refused, and says why."""
TRANSACTIONAL_ID_NOT_FOUND = 105
COMMITTED = frozenset({"PrepareCommit", "CompleteCommit"})
ABORTED = frozenset({"PrepareAbort", "CompleteAbort", "PrepareEpochFence"})
UNDECIDED = "Ongoing"


@dataclass(frozen=True, slots=True)
class Session:
    """A producer id with its epoch, as the coordinator numbers the owners of a transactional id."""

    producer_id: int
    epoch: int


class Fencing:
    """One fencing of one transactional id; waits without limit of its own, so callers put it under one."""

    def __init__(self, settings: EngineSettings, transactional_id: str, group: str, places: Collection[TopicPartition]) -> None:
        """Prepare a client of its own. ``places`` are all partitions that the writer may write to."""
        self._id = transactional_id
        self._group = group
        self._places = places
        self._timeout_ms = settings.transaction_timeout_ms
        self._client = AIOKafkaClient(
            **settings.client(f"fencing-{transactional_id}"), request_timeout_ms=settings.producer_request_timeout_ms
        )

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
        topics = list(_by_topic(self._places).items())
        await self._ask(AddPartitionsToTxnRequest(self._id, session.producer_id, session.epoch, topics))
        await self._ask(AddOffsetsToTxnRequest(self._id, session.producer_id, session.epoch, self._group))
        await self._served()
        await self._ask(EndTxnRequest(self._id, session.producer_id, session.epoch, committed))
        return interrupted

    async def nothing_open(self, place: TopicPartition) -> None:
        """Wait until a partition that nobody else writes to holds no open transaction: a reader of what is committed reaches its end."""
        while True:
            stable, end = [await ends(self._client, [place], isolation) for isolation in (READ_COMMITTED, READ_UNCOMMITTED)]
            if stable is None or end is None:
                await self._client.force_metadata_update()
            elif stable == end:
                return
            else:
                logger.warning("%s[%d] ends at %d, but a transaction is still open from %d on", *place, end[place], stable[place])
            await asyncio.sleep(10 * RETRY_SECONDS)

    async def _fence(self, own: Session | None) -> tuple[Session, bool, bool]:
        """Become the only writer; return the session, and whether the former's last transaction was committed, or aborted by this.

        The coordinator knows what it decided until it has given the id to a new session, so it is asked before each attempt. Where it never
        heard of a transaction, or was left by a candidate that came no further than this, whatever is open was not acknowledged by
        any owner that lives: aborted.
        """
        committed = under_way = False
        while True:
            state, session = await self._describe()
            under_way = under_way or state == UNDECIDED
            if own is not None and session not in {own, None}:  # None: the id has expired, so nobody took it from us lately
                raise ProducerFenced
            own = None
            if state in COMMITTED:
                committed = True
            elif state in ABORTED:
                committed = False
            answer = await self._ask(InitProducerIdRequest(self._id, self._timeout_ms), {CONCURRENT_TRANSACTIONS})
            if not answer.error_code:
                break
            await asyncio.sleep(RETRY_SECONDS)
        new = Session(answer.producer_id, answer.producer_epoch)
        if state == UNDECIDED and session is not None:
            # It was not ended by this fencing, which would have raised the epoch once more: its own writer did, by a commit.
            committed = new == Session(session.producer_id, session.epoch + 1)
        return new, committed, under_way and not committed

    async def _describe(self) -> tuple[str, Session | None]:
        answer = await self._ask(DescribeTransactionsRequest([self._id]), {TRANSACTIONAL_ID_NOT_FOUND})
        code, _, state, _, _, producer_id, epoch, *_ = answer.transaction_states[0]
        return ("", None) if code else (state, Session(producer_id, epoch))

    async def _served(self) -> None:
        """Wait until every partition is answered for by its leader.

        Before it has a leader its marker may be forgotten. One that has a leader which does not hold it yet (a topic just made, a broker
        just started) refuses the marker, and Kafka 4.3.1 may then leave the second attempt unanswered until it gives up on it after 30 s.
        """
        self._client.set_topics({place.topic for place in self._places})
        while True:
            await self._client.force_metadata_update()
            if await ends(self._client, self._places, READ_UNCOMMITTED) is not None:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _ask(self, request: Request[Any], accepted: Collection[int] = ()) -> Any:  # noqa: ANN401 answers differ
        """Send to the transaction's coordinator until it is answered without an error that passes."""
        while True:
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
            await asyncio.sleep(RETRY_SECONDS)


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
