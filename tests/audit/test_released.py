"""Does what an earlier version wrote verify today, and are the bytes that hashes are taken over still the same?"""

from __future__ import annotations

import hashlib

import pytest

from processors.audit.checkpoint import checkpoint_of
from processors.audit.entries import JOURNAL, Record, entry_of
from processors.audit.folder_source import FolderSource
from processors.audit.tree import Tree, leaf_of, root_of_blocks
from processors.audit.verifying import Task, heads, verify
from processors.contract.chain import canonical_bytes
from tests.audit.conftest import RELEASED

# a file is added for each revision, and none is ever edited
DIGESTS = {"revision-1.tar.xz": "20e913eed891f14076e4b357a60852ae311206ac8033692f8ea6090e4f79b5f0"}
HEADS_OF_REVISION_1 = "21745d658fcbc29ca28676cae820add0fab82667400283280bb28360c4f1e952"
# the leaves and roots of the test vectors that implementations of RFC 6962 share
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_released_journals_are_frozen() -> None:
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in RELEASED.iterdir()} == DIGESTS


def test_a_journal_of_the_first_revision_verifies_with_everything_that_belongs_to_it(released_source: FolderSource) -> None:
    report = verify(Task(source=released_source, inputs=True))
    assert [str(finding) for finding in [*report.findings, *report.otherwise]] == []
    figures = report.figures
    assert (figures["customers"], figures["entries"], figures["decisions"], figures["view"]) == (49, 362, 508, 508)
    assert figures["decisions_recomputed"] == 508
    assert figures["inputs"] == 362
    assert figures["not_recomputed"] == figures["inputs_gone"] == 0


def test_the_heads_of_the_released_journal_are_pinned(released_source: FolderSource) -> None:
    made = checkpoint_of(heads(released_source, 1), released_source.partitions(JOURNAL))
    assert made.document()["sha256"] == HEADS_OF_REVISION_1


def test_canonical_bytes_of_released_entries_are_pinned(released_source: FolderSource) -> None:
    digest = hashlib.sha256()
    for record in released_source.records(JOURNAL):
        digest.update(canonical_bytes(entry_of(record).told))
    assert digest.hexdigest() == "962baa2876d37f03ffea8315960b3a0e99aa1cc49955b46e1911ebe616ebbd29"


def test_a_leaf_is_pinned() -> None:
    record = Record("customer-journal", 3, 17, 1_717_200_000_000_000, b"key", b"value", "")
    assert leaf_of(record).hex() == "01000619c8c8022000000000036b65790000000576616c7565"
    assert leaf_of(Record("customer-journal", 3, 18, None, None, b"", "")).hex() == "000000000000000000ffffffff00000000"


@pytest.mark.parametrize("count", range(9))
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
    tree = Tree()
    for leaf in LEAVES[:count]:
        tree.append(leaf)
    assert tree.root.hex() == ROOTS[count]


@pytest.mark.parametrize("count", [1, 127, 128, 129, 255, 256, 257, 1_000, 4_097])
def test_blocks_and_the_rest_lead_to_the_same_root(count: int) -> None:
    tree = Tree()
    for number in range(count):
        tree.append(b"%d" % number)
    fixed = Tree(fixed=True, level=tree.level)
    for number in range(count):
        fixed.append(b"%d" % number)
    rest = tree.peaks[len(tree.peaks) - (count % (1 << tree.level)).bit_count() :]
    assert len(tree.blocks) == count >> tree.level <= 128
    assert fixed.blocks == tree.blocks
    assert root_of_blocks(tree.blocks, rest) == tree.root == fixed.root
