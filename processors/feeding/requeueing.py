"""Which records were refused, and how do they get a second chance? By their bytes again, or mended; with a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from processors.codec import Located, MessageRejected, decode_dead_letter, encode, read_file, to_json, view
from processors.codec.configured import configured_registry
from processors.codec.rejected import invalid
from processors.contract import DeadLetter, contract
from processors.feeding.reading import Start, read
from processors.feeding.sending import NotSent
from processors.settings import Settings

TOPIC: Final = "dead-letters"
TRACE: Final = "requeued-from"
"""Header of a record that was sent again: `dead-letters/partition/offset`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A dead letter, its own place, and the place of the record that was sent for it, where one was."""

    partition: int
    offset: int
    letter: DeadLetter
    requeued: str | None
    event: dict[str, Any] | None

    @property
    def place(self) -> str:
        """As it is typed."""
        return f"{self.partition}/{self.offset}"

    @property
    def trace(self) -> bytes:
        """The value of the header."""
        return f"{TOPIC}/{self.place}".encode()

    def line(self) -> dict[str, Any]:
        """What a list says of it."""
        letter = self.letter
        return {
            "place": self.place,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "error_code": letter.error_code.value,
            "error_message": letter.error_message,
            "requeued": self.requeued,
        }

    def whole(self) -> dict[str, Any]:
        """Everything: bytes in base64, and as text or as an event where they are."""
        told = to_json(TOPIC, self.letter)
        key = self.letter.key
        shown = {"place": self.place, "requeued": self.requeued, **told}
        shown["key_text"] = None if key is None else key.decode("utf-8", "backslashreplace")
        shown["mend"] = None if self.event is None else {"topic": self.letter.topic, "value": self.event}
        return shown


async def refused(client_arguments: dict[str, Any], settings: Settings) -> list[Refused]:
    """All dead letters in the order of their topic, each with the trace of its requeueing.

    Raises:
        TopicUnreadable: no broker answers, or a topic is missing.
    """
    prefix = settings.topic_prefix
    async with configured_registry(settings) as registry:
        records: list[tuple[ConsumerRecord[Any, Any], DeadLetter]] = []
        async for record in read(client_arguments, prefix + TOPIC, Start()):
            if registry is not None:
                await registry.fetch(registry.missing([record.value]))
            letter = decode_dead_letter(record.value, registry=registry)
            if registry is not None:
                await registry.fetch(registry.missing([letter.value]))
            records.append((record, letter))
        traces = await _traces(client_arguments, prefix, records)
        return [
            Refused(
                record.partition,
                record.offset,
                letter,
                traces.get(f"{TOPIC}/{record.partition}/{record.offset}".encode()),
                _event(letter, registry),
            )
            for record, letter in records
        ]


async def _traces(client_arguments: dict[str, Any], prefix: str, records: Iterable[tuple[Any, DeadLetter]]) -> dict[bytes, str]:
    """Where each dead letter was sent again; inputs are read from the time of their first dead letter on."""
    since: dict[str, int] = defaultdict(lambda: 1 << 62)
    for record, letter in records:
        since[letter.topic] = min(since[letter.topic], record.timestamp)
    found: dict[bytes, str] = {}
    for topic, timestamp in since.items():
        if topic not in contract().topics:
            continue
        async for record in read(client_arguments, prefix + topic, Start(timestamp_ms=max(timestamp, 0))):
            for name, value in record.headers:
                if name == TRACE and value is not None:
                    found[value] = f"{topic}/{record.partition}/{record.offset}"
    return found


def _event(letter: DeadLetter, registry: Any) -> dict[str, Any] | None:  # noqa: ANN401 - a registry, fetched
    """The event as it is told, where its bytes can be read at all."""
    try:
        return view(letter.topic, letter.value, registry=registry)
    except (MessageRejected, KeyError):
        return None


def mend(path: Path, dead: Refused) -> Located:
    """The one event of a file, of the dead letter's topic.

    Raises:
        MessageRejected: it is not valid, of another topic, or not one.
    """
    events = list(read_file(path))
    if len(events) != 1 or events[0].topic != dead.letter.topic:
        found = ", ".join(sorted({each.topic for each in events})) or "nothing"
        raise invalid(f"expected one event of {dead.letter.topic}, found {len(events)} of {found}").at(str(path))
    return events[0]


async def requeue_all(client_arguments: dict[str, Any], settings: Settings, chosen: Iterable[Refused], mended: Located | None) -> None:
    """Send each to its topic: its bytes, key and headers as they were, or the mended event; with the trace among the headers.

    Raises:
        NotSent: one was not acknowledged; those before it were.
    """
    async with configured_registry(settings) as registry:
        schema_id = None
        if registry is not None and mended is not None:
            schema_id = await registry.register(mended.topic, contract(), prefix=settings.topic_prefix)
        producer = AIOKafkaProducer(**client_arguments, enable_idempotence=True)
        await producer.start()
        sent = 0
        try:
            for dead in chosen:
                letter = dead.letter
                headers = [(header.name, header.value) for header in letter.headers if header.name != TRACE]
                key, value = letter.key, letter.value
                if mended is not None:
                    key, value = mended.event.customer_tenant_id.encode(), encode(mended.topic, mended.event, schema_id=schema_id)
                try:
                    await producer.send_and_wait(
                        settings.topic_prefix + letter.topic, value, key=key, headers=[*headers, (TRACE, dead.trace)]
                    )
                except KafkaError as error:
                    raise NotSent(dead.place, sent, error) from error
                sent += 1
        finally:
            await producer.stop()
