"""What do the fault tests share? One broker of their own, because they kill it, and a way to run a scene on it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def victim(request: pytest.FixtureRequest, libraries: Path) -> Iterator[Broker]:
    """A broker that a test may kill, freeze and restart, and must leave running. Where a test failed its folder stays, to be looked at."""
    broker = Broker(ROOT / ".broker" / f"faults-{os.getpid()}", libraries)
    try:
        broker.format()
        broker.start()
        yield broker
    finally:
        broker.kill()
        if not request.session.testsfailed:
            shutil.rmtree(broker.folder, ignore_errors=True)


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
