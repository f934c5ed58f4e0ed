"""Does the naive reference say what the stories of the specification say? (1 s)"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.reference.instants import read_instant
from tests.reference.oracle import canonical_replay

STORIES = sorted((Path(__file__).parents[1] / "stories").glob("*.md"))


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_there_are_stories() -> None:
    assert len(STORIES) == 24


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_the_oracle_tells_the_story_as_it_is_expected(story: Path) -> None:
    until = re.search(r"--until (\S+)", story.read_text(encoding="utf-8"))
    assert until is not None
    expected = lines(story.with_suffix(".expected.jsonl"))
    decisions = canonical_replay(lines(story.with_suffix(".events.jsonl")), read_instant(until[1]))
    shown = [{name: decision[name] for name in row} for decision, row in zip(decisions, expected, strict=False)]
    assert (len(decisions), shown) == (len(expected), expected)
