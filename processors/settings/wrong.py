"""What is wrong with a setting, said so that a person can mend it: where it stands, what was found, what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class WrongSetting:
    """One complaint; `found` never holds a secret."""

    name: str
    found: str
    wanted: str
    place: str = ""

    def __str__(self) -> str:
        """One line: place (or name), found, wanted."""
        return f"{self.place or self.name}: found {self.found}, wanted {self.wanted}"


class SettingsError(Exception):
    """The settings cannot be used; nothing was started. End with exit code 78 and print the message, which is complete."""

    def __init__(self, complaints: Sequence[WrongSetting]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n  ".join(("wrong settings:", *map(str, self.complaints))))


class ContradictionError(ValueError):
    """Settings that are each well formed and together are not; raised while the model is built."""

    def __init__(self, complaints: Sequence[WrongSetting]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("; ".join(map(str, complaints)))
