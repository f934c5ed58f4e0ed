"""What does a draft of the policy say? A TOML file of versions and clouds, in the words of `processors/core/policy.py`, read strictly.

    [[version]]
    name = "2027-03"
    effective_from = 2027-03-01T00:00:00Z
    changes.licence_transfer = false
    changes.request = "REQUEST_GDAP"
    changes.window_added = { length = "P10D", terms_from = 2027-02-01T00:00:00Z }

    [clouds.US_GOVERNMENT]
    transfer_tool = true

A value that a version does not name stays as the versions before left it, a switch that a cloud does not name as it is shipped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from processors.codec import nearest
from processors.codec.instants import read_instant
from processors.core.calendar import read_duration
from processors.core.conclusions import NextStepCode
from processors.core.policy import CHANGES, CLOUDS, Change, CloudSwitches, Values, WindowLength
from processors.core.symbols import Cloud

REQUESTS: Final = (NextStepCode.REQUEST_DELEGATED_ADMIN, NextStepCode.REQUEST_GDAP)
VALUES: Final = tuple(field.name for field in fields(Values))
SWITCHES: Final = tuple(field.name for field in fields(CloudSwitches))
_KINDS: Final = {
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a fraction",
    list: "a list",
    dict: "a table",
    date: "a day",
    datetime: "an instant",
}


class DraftInvalidError(ValueError):
    """The file is no draft of a policy; the message has a line for each thing at fault, with the row, the field and what was expected."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Versions to be added to the released ones, and the clouds as they would be."""

    versions: tuple[Change, ...]
    clouds: Mapping[Cloud, CloudSwitches]


class _Faults:
    """What is wrong, each with its place in the file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []

    def say(self, place: str, text: str) -> None:
        """One more."""
        self.lines.append(f"{self.name}: {place}: {text}")

    def expected(self, place: str, what: str, found: object) -> None:
        """One more: what was expected, and what was found."""
        shown = f" {found!r}" if isinstance(found, str | bool | int | float) and len(str(found)) <= 80 else ""
        if isinstance(found, date):  # an instant is one too
            shown = f" {found.isoformat()}"
        kind = _KINDS.get(type(found), "something else")
        self.say(place, f"expected {what}, found {kind}{shown}")

    def unknown(self, place: str, told: Mapping[str, object], known: tuple[str, ...]) -> None:
        """One more for each name that is not known, with the nearest."""
        for name in told:
            if name not in known:
                self.say(f"{place}.{name}" if place else name, f"is not known{nearest(name, known) or '; known are ' + ', '.join(known)}")


def read_draft(text: str, name: str) -> Draft:
    """The draft in the text of a file; `name` is what messages call it. DraftInvalidError where it is none."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DraftInvalidError(f"{name}: is not TOML: {error}") from None
    faults = _Faults(name)
    faults.unknown("", told, ("version", "clouds"))
    versions = _versions(told.get("version", []), faults)
    clouds = _clouds(told.get("clouds", {}), faults)
    if not faults.lines and not versions and clouds == CLOUDS:
        faults.say("version", "the draft changes nothing: expected a [[version]] or a table under [clouds]")
    if faults.lines:
        raise DraftInvalidError("\n".join(faults.lines))
    return Draft(versions, clouds)


def _versions(told: object, faults: _Faults) -> tuple[Change, ...]:
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        faults.expected("version", "tables written [[version]]", told)
        return ()
    names: set[str] = set()
    found = []
    for number, row in enumerate(told, 1):
        name = row.get("name")
        place = f"version {number} ({name!r})" if isinstance(name, str) else f"version {number}"
        faults.unknown(place, row, ("name", "effective_from", "changes"))
        if not isinstance(name, str) or not name.strip():
            faults.expected(f"{place}.name", "a name like '2027-03'", name) if "name" in row else faults.say(
                f"{place}.name", "must be told"
            )
            name = ""
        elif name in names or name in {change.name for change in CHANGES}:
            faults.say(f"{place}.name", "is taken: a draft needs a name of its own")
        names.add(name)
        start = _start(row, place, faults)
        changes = _changes(row.get("changes"), f"{place}.changes", faults)
        found.append(Change(name, start, MappingProxyType(changes)))
    return tuple(found)


