"""How are instants, days and durations read, added and written (policy.md 4.1, 5; events.md)?

An instant is microseconds since 1970-01-01T00:00:00Z; a day is days since 1970-01-01. None is "not told" or "never comes".
Days are counted by an own proleptic Gregorian calendar, because Python's dates stop at the year 9999 and sums may pass it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
    re.ASCII,
)
_MONTHS_MAX = 1_200
_DAYS_MAX = 36_525


class Duration(NamedTuple):
    """A well-formed ISO 8601 duration: calendar months and exact microseconds."""

    months: int
    microseconds: int

    @property
    def is_zero(self) -> bool:
        """Whether nothing is added, however that is written (P0D, PT0S)."""
        return self.months == 0 and self.microseconds == 0


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date in the proleptic Gregorian calendar."""
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a count of days since 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = (shifted_month + 2) % 12 + 1
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * shifted_month + 2) // 5 + 1


def length_of_month(year: int, month: int) -> int:
    """Number of days of a calendar month."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return days_from_civil(*following, 1) - days_from_civil(year, month, 1)


FIRST = days_from_civil(1, 1, 1) * DAY
LAST = days_from_civil(10_000, 1, 1) * DAY - 1


def within_years(instant: int | None) -> int | None:
    """An instant computed beyond the year 9999 never comes: it counts as none (5)."""
    return None if instant is None or instant > LAST else instant


def later(instant: int | None, microseconds: int) -> int | None:
    """`instant` + an exact length; none stays none."""
    return None if instant is None else within_years(instant + microseconds)


def plus(instant: int | None, duration: Duration | None) -> int | None:
    """`instant` + a calendar duration, clamped to the month's last day; none where either is not known."""
    if instant is None or duration is None:
        return None
    days, rest = divmod(instant, DAY)
    year, month, day = civil_from_days(days)
    years, month0 = divmod(month - 1 + duration.months, 12)
    year, month = year + years, month0 + 1
    days = days_from_civil(year, month, min(day, length_of_month(year, month)))
    return within_years(days * DAY + rest + duration.microseconds)


def read_instant(text: str) -> int:
    """RFC 3339 with upper-case T and Z or an offset, fractions cut to microseconds; ValueError where it is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= length_of_month(year, month) and hour < 24 and minute < 60 and second < 60):
        raise ValueError(text)
    fraction = int(((found[7] or "") + "000000")[:6])
    zone = found[8]
    offset = 0
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            raise ValueError(text)
        offset = (hours * 60 + minutes) * 60 * (-1 if zone[0] == "-" else 1)
    instant = days_from_civil(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second - offset) * SECOND + fraction
    if not FIRST <= instant <= LAST:
        raise ValueError(text)
    return instant


def read_day(text: str) -> int:
    """`YYYY-MM-DD`; ValueError where it is none."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= length_of_month(year, month)):
        raise ValueError(text)
    return days_from_civil(year, month, day)


def read_duration(text: str | None) -> Duration | None:
    """ISO 8601 in whole numbers; none where not told or malformed (4.1)."""
    found = None if text is None else _DURATION.fullmatch(text)
    if found is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(found[n] or 0) for n in range(1, 8))
    length = Duration(years * 12 + months, (weeks * 7 + days) * DAY + ((hours * 60 + minutes) * 60 + seconds) * SECOND)
    return length if length.months <= _MONTHS_MAX and length.microseconds <= _DAYS_MAX * DAY else None


def write_day(day: int) -> str:
    """A day as `YYYY-MM-DD`."""
    year, month, number = civil_from_days(day)
    return f"{year:04}-{month:02}-{number:02}"


def write_instant(instant: int) -> str:
    """RFC 3339 with Z; six digits of a fraction where there is one."""
    days, rest = divmod(instant, DAY)
    seconds, fraction = divmod(rest, SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{write_day(days)}T{clock}{f'.{fraction:06}' if fraction else ''}Z"
