"""How do events get onto their topics? Each with its customer as the key, on the partition that every client would choose."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from processors.codec import Located, encode
from processors.feeding.unreadable import NoSuchTopic, TopicUnreadable, servers

UNACKNOWLEDGED_MAX = 2_000
CONFIRM_SECONDS_MAX = 60.0


class NotSent(Exception):  # noqa: N818 - what happened, not a fault of the program
    """The broker did not take the event of `place`; `sent` were acknowledged before it.

    Sending the file again is safe: a repeat with the same event_id is a duplicate to every reader.
    """

    def __init__(self, place: str, sent: int, cause: BaseException) -> None:
        super().__init__(f"{place}: not taken by the broker ({type(cause).__name__}: {cause}); {sent} events before it were")
        self.place = place
        self.sent = sent


async def send(
    client_arguments: Mapping[str, Any],
    events: Iterable[Located],
    *,
    topic_prefix: str = "",
    schema_ids: Mapping[str, int] | None = None,
    on_sent: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Send every event to its topic; the number acknowledged per topic.

    Keys are the customer's id, partitions murmur2 of it, retries do not double (idempotent producer). A record's timestamp is
    the time of sending: event time is `occurred_at`, and a broker deletes by the record's. With `schema_ids` (topic -> id) the
    values have Confluent's framing.

    Raises:
        NoSuchTopic, TopicUnreadable: before anything is sent.
        NotSent: an event was not acknowledged; those after it may or may not have been.
    """
    present = await _topics(client_arguments)
    sent: Counter[str] = Counter()
    waiting: deque[tuple[str, str, asyncio.Future[Any]]] = deque()
    producer = AIOKafkaProducer(**client_arguments, enable_idempotence=True, partitioner=DefaultPartitioner(), linger_ms=5)
    await producer.start()
    try:
        for located in events:
            topic = topic_prefix + located.topic
            if topic not in present:
                raise NoSuchTopic(f"{located.place}: the broker has no topic {topic} (multichannel topics apply)")
            value = encode(located.topic, located.event, schema_id=(schema_ids or {}).get(located.topic))
            try:
                future = await producer.send(topic, value, key=located.event.customer_tenant_id.encode())
            except KafkaError as error:
                raise NotSent(located.place, sent.total(), error) from error
            waiting.append((located.topic, located.place, future))
            while len(waiting) >= UNACKNOWLEDGED_MAX:
                await _confirm(waiting.popleft(), sent, on_sent)
        while waiting:
            await _confirm(waiting.popleft(), sent, on_sent)
    finally:
        for _, _, future in waiting:
            future.cancel()
        await producer.stop()
    return sent


async def _confirm(waiting: tuple[str, str, asyncio.Future[Any]], sent: Counter[str], on_sent: Callable[[], None]) -> None:
    topic, place, future = waiting
    try:
        await asyncio.wait_for(future, CONFIRM_SECONDS_MAX)
    except (KafkaError, TimeoutError) as error:
        raise NotSent(place, sent.total(), error) from error
    sent[topic] += 1
    on_sent()


async def _topics(client_arguments: Mapping[str, Any]) -> set[str]:
    """Asked of the admin API, which never makes a topic, as a producer's question would where the broker allows that."""
    admin = AIOKafkaAdminClient(**client_arguments)
    try:
        await admin.start()
        return set(await admin.list_topics())
    except KafkaError as error:
        raise TopicUnreadable(f"asking {servers(client_arguments)} for its topics: {error}") from error
    finally:
        await admin.close()
