"""Which documents are made from the code? `make docs` writes them; `tests/test_docs.py` fails when one is stale."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import click
from click.testing import CliRunner

from processors.cli import COMMANDS, multichannel
from processors.cli.exits import MEANINGS
from processors.contract import contract
from processors.contract.document import document as topics_document
from processors.metrics.definitions import METRICS
from processors.settings import document as settings

DOCS = Path(__file__).parent


def exit_codes() -> str:
    """The table of exit codes."""
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
    return f"# Exit codes\n\nEvery command of `multichannel` ends with one of these.\n\n| code | meaning |\n| --- | --- |\n{rows}\n"


def commands() -> str:
    """The help text of every command and sub-command."""
    parts = ["# Commands\n\nWhat `--help` prints."]

    def describe(command: click.Command, path: str, parent: click.Context) -> None:
        context = click.Context(command, info_name=path.rsplit(" ", 1)[1], parent=parent, terminal_width=100)
        parts.append(f"## `{path}`\n\n```\n{command.get_help(context)}\n```")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None:
                    describe(inner, f"{path} {name}", context)

    present = {name for name, (module, _, _) in COMMANDS.items() if _is_there(module)}
    context = click.Context(multichannel, info_name="multichannel", **multichannel.context_settings)
    for name in COMMANDS:
        if name in present and (command := multichannel.get_command(context, name)) is not None:
            describe(command, f"multichannel {name}", context)
    return "\n\n".join(parts) + "\n"


def topics() -> str:
    """The topics and the records they carry."""
    return topics_document(contract())


def metrics() -> str:
    """The table of metrics."""
    rows = "\n".join(
        f"| `{each.name}` | {each.kind.value}{''.join(f', by {label}' for label in each.labels)} | {each.meaning} |" for each in METRICS
    )
    head = "# Metrics\n\nWhat a worker shows at `/metrics`, in Prometheus' format.\n\n| name | kind | meaning |\n| --- | --- | --- |"
    return f"{head}\n{rows}\n"


EXAMPLE = re.compile(r"^```\n\$ (multichannel .*)\n(?:.*\n)*?```$", re.MULTILINE)


def explaining() -> str:
    """The page on explain and what-if, with what its commands print now in place of what they printed before."""
    return EXAMPLE.sub(lambda found: f"```\n$ {found[1]}\n{_printed(found[1])}```", (DOCS / "explaining.md").read_text(encoding="utf-8"))


def _printed(line: str) -> str:
    """What a command prints, run at the top of the repository; `| head -N` is understood."""
    command, _, cut = line.partition(" | head -")
    with contextlib.chdir(DOCS.parent):
        lines = CliRunner().invoke(multichannel, shlex.split(command)[1:]).stdout.splitlines(keepends=True)
    return "".join(lines[: int(cut)] if cut else lines)


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


# file -> what writes it
GENERATED: dict[str, Callable[[], str]] = {
    "exit-codes.md": exit_codes,
    "commands.md": commands,
    "metrics.md": metrics,
    "explaining.md": explaining,
    "settings.md": settings.document,
    "topics.md": topics,
}


def main() -> None:
    """Write every generated document that differs from what it should be."""
    for name, write in GENERATED.items():
        path, text = DOCS / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote docs/{name}\n")


if __name__ == "__main__":
    main()
