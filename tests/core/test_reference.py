"""Do the core and the naive reading of policy.md decide alike, field for field, on random histories? (about 20 s)"""

from __future__ import annotations

import os
from typing import Any

import pytest

from processors.codec import read_json
from processors.core.decisions import Cause
from processors.core.events import Event
from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from tests.core.plain import instant, plain
from tests.reference import oracle
from tests.reference.coverage import policy_of
from tests.reference.drawing import Case
from tests.reference.histories import history
from tests.reference.weights import THEMES

HISTORIES = int(os.environ.get("CORE_HISTORIES", "10"))
FIRST_SEED = int(os.environ.get("CORE_FIRST_SEED", "0"))


def read(raw: dict[str, Any]) -> tuple[Event, Cause]:
    event = read_json(raw["topic"], raw["value"])
    assert isinstance(event, Event)
    return event, Cause(event.event_id, raw["topic"], raw.get("partition"), raw.get("offset"))


def shipped(case: Case) -> Policy:
    switch = case.licence_transfer_from
    if switch is None:
        return Policy.shipped()
    return Policy.shipped(None if switch == "off" else instant(switch))


def difference(case: Case) -> str | None:
    until = instant(case.until) if case.until else None
    expected = oracle.canonical_replay(case.events, until, policy_of(case.licence_transfer_from))
    got = [plain(decision) for decision in canonical_replay([read(raw) for raw in case.events], shipped(case), until)]
    for number, (ours, theirs) in enumerate(zip(got, expected, strict=False), 1):
        assert ours.keys() == theirs.keys()
        wrong = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
        if wrong:
            where = {name: theirs[name] for name in ("as_of", "subscription_id", "partner_tenant_id", "rule")}
            return f"{case.name}, decision {number} {where}: ours and theirs {wrong}"
    return None if len(got) == len(expected) else f"{case.name}: {len(got)} decisions, {len(expected)} expected"


@pytest.mark.parametrize("theme", THEMES)
def test_the_naive_reading_decides_alike(theme: str) -> None:
    found = [difference(history(seed, theme)) for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES)]
    assert [text for text in found if text is not None] == []
