"""What do all tests share? One real Kafka broker, kept clean of each other by topic prefixes, and no settings from outside.

The broker is shared by all pytest-xdist workers: the first that needs it starts it, the last that used it stops it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from processors.broker import ServerUnavailableError, apicurio, children, downloads, kafka, processes, start_broker, stop_broker
from processors.broker.choosing import cache_folder
from processors.broker.prerequisites import look_for_prerequisites
from processors.cli import main
from processors.settings import ENVIRONMENT_PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processors.broker import Broker

REPOSITORY = Path(__file__).parents[1]
USERS_SECONDS = 100.0
OF_TESTS = {"MULTICHANNEL_BROKER_CACHE_FOLDER", "MULTICHANNEL_FUZZ", "MULTICHANNEL_FUZZ_SEED"}

Server = TypeVar("Server")


def pytest_configure() -> None:
    """No test depends on how pytest was started.

    A developer's own settings must not lead tests to their brokers; where downloads are kept may be said. A shell starts what runs in
    the background deaf to Ctrl-C, and commands that tests start would inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name not in OF_TESTS:
            del os.environ[name]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download what the collected tests need before the first test's deadline runs."""
    needed = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    for fixture, server in (("broker", kafka.NAME), ("registry_url", apicurio.NAME)):
        if fixture in needed:
            _fetch(server)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what a worker left that was killed (a test beyond its deadline) before it could."""
    folder = broker_settings().broker_folder
    if hasattr(session.config, "workerinput") or not folder.is_dir():
        return
    for users, clear in ((folder / "kafka-users", _clear_broker), (folder / "apicurio-users", _clear_registry)):
        with children.locked(users, USERS_SECONDS):
            if not _users(users):
                clear()


def _fetch(server: str) -> None:
    settings = broker_settings()
    cache = cache_folder(settings)
    try:
        with children.locked(cache, settings.broker_download_timeout_seconds):
            downloads.fetched(server, cache, look_for_prerequisites().maven, lambda _: None, settings.broker_download_timeout_seconds)
    except ServerUnavailableError:
        pass  # the fixture meets it again and says it in each test


def broker_settings() -> Settings:
    """Ours alone: not the folder that `multichannel broker start` uses, whose records are the developer's."""
    cache = Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER") or REPOSITORY / ".broker" / "cache")
    return Settings(broker_folder=REPOSITORY / ".broker" / "tests", broker_cache_folder=cache, broker_start_timeout_seconds=90)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A real Kafka broker; `broker.bootstrap_servers` says where. Never skipped: without Java and Maven the tests fail and say so."""
    with _shared(
        broker_settings().broker_folder / "kafka-users", lambda: start_broker(broker_settings(), by="java"), _clear_broker
    ) as found:
        yield found


def _clear_broker() -> None:
    stop_broker(broker_settings())
    shutil.rmtree(broker_settings().broker_folder / "kafka" / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def registry_url() -> Iterator[str]:
    """The URL of Confluent's API at a real schema registry (Apicurio). Never skipped, shared like the broker."""
    settings = broker_settings()
    folder = settings.broker_folder / "apicurio"

    def start() -> str:
        return apicurio.start_apicurio(
            folder,
            cache_folder(settings),
            start_seconds=settings.broker_start_timeout_seconds,
            download_seconds=settings.broker_download_timeout_seconds,
        )

    with _shared(settings.broker_folder / "apicurio-users", start, _clear_registry) as url:
        yield url


def _clear_registry() -> None:
    apicurio.stop_apicurio(broker_settings().broker_folder / "apicurio")


@contextmanager
def _shared(folder: Path, start: Callable[[], Server], clear: Callable[[], None]) -> Iterator[Server]:
    """A server for all pytest processes of this checkout: who comes first starts it, who goes last stops it."""
    me = processes.look(os.getpid())
    assert me is not None
    with children.locked(folder, USERS_SECONDS):
        others = _users(folder)
        if not others:  # nobody uses what an interrupted session may have left
            clear()
        server = start()
        _write_users(folder, {**others, me.pid: me.started})
    yield server
    with children.locked(folder, USERS_SECONDS):
        others = _users(folder)
        others.pop(me.pid, None)
        _write_users(folder, others)
        if not others:
            clear()


def _users(folder: Path) -> dict[int, str]:
    """The processes that use the broker and are alive, with the start that tells them from strangers."""
    try:
        noted = json.loads((folder / "users.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {int(pid): started for pid, started in noted.items() if processes.is_alive(processes.Process(int(pid), started, ()))}


def _write_users(folder: Path, users: dict[int, str]) -> None:
    children.write(folder / "users.json", json.dumps(users))


@pytest.fixture
def topic_prefix() -> str:
    """Stands before every name (topic, group, transactional id) that a test uses on the shared broker."""
    return f"t{uuid.uuid4().hex[:10]}-"


@pytest.fixture
def settings(broker: Broker, topic_prefix: str) -> Settings:
    """Settings for the shared broker and this test's topics."""
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers, topic_prefix=topic_prefix, application_id=f"{topic_prefix}multichannel"
    )


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def multichannel(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Run a command in this process, without a terminal; a second saved against starting Python."""

    def run(*words: str) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return run
