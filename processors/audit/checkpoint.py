"""What was in the journal at some time? A document that whoever distrusts us keeps elsewhere, and what `verify` makes of it later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processors.audit.damage import Damage, Finding
from processors.audit.entries import JOURNAL
from processors.audit.grouping import Mark, PartitionRead
from processors.audit.tree import root_of_blocks

LAYOUT: Final = 1
HASH_DIGITS: Final = 64
BYTES_MAX: Final = 16 * 1024 * 1024


class CheckpointUnreadable(Exception):  # noqa: N818 - a condition, not a fault of the program
    """The file is no checkpoint, or not whole; the message names file and field."""


@dataclass(frozen=True, slots=True)
class PartitionHead:
    """So many records, and the tree over them: its blocks, each of 2 to the power of `level` records, and the peaks of the rest."""

    partition: int
    count: int
    last_offset: int
    level: int
    blocks: tuple[bytes, ...]
    rest: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The hash that stands for all of them."""
        return root_of_blocks(self.blocks, self.rest)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The heads of all partitions of the journal."""

    heads: tuple[PartitionHead, ...]
    name: str = "checkpoint"

    def marks(self) -> dict[int, Mark]:
        """Where the tree of each partition must be looked at."""
        return {head.partition: Mark(head.level, head.count) for head in self.heads}

    def document(self) -> dict[str, Any]:
        """The document; `sha256` is of its other fields, as `canonical` writes them."""
        told: dict[str, Any] = {
            "multichannel_checkpoint": LAYOUT,
            "topic": JOURNAL,
            "partitions": [
                {
                    "partition": head.partition,
                    "count": head.count,
                    "last_offset": head.last_offset,
                    "root": head.root.hex(),
                    "block_records": 1 << head.level,
                    "blocks": [block.hex() for block in head.blocks],
                    "rest": [peak.hex() for peak in head.rest],
                }
                for head in self.heads
            ],
        }
        return {**told, "sha256": hashlib.sha256(canonical(told)).hexdigest()}


def canonical(told: dict[str, Any]) -> bytes:
    """JSON in one form: names sorted, nothing between."""
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def checkpoint_of(read: Mapping[tuple[str, int], PartitionRead], partitions: tuple[int, ...]) -> Checkpoint:
    """What was read, as a checkpoint; a partition in which nothing stands is told too."""
    heads = []
    for partition in partitions:
        found = read.get((JOURNAL, partition), PartitionRead())
        tree = found.tree
        rest = tuple(tree.peaks[len(tree.peaks) - (tree.count & (1 << tree.level) - 1).bit_count() :])
        heads.append(PartitionHead(partition, tree.count, found.last_offset, tree.level, tuple(tree.blocks), rest))
    return Checkpoint(tuple(heads))


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file; CheckpointUnreadable names the field."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise CheckpointUnreadable(f"{path}: more than {BYTES_MAX:,} bytes are no checkpoint")
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointUnreadable(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise CheckpointUnreadable(f"{path}: is not JSON") from None
    try:
        return _read(told, str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointUnreadable(f"{path}: is no checkpoint: {error}") from None


def _read(told: Any, name: str) -> Checkpoint:  # noqa: ANN401 - raw JSON
    if not isinstance(told, dict) or told.get("multichannel_checkpoint") != LAYOUT or told.get("topic") != JOURNAL:
        raise ValueError(f'expected an object with "multichannel_checkpoint": {LAYOUT} and "topic": "{JOURNAL}"')
    rest = {key: value for key, value in told.items() if key != "sha256"}
    if hashlib.sha256(canonical(rest)).hexdigest() != told.get("sha256"):
        raise ValueError("sha256: is not that of the other fields; the file was altered or cut off")
    heads = []
    for number, each in enumerate(told["partitions"]):
        count, block_records = int(each["count"]), int(each["block_records"])
        level = block_records.bit_length() - 1
        blocks = tuple(bytes.fromhex(one) for one in each["blocks"])
        peaks = tuple(bytes.fromhex(one) for one in each["rest"])
        head = PartitionHead(int(each["partition"]), count, int(each["last_offset"]), level, blocks, peaks)
        fits = block_records == 1 << level and len(blocks) == count >> level and len(peaks) == (count & block_records - 1).bit_count()
        if not fits or head.root.hex() != each["root"]:
            raise ValueError(f"partitions[{number}]: count, blocks and root do not belong together")
        heads.append(head)
    return Checkpoint(tuple(heads), name)


def compare(checkpoint: Checkpoint, read: Mapping[tuple[str, int], PartitionRead], damaged: Mapping[int, int]) -> list[Finding]:
    """Whether all that was there is there still; `damaged`: how much damage in each partition is named already, and explains the rest."""
    findings = []
    for head in checkpoint.heads:
        found = read.get((JOURNAL, head.partition), PartitionRead())
        if found.root_then == head.root or not head.count or damaged.get(head.partition):
            continue
        pairs = zip(head.blocks, found.tree.blocks, strict=False)
        differs = next((number for number, (then, now) in enumerate(pairs) if then != now), None)
        if differs is None and found.tree.count < head.count:
            text = f"{checkpoint.name} knows {head.count:,} records up to offset {head.last_offset}, here are {found.tree.count:,}"
            findings.append(_finding(Damage.CUT_OFF_TAIL, head.partition, found.last_offset, text))
            continue
        size = 1 << head.level
        first = (len(head.blocks) if differs is None else differs) * size + 1
        last = min(first + size - 1, head.count)
        which = f"record {first:,} is" if first == last else f"the first difference is among the records {first:,} to {last:,}: they are"
        text = f"{which} not what {checkpoint.name} knows"
        findings.append(_finding(Damage.REWRITTEN_HISTORY, head.partition, found.first_offset, text))
    return findings


def _finding(damage: Damage, partition: int, offset: int, message: str) -> Finding:
    return Finding(
        damage=damage,
        place=f"{JOURNAL} {partition}/{offset}" if offset >= 0 else f"{JOURNAL} {partition}",
        topic=JOURNAL,
        partition=partition,
        offset=offset,
        customer_tenant_id=None,
        entry=None,
        decision_id=None,
        message=message,
    )
