"""Which broker do we use: the configured one, one in Docker, or one of Java and Maven; and what is lacking for each?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from processors.broker import children, compose, downloads, kafka, processes
from processors.broker.failures import ServerUnavailableError
from processors.broker.prerequisites import how_to_get, look_for_prerequisites
from processors.broker.reaching import why_unreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processors.settings import Settings

BUSY_SECONDS_BEYOND = 30.0
ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that runs. What is None is not known of a broker that we did not start."""

    kind: Literal["configured", "docker", "java"]
    bootstrap_servers: tuple[str, ...]
    version: str | None = None
    pid: int | None = None
    log_file: Path | None = None
    data_folder: Path | None = None
    started_now: bool = False


def broker_status(settings: Settings) -> Broker | None:
    """The broker that commands use: the configured one (not asked whether it answers), else the one started here if it runs."""
    if settings.kafka_bootstrap_servers:
        return Broker("configured", settings.kafka_bootstrap_servers)
    folder = _folder(settings)
    process = children.running(folder)
    server = kafka.bootstrap_server(folder)
    if process is not None and server is not None:
        return Broker("java", (server,), kafka.VERSION, process.pid, folder / "server.log", folder / "data")
    if _in_docker(folder) and (port := compose.port_of(folder)) is not None:
        return Broker("docker", (f"127.0.0.1:{port}",), kafka.VERSION)
    return None


def start_broker(settings: Settings, say: Callable[[str], None] = lambda _: None, by: Literal["docker", "java"] | None = None) -> Broker:
    """The broker that runs already, or one started now: by Docker where an engine runs, else by Java and Maven.

    `say` is told of progress. `by` leaves no choice.

    Raises:
        ServerUnavailableError: none can be had; the message says what is lacking for each way and how to get it.
        ServerBusyError: another command was starting or stopping it until the deadline.
    """
    if settings.kafka_bootstrap_servers:
        return Broker("configured", settings.kafka_bootstrap_servers)
    folder = _folder(settings)
    busy_seconds = settings.broker_start_timeout_seconds + settings.broker_download_timeout_seconds + BUSY_SECONDS_BEYOND
    with children.locked(folder, busy_seconds):
        here = broker_status(settings)
        if here is not None and _answers_soon(here, _patience_seconds(settings, folder)):
            return here
        process = children.running(folder)
        if process is not None:
            say(f"process {process.pid} is there but does not answer: stopping it")
            children.stop(process)
        no_docker = "not asked for" if by == "java" else compose.why_not()
        if no_docker is None:
            return _start_by_docker(settings, folder, say)
        if by == "docker":
            raise ServerUnavailableError(f"no broker by Docker: {no_docker} is missing")
        return _start_by_java(settings, folder, say, no_docker)


def _patience_seconds(settings: Settings, folder: Path) -> float:
    """How long to wait for one that runs already: its start may have been interrupted while it was on its way."""
    try:
        age = time.time() - kafka.started_at(folder)
    except OSError:
        return ANSWER_SECONDS
    return max(ANSWER_SECONDS, settings.broker_start_timeout_seconds - age)


def _answers_soon(broker: Broker, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while why_unreachable({"bootstrap_servers": broker.bootstrap_servers}, kafka.ASK_SECONDS) is not None:
        if time.monotonic() > until or (broker.pid is not None and processes.look(broker.pid) is None):
            return False
        time.sleep(children.POLL_SECONDS)
    return True


def stop_broker(settings: Settings) -> Broker | None:
    """Stop the broker that was started here, and nothing else; it, or None where none ran.

    Raises:
        ServerUnavailableError: it did not end.
        ServerBusyError: another command was starting it until the deadline.
    """
    folder = _folder(settings)
    if not folder.is_dir():
        return None
    with children.locked(folder, settings.broker_start_timeout_seconds + BUSY_SECONDS_BEYOND):
        broker = broker_status(settings.model_copy(update={"kafka_bootstrap_servers": ()}))
        process = children.running(folder)
        if process is not None:
            children.stop(process)
        elif broker is not None and broker.kind == "docker":
            compose.stop(folder)
        (folder / "docker").unlink(missing_ok=True)
        return broker


def _folder(settings: Settings) -> Path:
    return settings.broker_folder.resolve() / "kafka"


def _in_docker(folder: Path) -> bool:
    """Docker is asked only where it was used: its client takes seconds."""
    return (folder / "docker").exists()


def _start_by_docker(settings: Settings, folder: Path, say: Callable[[str], None]) -> Broker:
    (folder / "docker").touch()
    port = compose.start(folder, say, settings.broker_download_timeout_seconds + settings.broker_start_timeout_seconds)
    return Broker("docker", (f"127.0.0.1:{port}",), kafka.VERSION, started_now=True)


def _start_by_java(settings: Settings, folder: Path, say: Callable[[str], None], no_docker: str) -> Broker:
    cache = cache_folder(settings)
    found = look_for_prerequisites(with_maven=not (cache / kafka.NAME).is_dir())
    if found.lacking or found.java is None:
        raise ServerUnavailableError(_lacking(found.lacking, no_docker))
    libraries = downloads.fetched(kafka.NAME, cache, found.maven, say, settings.broker_download_timeout_seconds)
    say(f"Kafka {kafka.VERSION}: starting")
    broker = kafka.Kafka(folder, found.java, libraries, settings.broker_heap_mib, settings.broker_start_timeout_seconds)
    process = kafka.start(broker)
    server = kafka.bootstrap_server(folder)
    assert server is not None, "it was started with these settings"
    return Broker("java", (server,), kafka.VERSION, process.pid, folder / "server.log", folder / "data", started_now=True)


def cache_folder(settings: Settings) -> Path:
    """Where downloaded servers are."""
    return (settings.broker_cache_folder or settings.broker_folder / "cache").resolve()


def _lacking(lacking: tuple[str, ...], no_docker: str) -> str:
    return "\n".join(
        (
            "no broker can be had. One of these three is needed:",
            "  1. a broker that runs elsewhere: set MULTICHANNEL_KAFKA_BOOTSTRAP_SERVERS=host:port",
            f"  2. Docker with its engine running; lacking: {no_docker}",
            f"  3. Java and Maven; lacking: {', '.join(lacking)}",
            f"     get it with: {how_to_get(lacking)}",
        )
    )
