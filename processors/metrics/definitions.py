"""Which metrics are there? Each is a documented constant; nothing else is exposed.

Names are in base units and carry the prefix ``multichannel_``; a counter ends in ``_total``. No label holds an id of a customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "multichannel_"


class Kind(StrEnum):
    """Prometheus' types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``meaning`` is the sentence that Prometheus shows."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


RECORDS = Metric(f"{PREFIX}records_total", Kind.COUNTER, "Input records whose transaction was acknowledged.")
BATCHES = Metric(f"{PREFIX}batches_total", Kind.COUNTER, "Transactions acknowledged.")
EMITTED = Metric(
    f"{PREFIX}emitted_records_total", Kind.COUNTER, "Output records whose transaction was acknowledged, without the changelog."
)
ROWS_WRITTEN = Metric(f"{PREFIX}rows_written_total", Kind.COUNTER, "Rows of state written to the changelog.")
COMMIT_SECONDS = Metric(f"{PREFIX}commit_seconds", Kind.HISTOGRAM, "Duration of a transaction from its beginning to its acknowledged end.")
BATCHES_REDONE = Metric(f"{PREFIX}batches_redone_total", Kind.COUNTER, "Batches worked through again because a row was too large.")
BATCHES_DROPPED = Metric(f"{PREFIX}batches_dropped_total", Kind.COUNTER, "Batches given up in a rebalance before an agent saw them.")
REBALANCES = Metric(f"{PREFIX}rebalances_total", Kind.COUNTER, "Assignments of partitions to this process.")
FENCINGS = Metric(f"{PREFIX}fencings_total", Kind.COUNTER, "Partitions whose former writers this process fenced.")
TRANSACTIONS_ABORTED = Metric(
    f"{PREFIX}transactions_aborted_total",
    Kind.COUNTER,
    "Transactions of former writers that were under way when this process fenced them; their records are done again.",
)
WRITERS_RENEWED = Metric(
    f"{PREFIX}writers_renewed_total",
    Kind.COUNTER,
    "Producer sessions renewed: the end of a transaction was missing, they were idle for a day, or sequence numbers would wrap.",
)
RESTORES = Metric(f"{PREFIX}restores_total", Kind.COUNTER, "Partitions restored from the changelog.")
RESTORED_RECORDS = Metric(f"{PREFIX}restored_records_total", Kind.COUNTER, "Changelog records read while restoring.")
RESTORE_SECONDS = Metric(f"{PREFIX}restore_seconds_total", Kind.COUNTER, "Time spent reading the changelog, added up over partitions.")
RESTORE_LEFT = Metric(f"{PREFIX}restore_left_offsets", Kind.GAUGE, "Changelog offsets still to be read.", ("partition",))
RESTORE_RATE = Metric(
    f"{PREFIX}restore_offsets_per_second", Kind.GAUGE, "Speed of the present or last restore in changelog offsets.", ("partition",)
)
LAG = Metric(f"{PREFIX}lag_records", Kind.GAUGE, "Input offsets not yet handed to an agent, fetched or not.", ("partition",))
WAITING = Metric(f"{PREFIX}waiting_records", Kind.GAUGE, "Input records fetched and not yet handed to an agent.", ("partition",))
STATE_ROWS = Metric(f"{PREFIX}state_rows", Kind.GAUGE, "Rows held; an estimate for a store on disk.", ("partition",))
STATE_BYTES = Metric(f"{PREFIX}state_bytes", Kind.GAUGE, "Bytes of keys and values held; an estimate for a store on disk.", ("partition",))
PARTITION_STATE = Metric(
    f"{PREFIX}partition_running",
    Kind.GAUGE,
    "1 where the partition is worked on, 0 where it is being brought up or drained.",
    ("partition",),
)
LOG_LINES_SUPPRESSED = Metric(f"{PREFIX}log_lines_suppressed_total", Kind.COUNTER, "Repeated log lines of the Kafka client held back.")

EVENTS = Metric(f"{PREFIX}events_total", Kind.COUNTER, "Events let in, by input topic.", ("topic",))
DISPOSITIONS = Metric(f"{PREFIX}dispositions_total", Kind.COUNTER, "What became of events that were let in.", ("disposition",))
DECISIONS = Metric(f"{PREFIX}decisions_total", Kind.COUNTER, "Decisions made, by outcome.", ("outcome",))
DEAD_LETTERS = Metric(f"{PREFIX}dead_letters_total", Kind.COUNTER, "Records refused, by error code.", ("error_code",))
REVIEWS_WRITTEN = Metric(f"{PREFIX}reviews_written_total", Kind.COUNTER, "Reviews written because time passed.")
REVIEWS_PLANNED = Metric(f"{PREFIX}reviews_planned", Kind.GAUGE, "Customers whose answers time alone may change.")
REVIEW_OVERDUE = Metric(f"{PREFIX}review_due_overdue_seconds", Kind.GAUGE, "How long the oldest review is due that was not written yet.")
CUSTOMERS = Metric(f"{PREFIX}customers", Kind.GAUGE, "Customers known in the partitions held.")
CUSTOMERS_HELD = Metric(f"{PREFIX}customers_in_memory", Kind.GAUGE, "Customers decoded in memory.")

METRICS = (
    RECORDS,
    BATCHES,
    EMITTED,
    ROWS_WRITTEN,
    COMMIT_SECONDS,
    BATCHES_REDONE,
    BATCHES_DROPPED,
    REBALANCES,
    FENCINGS,
    TRANSACTIONS_ABORTED,
    WRITERS_RENEWED,
    RESTORES,
    RESTORED_RECORDS,
    RESTORE_SECONDS,
    RESTORE_LEFT,
    RESTORE_RATE,
    LAG,
    WAITING,
    STATE_ROWS,
    STATE_BYTES,
    PARTITION_STATE,
    LOG_LINES_SUPPRESSED,
    EVENTS,
    DISPOSITIONS,
    DECISIONS,
    DEAD_LETTERS,
    REVIEWS_WRITTEN,
    REVIEWS_PLANNED,
    REVIEW_OVERDUE,
    CUSTOMERS,
    CUSTOMERS_HELD,
)
