"""Which limits, deadlines and client options does the engine run with?

One frozen object holds them all, so that the relations between them can be checked once, at construction: a commit must end before the
group gives our partitions away, and before the broker ends our transaction. Times are seconds (``*_seconds``) or, where they go to the
client unchanged, milliseconds (``*_ms``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Longest durations in seconds; each names what happens when it passes (see docs/engine.md)."""

    start: float = 60.0
    """Topics present and consumer started, else exit 75: the broker is not there yet."""
    first_assignment: float = 90.0
    """From subscribing to the first answer of the group, else exit 70."""
    empty_assignment: float = 30.0
    """Nothing assigned although there are at least as many partitions as workers, else exit 70."""
    drain: float = 25.0
    """All lanes of a rebalance or shutdown have committed what they handed out, else exit 70."""
    close_writer: float = 5.0
    """A producer stops; then it is abandoned, which is safe because its successor fences it."""
    stop_consumer: float = 5.0
    """The consumer stops; then it is abandoned."""
    fencing: float = 45.0
    """InitProducerId, the end of what was left open, and the metadata of every output; the end of a transaction everywhere. Else exit 70.

    Longer than a broker waits for its own markers (30)."""
    restore_progress: float = 30.0
    """The changelog's position moves at least once in this time, else exit 70. A restore as a whole has no limit."""
    positioning: float = 30.0
    """Committed offsets and the limits of the inputs are known, else exit 70."""
    fetch_lock: float = 15.0
    """A fetch in flight returns, so that positions can be set, else exit 70; longer than a handler may hold the event loop."""
    handler: float = 10.0
    """An agent works through one batch and leaves its block, else exit 70."""
    prepare: float = 600.0
    """The application's asynchronous preparation of a batch, else exit 70."""
    commit: float = 15.0
    """One transaction from its beginning to its acknowledged end, else exit 70."""
    fetch_loop: float = 60.0
    """The fetch loop comes round, outside of a rebalance, else exit 70."""
    rebalance: float = 120.0
    """From the revocation to the next assignment, else exit 70."""
    flush_logs: float = 2.0
    """Log handlers are flushed before the process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Everything the engine can be told; the defaults are the measured ones of docs/engine.md.

    Raises:
        ValueError: two settings contradict each other; the text names both.

    """

    bootstrap_servers: tuple[str, ...] = ("127.0.0.1:9092",)
    client_options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Passed to every client unchanged: security_protocol, ssl_context, sasl_*."""
    client_id: str = "engine"
    instance_id: str | None = None
    """Static membership: one id per slot of the supervisor, never two processes with one id; None is dynamic membership."""
    retired_topics: frozenset[str] = frozenset()
    """Former inputs whose committed offsets may remain in the group; any other foreign topic means a second application."""

    store: Literal["memory", "rocksdb"] = "memory"
    store_directory: Path | None = None
    store_age_seconds_max: float = 43_200.0
    """A disk store last written longer ago is rebuilt: the changelog may have forgotten deletions since (delete.retention.ms is a day)."""
    cache_rows_max: int = 200_000
    """Decoded rows kept per partition, least recently used out first."""

    batch_records_max: int = 8_000
    batch_seconds: float = 0.5
    """About how long an agent works through one batch: a lane learns the pace of its last batch and cuts the next one after it."""
    batch_bytes_max: int = 4_000_000
    buffer_records_max: int = 8_000
    """Records waiting per partition and topic before fetching from it pauses."""
    buffer_bytes_max: int = 16_000_000
    """Bytes waiting per partition before fetching pauses."""
    transaction_interval_seconds: float = 0.020
    """Least time between the beginnings of two transactions of one lane, unless a batch is full."""
    merge_wait_seconds: float = 1.0
    """Longest wait for a topic known to hold unread records before others are processed without it."""
    due_interval_seconds: float = 0.5
    """How often a lane that has caught up asks the application whether something is due."""
    sequence_records_max: int = 2**30
    """Records per output partition and producer session before the writer is renewed; at 2**31 sequence numbers turn negative."""
    writer_idle_seconds_max: float = 86_400.0
    """A writer that wrote nothing for so long is renewed before its next transaction: a broker forgets a transactional id after a week
    (transactional.id.expiration.ms), and the transaction would end the process."""
    restores_at_once: int = 4
    restore_slice_records: int = 2_000

    deadlines: Deadlines = field(default_factory=Deadlines)

    producer_request_timeout_ms: int = 6_000
    transaction_timeout_ms: int = 30_000
    """Whole seconds: what a fencing is for stands in the milliseconds of its own."""
    retry_backoff_ms: int = 20
    producer_batch_bytes: int = 900_000
    compression: Literal["gzip", "snappy", "lz4", "zstd"] | None = None
    consumer_request_timeout_ms: int = 40_000
    rebalance_timeout_ms: int = 30_000
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 3_000
    max_poll_interval_ms: int = 300_000
    metadata_max_age_ms: int = 10_000
    fetch_max_wait_ms: int = 100
    partition_fetch_bytes: int = 262_144
    restore_fetch_bytes: int = 8_388_608

    def __post_init__(self) -> None:
        """Check the relations on which the engine's promises rest."""
        limits = self.deadlines
        relations = (
            (
                limits.handler + limits.commit,
                self.rebalance_timeout_ms / 1000,
                "deadlines.handler + deadlines.commit",
                "rebalance_timeout_ms",
            ),
            (self.batch_seconds, limits.handler, "batch_seconds", "deadlines.handler"),
            (limits.drain, self.rebalance_timeout_ms / 1000, "deadlines.drain", "rebalance_timeout_ms"),
            (limits.commit, self.transaction_timeout_ms / 1000, "deadlines.commit", "transaction_timeout_ms"),
            (self.rebalance_timeout_ms, self.consumer_request_timeout_ms, "rebalance_timeout_ms", "consumer_request_timeout_ms"),
            (self.heartbeat_interval_ms, self.session_timeout_ms, "heartbeat_interval_ms", "session_timeout_ms"),
            (2 * self.producer_request_timeout_ms / 1000, limits.commit, "2 * producer_request_timeout_ms", "deadlines.commit"),
            (self.sequence_records_max, 2**31, "sequence_records_max", "2**31"),
        )
        for smaller, larger, name, bound in relations:
            if not smaller < larger:
                text = f"engine settings: {name} ({smaller:g}) must be less than {bound} ({larger:g})"
                raise ValueError(text)
        if self.transaction_timeout_ms % 1000:
            text = f"engine settings: transaction_timeout_ms ({self.transaction_timeout_ms}) must be whole seconds"
            raise ValueError(text)
        if self.store == "rocksdb" and self.store_directory is None:
            text = "engine settings: store 'rocksdb' needs store_directory"
            raise ValueError(text)

    def client(self, role: str) -> dict[str, object]:
        """Return the options that every Kafka client shares; ``role`` ends up in the broker's request log."""
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": f"{self.client_id}-{role}",
            "metadata_max_age_ms": self.metadata_max_age_ms,
            **self.client_options,
        }
