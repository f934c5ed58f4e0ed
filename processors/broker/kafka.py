"""How does a real Apache Kafka run on this machine: one node, KRaft, on loopback, as a child process?"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from processors.broker import children
from processors.broker.failures import ServerUnavailableError
from processors.broker.reaching import why_unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processors.broker.processes import Process

VERSION = "4.3.1"
NAME = f"kafka-{VERSION}"
FORMAT_SECONDS = 60.0
ASK_SECONDS = 5.0
STARTS_MAX = 3
_LISTENER = re.compile(r"^listeners=PLAINTEXT://127\.0\.0\.1:(\d+),CONTROLLER://127\.0\.0\.1:(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A further listener that asks for TLS or a login; the tests use it. `users` are SCRAM users with their passwords."""

    protocol: str
    port: int
    properties: Mapping[str, str]
    users: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kafka:
    """A broker to start: where it lives, with which Java and libraries."""

    folder: Path
    java: Path
    libraries: Path
    heap_mib: int
    start_seconds: float
    guarded: Guarded | None = None

    @property
    def properties_file(self) -> Path:
        """The settings it runs with; the truth about its ports."""
        return self.folder / "server.properties"


def bootstrap_server(folder: Path) -> str | None:
    """Where the broker of this folder listens (or did when it ran last)."""
    ports = _noted_ports(folder)
    return f"127.0.0.1:{ports[0]}" if ports else None


def started_at(folder: Path) -> float:
    """When the broker of this folder was last started, in seconds since 1970; an OSError where it never was."""
    return (folder / "server.properties").stat().st_mtime


def _noted_ports(folder: Path) -> tuple[int, int] | None:
    try:
        match = _LISTENER.search((folder / "server.properties").read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return (int(match[1]), int(match[2])) if match else None


def _two_free_ports() -> tuple[int, int]:
    broker, controller = children.free_ports(2)
    return broker, controller


def start(kafka: Kafka) -> Process:
    """Start it and wait until it answers; the folder's lock is held by the caller, and nothing of it runs.

    Ports of the last run are taken again where they are free, so that clients find it again. Another program may take a
    free port before Kafka does: then other ports are tried, a few times.
    """
    _format_where_needed(kafka)
    for remaining in reversed(range(STARTS_MAX)):
        noted = _noted_ports(kafka.folder)
        ports = noted if noted is not None and all(map(children.is_free, noted)) else _two_free_ports()
        children.write(kafka.properties_file, _properties(kafka, ports, kafka.folder / "data"))
        try:
            return _started(kafka, ports[0])
        except ServerUnavailableError:
            if not remaining or all(map(children.is_free, ports)):
                raise
    raise AssertionError("the last attempt returns or raises")


def _started(kafka: Kafka, port: int) -> Process:
    arguments = [
        f"-Xmx{kafka.heap_mib}m",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
        "-Dcom.sun.management.jmxremote=false",
        "-cp",
        f"{kafka.libraries}/*",
        "kafka.Kafka",
        str(kafka.properties_file.resolve()),
    ]
    process = children.spawn(kafka.folder, kafka.java, arguments)
    server = f"127.0.0.1:{port}"
    children.await_answer(
        process,
        kafka.folder,
        lambda: why_unreachable({"bootstrap_servers": [server]}, ASK_SECONDS) is None,
        f"Kafka {VERSION}",
        kafka.start_seconds,
    )
    return process


def _properties(kafka: Kafka, ports: tuple[int, int], data: Path) -> str:
    """One node, broker and controller: so every replication factor is 1. Coordinators have few partitions, for a quick start."""
    guarded = kafka.guarded
    beside = f",GUARDED://127.0.0.1:{guarded.port}" if guarded else ""
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports[1]}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{ports[0]},CONTROLLER://127.0.0.1:{ports[1]}{beside}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT" + (f",GUARDED:{guarded.protocol}" if guarded else ""),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data.resolve()),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "log.cleaner.dedupe.buffer.size": "16777216",
        **(guarded.properties if guarded else {}),
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in lines.items())


def _escaped(value: str) -> str:
    """As Java reads property files: Latin-1, what is beyond ASCII in UTF-16 by number, a backslash doubled."""
    units = value.replace("\\", "\\\\").replace("\n", "\\\n").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 0x80 else f"\\u{code:04x}" for code in codes)


def _format_where_needed(kafka: Kafka) -> None:
    """Give the broker a formatted data folder. It is formatted elsewhere and moved whole, so it is never half done.

    Raises:
        ServerUnavailableError: Kafka's own tool refused, with its words.
    """
    data = kafka.folder / "data"
    if (data / "meta.properties").is_file() and (data / "bootstrap.checkpoint").is_file():
        return
    if data.exists():  # not by us, who move it whole; keep it, for it may hold records
        data.rename(kafka.folder / f"data.unformatted-{uuid.uuid4().hex[:8]}")
    for left in kafka.folder.glob("data.partial-*"):  # by a start that was killed
        shutil.rmtree(left, ignore_errors=True)
    # a name of its own each time: Kafka's tool may outlive the start that was killed, and still be writing
    partial = Path(tempfile.mkdtemp(prefix="data.partial-", dir=kafka.folder))
    settings = partial / "format.properties"
    children.write(settings, _properties(kafka, _two_free_ports(), partial / "data"))
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
    command = [
        str(kafka.java),
        "-Xmx256m",
        "-XX:TieredStopAtLevel=1",
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
    ]
    command += [
        "-cp",
        f"{kafka.libraries}/*",
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        cluster_id,
        "-c",
        str(settings.resolve()),
    ]
    for user, password in kafka.guarded.users.items() if kafka.guarded else ():
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            command += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False, env=children.java_environment())  # noqa: S603 - our own command
    except subprocess.TimeoutExpired:
        raise ServerUnavailableError(f"formatting {data} took longer than {FORMAT_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise ServerUnavailableError(f"Kafka could not format {data}:\n    " + "\n    ".join((done.stderr + done.stdout).splitlines()[-5:]))
    (partial / "data").rename(data)
    shutil.rmtree(partial)
