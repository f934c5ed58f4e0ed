"""What do the fault tests share? One broker of their own, because they kill it, and a way to run a scene on it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from processors.broker import children, downloads, kafka
from processors.broker.prerequisites import look_for_prerequisites
from tests.faults.brokers import Broker
from tests.faults.scene import Scene

ROOT = Path(__file__).parents[2]
DOWNLOAD_SECONDS = 600.0


@pytest.fixture(scope="session")
def libraries() -> Path:
    """Kafka's jars."""
    cache = Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER") or ROOT / ".broker" / "cache")
    with children.locked(cache, DOWNLOAD_SECONDS):
        return downloads.fetched(kafka.NAME, cache, look_for_prerequisites().maven, lambda _: None, DOWNLOAD_SECONDS)


class MakeBroker(Protocol):
    def __call__(self, name: str, settings: str = "") -> AbstractContextManager[Broker]: ...


@pytest.fixture(scope="session")
def make_broker(request: pytest.FixtureRequest, libraries: Path) -> MakeBroker:
    """Brokers that a test may kill, freeze and restart. Where a test failed their folders stay, to be looked at."""

    @contextmanager
    def make(name: str, settings: str = "") -> Iterator[Broker]:
        broker = Broker(ROOT / ".broker" / f"{name}-{os.getpid()}", libraries, settings)
        try:
            broker.format()
            broker.start()
            yield broker
        finally:
            broker.kill()
            if not request.session.testsfailed:
                shutil.rmtree(broker.folder, ignore_errors=True)

    return make


@pytest.fixture(scope="session")
def victim(make_broker: MakeBroker) -> Iterator[Broker]:
    """A broker that every test must leave running."""
    with make_broker("faults") as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """Before the names of a test's topics and group."""
    return f"f{uuid.uuid4().hex[:8]}-"


class MakeScene(Protocol):
    def __call__(self, **arguments: Any) -> Scene: ...


@pytest.fixture
def make_scene(victim: Broker, prefix: str, tmp_path: Path) -> Iterator[MakeScene]:
    """Scenes on the suite's broker; what they started is ended, and the broker runs again, whatever the test did."""
    made: list[Scene] = []

    def make(**arguments: Any) -> Scene:
        number = len(made)
        made.append(Scene(victim, f"{prefix}{number}-", tmp_path / str(number), **arguments))
        return made[-1]

    try:
        yield make
    finally:
        for scene in made:
            scene.supervisor.destroy()
        victim.revive()
