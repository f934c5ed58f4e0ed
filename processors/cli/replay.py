"""`multichannel replay`: the decisions that files of events lead to, without Kafka."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_INVALID, Stop
from processors.cli.files import STANDARD_INPUT, read_files
from processors.cli.parameters import Instant, InstantOrOff, Language
from processors.cli.policies import licence_transfer_start
from processors.cli.progress import moving

if TYPE_CHECKING:
    from processors.core.decisions import Decision
    from processors.core.policy import Policy
    from processors.replay.deciding import Reading
    from processors.words.vocabulary import Vocabulary

WRITTEN_AT_ONCE = 50
GARBAGE_THRESHOLDS = (100_000, 50, 100)


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
    policy = _policy(licence_transfer_start(settings, licence_transfer_from))
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    reading = read_files(files, settings, until, customers)
    gc.freeze()  # the events stay until the end: walking over them again and again would cost a fifth of the time
    decisions = _watched(reading.decisions(policy), reading)
    for text in _tables(decisions, words) if output_format == "table" else _lines(decisions):
        sys.stdout.write(text)


def _policy(start: int | None) -> Policy:
    from processors.core.policy import Policy

    try:
        return Policy.shipped(start)
    except ValueError as error:
        raise Stop(f"--licence-transfer-from: {error}", EXIT_INVALID) from None


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
    with moving("deciding", reading.until - reading.since) as progress:
        for number, decision in enumerate(decisions):
            yield decision
            if number % WRITTEN_AT_ONCE == 0:
                progress(decision.as_of - reading.since)
