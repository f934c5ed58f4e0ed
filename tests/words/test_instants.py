"""Is an instant written in the order of each language, exactly, and in UTC?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.words.instants import instant_text
from processors.words.vocabulary import vocabularies

AT = 1_685_577_600_000_000  # 2023-06-01T00:00:00Z
YEAR_1 = -62_135_596_800_000_000
YEAR_9999_END = 253_402_300_799_999_999


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("en", "2023-06-01 00:00 UTC"),
        ("cs", "1. 6. 2023 00:00 UTC"),
        ("pl", "01.06.2023 00:00 UTC"),
        ("hu", "2023. 06. 01. 00:00 UTC"),
        ("sv", "2023-06-01 00:00 UTC"),
        ("zh-CN", "2023年6月1日 00:00 UTC"),
    ],
)
def test_each_language_has_its_order(tag: str, text: str) -> None:
    assert instant_text(vocabularies()[tag], AT) == text


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (AT - 1, "2023-05-31 23:59:59.999999 UTC"),
        (AT + 1, "2023-06-01 00:00:00.000001 UTC"),
        (AT + 7_000_000, "2023-06-01 00:00:07 UTC"),
        (AT + 500_000, "2023-06-01 00:00:00.5 UTC"),
        (AT + 45_240_000_000, "2023-06-01 12:34 UTC"),
        (-1, "1969-12-31 23:59:59.999999 UTC"),
        (YEAR_1, "0001-01-01 00:00 UTC"),
        (YEAR_9999_END, "9999-12-31 23:59:59.999999 UTC"),
    ],
)
def test_what_is_not_zero_is_shown_to_the_microsecond(instant: int, text: str) -> None:
    assert instant_text(vocabularies()["en"], instant) == text


@given(st.integers(YEAR_1, YEAR_9999_END), st.integers(YEAR_1, YEAR_9999_END), st.sampled_from(sorted(vocabularies())))
def test_two_instants_never_read_the_same(one: int, other: int, tag: str) -> None:
    words = vocabularies()[tag]
    assert (instant_text(words, one) == instant_text(words, other)) == (one == other)
