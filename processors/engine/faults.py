"""Where can a test kill, hang or break the engine?

Production never holds a ``Faults`` object: it comes in only through the constructor of the pipeline, from the test's own application; no
setting, file or environment variable creates one. Without it every failpoint is one comparison with None.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Failpoint(StrEnum):
    """Named places; each is reached with the partition number just after what its text says."""

    FENCING_BEFORE = "fencing.before"
    """A new writer exists; InitProducerId was not sent."""
    FENCING_OWNED = "fencing.owned"
    """Former writers are shut out; the transaction that ends what they left open has not begun."""
    FENCING_BEGUN = "fencing.begun"
    """That transaction is under way; it was not ended."""
    FENCING_ENDED = "fencing.ended"
    """It was ended; nobody looked yet whether everything is."""
    FENCING_DONE = "fencing.done"
    """Every former writer of the partition is fenced, and nothing of theirs is open."""
    RESTORE_BEGUN = "restore.begun"
    """The limits of the changelog are known, nothing was read."""
    RESTORE_SLICE = "restore.slice"
    """A slice of the changelog was put into the store."""
    RESTORE_DONE = "restore.done"
    """The store holds everything up to the end of the changelog."""
    POSITION_KNOWN = "position.known"
    """Marker and committed offsets agree; nothing was sought."""
    RUNNING = "running"
    """Positions are set and the lane runs."""
    BATCH_LEFT = "batch.left"
    """An agent left a batch; its transaction has not begun."""
    COMMIT_BEGUN = "commit.begun"
    """The client began a transaction; nothing was sent."""
    COMMIT_SENT = "commit.sent"
    """All batches are with the sender; no answer was awaited."""
    COMMIT_PRODUCED = "commit.produced"
    """Every batch was acknowledged; offsets were not sent."""
    COMMIT_OFFSETS = "commit.offsets"
    """The input offsets are in the transaction; it was not ended."""
    COMMIT_ENDED = "commit.ended"
    """The broker acknowledged the end of the transaction; the process does not know yet."""
    COMMIT_APPLIED = "commit.applied"
    """Store, marker and positions of the process say committed."""
    LANES_DRAINED = "lanes.drained"
    """A revocation or shutdown has finished all lanes."""


class Defect(StrEnum):
    """A rule of docs/engine.md switched off, so that a test can show that it notices."""

    COMMIT_BEFORE_FLUSH = "commit before flush"
    """The offsets are committed in a transaction of their own, before the output is sent."""
    UNAWAITED_SENDS = "unawaited sends"
    """Futures of the batches are not awaited: the client commits without a failed one."""
    OFFSETS_WITH_SENDS = "offsets with sends"
    """Offsets are sent while batches are in flight."""
    NO_FENCING = "no fencing"
    """Each process has transactional ids of its own, so nobody fences anybody."""
    LEFT_OPEN = "left open"
    """What former writers left open in the log is not ended; what comes next decides over it."""
    UNTOLD_DECISION = "untold decision"
    """The session of a fencing does not say what it is for, so whoever comes after it aborts."""
    UNPROVEN_FENCING = "unproven fencing"
    """A writer's session begins although what was open may still be."""
    UNPROVEN_END = "unproven end"
    """A transaction begins without a look whether the last one has ended everywhere."""
    SEEK_BEFORE_RESTORE = "seek before restore"
    """The start position is read before fencing; what a former owner commits meanwhile is processed twice."""
    TRUST_COMMITTED = "trust committed"
    """The start position is what the client's committed() says, None meaning the beginning."""
    RESTORE_IN_CALLBACK = "restore in callback"
    """The rebalance callback waits for the restore, so no heartbeat is sent."""
    KEEP_WITHOUT_PROOF = "keep without proof"
    """Kept partitions go on without comparing marker and committed offsets."""
    RESET_TO_EARLIEST = "reset to earliest"
    """A position out of range silently becomes the beginning."""
    SWALLOW_FETCH_ERRORS = "swallow fetch errors"
    """An exception of the fetch loop is logged and the loop goes on."""
    SEEK_DURING_FETCH = "seek during fetch"
    """Positions are set without holding the fetch lock."""


@dataclass(slots=True)
class Faults:
    """What a test does to the engine: a coroutine called at every failpoint, and the defects switched on."""

    reach: Callable[[Failpoint, int], Awaitable[None]] | None = None
    defects: frozenset[Defect] = field(default_factory=frozenset)


def defective(faults: Faults | None, defect: Defect) -> bool:
    """Tell whether ``defect`` is switched on; always False without a test's ``Faults``."""
    return faults is not None and defect in faults.defects


async def reached(faults: Faults | None, failpoint: Failpoint, partition: int) -> None:
    """Let a test act here."""
    if faults is not None and faults.reach is not None:
        await faults.reach(failpoint, partition)
