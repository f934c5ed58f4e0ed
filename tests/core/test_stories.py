"""Does every story of the specification come to the decisions it tells, on the fields it shows, and to no other?"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from tests.core.plain import instant, plain, read_event

STORIES = Path(__file__).parent.parent / "stories"
NAMES = sorted(path.name.removesuffix(".md") for path in STORIES.glob("*.md"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def run_line(name: str) -> dict[str, str]:
    """The options of the story's `Run:` line."""
    found = re.search(r"^Run: replay (.*)$", (STORIES / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, f"{name} says not how it is run"
    words = shlex.split(found[1])[1:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options.keys() <= {"--until", "--licence-transfer-from"}, f"{name} has an option this runner does not know"
    return options


def policy_of(options: dict[str, str]) -> Policy:
    told = options.get("--licence-transfer-from")
    if told is None:
        return Policy.shipped()
    return Policy.shipped(None if told == "off" else instant(told))


@pytest.mark.parametrize("name", NAMES)
def test_a_story_comes_to_its_decisions(name: str) -> None:
    options = run_line(name)
    until = instant(options["--until"]) if "--until" in options else None
    events = [read_event(line) for line in lines(STORIES / f"{name}.events.jsonl")]
    expected = lines(STORIES / f"{name}.expected.jsonl")
    got = [plain(decision) for decision in canonical_replay(events, policy_of(options), until)]
    for number, (decision, shown) in enumerate(zip(got, expected, strict=False), 1):
        assert {field: decision[field] for field in shown} == shown, f"decision {number}"
    assert len(got) == len(expected)


def test_there_are_stories() -> None:
    assert len(NAMES) >= 24
