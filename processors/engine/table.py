"""How does a Faust table read and write inside a batch?

``table[key]`` sees what the batch staged, then decoded rows kept in memory, then the store's bytes, decoded on first use. ``table[key] =
value`` and ``del table[key]`` stage; each changed key is encoded once, when the batch is left. Changing a value in place changes nothing
durable: set it. Outside of a batch a table can be neither read nor written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

import faust
from faust.exceptions import ImproperlyConfigured

from processors.engine.batch import ABSENT, Batch, BatchMisuseError, current_batch

K = TypeVar("K")
V = TypeVar("V")


class StagedTable(faust.Table[K, V]):
    """A Faust table whose rows live in the engine's stores and whose changes travel in the batch's transaction."""

    def __getitem__(self, key: K) -> V:
        """Return the value; ``default`` or KeyError if there is none."""
        value = self._lookup(key)
        if value is ABSENT:
            return self.__missing__(key)
        return value  # type: ignore[return-value]

    def get(self, key: K, default: Any = None) -> Any:  # noqa: ANN401 as Mapping.get, any default
        """Return the value or ``default``; never makes a row."""
        value = self._lookup(key)
        return default if value is ABSENT else value

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a row."""
        return self._lookup(key) is not ABSENT

    def __setitem__(self, key: K, value: V) -> None:
        """Stage a value."""
        self._batch().change(key, value)

    def __delitem__(self, key: K) -> None:
        """Stage a deletion; KeyError if there is no row."""
        if self._lookup(key) is ABSENT:
            raise KeyError(key)
        self._batch().change(key, ABSENT)

    def pop(self, key: K, *default: Any) -> Any:  # noqa: ANN401 as MutableMapping.pop
        """Stage a deletion and return what was there."""
        value = self._lookup(key)
        if value is ABSENT:
            if default:
                return default[0]
            raise KeyError(key)
        self._batch().change(key, ABSENT)
        return value

    def update(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 as dict.update
        """Stage several values."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __iter__(self) -> Iterator[K]:
        """Refuse: rows of other partitions are elsewhere, and a scan would block the worker."""
        self._refuse("iterated")

    def __len__(self) -> int:  # noqa: PLE0303 it never returns
        """Refuse, as iteration; the metric of rows counts them."""
        self._refuse("counted")

    def __bool__(self) -> bool:
        """Be true: a table is not judged by its length."""
        return True

    def keys(self) -> NoReturn:
        """Refuse, as iteration."""
        self._refuse("iterated")

    def values(self) -> NoReturn:
        """Refuse, as iteration."""
        self._refuse("iterated")

    def items(self) -> NoReturn:
        """Refuse, as iteration."""
        self._refuse("iterated")

    def clear(self) -> None:
        """Refuse: a table is emptied by deleting its rows or by the reset of docs/engine.md."""
        self._refuse("cleared")

    def using_window(self, *_: object, **__: object) -> NoReturn:
        """Refuse: windows are not part of the engine."""
        text = "windowed tables are not supported by the engine"
        raise ImproperlyConfigured(text)

    def __repr__(self) -> str:
        """Name the table without reading it."""
        return f"<{type(self).__name__}: {self.name}>"

    @staticmethod
    def _batch() -> Batch:
        batch = current_batch.get()
        if batch is None:
            text = "a table is read and written inside 'with batch:' only"
            raise BatchMisuseError(text)
        return batch

    def _lookup(self, key: object) -> object:
        return self._batch().row(key)

    def _refuse(self, verb: str) -> NoReturn:
        text = f"table {self.name!r} cannot be {verb}: a worker holds the rows of its own partitions only"
        raise BatchMisuseError(text)
