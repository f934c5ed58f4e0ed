"""How is Python's garbage collector kept from costing a third of the time, and from standing still for seconds?

Long-lived state makes collections expensive and they find nothing, since reference counts free what an application throws away. The
collector counts allocations less deallocations: where an application keeps as many things as it drops, it hardly ever runs, until it
walks over everything at once (1.4 s of CPU time with 20,000 customers in memory, longer than a deadline on a busy machine). So what
is young is collected often, and what survived is put out of the collector's sight, a few hundredths of a second at a time.
"""

from __future__ import annotations

import gc
import time

YOUNG_OBJECTS = 50_000
FREEZE_SECONDS = 0.25


def tune_collector() -> None:
    """Collect young objects every 50,000 allocations, not every 700; call once at start."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


def freeze_survivors() -> None:
    """Collect once and exempt what is left; call when all partitions run. Frees nothing later on: reference counts still do."""
    gc.collect()
    gc.freeze()


class Freezing:
    """Freezes survivors while batches are worked through, where there are many: at most every quarter of a second, so that few are young.

    Many means that Python itself saw a reason to collect since the last time. An application that keeps bytes only, or as much as it
    drops, gives it none, and is spared the walk over everything in flight (8 % of the CPU time in `benchmarks/engine.py`).
    """

    def __init__(self) -> None:
        """Begin with nothing frozen."""
        self._next = 0.0

    def worked(self) -> None:
        """Call after each batch."""
        _, collections, older = gc.get_count()
        if (collections or older) and time.monotonic() >= self._next:
            freeze_survivors()
            self._next = time.monotonic() + FREEZE_SECONDS
