"""What do the tests of explain and what-if have in common? The stories as told events, and the commands run in this process."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from processors.audit.comparing import Compared, Report, Side, compare
from processors.audit.scenario import Scenario
from processors.codec import read_file
from processors.codec.instants import read_instant
from processors.core.decisions import Cause
from processors.core.events import Event
from processors.core.policy import LICENCE_TRANSFER_FROM, Policy, released

STORIES = Path(__file__).parents[1] / "stories"
NAMES = sorted(path.name.removesuffix(".md") for path in STORIES.glob("*.md"))
Told = tuple[Event, Cause]


def at(text: str) -> int:
    instant = read_instant(text)
    assert instant is not None
    return instant


def file_of(name: str) -> Path:
    [found] = STORIES.glob(f"{name}*.events.jsonl")
    return found


def told(name: str) -> list[Told]:
    """The events of a story; its name may be cut short."""
    return [(located.event, Cause(located.event.event_id, located.topic)) for located in read_file(file_of(name))]


def options_of(name: str) -> dict[str, str]:
    found = re.search(r"^Run: replay (.*)$", (STORIES / f"{name}.md").read_text("utf-8"), re.MULTILINE)
    assert found is not None, name
    words = shlex.split(found[1])[1:]
    return dict(zip(words[::2], words[1::2], strict=True))


def until_of(name: str) -> int:
    [found] = [each for each in NAMES if each.startswith(name)]
    return at(options_of(found)["--until"])


def policy_of(name: str) -> Policy:
    switch = options_of(name).get("--licence-transfer-from")
    return Policy.shipped(LICENCE_TRANSFER_FROM if switch is None else None if switch == "off" else at(switch))


def compared(name: str, scenario: Scenario, more: tuple[Told, ...] = (), until: int | None = None) -> tuple[Compared, Report]:
    """A story under the scenario, against the story as it is; the differences of all its customers."""
    events, report = tuple(told(name)), Report()
    sides = Side(events, Policy.shipped()), Side(events + more, scenario.policy(released()))
    found = list(compare(*sides, until if until is not None else until_of(name), report))
    at_end = tuple(difference for each in found for difference in each.at_end)
    return Compared(at_end, tuple(difference for each in found for difference in each.over_time)), report
