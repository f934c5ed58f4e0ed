"""`multichannel topics`: compare topics.yaml with a broker, and bring the broker to it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from processors.cli.configured import broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_INVALID, EXIT_UNAVAILABLE, Stop
from processors.contract import contract
from processors.topics import Difference, Kind, TopicsError
from processors.topics import apply as apply_plan
from processors.topics import plan as make_plan

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

Result = TypeVar("Result")

output_format = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="For people or for programs."
)
topic_prefix = click.option("--topic-prefix", help="Stands before every topic name (setting topic_prefix).")
SIGNS = {Kind.CREATE: ("+", "green"), Kind.CHANGE: ("~", "yellow"), Kind.REFUSE: ("!", "red")}


@click.group()
def topics() -> None:
    """Compare topics.yaml with a broker: plan, apply, check.

    Example: multichannel topics plan
    """


@topics.command()
@topic_prefix
@output_format
def plan(topic_prefix: str | None, output_format: str) -> None:
    """Show what the broker lacks, as a diff: + create, ~ change, ! refused, with the reason.

    Example: multichannel topics plan --format json

    Exit codes: 0 no difference, 2 differences, 69 no broker or it does not answer, 78 wrong settings, 130 interrupted.
    """
    arguments, prefix = _broker(topic_prefix)
    differences = _asked(make_plan(arguments, contract().topics.values(), prefix))
    _print(differences, output_format)
    if differences:
        sys.exit(EXIT_INVALID)


@topics.command()
@topic_prefix
@output_format
@click.option("--yes", is_flag=True, help="Do not ask.")
def apply(topic_prefix: str | None, output_format: str, yes: bool) -> None:
    """Create and change what the plan shows; nothing that is refused. Repeating it does no harm.

    Example: multichannel topics apply --yes

    Exit codes: 0 the broker is as topics.yaml says, 1 refused differences remain or you said no, 2 it would have to ask
    and there is no terminal, 69 no broker or it does not answer, 78 wrong settings, 130 interrupted.
    """
    arguments, prefix = _broker(topic_prefix)
    described = tuple(contract().topics.values())
    before = _asked(make_plan(arguments, described, prefix))
    _print(before, "text", err=output_format == "json")
    if any(difference.kind is not Kind.REFUSE for difference in before) and not yes:
        _ask()
    done, remaining = _asked(apply_plan(arguments, described, prefix))
    if output_format == "json":
        click.echo(json.dumps({"applied": [asdict(each) for each in done], "remaining": [asdict(each) for each in remaining]}))
    elif done:
        click.echo(f"applied: {_counted(done, ('created', 'changed', 'given up'))}")
    if remaining:
        raise Stop(f"{len(remaining)} differences remain, because they are refused", EXIT_DIFFERENCES)


@topics.command()
@topic_prefix
@output_format
def check(topic_prefix: str | None, output_format: str) -> None:
    """Say what keeps a worker from running on this broker; the worker asks the same when it starts.

    Example: multichannel topics check

    Exit codes: 0 nothing, 1 complaints, 69 no broker or it does not answer, 78 wrong settings, 130 interrupted.
    """
    arguments, prefix = _broker(topic_prefix)
    found = [each for each in _asked(make_plan(arguments, contract().topics.values(), prefix)) if each.wanted != "nothing"]
    if output_format == "json":
        click.echo(json.dumps({"complaints": [asdict(each) for each in found]}))
    else:
        for each in found:
            click.echo(str(each))
    if found:
        raise Stop(f"{len(found)} complaints; `multichannel topics plan` shows what would be done", EXIT_DIFFERENCES)
    if output_format == "text":
        click.echo("every topic is as topics.yaml says")


def _broker(prefix: str | None) -> tuple[dict[str, Any], str]:
    settings = settings_or_stop(topic_prefix=prefix)
    return broker_or_stop(settings), settings.topic_prefix


def _asked(question: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(question)
    except TopicsError as error:
        raise Stop(str(error), EXIT_UNAVAILABLE) from None


def _ask() -> None:
    if not sys.stdin.isatty():
        raise Stop(
            "apply asks before it changes a broker, and there is no terminal to ask on: look at the plan and give --yes", EXIT_INVALID
        )
    if not click.confirm("Apply this?", err=True):
        raise Stop("nothing was applied", EXIT_DIFFERENCES)


def _print(differences: Sequence[Difference], output_format: str, *, err: bool = False) -> None:
    if output_format == "json":
        click.echo(json.dumps({"differences": [asdict(each) for each in differences]}))
        return
    for each in differences:
        sign, color = SIGNS[each.kind]
        value = each.wanted if each.kind is Kind.CREATE else f"{each.setting} {each.found} -> {each.wanted}"
        why = f"\n    refused: {each.why}" if each.kind is Kind.REFUSE else ""
        click.secho(f"{sign} {each.topic}: {value}{why}", fg=color, err=err)
    for why in dict.fromkeys(each.why for each in differences if each.kind is Kind.CREATE and each.why):
        click.echo(f"note: {why}", err=err)
    click.echo(_counted(differences, ("to create", "to change", "refused")) if differences else "no difference", err=err)


def _counted(differences: Sequence[Difference], words: tuple[str, str, str]) -> str:
    return ", ".join(f"{sum(each.kind is kind for each in differences)} {word}" for kind, word in zip(Kind, words, strict=True))
