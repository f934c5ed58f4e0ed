"""Do both stores keep the same promises, and is a damaged one noticed and rebuilt?"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processors.engine import ExitCode
from processors.engine.faults import Failpoint
from processors.engine.rocks import CHECKPOINT_KEY, DAMAGED, RocksStore
from processors.engine.store import Checkpoint, MemoryStore, StateStore, StoreDamagedError
from tests.engine.conftest import Topics
from tests.engine.job import QUICK, Running, build, problems, quiet, worker

HERE = Checkpoint(41, "lineage")


def rocks(path: Path) -> RocksStore:
    return RocksStore(path / "0", age_seconds_max=3_600)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    return MemoryStore() if request.param == "memory" else rocks(tmp_path)


def test_rows_are_visible_when_staged_and_stay_when_committed(store: StateStore) -> None:
    rows: list[tuple[bytes, bytes | None]] = [(b"x", b"1"), (b"y", b"2")]
    store.stage(rows)
    assert (store.get(b"x"), store.get(b"z")) == (b"1", None)
    store.commit(rows, HERE)
    store.stage([(b"x", None)])
    assert store.get(b"x") is None
    store.commit([(b"x", None)], HERE)
    assert dict(store.items()) == {b"y": b"2"}
    store.close()


def test_a_batch_behind_is_not_hidden_by_the_commit_of_the_one_before(store: StateStore) -> None:
    store.stage([(b"x", b"1")])
    store.stage([(b"x", b"2")])
    store.commit([(b"x", b"1")], HERE)
    assert store.get(b"x") == b"2"
    store.commit([(b"x", b"2")], HERE)
    assert store.get(b"x") == b"2"
    store.close()


def test_a_loaded_slice_deletes_too(store: StateStore) -> None:
    store.load([(b"x", b"1"), (b"y", b"1")], None)
    store.load([(b"x", None)], HERE)
    assert dict(store.items()) == {b"y": b"1"}
    store.clear()
    assert dict(store.items()) == {}
    store.close()


def test_memory_counts_its_bytes() -> None:
    store = MemoryStore()
    store.stage([(b"key", b"value"), (b"k", b"v")])
    store.stage([(b"key", b"v"), (b"k", None)])
    assert (store.row_count(), store.size_bytes()) == (1, 4)


def test_on_disk_only_what_was_committed_survives_with_its_checkpoint(tmp_path: Path) -> None:
    store = rocks(tmp_path)
    assert store.checkpoint() is None
    store.stage([(b"x", b"1")])
    store.commit([(b"x", b"1")], HERE)
    store.stage([(b"x", b"2")])
    store.close()
    again = rocks(tmp_path)
    assert again.get(b"x") == b"1"
    assert again.checkpoint() == HERE
    assert dict(again.items()) == {b"x": b"1"}
    again.close()


def test_a_store_that_is_too_old_to_have_seen_all_deletions_is_not_trusted(tmp_path: Path) -> None:
    store = rocks(tmp_path)
    store._db.put(CHECKPOINT_KEY, json.dumps([41, "lineage", time.time() - 3_601]).encode())
    assert store.checkpoint() is None
    store._db.put(CHECKPOINT_KEY, b"nonsense")
    assert store.checkpoint() is None
    store.close()


def ruin_manifest(path: Path) -> None:
    for file in (path / "0" / "rows").glob("MANIFEST*"):
        file.write_bytes(b"nonsense")


def ruin_current(path: Path) -> None:
    (path / "0" / "rows" / "CURRENT").write_bytes(b"nonsense\n")


def mark(path: Path) -> None:
    (path / "0" / DAMAGED).touch()


@pytest.mark.parametrize("ruin", [ruin_manifest, ruin_current, mark])
def test_a_damaged_store_begins_anew(tmp_path: Path, ruin: Callable[[Path], None]) -> None:
    store = rocks(tmp_path)
    store.commit([(b"x", b"1")], HERE)
    store.close()
    ruin(tmp_path)
    again = rocks(tmp_path)
    assert again.get(b"x") is None
    assert again.checkpoint() is None
    again.close()


def test_a_store_that_breaks_while_it_runs_is_marked_for_the_next_start(tmp_path: Path) -> None:
    store = rocks(tmp_path)
    real = store._db

    class Broken:
        def get(self, key: bytes) -> bytes:
            raise OSError("input/output error")

    store._db = Broken()
    with pytest.raises(StoreDamagedError, match="input/output error"):
        store.get(b"x")
    real.close()
    assert (tmp_path / "0" / DAMAGED).exists()


def on_disk(path: Path, **options: Any) -> Any:
    return dataclasses.replace(QUICK, store="rocksdb", store_directory=path, instance_id="one", **options)


@pytest.fixture
async def ready(topics: Topics) -> Topics:
    await topics.make_all()
    return topics


@pytest.mark.parametrize("failpoint", [Failpoint.COMMIT_PRODUCED, Failpoint.COMMIT_ENDED, Failpoint.COMMIT_APPLIED])
async def test_kill_minus_nine_leaves_the_disk_no_further_than_the_changelog(ready: Topics, tmp_path: Path, failpoint: Failpoint) -> None:
    await ready.send("a", 200)
    process = await worker(ready, f"kill={failpoint}:4", "batch=20", "instance=one", f"store={tmp_path}")
    assert await process.wait() == -9
    async with Running(build(ready, settings=on_disk(tmp_path))):
        await quiet(ready, 200)
    assert await problems(ready) == []


@pytest.mark.parametrize("loss", ["nothing", "deleted", "truncated", "other lineage"])
async def test_a_restart_reads_only_what_is_new_and_rebuilds_what_is_lost(ready: Topics, tmp_path: Path, loss: str) -> None:
    settings = on_disk(tmp_path, batch_records_max=20)
    await ready.send("a", 200)
    async with Running(build(ready, settings=settings)) as pipeline:
        await quiet(ready, 200)
        written = pipeline.figures.rows_written
    folder = tmp_path / ready.group
    if loss == "deleted":
        shutil.rmtree(folder)
    elif loss == "truncated":
        for file in [*folder.rglob("*.log"), *folder.rglob("*.sst")]:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif loss == "other lineage":
        for number in (0, 1):
            store = RocksStore(folder / str(number), age_seconds_max=3_600)
            there = store.checkpoint()
            assert there is not None
            store.commit([(b"k0", b"999"), (b"k1", b"999")], Checkpoint(there.offset, "another"))
            store.close()
    await ready.send("a", 100, start=200)
    async with Running(build(ready, settings=settings)) as pipeline:
        await quiet(ready, 300)
        restored = pipeline.figures.restored_records
    assert await problems(ready) == []
    if loss == "nothing":
        assert restored == 2  # the last marker of each partition, which proves the lineage
    elif loss == "deleted":
        assert restored > written


async def test_two_processes_on_one_directory_are_refused(ready: Topics, tmp_path: Path) -> None:
    other = RocksStore(tmp_path / ready.group / "0", age_seconds_max=3_600)
    process = await worker(ready, f"store={tmp_path}")
    assert await asyncio.wait_for(process.wait(), 60) == ExitCode.FAILED
    other.close()
