"""Does anything get lost or doubled when leaders and coordinators move between three brokers, as in every restart of a cluster?"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import ROOT
from tests.faults.scene import Event, Scene

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(500), pytest.mark.long]

# As in test_broker_and_network.py, and a commit may wait for a broker's session (3 s) and the move of what it led.
QUICK: dict[str, object] = {
    "producer_request_timeout_ms": 3_000,
    "deadlines": {"commit": 8.0, "handler": 4.0, "drain": 12.0, "start": 20.0},
    "rebalance_timeout_ms": 15_000,
    "consumer_request_timeout_ms": 18_000,
}
APART_SECONDS = 14.0


@pytest.fixture(scope="module")
def cluster(libraries: Path) -> Iterator[Cluster]:
    made = Cluster(ROOT / ".broker" / f"cluster-{os.getpid()}", libraries)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(made.nodes[0].folder.parent, ignore_errors=True)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["stop", "kill", "pause"])
def test_brokers_that_go_one_after_the_other(cluster: Cluster, prefix: str, tmp_path: Path, how: str, workers: int) -> None:
    """Each of the three goes for some seconds and is back and in sync before the next one goes."""
    cluster.await_in_sync()
    scene = Scene(cluster, prefix, tmp_path, settings=QUICK, seconds_max=200.0)
    led = cluster.leaders(lambda name: name.startswith((prefix, "__")))
    assert {led[place] for place in led} == {1, 2, 3}, "a broker that leads nothing is not missed"
    draw = random.Random(f"{how} {workers}")
    schedule: list[Event] = []
    for number, node in enumerate(cluster.nodes):
        at = 1 + number * APART_SECONDS + draw.random()
        away = draw.uniform(4.0, 6.0)
        go, come = {"stop": (node.stop, node.launch), "kill": (node.kill, node.launch), "pause": (node.pause, node.resume)}[how]
        schedule += [(at, go), (at + away, come), (at + away + 0.1, cluster.await_in_sync)]
    try:
        scene.workers(workers)
        scene.feed(workers, int(3 * APART_SECONDS * 150), 150, schedule)
        scene.end().require_sound()
    finally:
        scene.supervisor.destroy()
        for node in cluster.nodes:
            node.revive()
    assert cluster.leaders(lambda name: name.startswith((prefix, "__"))) != led
