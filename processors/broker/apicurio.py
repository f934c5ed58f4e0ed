"""How does a real schema registry run on this machine: Apicurio with its state in memory, on loopback, for the tests?"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from processors.broker import children, downloads
from processors.broker.failures import ServerUnavailableError
from processors.broker.prerequisites import how_to_get, look_for_prerequisites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "apicurio-2.6.13"
CONFLUENT_PATH = "/apis/ccompat/v7"
HEAP_MIB = 256
BUSY_SECONDS_BEYOND = 30.0
ASK_SECONDS = 5.0
_PORT = re.compile(r"-Dquarkus\.http\.port=(\d+)")


def start_apicurio(
    folder: Path, cache: Path, *, start_seconds: float, download_seconds: float, say: Callable[[str], None] = lambda _: None
) -> str:
    """The URL of Confluent's API at the registry of this folder: the one that runs, else one started now.

    Raises:
        ServerUnavailableError: it cannot be had, or ended or was silent while it started; with what is lacking or its log.
        ServerBusyError: another command was starting or stopping it until the deadline.
    """
    with children.locked(folder, start_seconds + download_seconds + BUSY_SECONDS_BEYOND):
        url = running_apicurio(folder)
        if url is not None and _answers(url):
            return url
        stop_apicurio(folder, locked=True)
        found = look_for_prerequisites(with_maven=not (cache / NAME).is_dir())
        if found.lacking or found.java is None:
            raise ServerUnavailableError(
                f"no schema registry: {', '.join(found.lacking)} is lacking; get it with: {how_to_get(found.lacking)}"
            )
        libraries = downloads.fetched(NAME, cache, found.maven, say, download_seconds)
        (runner,) = libraries.glob("*-runner.jar")
        (port,) = children.free_ports(1)
        arguments = [f"-Xmx{HEAP_MIB}m", "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar", str(runner)]
        say(f"{NAME}: starting")
        process = children.spawn(folder, found.java, arguments)
        url = f"http://127.0.0.1:{port}{CONFLUENT_PATH}"
        children.await_answer(process, folder, lambda: _answers(url), NAME, start_seconds)
        return url


def running_apicurio(folder: Path) -> str | None:
    """The URL of the registry of this folder if its process runs."""
    process = children.running(folder)
    match = _PORT.search(" ".join(process.command)) if process is not None else None
    return f"http://127.0.0.1:{match[1]}{CONFLUENT_PATH}" if match else None


def stop_apicurio(folder: Path, *, locked: bool = False) -> None:
    """Stop the registry of this folder, if it runs, and nothing else; what was registered is gone. `locked`: the caller holds the lock."""
    if not locked:
        with children.locked(folder, BUSY_SECONDS_BEYOND):
            return stop_apicurio(folder, locked=True)
    process = children.running(folder)
    if process is not None:
        children.stop(process)
    return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/subjects", timeout=ASK_SECONDS) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
