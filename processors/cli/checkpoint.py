"""`multichannel checkpoint`: what is in the journal now, for somebody else to keep."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from processors.cli.configured import settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, Stop
from processors.cli.verify import phases, source_or_stop


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file that is not there yet; by default standard output.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
def checkpoint(path: Path | None, out: Path | None, topic_prefix: str | None) -> None:
    """Write the head of every partition of the journal: one hash over all its records (RFC 6962), and how many they are.

    Keep it where the operator of the broker cannot change it; sign it with whatever you sign documents with. Later
    `multichannel verify --checkpoint FILE` proves that all that is in the journal now is there still. Make one every day,
    after a `multichannel verify`.

    PATH is a folder that `multichannel export` wrote, or JSON Lines; without it the broker in force is read. Standard error
    names the document's sha256: short enough to print, publish or read out.

    Example: multichannel checkpoint --out heads-2024-06-01.json

    Exit codes: 0 done, 1 the journal is empty, 2 it cannot be read, the file is there already, or wrong usage, 78 wrong
    settings, 130 interrupted.
    """
    from processors.audit.checkpoint import checkpoint_of
    from processors.audit.entries import JOURNAL
    from processors.audit.sources import SourceUnreadable
    from processors.audit.verifying import heads

    settings = settings_or_stop(topic_prefix=topic_prefix)
    try:
        with source_or_stop(path, settings) as source, phases() as progress:
            read = heads(source, os.cpu_count() or 1, progress)
            made = checkpoint_of(read, source.partitions(JOURNAL))
    except SourceUnreadable as error:
        raise Stop(str(error), EXIT_INVALID) from None
    if not any(head.count for head in made.heads):
        raise Stop(f"{source.name}: the journal is empty; there is nothing to keep", EXIT_DIFFERENCES)
    document = made.document()
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Stop(f"{out}: {error.strerror or error}", EXIT_INVALID) from None
    click.echo(f"sha256 {document['sha256']}: {sum(head.count for head in made.heads):,} entries", err=True)
