"""Which semantics does this core have? The number goes up when a corrected rule can change an answer; journal entries carry it."""

from __future__ import annotations

from typing import Final

REVISION: Final = 1
