"""Does a worker outlive what a broker forgets of writers that are idle for days? Here a broker that forgets within seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.brokers import Broker
from tests.faults.conftest import MakeBroker
from tests.faults.scene import Scene

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300), pytest.mark.long]

FORGETS = {
    "sequence numbers": "producer.id.expiration.ms=2000\nproducer.id.expiration.check.interval.ms=500\n",
    "transactional ids": "transactional.id.expiration.ms=3000\ntransaction.remove.expired.transaction.cleanup.interval.ms=1000\n",
}
IDLE_SECONDS = 12.0  # some times of what is forgotten and of how often the broker looks


@pytest.fixture
def forgetful(make_broker: MakeBroker, forgotten: str) -> Iterator[Broker]:
    with make_broker("idle", FORGETS[forgotten]) as broker:
        yield broker


@pytest.mark.parametrize(
    ("forgotten", "renewed_after", "dies"),
    [("sequence numbers", 86_400.0, False), ("transactional ids", 2.0, False), ("transactional ids", 86_400.0, True)],
    ids=["sequence numbers", "transactional ids, with the rule", "transactional ids, without it"],
)
def test_a_writer_that_the_broker_forgot_goes_on(
    forgetful: Broker, prefix: str, tmp_path: Path, forgotten: str, renewed_after: float, dies: bool
) -> None:
    scene = Scene(forgetful, prefix, tmp_path, settings={"writer_idle_seconds_max": renewed_after})
    try:
        scene.workers(1)
        scene.feed(1, 200, 200)
        limit = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < limit:
            scene.supervisor.tick()
            time.sleep(0.1)
        assert not scene.supervisor.died
        scene.feed(2, 200, 200)
        scene.end().require_sound()
        assert bool(scene.supervisor.died) is dies
    finally:
        scene.supervisor.destroy()
