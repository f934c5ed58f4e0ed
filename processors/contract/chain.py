"""Over which bytes are a customer's journal entries chained? The one definition, for who writes the journal and who verifies it.

`entry_hash` is the SHA-256 of the *canonical bytes* of the entry, which hold everything the entry says but `entry_hash` itself:

    "multichannel journal entry 1"       ASCII, and a line feed; a later layout gets another number
    previous_hash                         32 bytes; 32 zero bytes in a customer's first entry
    state_hash                            32 bytes
    sequence                              8 bytes, signed, most significant first, like every number here
    partition                             4 bytes, signed
    offset                                8 bytes, signed
    has timestamp                         1 byte: 1, or 0 where the record had none
    timestamp                             8 bytes, signed, microseconds; 0 where the record had none
    core_revision                         4 bytes, signed
    the number of decision_ids            4 bytes, unsigned
    then customer_tenant_id, topic, disposition, policy_fingerprint (UTF-8), event (as it is) and each of decision_ids (UTF-8),
    every one as 4 bytes of length, unsigned, and its bytes

No schema is part of it: a later version of the record that adds a field keeps the old hashes, unless the layout's number changes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from processors.contract.records import JournalEntry

LAYOUT: Final = b"multichannel journal entry 1\n"
NO_ENTRY: Final = bytes(32)
"""`previous_hash` of a customer's first entry."""

_HEAD: Final = struct.Struct(">32s32sqiq?qiI")
_LENGTH: Final = struct.Struct(">I")


def canonical_bytes(entry: JournalEntry) -> bytes:
    """What `entry_hash` is the SHA-256 of; struct.error where a number does not fit its place."""
    timestamp = entry.timestamp
    head = _HEAD.pack(
        entry.previous_hash,
        entry.state_hash,
        entry.sequence,
        entry.partition,
        entry.offset,
        timestamp is not None,
        timestamp or 0,
        entry.core_revision,
        len(entry.decision_ids),
    )
    told = (
        entry.customer_tenant_id.encode(),
        entry.topic.encode(),
        entry.disposition.encode(),
        entry.policy_fingerprint.encode(),
        entry.event,
        *(decision_id.encode() for decision_id in entry.decision_ids),
    )
    pack = _LENGTH.pack
    return b"".join((LAYOUT, head, *(part for each in told for part in (pack(len(each)), each))))


def entry_hash(entry: JournalEntry) -> bytes:
    """The hash that chains the entry; whatever it has in its own field `entry_hash` does not count."""
    return hashlib.sha256(canonical_bytes(entry)).digest()
