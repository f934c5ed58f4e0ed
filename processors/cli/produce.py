"""`multichannel produce`: files of events onto their topics."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, Stop
from processors.cli.progress import counting
from processors.codec import Located, MessageRejected, UnknownNames, read_file
from processors.codec.configured import configured_registry
from processors.contract import contract
from processors.feeding.sending import send
from processors.settings import Settings

COMPLAINTS_SHOWN_MAX = 20


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--skip-invalid", is_flag=True, help="Send the valid events and report the others, instead of sending nothing.")
@click.option("--dry-run", is_flag=True, help="Check the files; ask no broker, send nothing.")
@click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="The summary, for people or for programs."
)
def produce(files: tuple[Path, ...], skip_invalid: bool, dry_run: bool, topic_prefix: str | None, output_format: str) -> None:
    """Send the events of FILES (JSON Lines or Avro container files) to their topics.

    All files are checked before anything is sent: the first event that is not valid is reported with file, line and field,
    and nothing is sent. Keys, partitions and framing are those of the contract; sending a file again is harmless, because
    an event_id that was seen is a duplicate to the worker.

    Example: multichannel produce examples/stories/*.jsonl

    Exit codes: 0 all sent, 1 sent but some were skipped as invalid, 2 an event is not valid and nothing was sent,
    69 no broker, no topic or no schema registry, or the broker did not take an event, 78 wrong settings, 130 interrupted.
    """
    settings = settings_or_stop(topic_prefix=topic_prefix)
    warn = UnknownNames(lambda sentence: click.echo(f"warning: {sentence}", err=True))
    rejected: list[MessageRejected] = []
    checked = Counter(located.topic for located in _events(files, warn, rejected.append if skip_invalid else None))
    valid, topics = checked.total(), sorted(checked)
    sent: Counter[str] = Counter()
    if valid and not dry_run:
        arguments = broker_or_stop(settings)
        with counting("sending", valid) as advance:
            sent = _send(settings, arguments, _events(files, None, _ignore if skip_invalid else None), topics, advance)
    _summarise(valid, sent, rejected, output_format)
    if rejected:
        sys.exit(EXIT_DIFFERENCES)


def _events(
    files: tuple[Path, ...], unknown: UnknownNames | None, on_rejected: Callable[[MessageRejected], None] | None
) -> Iterator[Located]:
    for path in files:
        try:
            yield from read_file(path, unknown=unknown, on_rejected=on_rejected)
        except MessageRejected as rejected:
            raise Stop(f"{rejected}; nothing was sent", EXIT_INVALID) from None
        except OSError as error:
            raise Stop(f"{path}: {error.strerror}", EXIT_INVALID) from None


def _ignore(rejected: MessageRejected) -> None:
    """It was reported when the files were checked."""


def _send(
    settings: Settings, arguments: dict[str, Any], events: Iterator[Located], topics: list[str], advance: Callable[[], None]
) -> Counter[str]:
    async def register_and_send() -> Counter[str]:
        async with configured_registry(settings) as registry:
            schema_ids = None
            if registry is not None:
                schema_ids = {topic: await registry.register(topic, contract(), prefix=settings.topic_prefix) for topic in topics}
            return await send(arguments, events, topic_prefix=settings.topic_prefix, schema_ids=schema_ids, on_sent=advance)

    with answers_or_stop():
        return asyncio.run(register_and_send())


def _summarise(valid: int, sent: Counter[str], rejected: list[MessageRejected], output_format: str) -> None:
    if output_format == "json":
        complaints = [
            {"place": each.place, "error_code": each.code.value, "field": each.field, "message": each.message} for each in rejected
        ]
        click.echo(json.dumps({"valid": valid, "sent": dict(sorted(sent.items())), "rejected": complaints}))
        return
    for complaint in rejected[:COMPLAINTS_SHOWN_MAX]:
        click.echo(str(complaint), err=True)
    if len(rejected) > COMPLAINTS_SHOWN_MAX:
        click.echo(f"... and {len(rejected) - COMPLAINTS_SHOWN_MAX:,} more", err=True)
    for topic, number in sorted(sent.items()):
        click.echo(f"{topic:30}{number:>10,}")
    click.echo(f"{sent.total():,} of {valid:,} valid events sent" + (f", {len(rejected):,} skipped as invalid" if rejected else ""))
