"""Which values of the policy are in force at an instant? Dated versions and clouds as data (policy.md 6), read as timed values.

A version is the sum of the changes up to its start. Add one at the end of `CHANGES`; never edit one that was released.
`docs/adding-a-policy-version.md` shows how.
"""

from __future__ import annotations

import dataclasses
import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from processors.core.calendar import HOUR
from processors.core.conclusions import NextStepCode
from processors.core.markets import MARKETS
from processors.core.symbols import Cloud

Value = TypeVar("Value")

FOREVER: Final = 1 << 62
"""The bound of what never changes by time alone; later than any instant."""


def _utc(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True, slots=True)
class WindowLength:
    """How long after a term's start a new-commerce licence may be cancelled; `terms_from` None: for terms of any start."""

    length: int
    terms_from: int | None


@dataclass(frozen=True, slots=True)
class Values:
    """What a version says; the defaults are those of 2020-06. The names are the rows of the second table of policy.md 6."""

    azure_plan_transfer: bool = False
    legacy_azure_by_tool: bool = False
    azure_plan_needed: bool = False
    window_added: WindowLength | None = None  # belongs to the version that adds it; the next one does not inherit it
    relationship_carries_dap: bool = True
    request: NextStepCode = NextStepCode.REQUEST_DELEGATED_ADMIN
    licence_transfer: bool = False
    gdap_valid_for_ea: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """A version as released: its name, its start, and which values it changes."""

    name: str
    effective_from: int
    changes: Mapping[str, object]


LICENCE_TRANSFER_FROM: Final = _utc(2024, 6, 1)
"""UNCONFIRMED: a day between 2024-04-01 and 2024-06-19 (policy.md 6)."""
LICENCE_TRANSFER: Final = "2024-Q2"

CHANGES: Final = (
    Change("2020-06", _utc(2020, 6, 17), {"window_added": WindowLength(24 * HOUR, None)}),
    Change("2020-09b", _utc(2020, 9, 30), {"azure_plan_transfer": True}),
    Change("2021-07", _utc(2021, 7, 21), {"legacy_azure_by_tool": True, "azure_plan_needed": True}),
    Change("2021-10", _utc(2021, 10, 14), {"window_added": WindowLength(72 * HOUR, _utc(2021, 10, 14))}),
    Change("2022-03b", _utc(2022, 3, 19), {"window_added": WindowLength(168 * HOUR, _utc(2022, 3, 12))}),
    Change("2023-10a", _utc(2023, 10, 9), {"relationship_carries_dap": False, "request": NextStepCode.REQUEST_GDAP}),
    Change(LICENCE_TRANSFER, LICENCE_TRANSFER_FROM, {"licence_transfer": True, "gdap_valid_for_ea": False}),
)


@dataclass(frozen=True, slots=True)
class CloudSwitches:
    """What differs by cloud (policy.md 6.1); None is the document's dash, where consent is read as in PUBLIC."""

    covered: bool
    manual_review: bool | None  # every open answer (S2)
    own_azure_without_admin_consent: bool | None  # L2
    gdap_exists: bool | None
    dap_always_carried_and_asked_for: bool | None  # False: by version
    transfer_tool: bool | None  # True: by version


CLOUDS: Final[Mapping[Cloud, CloudSwitches]] = MappingProxyType(
    {
        Cloud.PUBLIC: CloudSwitches(True, False, True, True, False, True),
        Cloud.US_GOVERNMENT: CloudSwitches(True, True, False, False, True, False),
        Cloud.CHINA_21VIANET: CloudSwitches(False, None, None, None, None, None),
        Cloud.GERMANY: CloudSwitches(False, None, None, None, None, None),
    }
)


