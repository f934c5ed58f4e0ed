"""Which numbers does the engine keep about itself?

Plain integers, added up once per batch; a collector turns them into metrics when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

COMMIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of the histogram of commits."""


@dataclass(slots=True)
class PartitionFigures:
    """Of one partition while this process holds it."""

    state: str = "none"
    records: int = 0
    batches: int = 0
    emitted: int = 0
    rows_written: int = 0
    lag_records: int = 0
    waiting_records: int = 0
    state_rows: int = 0
    state_bytes: int = 0
    restore_left: int = 0
    restore_rate: float = 0.0
    restored: int = 0


@dataclass(slots=True)
class EngineFigures:
    """Of the process."""

    records: int = 0
    batches: int = 0
    emitted: int = 0
    rows_written: int = 0
    rebalances: int = 0
    restores: int = 0
    restored_records: int = 0
    restore_seconds: float = 0.0
    writers_renewed: int = 0
    batches_redone: int = 0
    batches_dropped: int = 0
    fencings: int = 0
    transactions_aborted: int = 0
    log_lines_suppressed: int = 0
    commit_seconds: float = 0.0
    commit_counts: list[int] = field(default_factory=lambda: [0] * (len(COMMIT_BUCKETS) + 1))
    partitions: dict[int, PartitionFigures] = field(default_factory=dict)

    def committed(self, seconds: float) -> None:
        """Count one acknowledged transaction."""
        self.commit_seconds += seconds
        for index, bound in enumerate(COMMIT_BUCKETS):
            if seconds <= bound:
                self.commit_counts[index] += 1
                return
        self.commit_counts[-1] += 1
