"""Are instants and days read and written as RFC 3339 and the contract say?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.codec.instants import read_day, read_instant, write_day, write_instant
from processors.core.calendar import FIRST_INSTANT, LAST_INSTANT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(FIRST_INSTANT, LAST_INSTANT))
def test_an_instant_survives_its_text_and_the_text_is_python_s(instant: int) -> None:
    text = write_instant(instant)
    assert read_instant(text) == instant
    assert text == (EPOCH + timedelta(microseconds=instant)).isoformat().replace("+00:00", "Z")


@given(st.integers(FIRST_INSTANT + 10**12, LAST_INSTANT - 10**12), st.integers(-1439, 1439))
def test_an_offset_is_taken_off(instant: int, minutes: int) -> None:
    there = (EPOCH + timedelta(microseconds=instant)).astimezone(timezone(timedelta(minutes=minutes)))
    assert read_instant(there.isoformat()) == instant


@given(st.dates())
def test_a_day_survives_its_text(day: date) -> None:
    days = (day - EPOCH.date()).days
    assert read_day(day.isoformat()) == days
    assert write_day(days) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2024-05-31T23:59:59.1Z", "2024-05-31T23:59:59.100000Z"),
        ("2024-05-31T23:59:59.123456999999Z", "2024-05-31T23:59:59.123456Z"),
        ("2024-05-31T23:59:59.000000000Z", "2024-05-31T23:59:59Z"),
        ("2024-05-31T23:59:59-00:00", "2024-05-31T23:59:59Z"),
        ("2024-06-01T01:59:59+02:00", "2024-05-31T23:59:59Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
        ("0000-12-31T23:30:00-01:00", "0001-01-01T00:30:00Z"),
        ("0000-02-29T00:00:00-00:00", None),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0001-01-01T00:59:59+01:00", None),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:30:00-01:00", None),
        ("10000-01-01T00:00:00Z", None),
        ("2024-02-30T00:00:00Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-01-01T24:00:00Z", None),
        ("2024-01-01T23:60:00Z", None),
        ("2024-01-01T23:59:60Z", None),
        ("2024-01-01T00:00:00+24:00", None),
        ("2024-01-01T00:00:00+01:60", None),
        ("2024-01-01T00:00:00+0100", None),
        ("2024-01-01T00:00:00+01", None),
        ("2024-01-01T00:00:00.Z", None),
        ("2024-01-01T00:00:00,5Z", None),
        ("2024-01-01T00:00Z", None),
        ("2024-01-01t00:00:00Z", None),
        ("2024-01-01 00:00:00Z", None),
        ("2024-01-01T00:00:00z", None),
        ("2024-01-01T00:00:00", None),
        ("2024-01-01T00:00:00Z ", None),
        ("2024-01-01T00:00:00Z\n", None),
        ("-2024-01-01T00:00:00Z", None),
        ("20240101T000000Z", None),
        ("2024-W01-1T00:00:00Z", None),
        ("٢٠٢٤-01-01T00:00:00Z", None),
        ("2024-01-01", None),
        ("", None),
    ],
)
def test_a_text_is_this_instant_or_none(text: str, same: str | None) -> None:
    found = read_instant(text)
    assert (None if found is None else write_instant(found)) == same


@pytest.mark.parametrize(
    "text", ["0000-01-01", "2024-02-30", "2024-1-01", "20240101", "2024-W01-1", "2024-01", "2024-01-01Z", "2024-01-01 ", ""]
)
def test_a_text_that_is_no_day(text: str) -> None:
    assert read_day(text) is None
