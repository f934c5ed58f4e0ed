"""Which events do the files named on the command line hold? All of them let in, or the command ends and says what is wrong."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from processors.cli.exits import EXIT_INVALID, Stop
from processors.cli.progress import moving

if TYPE_CHECKING:
    from processors.replay.deciding import Reading
    from processors.replay.reading import Named
    from processors.settings import Settings

STANDARD_INPUT = Path("-")


def read_files(files: tuple[Path, ...], settings: Settings, until: int | None, customers: tuple[str, ...]) -> Reading:
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
            with moving("reading", sum(os.fstat(file.fileno()).st_size for _, file in named)) as progress:
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
