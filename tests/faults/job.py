"""What does the test's application compute, so that an oracle can compute it again from the inputs alone?

Every input record of three co-partitioned topics belongs to a customer. The customer's state is a number of records and a hash chain per
topic and
over all topics, so any record that is lost, doubled or swapped changes every later value. Everything here is pure and knows no Kafka.
"""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from enum import StrEnum

INPUTS = ("orders", "payments", "returns")
JOURNAL = "journal"
DECISIONS = "verdicts"
DEAD_LETTERS = "dead-letters"
OUTPUTS = (JOURNAL, DECISIONS, DEAD_LETTERS)
CHANGELOG = "customers-changelog"

DECISION_EVERY = 3  # every third record of a customer makes a decision
OVERSIZE_BYTES = 1_500_000  # larger than Kafka's default limit of a record, smaller than what a consumer refuses


class Refusal(StrEnum):
    """Why an input record became a dead letter."""

    UNDECODABLE = "undecodable"
    TOO_LARGE = "too-large"


class UndecodableError(ValueError):
    """The bytes are no input record; the catcher writes a dead letter and goes on."""


@dataclass(slots=True)
class State:
    """One customer: counts and chains by topic, and the chain over everything, which depends on the order between topics."""

    counts: dict[str, int] = field(default_factory=dict)
    chains: dict[str, str] = field(default_factory=dict)
    sequence: int = 0
    chain: str = ""

    def encode(self) -> bytes:
        return json.dumps([self.counts, self.chains, self.sequence, self.chain], sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, row: bytes) -> State:
        counts, chains, sequence, chain = json.loads(row)
        return cls(counts, chains, sequence, chain)


@dataclass(frozen=True, slots=True)
class Request:
    """One input record. `decision_bytes` asks for a decision of that size, `mark` singles a record out for a misbehaving agent."""

    serial: int
    amount: int
    decision_bytes: int = 0
    mark: str = ""

    def encode(self) -> bytes:
        return json.dumps({"serial": self.serial, "amount": self.amount, "decision_bytes": self.decision_bytes, "mark": self.mark}).encode()


@dataclass(frozen=True, slots=True)
class Effect:
    """What one record does: the state after it, its journal entry, and a decision or none."""

    state: State
    journal: bytes
    decision: bytes | None


def decode(value: bytes) -> Request:
    try:
        fields = json.loads(value)
        return Request(fields["serial"], fields["amount"], fields["decision_bytes"], fields["mark"])
    except (ValueError, KeyError, TypeError) as error:
        raise UndecodableError(str(error)) from error


def handle(row: bytes | None, topic: str, offset: int, value: bytes) -> Effect:
    """Apply one record to a customer's row. Raises UndecodableError; never changes anything it was given.

    The journal entry names the record (topic, offset) and carries the chain after it, so the journal alone tells the order that was chosen.
    """
    request = decode(value)
    state = State() if row is None else State.decode(row)
    digest = hashlib.sha256(value).hexdigest()[:16]
    state.counts[topic] = state.counts.get(topic, 0) + 1
    state.chains[topic] = _chained(state.chains.get(topic, ""), digest)
    state.sequence += 1
    state.chain = _chained(state.chain, f"{topic}:{offset}:{digest}")
    journal = json.dumps({"topic": topic, "offset": offset, "sequence": state.sequence, "chain": state.chain}).encode()
    decision = None
    if request.decision_bytes or state.sequence % DECISION_EVERY == 0:
        verdict = json.dumps({"sequence": state.sequence, "chain": state.chain, "amount": request.amount}).encode()
        decision = verdict.ljust(request.decision_bytes)
    return Effect(state, journal, decision)


def refusal(topic: str, offset: int, reason: Refusal) -> bytes:
    """The dead letter of an input record."""
    return json.dumps({"topic": topic, "offset": offset, "reason": reason}).encode()


def _chained(before: str, link: str) -> str:
    return hashlib.sha256(f"{before}|{link}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Input:
    """A record the feed produces: topic without prefix, key and value."""

    topic: str
    key: bytes
    value: bytes


def inputs(
    seed: int, count: int, customers: int, undecodable: float = 0.01, oversize: int = 0, marks: dict[int, str] | None = None
) -> list[Input]:
    """The contents of a run: a pure function of its arguments.

    `oversize` records ask for a decision that no topic takes; `marks` by serial.
    """
    draw = random.Random(seed)
    too_large = set(draw.sample(range(count), oversize))
    made: list[Input] = []
    for serial in range(count):
        topic = draw.choices(INPUTS, (5, 3, 2))[0]
        key = f"customer-{draw.randrange(customers)}".encode()
        mark = (marks or {}).get(serial, "")
        request = Request(serial, draw.randrange(1000), OVERSIZE_BYTES if serial in too_large else 0, mark)
        broken = draw.random() < undecodable and serial not in too_large and not mark
        value = b"\xff\x00 no record " + str(serial).encode() if broken else request.encode()
        made.append(Input(topic, key, value))
    return made
