"""How is a server started as a child process, found again, waited for and stopped?

Everything it leaves is in one folder: `process.json` (which process it is), `server.log`, and what the server itself
writes. Starting and stopping hold the folder's lock, so two commands at once take turns.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from processors.broker import processes
from processors.broker.failures import ServerBusyError, ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from processors.broker.processes import Process

SPAWN_SECONDS = 10.0
STOP_SECONDS = 30.0
KILL_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_LINES_SHOWN = 15


@contextmanager
def locked(folder: Path, deadline_seconds: float) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process that holds it, however that ends.

    Raises:
        ServerUnavailableError: the folder cannot be written.
        ServerBusyError: somebody else held the lock until the deadline.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        wanted = "choose another folder with MULTICHANNEL_BROKER_FOLDER"
        raise ServerUnavailableError(f"the folder {folder} cannot be written ({error.strerror}); {wanted}") from None
    try:
        until = time.monotonic() + deadline_seconds
        while not _lock(descriptor):
            if time.monotonic() > until:
                raise ServerBusyError(f"another command has been starting or stopping the server in {folder} for {deadline_seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback that nobody listens on now; held together so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a port in TIME_WAIT is free
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def mark(folder: Path) -> str:
    """The word on the command line of every server of this folder, and of nothing else."""
    return f"-Dmultichannel.folder={folder.resolve()}"


def running(folder: Path) -> Process | None:
    """The server of this folder if it runs; also where its record is lost, damaged or names another process."""
    noted = _noted(folder)
    if noted is not None and mark(folder) in noted.command and processes.is_alive(noted):
        return noted
    return processes.find(mark(folder))


def _noted(folder: Path) -> Process | None:
    try:
        match json.loads((folder / "process.json").read_text("utf-8")):
            case {"pid": int(pid), "started": str(started), "command": list(command)}:
                return processes.Process(pid, started, tuple(map(str, command)))
    except (OSError, ValueError):
        pass
    return None


def spawn(folder: Path, java: Path, arguments: Sequence[str]) -> Process:
    """Start a Java server in a session of its own, no child of ours: Ctrl-C does not reach it and it outlives us.

    Raises:
        ServerUnavailableError: it ended at once.
    """
    log = folder / "server.log"
    if log.exists():
        log.replace(folder / "server.log.1")
    # the shell starts it in the background, says its id and ends: when the server ends, the system collects it and not we
    script = '"$@" >>"$0" 2>&1 </dev/null & echo $!'
    command = ["/bin/sh", "-c", script, str(log.resolve()), str(java), mark(folder), *arguments]
    started = subprocess.run(  # noqa: S603 - our own command
        command,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SPAWN_SECONDS,
        check=True,
        start_new_session=True,
        cwd=folder,
        env=java_environment(),
    )
    process = _settled(int(started.stdout))
    if process is None:
        raise ServerUnavailableError(f"{java} ended at once; {last_lines(folder)}")
    write(folder / "process.json", json.dumps(asdict(process), indent=1))
    return process


def java_environment() -> dict[str, str]:
    """Java 17 reads names of files by the locale; in the plain C locale it finds none that is not ASCII."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _settled(pid: int) -> Process | None:
    """The process once it is no longer the shell it was forked from."""
    until = time.monotonic() + SPAWN_SECONDS
    process = processes.look(pid)
    while process is not None and process.command[:1] in {(), ("/bin/sh",)} and time.monotonic() < until:
        time.sleep(POLL_SECONDS / 10)
        process = processes.look(pid)
    return process


def write(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def await_answer(process: Process, folder: Path, answers: Callable[[], bool], what: str, deadline_seconds: float) -> None:
    """Ask until it answers; whatever else happens, Ctrl-C too, it is stopped.

    Raises:
        ServerUnavailableError: it ended, or the deadline passed; with the last lines of its log.
    """
    until = time.monotonic() + deadline_seconds
    try:
        while not answers():
            _check(process, folder, what, until, deadline_seconds)
            time.sleep(POLL_SECONDS)
    except BaseException:
        stop(process)
        raise


def _check(process: Process, folder: Path, what: str, until: float, deadline_seconds: float) -> None:
    if not processes.is_alive(process):
        raise ServerUnavailableError(f"{what} ended while it was starting; {last_lines(folder)}")
    if time.monotonic() > until:
        raise ServerUnavailableError(f"{what} did not answer within {deadline_seconds:.0f} s and was stopped; {last_lines(folder)}")


def last_lines(folder: Path) -> str:
    """The end of the server's log, for a message."""
    log = folder / "server.log"
    try:
        lines = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:]
    except OSError:
        lines = []
    return "\n    ".join((f"the last lines of {log}:", *lines)) if lines else f"{log} is empty"


def stop(process: Process) -> None:
    """Ask it to end, then make it; returns when it has ended.

    Raises:
        ServerUnavailableError: not even SIGKILL ended it in time.
    """
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        asked = processes.send(process, number)
        processes.send(process, signal.SIGCONT)  # one that was paused would not hear the first
        if not asked or _ended(process, seconds):
            return
    raise ServerUnavailableError(f"process {process.pid} did not end within {KILL_SECONDS:.0f} s of SIGKILL")


def _ended(process: Process, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while processes.is_alive(process):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True
