"""How is Python's garbage collector kept from costing a third of the time?

Long-lived state makes full collections expensive and they find nothing. Young collections become rarer, and what survived a restore is
put out of sight of the collector.
"""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 50_000


def tune_collector() -> None:
    """Collect young objects every 50,000 allocations, not every 700; call once at start."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


def freeze_survivors() -> None:
    """Collect once and exempt what is left; call when all partitions run. Frees nothing later on: reference counts still do."""
    gc.collect()
    gc.freeze()
