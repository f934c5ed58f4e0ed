"""Which numbers does a running topology show? The engine's, and what its events led to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from processors.metrics import Reading, definitions

if TYPE_CHECKING:
    from processors.topology.wiring import Topology


def topology_readings(topology: Topology) -> Iterator[Reading]:
    """Ours alone; the engine's are `processors.engine.readings`."""
    figures = topology.figures
    for metric, counted in (
        (definitions.EVENTS, figures.events),
        (definitions.DISPOSITIONS, figures.dispositions),
        (definitions.DECISIONS, figures.decisions),
        (definitions.DEAD_LETTERS, figures.dead_letters),
    ):
        yield from (Reading(metric, number, (name,)) for name, number in sorted(counted.items()))
    yield Reading(definitions.REVIEWS_WRITTEN, figures.reviews_written)
    yield Reading(definitions.REVIEWS_PLANNED, topology.plan.planned())
    yield Reading(definitions.REVIEW_OVERDUE, topology.review_due_overdue_seconds())
    yield Reading(definitions.CUSTOMERS, topology.customers.count())
    yield Reading(definitions.CUSTOMERS_HELD, topology.customers.count_held())
