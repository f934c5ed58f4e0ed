"""How are instants and days written in JSON? RFC 3339 with upper-case T and Z, and YYYY-MM-DD.

An instant is microseconds since 1970-01-01T00:00:00Z, a day is days since then; both lie in the years 1 to 9999 in UTC.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from processors.core.calendar import DAY, FIRST_INSTANT, LAST_INSTANT, SECOND

FIRST_DAY: Final = FIRST_INSTANT // DAY
LAST_DAY: Final = LAST_INSTANT // DAY
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FOUR_CENTURIES: Final = 146_097  # days; the Gregorian calendar repeats after them
_INSTANT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_instant(text: str) -> int | None:
    """Microseconds of an RFC 3339 text, finer fractions cut off; None where it is none or outside the years 1 to 9999 in UTC."""
    found = _INSTANT.fullmatch(text)
    if found is None or (day := _days(found[1])) is None:
        return None
    seconds = int(found[2]) * 3_600 + int(found[3]) * 60 + int(found[4])
    if found[6]:
        offset = int(found[7]) * 3_600 + int(found[8]) * 60
        seconds -= offset if found[6] == "+" else -offset
    fraction = int(found[5][:6].ljust(6, "0")) if found[5] else 0
    instant = day * DAY + seconds * SECOND + fraction
    return instant if FIRST_INSTANT <= instant <= LAST_INSTANT else None


def read_day(text: str) -> int | None:
    """Days of a YYYY-MM-DD text; None where it is none or in the year 0."""
    if _DAY.fullmatch(text) is None:
        return None
    day = _days(text)
    return day if day is not None and day >= FIRST_DAY else None


def write_instant(instant: int) -> str:
    """RFC 3339 with Z; a fraction, of six digits, only where there is one."""
    day, rest = divmod(instant, DAY)
    seconds, fraction = divmod(rest, SECOND)
    text = f"{write_day(day)}T{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}Z" if fraction else f"{text}Z"


def write_day(day: int) -> str:
    """YYYY-MM-DD."""
    return date.fromordinal(day + _EPOCH).isoformat()


def _days(text: str) -> int | None:
    """Days since the epoch of a date with four digits of year; the year 0 too, since an offset may lead out of it."""
    year = int(text[:4])
    try:
        if year == 0:
            return date(400, int(text[5:7]), int(text[8:10])).toordinal() - _EPOCH - _FOUR_CENTURIES
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        return None
