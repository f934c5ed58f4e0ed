"""When is an instant plus a duration? Instants are integer microseconds since 1970-01-01T00:00:00Z, days integer days since 1970-01-01.

All in UTC. A computed instant beyond the year 9999 never comes and is `None` (policy.md 5).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

SECOND: Final = 1_000_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR
FIRST_INSTANT: Final = -62_135_596_800 * SECOND  # 0001-01-01T00:00:00Z
LAST_INSTANT: Final = 253_402_300_800 * SECOND - 1  # the last microsecond of the year 9999
MONTHS_MAX: Final = 1_200
DAYS_MAX: Final = 36_525

_NUMBER = "0*([0-9]{1,12})"
_DURATION = re.compile(
    f"P(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)


class Duration(NamedTuple):
    """Calendar months, clamped to the month's last day when added, and then a length in microseconds (a day is 24 h)."""

    months: int
    length: int


P1D: Final = Duration(0, DAY)
P2Y: Final = Duration(24, 0)


@lru_cache(maxsize=4_096)
def read_duration(text: str) -> Duration | None:
    """The ISO 8601 duration of `events.md`: whole numbers, at most 1,200 months and 36,525 days; `None` where malformed."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(part) if part else 0 for part in found.groups())
    months += 12 * years
    length = (7 * weeks + days) * DAY + hours * HOUR + minutes * 60 * SECOND + seconds * SECOND
    if months > MONTHS_MAX or length > DAYS_MAX * DAY:
        return None
    return Duration(months, length)


def plus(instant: int, length: int) -> int | None:
    """`length` microseconds later."""
    later = instant + length
    return later if later <= LAST_INSTANT else None


@lru_cache(maxsize=4_096)
def plus_duration(instant: int, duration: Duration) -> int | None:
    """`duration` later: first the months, then the rest."""
    later = _shift(instant, duration)
    return later if later <= LAST_INSTANT else None


def gdap_duration_fits(start: int, duration: Duration) -> bool:
    """Whether start + duration lies from start + P1D to start + P2Y, both included (events.md, What must be told)."""
    return _shift(start, P1D) <= _shift(start, duration) <= _shift(start, P2Y)


def day_of(instant: int) -> int:
    """The day in which the instant lies."""
    return instant // DAY


def start_of_day(instant: int) -> int:
    """00:00:00Z of the instant's day."""
    return instant - instant % DAY


def year_of(day: int) -> int:
    """The calendar year of a day."""
    return _civil(day)[0]


def _shift(instant: int, duration: Duration) -> int:
    if duration.months:
        day, rest = divmod(instant, DAY)
        year, month, day_of_month = _civil(day)
        year, month = divmod(year * 12 + month - 1 + duration.months, 12)
        month += 1
        instant = _days(year, month, min(day_of_month, _month_length(year, month))) * DAY + rest
    return instant + duration.length


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def _days(year: int, month: int, day_of_month: int) -> int:
    """Days since the epoch of a Gregorian date; years are counted from March, so that the leap day is the last of its year."""
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day_of_month - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def _civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of month; the inverse of `_days`."""
    era, day_of_era = divmod(day + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return 400 * era + year_of_era + (month <= 2), month, day_of_month