def _start(row: Mapping[str, object], place: str, faults: _Faults) -> int:
    first = CHANGES[0]
    if "effective_from" not in row:
        faults.say(f"{place}.effective_from", "must be told")
        return first.effective_from
    start = _instant(row["effective_from"], f"{place}.effective_from", faults)
    if start is None:
        return first.effective_from
    if start < first.effective_from:
        faults.say(f"{place}.effective_from", f"must not lie before the first version, {first.name}")
    return start


def _changes(told: object, place: str, faults: _Faults) -> dict[str, object]:
    if not isinstance(told, dict) or not told:
        faults.say(place, f"must be a table that changes at least one of {', '.join(VALUES)}")
        return {}
    faults.unknown(place, told, VALUES)
    found: dict[str, object] = {}
    for name, value in told.items():
        if name in VALUES:
            found[name] = _READERS.get(name, _boolean)(value, f"{place}.{name}", faults)
    return found


def _boolean(value: object, place: str, faults: _Faults) -> object:
    if not isinstance(value, bool):
        faults.expected(place, "true or false", value)
    return value


def _request(value: object, place: str, faults: _Faults) -> object:
    if value not in REQUESTS:
        faults.expected(place, " or ".join(f"'{request}'" for request in REQUESTS), value)
        return REQUESTS[0]
    return NextStepCode(str(value))


def _window(value: object, place: str, faults: _Faults) -> object:
    if not isinstance(value, dict):
        faults.expected(place, 'a table like { length = "P7D", terms_from = 2022-03-12T00:00:00Z }', value)
        return None
    faults.unknown(place, value, ("length", "terms_from"))
    told = value.get("length")
    length = read_duration(told) if isinstance(told, str) else None
    if length is None or length.months or not length.length:
        faults.expected(f"{place}.length", "a duration in days or hours like 'P7D' or 'PT72H'", told)
        return None
    terms_from = None
    if "terms_from" in value:
        terms_from = _instant(value["terms_from"], f"{place}.terms_from", faults)
    return WindowLength(length.length, terms_from)


_READERS: Final[dict[str, Callable[[object, str, _Faults], object]]] = {"request": _request, "window_added": _window}


def _instant(value: object, place: str, faults: _Faults) -> int | None:
    text = value.isoformat() if isinstance(value, datetime) and value.tzinfo is not None else value
    instant = read_instant(text) if isinstance(text, str) else None
    if instant is None:
        faults.expected(place, "an instant with its zone like 2027-03-01T00:00:00Z", value)
    return instant


def _clouds(told: object, faults: _Faults) -> Mapping[Cloud, CloudSwitches]:
    if not isinstance(told, dict):
        faults.expected("clouds", "tables written [clouds.PUBLIC]", told)
        return CLOUDS
    faults.unknown("clouds", told, tuple(cloud.value for cloud in CLOUDS))
    found = dict(CLOUDS)
    for name, switches in told.items():
        if name not in CLOUDS:
            continue
        place = f"clouds.{name}"
        if not isinstance(switches, dict):
            faults.expected(place, "a table of switches", switches)
            continue
        faults.unknown(place, switches, SWITCHES)
        known: dict[str, Any] = {switch: value for switch, value in switches.items() if switch in SWITCHES}
        for switch, value in known.items():
            _boolean(value, f"{place}.{switch}", faults)
        merged = replace(CLOUDS[Cloud(name)], **known)
        if merged.covered is True:
            for switch in SWITCHES:
                if getattr(merged, switch) is None:
                    faults.say(f"{place}.{switch}", "must be told, since the cloud is covered")
        found[Cloud(name)] = merged
    return MappingProxyType(found)
