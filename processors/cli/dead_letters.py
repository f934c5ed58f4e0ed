"""`multichannel dead-letters`: look at refused records, mend them, send them again."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processors.cli.configured import answers_or_stop, broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, Stop

if TYPE_CHECKING:
    from processors.feeding.requeueing import Refused

output_format = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="For people or for programs."
)
topic_prefix_option = click.option("--topic-prefix", help="Stands before every topic name (also MULTICHANNEL_TOPIC_PREFIX).")


class Place(click.ParamType):
    """Partition and offset of a dead letter, as `list` prints them."""

    name = "PARTITION/OFFSET"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:  # noqa: ANN401 - click's signature
        """The two numbers."""
        if isinstance(value, tuple):
            return value
        partition, _, offset = value.partition("/")
        if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
            self.fail(f"{value!r} is no place like 3/17: partition and offset in the topic dead-letters", param, ctx)
        return int(partition), int(offset)


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Records that were refused: list, show, requeue.

    Example: multichannel dead-letters list --code INVALID
    """


@dead_letters.command(name="list")
@click.option("--code", help="Only with this error code: UNDECODABLE, UNKNOWN_SCHEMA, INVALID, KEY_MISMATCH, CLOCK_AHEAD or TOO_LARGE.")
@click.option("--topic", help="Only from this input topic.")
@click.option("--open", "only_open", is_flag=True, help="Only those that were not requeued.")
@output_format
@topic_prefix_option
def list_(code: str | None, topic: str | None, only_open: bool, output_format: str, topic_prefix: str | None) -> None:
    """Print one line for each dead letter: its place, where it came from, why it was refused, whether it was requeued.

    Example: multichannel dead-letters list --code INVALID --open

    Exit codes: 0 done, 2 no such error code, 69 no broker or no topic, 78 wrong settings, 130 interrupted.
    """
    from processors.codec import nearest
    from processors.contract import ErrorCode

    if code is not None and code not in ErrorCode.__members__:
        raise Stop(f"--code: {code!r} is none{nearest(code, ErrorCode.__members__) or ': ' + ', '.join(ErrorCode)}", EXIT_INVALID)
    found = [
        each
        for each in _all(topic_prefix)
        if (code is None or each.letter.error_code == code)
        and (topic is None or each.letter.topic == topic)
        and not (only_open and each.requeued)
    ]
    for each in found:
        click.echo(json.dumps(each.line()) if output_format == "json" else _text(each))
    if output_format == "text":
        click.echo(f"{len(found):,} dead letters, {sum(bool(each.requeued) for each in found):,} of them requeued", err=True)


@dead_letters.command()
@click.argument("place", type=Place())
@topic_prefix_option
def show(place: tuple[int, int], topic_prefix: str | None) -> None:
    """Print everything about one dead letter, as JSON, and the event in it in the form that `requeue --with` reads, where it can be read.

    Example: multichannel dead-letters show 3/17

    Exit codes: 0 done, 2 there is none at that place, 69 no broker or no topic, 78 wrong settings, 130 interrupted.
    """
    click.echo(json.dumps(_one(place, topic_prefix).whole(), indent=2, ensure_ascii=False))


@dead_letters.command()
@click.argument("places", nargs=-1, required=True, type=Place())
@click.option(
    "--with",
    "mended",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send the event in this file, one line of JSON Lines, instead of the original bytes.",
)
@click.option("--again", is_flag=True, help="Also what was requeued before.")
@topic_prefix_option
def requeue(places: tuple[tuple[int, int], ...], mended: Path | None, again: bool, topic_prefix: str | None) -> None:
    """Send the record of a dead letter to its topic again, with its key and headers; or the mended event.

    Without --with for what was refused for a reason that has gone (a schema registered since, a limit raised). The record
    gets the header `requeued-from`, which is the trace, and by which it is not sent a second time. With an event_id that was
    applied already it changes nothing.

    Example: multichannel dead-letters requeue 3/17 --with mended.jsonl

    Exit codes: 0 sent, 1 some were requeued before and were left alone, 2 nothing at that place, or the mended event is
    not valid (nothing is sent), 69 no broker, no topic or no schema registry, 78 wrong settings, 130 interrupted.
    """
    from processors.codec import MessageRejected
    from processors.feeding.requeueing import mend, requeue_all

    if mended is not None and len(places) > 1:
        raise click.UsageError("--with mends one dead letter: say one place")
    found = {(each.partition, each.offset): each for each in _all(topic_prefix)}
    if unknown := [place for place in places if place not in found]:
        raise Stop(f"no dead letter at {', '.join(f'{p}/{o}' for p, o in unknown)}; nothing was sent", EXIT_INVALID)
    chosen = [found[place] for place in dict.fromkeys(places)]
    left = [each for each in chosen if each.requeued and not again]
    event = None
    if mended is not None:
        try:
            event = mend(mended, chosen[0])
        except MessageRejected as rejected:
            raise Stop(f"{rejected}; nothing was sent", EXIT_INVALID) from None
    settings = settings_or_stop(topic_prefix=topic_prefix)
    with answers_or_stop():
        going = [each for each in chosen if each not in left]
        asyncio.run(requeue_all(broker_or_stop(settings), settings, going, event))
    for each in going:
        click.echo(f"{each.place} sent to {each.letter.topic}")
    for each in left:
        click.echo(f"{each.place} was requeued before, to {each.requeued}: left alone (--again sends it nevertheless)", err=True)
    if left:
        sys.exit(EXIT_DIFFERENCES)


def _all(topic_prefix: str | None) -> list[Refused]:
    from processors.feeding.requeueing import refused

    settings = settings_or_stop(topic_prefix=topic_prefix)
    with answers_or_stop():
        return asyncio.run(refused(broker_or_stop(settings), settings))


def _one(place: tuple[int, int], topic_prefix: str | None) -> Refused:
    for each in _all(topic_prefix):
        if (each.partition, each.offset) == place:
            return each
    raise Stop(f"no dead letter at {place[0]}/{place[1]}", EXIT_INVALID)


def _text(each: Refused) -> str:
    letter = each.letter
    done = f"  requeued to {each.requeued}" if each.requeued else ""
    return f"{each.place:>8}  {letter.error_code:14}  {letter.topic}/{letter.partition}/{letter.offset}  {letter.error_message}{done}"
