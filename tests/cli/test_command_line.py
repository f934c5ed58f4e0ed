"""Does the command line say what is wrong, and end with the right code?"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from processors.cli import COMMANDS, main, multichannel
from processors.cli.exits import EXIT_FAILED, EXIT_INVALID


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "multichannel"
    return subprocess.run([str(command), *args], capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_command() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    assert [name for name in COMMANDS if f"  {name} " not in shown.stdout] == []


def test_a_mistyped_command_is_refused_and_the_nearest_one_named() -> None:
    refused = run("brokr")
    assert refused.returncode == EXIT_INVALID
    assert "Did you mean 'broker'?" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("module", ["aiokafka", "faust", "fastavro", "pydantic", "rich"])
def test_help_imports_nothing_heavy(module: str) -> None:
    code = "import sys; from processors.cli import multichannel; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"'{module}'" not in loaded


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, click.Command]]:
    """Every command that does something, with what a person types."""
    if not isinstance(command, click.Group):
        return [(" ".join(path), command)]
    context = click.Context(command)
    found = [(name, command.get_command(context, name)) for name in command.list_commands(context) if is_there(path, name)]
    return [leaf for name, inner in found if inner is not None for leaf in leaves(inner, (*path, name))]


def is_there(path: tuple[str, ...], name: str) -> bool:
    return bool(path) or importlib.util.find_spec(COMMANDS[name][0]) is not None


@pytest.mark.parametrize(("path", "command"), leaves(multichannel), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_shows_an_example_and_its_exit_codes(path: str, command: click.Command) -> None:
    said = command.help or ""
    assert f"Example: multichannel {path}" in said
    assert "Exit codes: 0 " in said
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_every_command_of_the_table_is_there() -> None:
    assert [name for name in COMMANDS if not is_there((), name)] == []


def test_a_fault_of_ours_ends_with_70_and_tells_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(multichannel, "main", broken)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == EXIT_FAILED
    assert "made up" in capsys.readouterr().err


def test_an_interrupt_in_the_middle_of_making_an_event_loop_ends_in_one_line() -> None:
    """Ctrl-C may come anywhere; a loop that is half made complains loudly when it is thrown away."""
    interrupted = """
import asyncio.selector_events as events
from processors.cli import main
def interrupt(self):
    raise KeyboardInterrupt
events.BaseSelectorEventLoop._make_self_pipe = interrupt
main(["topics", "check"])
"""
    variables = os.environ | {"MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    ended = subprocess.run([sys.executable, "-c", interrupted], env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "multichannel: interrupted")
