"""What can a person type? The command `multichannel`, its sub-commands, and the exit codes they share.

A command's module is imported when the command is called, so that `--help` is quick. What goes wrong is said in one
line on stderr, never as a traceback; `docs/exit-codes.md` explains the codes.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, NoReturn

import click

from processors.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_INVALID, EXIT_READER_GONE, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

# name -> (module, attribute, one line for --help); the only place where a command is listed
COMMANDS: dict[str, tuple[str, str, str]] = {
    "broker": ("processors.cli.broker", "broker", "A real Apache Kafka on this machine: start, stop, status."),
    "topics": ("processors.cli.topics", "topics", "Compare topics.yaml with a broker: plan, apply, check."),
    "produce": ("processors.cli.produce", "produce", "Send files of events to their topics."),
    "consume": ("processors.cli.consume", "consume", "Print the records of a topic as JSON Lines."),
    "replay": ("processors.cli.replay", "replay", "Decide from files, without Kafka."),
    "verify": ("processors.cli.verify", "verify", "Prove that the journal is whole and every decision follows from it."),
    "checkpoint": ("processors.cli.checkpoint", "checkpoint", "The journal's heads, for an auditor to keep elsewhere."),
    "export": ("processors.cli.export", "export", "Journal and decisions as Parquet or JSON Lines."),
    "explain": ("processors.cli.explain", "explain", "One customer: what was told, what is answered, and why."),
    "what-if": ("processors.cli.what_if", "what_if", "Compare: under another policy, or with another event."),
    "worker": ("processors.cli.worker", "worker", "The service: decide what arrives, exactly once."),
    "review": ("processors.cli.review", "review", "Ask for one customer's or all customers' answers anew."),
    "dead-letters": ("processors.cli.dead_letters", "dead_letters", "Records that were refused: list, show, requeue."),
    "run": ("processors.cli.run", "run", "The whole thing once, on this machine."),
}


class ReaderGone(Exception):  # noqa: N818 - what happened, and no fault of ours
    """Who reads our output has gone (`| head`)."""


class LazyGroup(click.Group):
    """A click group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, imported now; None where the table does not list it."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but a mistyped command names the nearest one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """As click's, but a broken pipe is left to `main`: click would end with 1, which means differences."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table's one-liners, so that --help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="multichannel", prog_name="multichannel")
def multichannel() -> None:
    """Who may support a cloud subscription, how it may move, who bills it: decided as a stream.

    Example: multichannel run

    Exit codes: 0 done, 1 differences found, 2 wrong usage or invalid input, 65 too many records are no valid events,
    69 something needed is missing or does not answer, 70 stopped itself, 75 try again later, 78 wrong settings,
    130 interrupted (docs/exit-codes.md).
    """


def _say_nothing_more() -> None:
    """Keep what the interrupt left half made silent, such as an event loop without its sockets, when it is thrown away.

    Call it while the exception is handled: until then its traceback keeps those objects.
    """
    sys.unraisablehook = lambda _: None
    warnings.simplefilter("ignore")


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every way out is an exit code."""
    # what went wrong the command says itself, in one line; the client's own complaints are for the worker's log
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        code = multichannel.main(args=args, prog_name="multichannel", standalone_mode=False)
        sys.stdout.flush()
    except Stop as stop:
        click.echo(f"multichannel: {stop}", err=True)
        code = stop.code
    except click.UsageError as error:
        error.show()
        code = EXIT_INVALID
    except click.ClickException as error:
        click.echo(f"multichannel: {error.format_message()}", err=True)
        code = EXIT_INVALID
    except (click.Abort, KeyboardInterrupt):
        _say_nothing_more()
        click.echo("multichannel: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        # end as a program does that does not catch the signal
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_READER_GONE
    except Exception:  # noqa: BLE001 - a fault of ours: say all of it, and do not end with a code that means something else
        traceback.print_exc()
        code = EXIT_FAILED
    sys.exit(code if isinstance(code, int) else 0)
