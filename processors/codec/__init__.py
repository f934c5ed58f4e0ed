"""How do bytes and JSON become messages of ours, and back?

    decode(topic, value, registry=None)     bytes of a record -> event, decision, journal entry or dead letter
    check_record(event, key, ...)           does the record's key and timestamp fit the event it carries?
    encode(topic, message, schema_id=None)  message -> bytes, in the single-object encoding or in Confluent's framing
    read_json(topic, value)                 parsed JSON object -> message
    to_json(topic, message)                 message -> JSON object, names and order of events.md
    view(topic, value, registry=None)       bytes -> JSON object as it is, for people: no door, unknown symbols as UNKNOWN
    read_file(path)                         JSON Lines or an Avro container file -> events with topic and place
    Registry(urls, ...)                     client of a schema registry (processors.codec.registry)

What is no valid message raises MessageRejected with one of the contract's codes, the field and, from files, the place; nothing else
escapes for any input. An unknown topic is the caller's mistake: KeyError.

With a registry decoding takes two steps, so that an agent can decode without waiting: `await registry.fetch(registry.missing(values))`
asks for the schema ids of a batch, then `decode` finds them. See processors/codec/registry.py.
"""

from __future__ import annotations

from typing import Any, cast

from processors.codec.door import check_record
from processors.codec.files import Located, read_file, read_stream
from processors.codec.json_form import UnknownNames, nearest
from processors.codec.messages import Schemas, topic_codec, viewer
from processors.codec.rejected import MessageRejected
from processors.codec.shapes import Message
from processors.contract import DeadLetter, JournalEntry
from processors.core.decisions import Decision
from processors.core.events import Event

__all__ = [
    "Located",
    "Message",
    "MessageRejected",
    "Schemas",
    "UnknownNames",
    "check_record",
    "decode",
    "decode_dead_letter",
    "decode_decision",
    "decode_event",
    "decode_journal_entry",
    "encode",
    "nearest",
    "read_file",
    "read_json",
    "read_stream",
    "to_json",
    "view",
]


def decode(topic: str, value: bytes | None, *, registry: Schemas | None = None) -> Message:
    """The message in a record of `topic`; MessageRejected where there is none."""
    return topic_codec(topic).decode(value, registry)


def decode_event(topic: str, value: bytes | None, *, registry: Schemas | None = None) -> Event:
    """As decode, of an input topic."""
    return cast("Event", topic_codec(topic).decode(value, registry))


def decode_decision(value: bytes | None, *, registry: Schemas | None = None) -> Decision:
    """As decode, of `multi-channel-support-decisions` and `customer-channel-support`."""
    return cast("Decision", topic_codec("multi-channel-support-decisions").decode(value, registry))


def decode_journal_entry(value: bytes | None, *, registry: Schemas | None = None) -> JournalEntry:
    """As decode, of `customer-journal`; its `event` is decoded with `decode_event(entry.topic, entry.event)`."""
    return cast("JournalEntry", topic_codec("customer-journal").decode(value, registry))


def decode_dead_letter(value: bytes | None, *, registry: Schemas | None = None) -> DeadLetter:
    """As decode, of `dead-letters`."""
    return cast("DeadLetter", topic_codec("dead-letters").decode(value, registry))


def encode(topic: str, message: Message, *, schema_id: int | None = None) -> bytes:
    """The value of a record of `topic`: Confluent's framing with the registry's id, else the single-object encoding.

    MessageRejected: TOO_LARGE for the topic, INVALID where a field's value does not fit its type.
    """
    return topic_codec(topic).encode(message, schema_id)


def read_json(topic: str, value: object, *, unknown: UnknownNames | None = None) -> Message:
    """The message that a parsed JSON object tells; names that the record does not have go to `unknown` and are ignored."""
    return topic_codec(topic).read_json(value, unknown)


def to_json(topic: str, message: Message) -> dict[str, Any]:
    """The message as a JSON object."""
    return topic_codec(topic).write_json(message)


def view(topic: str, value: bytes | None, *, registry: Schemas | None = None) -> dict[str, Any]:
    """What a record of `topic` says, valid or not; MessageRejected only where its bytes cannot be read."""
    return viewer(topic).view(value, registry)
