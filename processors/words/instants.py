"""How does a person read an instant? In the order of the language, months as digits, always in UTC and saying so.

A locale library would bring month names, zones and calendars that no text here uses; the order of three numbers is a pattern
in the file of words.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from processors.words.phrases import Phrase
from processors.words.vocabulary import Vocabulary

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(words: Vocabulary, instant: int) -> str:
    """`instant`, in microseconds since 1970-01-01T00:00:00Z; seconds and their fraction only where they are not zero."""
    moment = _EPOCH + timedelta(microseconds=instant)
    time = f"{moment:%H:%M}"
    if moment.second or moment.microsecond:
        time += f":{moment:%S}"
    if moment.microsecond:
        time += f".{moment.microsecond:06}".rstrip("0")
    return words.phrase(Phrase.INSTANT, year=moment.year, month=moment.month, day=moment.day, time=time)


def day_text(words: Vocabulary, day: int) -> str:
    """`day`, in days since 1970-01-01."""
    moment = _EPOCH + timedelta(days=day)
    return words.phrase(Phrase.DAY, year=moment.year, month=moment.month, day=moment.day)
