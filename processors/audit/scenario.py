"""Which policy would have been in force? The released versions with some moved, left out, added, or one of them for all time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from processors.audit.drafts import Draft
from processors.codec import nearest
from processors.core.policy import CLOUDS, Change, Policy


class ScenarioError(ValueError):
    """What was asked for cannot be a policy; the message names the version and what was expected."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is to be other than it is; applied in the order of the fields."""

    without: tuple[str, ...] = ()
    moves: tuple[tuple[str, int], ...] = ()  # (version, instant in microseconds)
    draft: Draft | None = None
    as_under: str | None = None

    def policy(self, changes: tuple[Change, ...]) -> Policy:
        """The policy that `changes` become.

        Raises:
            ScenarioError: a version that is not there, or nothing would be in force from the first instant on.
        """
        first = changes[0].name
        for name in self.without:
            _find(name, changes)
            if name == first:
                raise ScenarioError(f"version {name!r} is the first one: without it nothing would be in force at its time")
            changes = tuple(change for change in changes if change.name != name)
        for name, instant in self.moves:
            place = _find(name, changes)
            changes = (*changes[:place], replace(changes[place], effective_from=instant), *changes[place + 1 :])
        switches = CLOUDS
        if self.draft is not None:
            for change in self.draft.versions:
                if any(change.name == other.name for other in changes):
                    raise ScenarioError(f"version {change.name!r} of the draft has the name of one that is there; give it another name")
            changes += self.draft.versions
            switches = self.draft.clouds
        if self.as_under is not None:
            changes = as_under(self.as_under, changes)
        try:
            return Policy(changes, switches)
        except ValueError as error:
            raise ScenarioError(str(error)) from None


def as_under(name: str, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """One version for all time: it and those before it begin together with the first one, those after it never.

    Those before it are kept because a version is the sum of what changed up to it; of versions that begin together the last counts.
    """
    _find(name, changes)
    in_order = sorted(changes, key=lambda change: change.effective_from)
    kept = in_order[: _find(name, tuple(in_order)) + 1]
    return tuple(replace(change, effective_from=in_order[0].effective_from) for change in kept)


def _find(name: str, changes: tuple[Change, ...]) -> int:
    names = [change.name for change in changes]
    if name not in names:
        raise ScenarioError(f"there is no version {name!r}{nearest(name, names) or '; there are ' + ', '.join(names)}")
    return names.index(name)