_PUBLIC: Final = Cloud.PUBLIC
_ALWAYS_DELEGATED_ADMIN: Final = NextStepCode.REQUEST_DELEGATED_ADMIN, FOREVER
_NO_CLOUD: Final = CloudSwitches(False, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Version:
    """A version with all its values, in force from `effective_from` until the next one begins."""

    name: str
    effective_from: int
    values: Values


class Dated(Generic[Value]):
    """A value that changes at known instants; before the first one the first value holds."""

    __slots__ = ("_answers", "_changes", "_last", "_last_change")

    def __init__(self, starts: tuple[int, ...], values: tuple[Value, ...]) -> None:
        self._changes = starts[1:]
        self._answers = tuple(zip(values, (*self._changes, FOREVER), strict=True))
        self._last = self._answers[-1]
        self._last_change = starts[-1]

    def at(self, instant: int) -> tuple[Value, int]:
        """The value at the instant, and until when it holds."""
        if instant >= self._last_change:  # nearly always: spared a search
            return self._last
        return self._answers[bisect_right(self._changes, instant)]


def released(licence_transfer_from: int | None = LICENCE_TRANSFER_FROM) -> tuple[Change, ...]:
    """What the released versions change; 2024-Q2 from the given instant, or left out where that is None."""
    changes = []
    for change in CHANGES:
        if change.name != LICENCE_TRANSFER:
            changes.append(change)
        elif licence_transfer_from is not None:
            changes.append(dataclasses.replace(change, effective_from=licence_transfer_from))
    return tuple(changes)


class Policy:
    """Versions in the order of their start, and the clouds; every dated value answers (value, until)."""

    __slots__ = (
        "_consent_clouds",
        "_versions_dated",
        "azure_plan_needed",
        "azure_plan_transfer",
        "before_first",
        "clouds",
        "fingerprint",
        "gdap_valid_for_ea",
        "legacy_azure_by_tool",
        "licence_transfer",
        "relationship_carries_dap",
        "request",
        "versions",
        "windows",
    )

    def __init__(self, changes: tuple[Change, ...], clouds: Mapping[Cloud, CloudSwitches] = CLOUDS) -> None:
        values = Values()
        versions: list[Version] = []
        for change in sorted(changes, key=lambda change: change.effective_from):
            values = dataclasses.replace(values, **{"window_added": None, **change.changes})  # type: ignore[arg-type]
            versions.append(Version(change.name, change.effective_from, values))
        if not versions or versions[0].name != changes[0].name:
            raise ValueError(
                f"policy version {versions[0].name if versions else '-'} must not begin before the first one, {changes[0].name}"
            )
        self.versions = tuple(versions)
        self.clouds = clouds
        self._consent_clouds: dict[Cloud | None, Cloud] = {cloud: cloud for cloud in clouds if clouds[cloud].gdap_exists is not None}
        self._versions_dated = Dated(tuple(version.effective_from for version in versions), self.versions)
        self.before_first: Dated[bool] = Dated((-FOREVER, versions[0].effective_from), (True, False))
        self.azure_plan_transfer: Dated[bool] = self._dated("azure_plan_transfer")
        self.legacy_azure_by_tool: Dated[bool] = self._dated("legacy_azure_by_tool")
        self.azure_plan_needed: Dated[bool] = self._dated("azure_plan_needed")
        self.relationship_carries_dap: Dated[bool] = self._dated("relationship_carries_dap")
        self.request: Dated[NextStepCode] = self._dated("request")
        self.licence_transfer: Dated[bool] = self._dated("licence_transfer")
        self.gdap_valid_for_ea: Dated[bool] = self._dated("gdap_valid_for_ea")
        self.windows = tuple(
            (version.effective_from, version.values.window_added.length, version.values.window_added.terms_from)
            for version in versions
            if version.values.window_added is not None
        )
        self.fingerprint = hashlib.sha256(self.canonical_text().encode()).hexdigest()

    @classmethod
    def shipped(cls, licence_transfer_from: int | None = LICENCE_TRANSFER_FROM) -> Policy:
        """The released versions; 2024-Q2 from the given instant, or left out where that is None."""
        return cls(released(licence_transfer_from))

    def version_at(self, instant: int) -> Version:
        """The version in force at the instant; before the first one the first one."""
        return self._versions_dated.at(instant)[0]

    def window_length(self, term_start: int, instant: int) -> tuple[int | None, int]:
        """Length of the cancellation window of a term, and until when this length holds (policy.md 5.3)."""
        length: int | None = None
        for position, (start, added, terms_from) in enumerate(self.windows):
            if terms_from is not None and terms_from > term_start:
                continue
            if start > instant and position > 0:
                return length, start
            length = added
        return length, FOREVER

    def switches(self, cloud: Cloud | None) -> CloudSwitches:
        """What differs in a cloud; one that is not told or cannot be read has nothing."""
        return self.clouds.get(cloud, _NO_CLOUD) if cloud is not None else _NO_CLOUD

    def consent_cloud(self, cloud: Cloud | None) -> Cloud:
        """The cloud in which a consent position is read: PUBLIC where the cloud is not told, not readable or has a dash."""
        return self._consent_clouds.get(cloud, _PUBLIC)

    def carries_dap(self, cloud: Cloud, instant: int) -> tuple[bool, int]:
        """Whether a relationship carries DAP in a consent cloud."""
        return (True, FOREVER) if self.clouds[cloud].dap_always_carried_and_asked_for else self.relationship_carries_dap.at(instant)

    def request_in(self, cloud: Cloud, instant: int) -> tuple[NextStepCode, int]:
        """REQUEST (policy.md 5.5) in a consent cloud."""
        if self.clouds[cloud].dap_always_carried_and_asked_for:
            return _ALWAYS_DELEGATED_ADMIN
        return self.request.at(instant)

    def canonical_text(self) -> str:
        """What the fingerprint is taken over: versions with all values, clouds and markets, a line each."""
        lines = [f"{version.name} from {version.effective_from}: {version.values!r}" for version in self.versions]
        lines += [f"{cloud}: {switches!r}" for cloud, switches in self.clouds.items()]
        lines += [f"{market}: {' '.join(countries)}" for market, countries in MARKETS.items()]
        return "\n".join(lines)

    def _dated(self, name: str) -> Dated[Value]:
        """The value `name` over all versions; versions that leave it as it was make no bound."""
        starts: list[int] = []
        values: list[Value] = []
        for version in self.versions:
            value: Value = getattr(version.values, name)
            if not values or value != values[-1]:
                starts.append(version.effective_from)
                values.append(value)
        return Dated(tuple(starts), tuple(values))
