"""`multichannel broker`: a real Apache Kafka on this machine, started, looked at and stopped."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from processors.broker import ServerBusyError, ServerUnavailableError, broker_status, start_broker, stop_broker
from processors.cli.configured import broker_or_stop, settings_or_stop
from processors.cli.exits import EXIT_DIFFERENCES, EXIT_TRY_AGAIN, EXIT_UNAVAILABLE, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processors.broker import Broker

output_format = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", help="For people or for programs."
)


@click.group()
def broker() -> None:
    """A real Apache Kafka on this machine: start, stop, status.

    The order of choice: the broker that MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS names, a running Docker engine
    (docker-compose.yml), Java 17 and Maven (Kafka is downloaded once). docs/broker.md says more.

    Example: multichannel broker start
    """


@broker.command()
@click.option("--by", type=click.Choice(["docker", "java"]), help="Leave no choice.")
@output_format
def start(by: Literal["docker", "java"] | None, output_format: str) -> None:
    """Start a broker and wait until it answers; a broker that runs already is found and kept.

    Example: multichannel broker start --format json

    Exit codes: 0 it runs, 69 none can be had (the message says what is lacking), 75 another command is starting it,
    78 wrong settings, 130 interrupted.
    """
    settings = settings_or_stop()
    with _failures(), _progress() as say:
        found = start_broker(settings, say, by)
    if found.kind == "configured":
        broker_or_stop(settings)
    _print(found, output_format, "started" if found.started_now else "running")


@broker.command()
@output_format
def stop(output_format: str) -> None:
    """Stop the broker that was started here, and nothing else; its records stay.

    Example: multichannel broker stop

    Exit codes: 0 it does not run any more (or did not), 69 it does not end, 75 another command is starting it,
    78 wrong settings, 130 interrupted.
    """
    settings = settings_or_stop()
    with _failures():
        stopped = stop_broker(settings)
    if stopped is not None:
        _print(stopped, output_format, "stopped")
    elif output_format == "json":
        click.echo(json.dumps({"state": "not running"}))
    else:
        click.echo("no broker of ours is running")


@broker.command()
@output_format
def status(output_format: str) -> None:
    """Say which broker the commands here use, and whether it answers.

    Example: multichannel broker status --format json

    Exit codes: 0 it answers, 1 none was started here and none is configured, 69 it does not answer, 78 wrong settings,
    130 interrupted.
    """
    settings = settings_or_stop()
    found = broker_status(settings)
    if found is None:
        if output_format == "json":
            click.echo(json.dumps({"state": "not running"}))
        raise Stop("no broker: start one with `multichannel broker start`, or set MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS", EXIT_DIFFERENCES)
    try:
        broker_or_stop(settings)
    except Stop:
        _print(found, output_format, "not answering")
        raise
    _print(found, output_format, "running")


@contextmanager
def _failures() -> Iterator[None]:
    """The broker's conditions as ways to end."""
    try:
        yield
    except ServerUnavailableError as error:
        raise Stop(str(error), EXIT_UNAVAILABLE) from None
    except ServerBusyError as error:
        raise Stop(str(error), EXIT_TRY_AGAIN) from None


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Progress on stderr: one line that changes on a terminal, otherwise every tenth download and all else."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("broker") as line:
            yield line.update
        return
    yield lambda words: None if " downloaded, " in words and "0 downloaded" not in words else click.echo(words, err=True)


def _print(found: Broker, output_format: str, state: str) -> None:
    facts = {
        "state": state,
        "kind": found.kind,
        "bootstrap_servers": ",".join(found.bootstrap_servers),
        "version": found.version,
        "pid": found.pid,
        "log_file": str(found.log_file) if found.log_file else None,
        "data_folder": str(found.data_folder) if found.data_folder else None,
    }
    if output_format == "json":
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name.replace('_', ' '):18}{value}")
