"""Which policy version is in force, and what does it say (policy.md 6)?"""

from __future__ import annotations

from typing import NamedTuple

from tests.reference.instants import HOUR, read_instant

GDAP_OFFERED = "GDAP"
DAP_OFFERED = "DAP"


class Version(NamedTuple):
    """One column of the table of values."""

    name: str
    effective_from: int
    azure_plan_transfer: bool
    legacy_azure_by_tool: bool
    azure_plan_needed: bool
    relationship_carries_dap: bool
    request: str
    licence_transfer: bool
    gdap_valid_for_ea: bool


class Window(NamedTuple):
    """One length of the cancellation window: from when on it is applied, and to which terms."""

    length: int
    start: int
    terms_from: int | None


SHIPPED_LICENCE_TRANSFER_FROM = read_instant("2024-06-01T00:00:00Z")

WINDOWS = (
    Window(24 * HOUR, read_instant("2020-06-17T00:00:00Z"), None),
    Window(72 * HOUR, read_instant("2021-10-14T00:00:00Z"), read_instant("2021-10-14T00:00:00Z")),
    Window(168 * HOUR, read_instant("2022-03-19T00:00:00Z"), read_instant("2022-03-12T00:00:00Z")),
)


class Policy:
    """All versions, with the licence transfer at `licence_transfer_from` or (None) switched off."""

    def __init__(self, licence_transfer_from: int | None = SHIPPED_LICENCE_TRANSFER_FROM) -> None:
        """Put the configurable version in or leave it out."""
        #                                                            plan   legacy needed carries request       licence GDAP for EA
        columns = [
            Version("2020-06", read_instant("2020-06-17T00:00:00Z"), False, False, False, True, DAP_OFFERED, False, True),
            Version("2020-09b", read_instant("2020-09-30T00:00:00Z"), True, False, False, True, DAP_OFFERED, False, True),
            Version("2021-07", read_instant("2021-07-21T00:00:00Z"), True, True, True, True, DAP_OFFERED, False, True),
            Version("2021-10", read_instant("2021-10-14T00:00:00Z"), True, True, True, True, DAP_OFFERED, False, True),
            Version("2022-03b", read_instant("2022-03-19T00:00:00Z"), True, True, True, True, DAP_OFFERED, False, True),
            Version("2023-10a", read_instant("2023-10-09T00:00:00Z"), True, True, True, False, GDAP_OFFERED, False, True),
        ]
        if licence_transfer_from is not None:
            columns.append(Version("2024-Q2", licence_transfer_from, True, True, True, False, GDAP_OFFERED, True, False))
        self.versions = sorted(columns, key=lambda version: version.effective_from)

    def before_first(self, instant: int) -> bool:
        """Whether no version is in force yet (the first one is applied then)."""
        return instant < self.versions[0].effective_from

    def at(self, instant: int) -> Version:
        """The last version with effective_from <= instant; before the first one the first."""
        begun = [version for version in self.versions if version.effective_from <= instant]
        return begun[-1] if begun else self.versions[0]

    def window_length(self, instant: int, term_started_at: int) -> int:
        """The last length (by start) that has begun at `instant` and covers a term begun at `term_started_at` (5.3)."""
        begun = [window for window in WINDOWS if window.start <= instant or window is WINDOWS[0]]
        return [window for window in begun if window.terms_from is None or window.terms_from <= term_started_at][-1].length

    # -- the clouds of 6.1 -------------------------------------------------------------------------------------------

    def relationship_carries_dap(self, cloud: str | None, instant: int) -> bool:
        """US Government: always; elsewhere, and where not told, by version as in PUBLIC."""
        return cloud == "US_GOVERNMENT" or self.at(instant).relationship_carries_dap

    def request(self, cloud: str | None, instant: int) -> str:
        """Which admin consent is asked for: DAP or GDAP."""
        return DAP_OFFERED if cloud == "US_GOVERNMENT" else self.at(instant).request

    @staticmethod
    def gdap_exists(cloud: str | None) -> bool:
        """Whether GDAP is looked at in this cloud."""
        return cloud != "US_GOVERNMENT"

    @staticmethod
    def covered(cloud: str | None) -> bool:
        """Whether the programme covers this cloud."""
        return cloud in {"PUBLIC", "US_GOVERNMENT"}
