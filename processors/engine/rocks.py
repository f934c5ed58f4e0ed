"""How does a partition's state survive a restart on disk?

One RocksDB per partition. The rows of a batch and the checkpoint are written together, once the transaction was acknowledged: after kill -9
the store holds what the changelog held at its checkpoint, and the restore reads only what came later. A store that cannot be opened or read
or that is too old to have seen all deletions, is thrown away and rebuilt: the changelog is the truth.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processors.engine.failstop import StartRefusedError
from processors.engine.marker import RESERVED
from processors.engine.store import Checkpoint, MemoryStore, Row, StateStore, StoreDamagedError
from processors.engine.wiring import Wiring

logger = logging.getLogger(__name__)

CHECKPOINT_KEY = RESERVED + b"checkpoint"
DAMAGED = "damaged"
"""A file beside the database: throw it away at the next opening."""


def open_store(wiring: Wiring, number: int) -> StateStore:
    """Open the store that the settings ask for."""
    settings = wiring.settings
    if settings.store == "memory" or settings.store_directory is None:
        return MemoryStore()
    return RocksStore(settings.store_directory / wiring.application / str(number), age_seconds_max=settings.store_age_seconds_max)


class RocksStore:
    """Rows of one partition in a RocksDB of its own. Another process on the same directory is refused by RocksDB's lock."""

    def __init__(self, path: Path, *, age_seconds_max: float) -> None:
        """Open, or throw away and begin empty if the database says it is damaged."""
        try:
            import rocksdict
        except ImportError as error:
            raise StartRefusedError("store 'rocksdb' needs the package rocksdict: install the extra 'rocksdb'") from error
        self._rocksdict = rocksdict
        self._path = path
        self._age_seconds_max = age_seconds_max
        self._pending: dict[bytes, tuple[int, bytes | None]] = {}
        self._batch_number = 0
        self._oldest_pending = 1
        self._db = self._open()

    def get(self, key: bytes) -> bytes | None:
        """Return the newest value; what is staged hides what is on disk."""
        pending = self._pending.get(key)
        if pending is not None:
            return pending[1]
        with self._damage():
            value: bytes | None = self._db.get(key)
        return value

    def stage(self, rows: Sequence[Row]) -> None:
        """Keep a batch's rows in memory until its transaction is acknowledged."""
        self._batch_number += 1
        for key, value in rows:
            self._pending[key] = (self._batch_number, value)

    def commit(self, rows: Sequence[Row], checkpoint: Checkpoint) -> None:
        """Write the rows of the oldest staged batch and the checkpoint in one write."""
        self._write(rows, checkpoint)
        number = self._oldest_pending
        self._oldest_pending += 1
        for key, _ in rows:
            pending = self._pending.get(key)
            if pending is not None and pending[0] <= number:
                del self._pending[key]

    def load(self, rows: Sequence[Row], checkpoint: Checkpoint | None) -> None:
        """Write a slice of the changelog."""
        self._write(rows, checkpoint)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate the rows on disk; nothing may be staged."""
        with self._damage():
            for key, value in self._db.items():
                if not key.startswith(RESERVED):
                    yield key, value

    def checkpoint(self) -> Checkpoint | None:
        """Return how far the store is, None if it is new or too old to be trusted."""
        with self._damage():
            data = self._db.get(CHECKPOINT_KEY)
        if data is None:
            return None
        try:
            offset, lineage, written = json.loads(data)
            age = time.time() - float(written)
            found = Checkpoint(int(offset), str(lineage))
        except (ValueError, TypeError):
            logger.warning("%s: the checkpoint is not readable, rebuilding", self._path)
            return None
        if age > self._age_seconds_max:
            logger.warning("%s: last written %.0f s ago, rebuilding", self._path, age)
            return None
        return found

    def clear(self) -> None:
        """Throw the database away and begin a new one."""
        self._db.close()
        shutil.rmtree(self._path, ignore_errors=True)
        self._pending.clear()
        self._db = self._open()

    def close(self) -> None:
        """Close the database; staged rows that were not committed are forgotten."""
        self._pending.clear()
        self._db.close()

    def row_count(self) -> int:
        """Return RocksDB's estimate."""
        return self._property("rocksdb.estimate-num-keys")

    def size_bytes(self) -> int:
        """Return the bytes of the tables on disk and in memory."""
        return self._property("rocksdb.total-sst-files-size") + self._property("rocksdb.cur-size-all-mem-tables")

    def _property(self, name: str) -> int:
        with self._damage():
            value: int | None = self._db.property_int_value(name)
        return value or 0

    def _write(self, rows: Sequence[Row], checkpoint: Checkpoint | None) -> None:
        batch = self._rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if checkpoint is not None:
            batch.put(CHECKPOINT_KEY, json.dumps([checkpoint.offset, checkpoint.lineage, time.time()]).encode())
        with self._damage():
            self._db.write(batch)

    def _open(self) -> Any:  # noqa: ANN401 rocksdict has no types
        if (self._path / DAMAGED).exists():
            logger.warning("%s is marked as damaged, rebuilding", self._path)
            shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(parents=True, exist_ok=True)
        try:
            return self._rocksdict.Rdict(str(self._path / "rows"), self._options())
        except Exception as error:  # rocksdict raises bare Exception
            if "lock" in str(error).lower():
                raise
            logger.warning("%s cannot be opened, rebuilding: %s", self._path, error)
            shutil.rmtree(self._path, ignore_errors=True)
            self._path.mkdir(parents=True, exist_ok=True)
            return self._rocksdict.Rdict(str(self._path / "rows"), self._options())

    def _options(self) -> Any:  # noqa: ANN401 rocksdict has no types
        options = self._rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_paranoid_checks(True)
        return options

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Turn any error of the database into a mark for the next opening and an exception that ends the process."""
        try:
            yield
        except Exception as error:  # rocksdict raises bare Exception
            (self._path / DAMAGED).touch()
            raise StoreDamagedError(f"{self._path}: {error}") from error
