"""Do the core and the naive reference decide the same? (about 60 s of CPU; MULTICHANNEL_HISTORIES=5000 for more)"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from processors.core.markets import same_market
from tests.reference import commerce, compare
from tests.reference.compare import describe, difference, oracle_decisions, smallest
from tests.reference.drawing import Case
from tests.reference.histories import cases, history
from tests.reference.oracle import Decision
from tests.reference.weights import THEMES

HISTORIES = int(os.environ.get("MULTICHANNEL_HISTORIES", "600"))


@pytest.mark.timeout(60 + HISTORIES)
@pytest.mark.parametrize("theme", THEMES)
def test_core_and_reference_decide_the_same(theme: str) -> None:
    for seed in range(HISTORIES // len(THEMES)):
        case = history(seed, theme)
        if difference(case) is not None:
            pytest.fail(describe(*smallest(case)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(case=cases())
def test_core_and_reference_decide_the_same_on_what_hypothesis_draws(case: Case) -> None:
    found = difference(case)
    assert found is None, describe(case, found)


def test_a_defect_of_one_microsecond_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a transfer request that expires a microsecond late stands in for a faulty core."""

    def faulty(case: Case) -> list[Decision]:
        with monkeypatch.context() as patch:
            patch.setattr(commerce, "TRANSFER_LAPSE", commerce.TRANSFER_LAPSE + 1)
            return oracle_decisions(case)

    monkeypatch.setattr(compare, "core_decisions", faulty)
    case = next(case for case in (history(seed, "transfers") for seed in range(200)) if difference(case) is not None)
    small, found = smallest(case)
    assert len(small.events) <= 3
    assert {"next_steps", "review_at", "as_of", "count"} & set(found.fields)


def test_the_markets_are_those_of_the_document() -> None:
    countries = [country for listed in commerce.MARKETS.values() for country in listed.split()] + ["BR", "CN", "IN", "JP", "KR", "TW", "ZZ"]
    assert len(countries) == len(set(countries))
    for one in countries:
        for other in countries:
            assert same_market(one, other) == (commerce.market(one) == commerce.market(other)), (one, other)
