"""From when on can licences be transferred? What the command line says, else what is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from processors.cli.parameters import OFF

if TYPE_CHECKING:
    from processors.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def licence_transfer_start(settings: Settings, told: int | str | None = None) -> int | None:
    """The start of policy version 2024-Q2 in microseconds, None where it is switched off; `told` is an instant, OFF, or None for as set."""
    if isinstance(told, int):
        return told
    if told == OFF or settings.licence_transfer_from is None:
        return None
    return (settings.licence_transfer_from - _EPOCH) // timedelta(microseconds=1)
