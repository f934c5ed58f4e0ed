"""`multichannel replay`: the decisions that files of events lead to, without Kafka."""

from __future__ import annotations

import gc
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop

if TYPE_CHECKING:
    from processors.core.decisions import Decision
    from processors.core.policy import Policy
    from processors.replay.deciding import Reading
    from processors.replay.reading import Named
    from processors.settings import Settings
    from processors.words.vocabulary import Vocabulary

STANDARD_INPUT = Path("-")
OFF = "off"
WRITTEN_AT_ONCE = 50
GARBAGE_THRESHOLDS = (100_000, 50, 100)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--until", type=Instant(), help="Decide up to this instant, itself included; by default the last occurred_at in the files.")
@click.option("--format", "output_format", type=click.Choice(["jsonl", "table"]), default="jsonl", help="For programs or for people.")
@click.option("--customer", "customers", metavar="ID", multiple=True, help="Decide for this customer_tenant_id only; may be given again.")
@click.option(
    "--licence-transfer-from",
    type=InstantOrOff(),
    help="When licence-based subscriptions become transferable between partners (policy version 2024-Q2); by default as set.",
)
@click.option(
    "--language",
    "words",
    type=Language(),
    default="en",
    help="Of the table: cs, en, hu, pl, sv or zh-CN. Codes of jsonl are never translated.",
)
def replay(
    files: tuple[Path, ...],
    until: int | None,
    output_format: str,
    customers: tuple[str, ...],
    licence_transfer_from: int | str | None,
    words: Vocabulary,
) -> None:
    """Decide from files of events, without Kafka: JSON Lines or Avro container files, `-` for standard input.

    A line of JSON Lines is {"topic": "...", "value": {...}}. The order of lines and files changes nothing. Every line is
    read before the first decision is printed; the decisions are whole records of multi-channel-support-decisions.

    Example: multichannel replay events.jsonl --until 2024-12-31T00:00:00Z --format table --language cs

    Exit codes: 0 done, 2 wrong usage or a line that is not valid (nothing is printed as decided), 78 wrong settings,
    130 interrupted.
    """
    if files.count(STANDARD_INPUT) > 1:
        raise click.UsageError("standard input (-) can be read once only.")
    settings = settings_or_stop()
    policy = _policy(settings, licence_transfer_from)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    reading = _read(files, settings, until, customers)
    gc.freeze()  # the events stay until the end: walking over them again and again would cost a fifth of the time
    decisions = _watched(reading.decisions(policy), reading)
    for text in _tables(decisions, words) if output_format == "table" else _lines(decisions):
        sys.stdout.write(text)


def _policy(settings: Settings, licence_transfer_from: int | str | None) -> Policy:
    from processors.core.policy import Policy

    start: int | None
    if isinstance(licence_transfer_from, int):
        start = licence_transfer_from
    elif licence_transfer_from == OFF or settings.licence_transfer_from is None:
        start = None
    else:
        start = (settings.licence_transfer_from - _EPOCH) // timedelta(microseconds=1)
    try:
        return Policy.shipped(start)
    except ValueError as error:
        raise Stop(f"--licence-transfer-from: {error}", EXIT_INVALID) from None


def _read(files: tuple[Path, ...], settings: Settings, until: int | None, customers: tuple[str, ...]) -> Reading:
    """The events of all files, or the end with what is wrong with them; warnings go to stderr."""
    from processors.codec import MessageRejected, UnknownNames
    from processors.core.door import Limits
    from processors.replay.deciding import Reading
    from processors.replay.reading import check_limits, read_events

    limits = Limits(settings.subscriptions_per_customer_max, settings.partners_per_customer_max, settings.pairs_per_customer_max)
    unknown = UnknownNames(lambda complaint: click.echo(f"multichannel: {complaint}", err=True))
    try:
        with ExitStack() as opened:
            named = [_open(path, opened) for path in files]
            with _bar("reading", sum(os.fstat(file.fileno()).st_size for _, file in named)) as progress:
                reading = Reading(read_events(named, unknown, progress), until)
        check_limits(reading.events, limits)
    except MessageRejected as rejected:
        raise Stop(str(rejected), EXIT_INVALID) from None
    except OSError as error:
        raise Stop(f"{error.filename or 'a file'}: {error.strerror or error}", EXIT_INVALID) from None
    for customer in reading.only(customers):
        click.echo(f"multichannel: no event names customer {customer!r}", err=True)
    return reading


def _open(path: Path, opened: ExitStack) -> Named:
    """A file that can seek: what comes on standard input is laid down first."""
    if path != STANDARD_INPUT:
        return str(path), opened.enter_context(path.open("rb"))
    spool = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack is its context
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.seek(0)
    return "standard input", spool


def _lines(decisions: Iterable[Decision]) -> Iterator[str]:
    """JSON Lines, many at a time: a write for each would cost as much as making it."""
    from processors.replay.lines import decision_line

    remaining = iter(decisions)
    while lines := [f"{decision_line(decision)}\n" for decision in islice(remaining, WRITTEN_AT_ONCE)]:
        yield "".join(lines)


def _tables(decisions: Iterable[Decision], words: Vocabulary) -> Iterator[str]:
    from processors.cli.decision_table import decision_table, table_console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without the language's letters is no reason to stop
    console = table_console()
    for decision in decisions:
        with console.capture() as captured:  # the console would end the process by itself when who reads it has gone
            console.print(decision_table(decision, words))
        yield captured.get() + "\n"


def _watched(decisions: Iterable[Decision], reading: Reading) -> Iterator[Decision]:
    """The decisions as they are, with a bar over the time they have come through, unless they are themselves on a terminal."""
    if sys.stdout.isatty() or not reading.events:
        yield from decisions
        return
    with _bar("deciding", reading.until - reading.since) as progress:
        for number, decision in enumerate(decisions):
            yield decision
            if number % WRITTEN_AT_ONCE == 0:
                progress(decision.as_of - reading.since)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
