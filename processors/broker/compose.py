"""Is a Docker engine running, and how does it run the broker of docker-compose.yml?"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from processors.broker import children
from processors.broker.failures import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yml"
ASK_SECONDS = 15.0
STOP_SECONDS = 60.0


def why_not() -> str | None:
    """Why Docker cannot be used here; None where it can."""
    if shutil.which("docker") is None:
        return "Docker (no docker on PATH)"
    if not COMPOSE_FILE.is_file():
        return f"docker-compose.yml (not at {COMPOSE_FILE}: Docker is used from a checkout only)"
    for command, lacking in (
        (("version", "--format", "{{.Server.Version}}"), "a running Docker engine"),
        (("compose", "version"), "Docker Compose"),
    ):
        code, words = _docker(*command, seconds=ASK_SECONDS)
        if code != 0:
            return f"{lacking} (docker {' '.join(command[:1])} says: {words})"
    return None


def port_of(folder: Path) -> int | None:
    """The port of this checkout's broker container if it runs."""
    code, words = _docker(*_compose(folder), "port", "kafka", "9092", seconds=ASK_SECONDS)
    port = words.rpartition(":")[2].strip()
    return int(port) if code == 0 and port.isdigit() and port != "0" else None


def start(folder: Path, say: Callable[[str], None], deadline_seconds: float) -> int:
    """Start the container and wait until it is healthy; its port.

    Raises:
        ServerUnavailableError: with Docker's words.
    """
    port = 9092 if children.is_free(9092) else children.free_ports(1)[0]
    say("Docker: starting the broker of docker-compose.yml (the image is downloaded where it is not here)")
    code, words = _docker(*_compose(folder), "up", "--detach", "--wait", seconds=deadline_seconds, KAFKA_PORT=str(port))
    if code != 0:
        raise ServerUnavailableError(f"docker compose up failed: {words}")
    return port


def stop(folder: Path) -> None:
    """Stop and remove the container; its volume with the records stays."""
    code, words = _docker(*_compose(folder), "down", seconds=STOP_SECONDS)
    if code != 0:
        raise ServerUnavailableError(f"docker compose down failed: {words}")


def _compose(folder: Path) -> tuple[str, ...]:
    """Each checkout has a project of its own, so that one does not stop the other's."""
    project = f"multichannel-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    return ("compose", "--project-name", project, "--file", str(COMPOSE_FILE))


def _docker(*arguments: str, seconds: float, **variables: str) -> tuple[int, str]:
    """Exit code and the last line it said."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands
            ["docker", *arguments],  # noqa: S607 - docker as PATH has it
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=os.environ | variables,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, f"no answer within {seconds:.0f} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    return done.returncode, lines[-1] if lines else ""
