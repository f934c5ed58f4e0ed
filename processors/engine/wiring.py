"""What do the parts of one engine share?"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from processors.engine.batch import Batch, Target
from processors.engine.collector import Freezing
from processors.engine.failstop import FailStop
from processors.engine.faults import Faults
from processors.engine.figures import EngineFigures, PartitionFigures
from processors.engine.rows import RowCodec
from processors.engine.settings import EngineSettings
from processors.engine.watchdog import Limit, Watchdog


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What an application may add to the way of a batch; each is optional, and an exception in any of them ends the process."""

    prepare: Callable[[Batch], Awaitable[None]] | None = None
    """Awaited before a batch goes to the agent, for what is asynchronous (resolving schema ids). Must bring its own retries."""
    due: Callable[[Batch, float], None] | None = None
    """Called with an empty batch and the clock's seconds when a partition has caught up, every ``due_interval_seconds``: what it emits and
    changes becomes a transaction; if it does nothing, nothing happens. If it did something it is asked again at once."""
    rows_restored: Callable[[int, Sequence[tuple[bytes, bytes]]], None] | None = None
    """Called with slices of all rows of a partition, as bytes, after a restore and before its first batch."""
    partition_lost: Callable[[int], None] | None = None
    """The partition and its rows are gone, or will be restored anew: forget what was kept about it."""
    batch_discarded: Callable[[int], None] | None = None
    """What the agent made of a batch was taken back before it is handed out again: forget what was derived from it."""


@dataclass(slots=True, kw_only=True)
class Wiring:
    """Settings, names, deadlines and counters of one engine."""

    application: str
    inputs: tuple[str, ...]
    changelog: str
    codec: RowCodec[Any, Any]
    settings: EngineSettings
    fail_stop: FailStop
    watchdog: Watchdog
    hooks: Hooks = field(default_factory=Hooks)
    faults: Faults | None = None
    clock: Callable[[], float] = time.time
    figures: EngineFigures = field(default_factory=EngineFigures)
    freezing: Freezing = field(default_factory=Freezing)
    targets: dict[str, Target] = field(default_factory=dict)
    """Outputs and the changelog; filled in by the start-up checks."""

    def partition_figures(self, number: int) -> PartitionFigures:
        """Return the counters of a partition."""
        return self.figures.partitions.setdefault(number, PartitionFigures())


class AgentProgress:
    """Notices when agents stop taking and leaving batches: a handler that blocks, an agent that died or forgot its block."""

    def __init__(self, wiring: Wiring) -> None:
        """Begin with nothing handed out."""
        self._wiring = wiring
        self._outstanding = 0
        self._limit: Limit | None = None

    def handed_out(self) -> None:
        """A batch is on its way to an agent."""
        self._outstanding += 1
        if self._limit is None:
            what = "taking or leaving a batch (did the agent raise, block, or forget 'with batch:'?)"
            self._limit = self._wiring.watchdog.limit(what, self._wiring.settings.deadlines.handler)

    def moved(self) -> None:
        """An agent took a batch or left one."""
        if self._limit is not None:
            self._limit.renew()

    def finished(self) -> None:
        """A batch came back."""
        self._outstanding -= 1
        if self._outstanding == 0 and self._limit is not None:
            self._limit.end()
            self._limit = None
