"""Which one hash stands for all records of a partition so far? The Merkle tree hash of RFC 6962, section 2.1, made as records come.

A *peak* is the root of a whole subtree; the peaks of n leaves have the sizes of n's binary digits, largest first. They are all that has to
be kept to go on. *Blocks* are the whole subtrees of one size, 2 to the power of `level`: they tell where a difference lies.

A leaf is a record of the journal: 1 byte whether it has a timestamp, 8 bytes timestamp (microseconds, signed), then key and value, each
as 4 bytes of length (0xffffffff: none) and its bytes; numbers most significant first. The offset is no part: a copy of the topic to
another cluster has others.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from processors.audit.entries import Record

BLOCKS_MAX: Final = 128
_HEAD: Final = struct.Struct(">?q")
_LENGTH: Final = struct.Struct(">I")
_NONE: Final = _LENGTH.pack(0xFFFFFFFF)
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_of(record: Record) -> bytes:
    """The bytes of a record that the tree is made over."""
    parts = [_HEAD.pack(record.timestamp is not None, record.timestamp or 0)]
    for part in (record.key, record.value):
        parts += [_NONE] if part is None else [_LENGTH.pack(len(part)), part]
    return b"".join(parts)


@dataclass(slots=True)
class Tree:
    """The tree over the leaves appended so far. Without a `fixed` level blocks grow so that there are at most BLOCKS_MAX."""

    fixed: bool = False
    level: int = 0
    count: int = 0
    peaks: list[bytes] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """One more leaf."""
        peak = hashlib.sha256(_LEAF + leaf).digest()
        level, count = 0, self.count
        if self.level == 0:
            self.blocks.append(peak)
        while count & 1:
            peak = _joined(self.peaks.pop(), peak)
            count >>= 1
            level += 1
            if level == self.level:
                self.blocks.append(peak)
        self.peaks.append(peak)
        self.count += 1
        if len(self.blocks) > BLOCKS_MAX and not self.fixed:
            self.level += 1
            self.blocks = [_joined(*pair) for pair in zip(self.blocks[::2], self.blocks[1::2], strict=False)]

    @property
    def root(self) -> bytes:
        """RFC 6962's MTH; SHA-256 of nothing where there are no leaves."""
        return root_of(self.peaks)


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The tree hash over peaks, largest first."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = _joined(peak, root)
    return root


def root_of_blocks(blocks: Sequence[bytes], rest: Sequence[bytes]) -> bytes:
    """The tree hash over whole blocks and the peaks of what is behind the last of them."""
    peaks: list[bytes] = []
    for number, block in enumerate(blocks):
        peak = block
        while number & 1:
            peak = _joined(peaks.pop(), peak)
            number >>= 1  # noqa: PLW2901 - the digits of the count
        peaks.append(peak)
    return root_of([*peaks, *rest])
