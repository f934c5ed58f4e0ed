"""What can be written on the command line besides texts and paths? Instants, languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from processors.words.vocabulary import Vocabulary

OFF = "off"


class Instant(click.ParamType):
    """An instant of RFC 3339, in microseconds since 1970-01-01T00:00:00Z."""

    name = "instant"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or say what was expected."""
        from processors.codec.instants import read_instant

        instant = value if isinstance(value, int) else read_instant(value)
        if instant is None:
            self.fail(f"{value!r} is no instant like 2024-05-31T23:59:59Z.", param, ctx)
        return instant


class InstantOrOff(Instant):
    """The same, or the word `off`."""

    name = "instant|off"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int | str:  # type: ignore[override] # wider
        """Read it, or say what was expected."""
        from processors.codec.instants import read_instant

        if isinstance(value, str) and value != OFF and read_instant(value) is None:
            self.fail(f"{value!r} is neither an instant like 2024-05-31T23:59:59Z nor {OFF}.", param, ctx)
        return OFF if value == OFF else super().convert(value, param, ctx)


class Language(click.ParamType):
    """A language that there are words in."""

    name = "language"

    def convert(self, value: str | Vocabulary, param: click.Parameter | None, ctx: click.Context | None) -> Vocabulary:
        """Find its words, or say which languages there are."""
        from processors.words.vocabulary import UnknownLanguageError, vocabulary_of

        if not isinstance(value, str):
            return value
        try:
            return vocabulary_of(value)
        except UnknownLanguageError as error:
            self.fail(f"{error}.", param, ctx)
