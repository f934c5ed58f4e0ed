"""`multichannel verify`: is the journal whole, and does every decision follow from it?"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processors.cli.configured import broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, EXIT_OK, EXIT_UNAVAILABLE, Stop
from processors.cli.parameters import Instant

if TYPE_CHECKING:
    from processors.audit.checkpoint import Checkpoint
    from processors.audit.sources import Source
    from processors.audit.verifying import Report, Task
    from processors.settings import Settings

SHOWN_MAX = 50
REPORT_LAYOUT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--customer", metavar="ID", help="This customer_tenant_id only.")
@click.option("--since", type=Instant(), help="Name only what is wrong with records written at or after this instant.")
@click.option("--until", type=Instant(), help="Name only what is wrong with records written at or before this instant.")
@click.option(
    "--decisions/--no-decisions",
    default=True,
    show_default=True,
    help="Compare the decisions topic and the view with what the journal leads to.",
)
@click.option("--inputs", is_flag=True, help="Compare the input topics too: what was applied is what came in, and nothing was passed over.")
@click.option(
    "--checkpoint",
    "checkpoint_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `multichannel checkpoint` wrote: all that was in the journal then must be there still.",
)
@click.option("--processes", type=click.IntRange(1, 64), help="How many processes share the work; by default one for each core.")
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for temporary files; they need the journal's size.",
)
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people or for programs."
)
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def verify(
    path: Path | None,
    customer: str | None,
    since: int | None,
    until: int | None,
    decisions: bool,
    inputs: bool,
    checkpoint_file: Path | None,
    processes: int | None,
    scratch: Path | None,
    output_format: str,
    topic_prefix: str | None,
) -> None:
    """Prove that the journal is whole and that every decision follows from it; name each damage and its place.

    Without PATH the broker in force is read, all partitions, while the worker may go on. PATH is a folder that
    `multichannel export` wrote, or JSON Lines as `multichannel consume customer-journal` prints them.

    Every customer's chain of hashes is checked, every event applied again, and dispositions, state hashes and decisions are
    compared byte for byte. What an older revision of the core decided otherwise is named so and is no damage.
    docs/audit.md says what is proved and what is not.

    Example: multichannel verify

    Example: multichannel verify export-2024-06 --checkpoint heads-2024-05.json --format json

    Exit codes: 0 everything is as it must be, 1 differences found, 2 it cannot be read (no broker answers, no such topic or
    file, a folder that is not whole) or wrong usage, 78 wrong settings, 130 interrupted.
    """
    if customer is not None and checkpoint_file is not None:
        raise click.UsageError("--checkpoint is about whole partitions: it cannot be checked for one --customer.")
    from processors.audit.sources import SourceUnreadable
    from processors.audit.verifying import Task
    from processors.audit.verifying import verify as verify_all

    settings = settings_or_stop(topic_prefix=topic_prefix)
    checkpoint = None if checkpoint_file is None else checkpoint_or_stop(checkpoint_file)
    try:
        with source_or_stop(path, settings) as source, phases() as progress:
            task = Task(
                source=source,
                customer=None if customer is None else customer.lower(),
                since=since,
                until=until,
                decisions=decisions,
                inputs=inputs,
                checkpoint=checkpoint,
                processes=processes or os.cpu_count() or 1,
                licence_transfer_from=switch_of(settings),
                recent_max=settings.remembered_event_ids_per_customer,
                scratch=scratch,
            )
            report = verify_all(task, progress)
    except SourceUnreadable as error:
        raise Stop(str(error), EXIT_INVALID) from None
    except OSError as error:
        raise Stop(f"{error.filename or 'a temporary file'}: {error.strerror or error}", EXIT_INVALID) from None
    if customer is not None and not report.figures["entries"] and not report.findings:
        raise Stop(f"{source.name}: no entry of customer {customer!r}", EXIT_INVALID)
    if output_format == "json":
        click.echo(json.dumps(as_json(task, report), indent=2))
    else:
        _show(task, report)
    raise SystemExit(EXIT_DIFFERENCES if report.findings else EXIT_OK)


def source_or_stop(path: Path | None, settings: Settings) -> Source:
    """The files, or the broker in force; what cannot be read ends with 2, as the issue of `verify` wants it."""
    if path is not None:
        from processors.audit.folder_source import open_files

        return open_files(path)
    from processors.audit.kafka_source import KafkaSource

    try:
        arguments = broker_or_stop(settings)
    except Stop as stop:
        raise Stop(str(stop), EXIT_INVALID if stop.code == EXIT_UNAVAILABLE else stop.code) from None
    return KafkaSource(settings, arguments["bootstrap_servers"])


def checkpoint_or_stop(path: Path) -> Checkpoint:
    """The checkpoint, or the end with what is wrong with it."""
    from processors.audit.checkpoint import CheckpointUnreadable, read_checkpoint

    try:
        return read_checkpoint(path)
    except CheckpointUnreadable as error:
        raise Stop(str(error), EXIT_INVALID) from None


def switch_of(settings: Settings) -> int | None:
    """When licences become transferable, as set, in microseconds."""
    start = settings.licence_transfer_from
    return None if start is None else (start - _EPOCH) // timedelta(microseconds=1)


@contextmanager
def phases() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each phase on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:

        def progress(phase: str, done: int, total: int) -> None:
            if phase not in bars:
                bars[phase] = bar.add_task(phase, total=total)
            bar.update(bars[phase], completed=done)

        yield progress


def as_json(task: Task, report: Report) -> dict[str, Any]:
    """The report for programs: names are only ever added."""
    from processors.audit.entries import JOURNAL
    from processors.codec.instants import write_instant

    def instant(value: int | None) -> str | None:
        return None if value is None else write_instant(value)

    return {
        "multichannel_verify": REPORT_LAYOUT,
        "ok": not report.findings,
        "source": task.source.name,
        "compared": list(report.compared),
        "customer_tenant_id": task.customer,
        "since": instant(task.since),
        "until": instant(task.until),
        "figures": {name: report.figures[name] for name in FIGURES},
        "partitions": [
            {"partition": partition, "records": read.records, "last_offset": read.last_offset, "root": read.tree.root.hex()}
            for (topic, partition), read in sorted(report.read.items())
            if topic == JOURNAL
        ],
        "damages": dict(sorted(Counter(finding.damage.value for finding in report.findings).items())),
        "findings": [finding.to_json() for finding in report.findings],
        "otherwise_by_older_revision": [finding.to_json() for finding in report.otherwise],
    }


FIGURES = {
    "customers": "customers",
    "entries": "journal entries",
    "not_recomputed": "of them not computed again, because of what is named above",
    "decisions": "decisions read",
    "decisions_recomputed": "of them computed again, the same byte for byte",
    "view": "records of the view",
    "inputs": "entries compared with their input record",
    "inputs_gone": "entries whose input record retention has removed",
}


def _show(task: Task, report: Report) -> None:
    for finding in report.findings[:SHOWN_MAX]:
        click.echo(str(finding))
    if len(report.findings) > SHOWN_MAX:
        click.echo(f"... and {len(report.findings) - SHOWN_MAX:,} more (--format json has all of them)")
    for finding in report.otherwise[:SHOWN_MAX]:
        click.echo(f"{finding.place}: an older revision of the core decided otherwise: {finding.message}")
    if report.findings or report.otherwise:
        click.echo()
    click.echo(f"{task.source.name}: {', '.join(report.compared)}")
    for name, words in FIGURES.items():
        if report.figures[name] or name in {"customers", "entries"}:
            click.echo(f"  {report.figures[name]:>12,}  {words}")
    if report.findings:
        counted = Counter(finding.damage.value for finding in report.findings)
        named = ", ".join(f"{number} {name}" for name, number in sorted(counted.items()))
        click.echo(f"{len(report.findings):,} difference{'s' if len(report.findings) > 1 else ''}: {named}")
    elif report.figures["entries"]:
        click.echo("everything is as it must be")
    else:
        click.echo("the journal has no entries")
