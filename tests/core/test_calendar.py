"""Is calendar arithmetic what `events.md` and policy.md 5 say? Python's own calendar is the independent witness."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.core import calendar
from processors.core.calendar import Duration, gdap_duration_fits, plus, plus_duration, read_duration, year_of

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def at(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1Y", Duration(12, 0)),
        ("P1Y2M", Duration(14, 0)),
        ("P2W1D", Duration(0, 15 * calendar.DAY)),
        ("PT1H2M3S", Duration(0, 3_723_000_000)),
        ("P0D", Duration(0, 0)),
        ("PT0S", Duration(0, 0)),
        ("P0001D", Duration(0, calendar.DAY)),
        ("P1200M", Duration(1200, 0)),
        ("P100Y", Duration(1200, 0)),
        ("P36525D", Duration(0, 36_525 * calendar.DAY)),
    ],
)
def test_a_duration_in_whole_numbers_is_read(text: str, expected: Duration) -> None:
    assert read_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1YT", "1Y", "P1.5Y", "P-1D", "-P1D", "p1y", "P1D1Y", "PT1D", "P1H", " P1Y", "P1Y\n", "P1201M", "P100Y1M", "P36526D",
     "P36525DT1S", "PT9999999999999999999S", "P\u0661Y", "P1Y1Y", "+P1D", "P,5D"],
)  # fmt: skip
def test_any_other_text_is_malformed(text: str) -> None:
    assert read_duration(text) is None


def test_months_are_clamped_to_the_last_day_and_the_rest_is_added_afterwards() -> None:
    assert plus_duration(at("2024-01-31T12:00:00+00:00"), Duration(1, 0)) == at("2024-02-29T12:00:00+00:00")
    assert plus_duration(at("2023-01-31T12:00:00+00:00"), Duration(1, calendar.DAY)) == at("2023-03-01T12:00:00+00:00")
    assert plus_duration(at("2024-02-29T00:00:00+00:00"), Duration(12, 0)) == at("2025-02-28T00:00:00+00:00")


def test_beyond_the_year_9999_nothing_comes() -> None:
    last = at("9999-12-31T23:59:59.999999+00:00")
    assert last == calendar.LAST_INSTANT
    assert at("0001-01-01T00:00:00+00:00") == calendar.FIRST_INSTANT
    assert plus(last, 0) == last
    assert plus(last, 1) is None
    assert plus_duration(last, Duration(1, 0)) is None
    assert plus_duration(at("9999-11-30T00:00:00+00:00"), Duration(1, 0)) == at("9999-12-30T00:00:00+00:00")


def test_a_gdap_lasts_from_one_day_to_two_years_both_included() -> None:
    start = at("2024-02-29T10:00:00+00:00")
    day = 24 * calendar.HOUR
    assert [gdap_duration_fits(start, Duration(0, length)) for length in (day - 1, day, 730 * day, 731 * day)] == [False, True, True, False]
    assert gdap_duration_fits(start, Duration(24, 0))
    assert not gdap_duration_fits(start, Duration(24, 1))
    assert gdap_duration_fits(calendar.LAST_INSTANT, Duration(24, 0))


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_days_and_years_agree_with_the_proleptic_gregorian_calendar(moment: dt.datetime) -> None:
    instant = (moment - EPOCH) // dt.timedelta(microseconds=1)
    day = calendar.day_of(instant)
    assert day == moment.toordinal() - EPOCH.toordinal()
    assert year_of(day) == moment.year
    assert calendar.start_of_day(instant) == day * calendar.DAY


@given(st.datetimes(timezones=st.just(dt.UTC)), st.integers(0, 1200))
def test_adding_months_keeps_the_day_of_month_or_takes_the_last_one(moment: dt.datetime, months: int) -> None:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    later = plus_duration((moment - EPOCH) // dt.timedelta(microseconds=1), Duration(months, 0))
    if year > 9999:
        assert later is None
        return
    following = dt.date(year + month // 11, (month + 1) % 12 + 1, 1) if (year, month) != (9999, 11) else None
    last = (following - dt.timedelta(days=1)).day if following else 31
    assert later == (moment.replace(year=year, month=month + 1, day=min(moment.day, last)) - EPOCH) // dt.timedelta(microseconds=1)
