"""Is this still the process that we started?

A process id alone says nothing: it may be left over in a file, or given to a stranger by now. A process is ours if it
started when we noted it did, and its command line holds a word that nothing else has (its mark).
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the system describes it; `started` is opaque and only compared (ticks since boot, or ps's date)."""

    pid: int
    started: str
    command: tuple[str, ...]


def look(pid: int) -> Process | None:
    """The process with this id now; None where there is none or only its remains wait to be collected."""
    if not PROC.joinpath("self", "stat").exists():
        return next((process for process in _listed_by_ps() if process.pid == pid), None)
    try:
        state, *fields = PROC.joinpath(str(pid), "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        command = PROC.joinpath(str(pid), "cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    if state == "Z":
        return None
    words = command.rstrip(b"\0").split(b"\0") if command else []  # none for a moment while it becomes another program
    return Process(pid, fields[18], tuple(word.decode("utf-8", "replace") for word in words))


def find(mark: str) -> Process | None:
    """The process whose command line holds the word `mark`, where a record of it was lost."""
    if PROC.joinpath("self", "stat").exists():
        processes: Iterator[Process | None] = (look(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    else:
        processes = iter(_listed_by_ps())
    return next((process for process in processes if process is not None and mark in process.command and process.pid != os.getpid()), None)


def is_alive(process: Process) -> bool:
    """Whether it still runs, and not a stranger under its id."""
    now = look(process.pid)
    return now is not None and now.started == process.started


def send(process: Process, number: signal.Signals) -> bool:
    """Signal it, and only it; False where it has ended."""
    with suppress(ProcessLookupError), _opened(process.pid) as kill:
        if is_alive(process):
            kill(number)
            return True
    return False


@contextmanager
def _opened(pid: int) -> Iterator[Callable[[signal.Signals], None]]:
    """Linux holds on to a process by a descriptor, so that its id cannot pass to a stranger between look and signal."""
    if not hasattr(os, "pidfd_open"):
        yield lambda number: os.kill(pid, number)
        return
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda number: signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def _listed_by_ps() -> list[Process]:
    """Where there is no /proc (macOS): ps. The five words of lstart come before the command."""
    listing = subprocess.run(["ps", "-axo", "pid=,lstart=,args="], capture_output=True, text=True, timeout=10, check=False)  # noqa: S607 - a system's own tool
    rows = (line.split(None, 6) for line in listing.stdout.splitlines())
    return [Process(int(row[0]), " ".join(row[1:6]), tuple(row[6].split())) for row in rows if len(row) == 7]
