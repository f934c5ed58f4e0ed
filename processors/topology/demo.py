"""What does the demo send, and what must come of it? The portfolio, a few records that must be refused, and the same without Kafka."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from processors.codec import Located, MessageRejected, check_record, decode_event, encode
from processors.core.calendar import DAY
from processors.core.decisions import Cause, Decision
from processors.core.events import Event, SubscriptionPurchased
from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from processors.topology.portfolio import TOPICS, portfolio

Pair = tuple[str, str, str | None]
BAD_TOPIC: Final = "subscription-purchased"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no valid event, as a careless producer would send it."""

    key: bytes
    value: bytes


@dataclass(slots=True)
class Came:
    """What came of the demo; `in_force` is the last decision of every pair of its customers."""

    events: int = 0
    seconds: float = 0.0
    dispositions: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)  # by outcome
    refused: Counter[str] = field(default_factory=Counter)  # by error code
    reviews: int = 0
    in_force: dict[Pair, Decision] = field(default_factory=dict)


def demo_events(customers: int) -> list[Located]:
    """The portfolio, each event with its topic."""
    return [
        Located(event, TOPICS[type(event)], None, None, None, f"demo event {number}")
        for number, event in enumerate(portfolio(customers), 1)
    ]


def bad_records(events: Sequence[Located], now: int) -> list[BadRecord]:
    """Four kinds of records that must become dead letters; `now` is in microseconds."""
    event = next(located.event for located in events if isinstance(located.event, SubscriptionPurchased))
    key, good = event.customer_tenant_id.encode(), encode(BAD_TOPIC, event)
    return [
        BadRecord(key, b'{"json": "instead of Avro"}'),
        BadRecord(key, encode(BAD_TOPIC, replace(event, service_type=None))),
        BadRecord(b"another-customer", good),
        BadRecord(key, encode(BAD_TOPIC, replace(event, occurred_at=now + 30 * DAY))),
    ]


def without_kafka(events: Sequence[Located], bad: Sequence[BadRecord], policy: Policy, until: int, tolerance: int) -> Came:
    """The same demo through the same door and the same core, as canonical replay; instants in microseconds."""
    came = Came(events=len(events))
    for record in bad:
        try:
            check_record(decode_event(BAD_TOPIC, record.value), record.key, until, tolerance)
        except MessageRejected as rejected:
            came.refused[rejected.code.value] += 1
    for decision in replayed(events, policy, until):
        came.decisions[decision.answer.outcome.value] += 1
        came.in_force[pair_of(decision)] = decision
    return came


def replayed(events: Sequence[Located], policy: Policy, until: int) -> list[Decision]:
    """All decisions of canonical replay."""
    return list(canonical_replay(((located.event, _cause(located.event, located.topic)) for located in events), policy, until))


def pair_of(decision: Decision) -> Pair:
    """What is decided for."""
    return decision.customer_tenant_id, decision.subscription_id, decision.partner_tenant_id


def _cause(event: Event, topic: str) -> Cause:
    return Cause(event.event_id, topic)
