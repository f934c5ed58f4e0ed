"""Which records does the processor write besides decisions? Journal entries and dead letters, and the codes they carry."""

from __future__ import annotations

from dataclasses import dataclass

from processors.core.symbols import Symbol


class ErrorCode(Symbol):
    """Why a record is not a valid event."""

    UNDECODABLE = "UNDECODABLE"
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    INVALID = "INVALID"
    KEY_MISMATCH = "KEY_MISMATCH"
    CLOCK_AHEAD = "CLOCK_AHEAD"
    TOO_LARGE = "TOO_LARGE"


class Disposition(Symbol):
    """What became of an event that was let in (policy.md 4.6)."""

    APPLIED = "APPLIED"
    DUPLICATE_IGNORED = "DUPLICATE_IGNORED"
    STALE_IGNORED = "STALE_IGNORED"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One event as applied, and what it led to (topic `customer-journal`).

    `timestamp` is microseconds; `event` is the single-object encoding, fingerprint included; the hashes are 32 bytes each,
    `previous_hash` of a customer's first entry 32 zero bytes.
    """

    customer_tenant_id: str
    sequence: int
    topic: str
    partition: int
    offset: int
    timestamp: int | None
    event: bytes
    disposition: Disposition
    decision_ids: tuple[str, ...]
    state_hash: bytes
    core_revision: int
    policy_fingerprint: str
    previous_hash: bytes
    entry_hash: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """One header of a Kafka record."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that is not a valid event, as received (topic `dead-letters`); `timestamp` is microseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    error_code: ErrorCode
    error_message: str
    processor_version: str
