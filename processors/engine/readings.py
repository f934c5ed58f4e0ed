"""What does an engine tell Prometheus?"""

from __future__ import annotations

from collections.abc import Iterator

from processors.engine.figures import COMMIT_BUCKETS, EngineFigures
from processors.metrics import Distribution, Reading, definitions


def readings(figures: EngineFigures) -> Iterator[Reading]:
    """Turn all counters into numbers of metrics.

    Give an exposition ``lambda: readings(pipeline.figures)`` as a source.
    """
    yield Reading(definitions.RECORDS, figures.records)
    yield Reading(definitions.BATCHES, figures.batches)
    yield Reading(definitions.EMITTED, figures.emitted)
    yield Reading(definitions.ROWS_WRITTEN, figures.rows_written)
    yield Reading(definitions.COMMIT_SECONDS, Distribution(COMMIT_BUCKETS, tuple(figures.commit_counts), figures.commit_seconds))
    yield Reading(definitions.BATCHES_REDONE, figures.batches_redone)
    yield Reading(definitions.BATCHES_DROPPED, figures.batches_dropped)
    yield Reading(definitions.REBALANCES, figures.rebalances)
    yield Reading(definitions.FENCINGS, figures.fencings)
    yield Reading(definitions.TRANSACTIONS_ABORTED, figures.transactions_aborted)
    yield Reading(definitions.WRITERS_RENEWED, figures.writers_renewed)
    yield Reading(definitions.RESTORES, figures.restores)
    yield Reading(definitions.RESTORED_RECORDS, figures.restored_records)
    yield Reading(definitions.RESTORE_SECONDS, figures.restore_seconds)
    yield Reading(definitions.LOG_LINES_SUPPRESSED, figures.log_lines_suppressed)
    for number, own in sorted(figures.partitions.items()):
        label = (str(number),)
        yield Reading(definitions.RESTORE_LEFT, own.restore_left, label)
        yield Reading(definitions.RESTORE_RATE, own.restore_rate, label)
        yield Reading(definitions.LAG, own.lag_records, label)
        yield Reading(definitions.WAITING, own.waiting_records, label)
        yield Reading(definitions.STATE_ROWS, own.state_rows, label)
        yield Reading(definitions.STATE_BYTES, own.state_bytes, label)
        yield Reading(definitions.PARTITION_STATE, 1 if own.state == "running" else 0, label)
