"""Does a broker that dies, freezes or cannot be reached make the workers lose or double anything, and do they work again afterwards?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.brokers import Broker
from tests.faults.conftest import MakeScene
from tests.faults.proxy import Mode, Proxy
from tests.faults.scene import Event, at_random

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(500)]

# Short deadlines, so that "longer than each" is a matter of seconds: session 4 s, requests 3 s, commit 8 s.
QUICK: dict[str, object] = {
    "producer_request_timeout_ms": 3_000,
    "deadlines": {"commit": 8.0, "handler": 4.0, "drain": 12.0, "start": 20.0},
    "rebalance_timeout_ms": 15_000,
    "consumer_request_timeout_ms": 18_000,
}


def long(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.fixture
def proxy(victim: Broker) -> Iterator[Proxy]:
    with Proxy(victim.proxy, victim.behind) as running:
        yield running


@pytest.mark.parametrize(
    ("how", "down_seconds", "workers", "seed"),
    [
        ("kill", 2.0, 2, 1),
        *(long(how, seconds, workers, 2) for how in ("kill", "stop") for seconds in (1.0, 6.0, 12.0) for workers in (1, 2)),
    ],
)
def test_a_broker_that_ends_and_comes_back(
    make_scene: MakeScene, victim: Broker, how: str, down_seconds: float, workers: int, seed: int
) -> None:
    scene = make_scene(settings=QUICK)
    scene.workers(workers)
    begin = 1 + random.Random(seed).random()
    end = victim.kill if how == "kill" else victim.stop
    launches = victim.launches
    scene.feed(seed, 1500 + int(250 * down_seconds), 250, [(begin, end), (begin + down_seconds, victim.launch)])
    scene.end().require_sound()
    assert victim.launches == launches + 1


@pytest.mark.parametrize(
    ("frozen_seconds", "kill_workers", "seed"),
    [*(long(seconds, kill, 3) for seconds in (2.0, 6.0, 12.0, 25.0) for kill in (False, True))],
)
def test_a_broker_that_freezes(make_scene: MakeScene, victim: Broker, frozen_seconds: float, kill_workers: bool, seed: int) -> None:
    scene = make_scene(settings=QUICK)
    scene.workers(2)
    schedule: list[Event] = [(1, victim.pause), (1 + frozen_seconds, victim.resume)]
    pauses = victim.pauses
    if kill_workers:
        schedule += at_random(seed, 3, (1.2, 1 + frozen_seconds), 2, scene.supervisor.kill)
    scene.feed(seed, 1500 + int(250 * frozen_seconds), 250, schedule)
    scene.end().require_sound()
    assert victim.pauses == pauses + 1
    assert scene.supervisor.died > 0 or not kill_workers


def test_connections_that_are_reset_or_silent(make_scene: MakeScene, victim: Broker, proxy: Proxy) -> None:
    """The short one: several faults in a row at one of two workers, shorter and longer than the session."""
    scene = make_scene(settings=QUICK)
    scene.supervisor.add("w-0", bootstrap=f"127.0.0.1:{victim.proxy}")
    scene.supervisor.add("w-1")
    schedule: list[Event] = [
        (0.5, proxy.reset_all),
        (1.5, partial(proxy.set, Mode.HOLD_ANSWERS)),
        (3.0, proxy.reset_all),
        (3.0, partial(proxy.set, Mode.PASS)),
        (4.0, partial(proxy.set, Mode.BLACK_HOLE)),
        (9.5, partial(proxy.set, Mode.PASS)),
    ]
    scene.feed(4, 1600, 150, schedule)
    scene.end().require_sound()
    assert proxy.counts["accepted"] > 3
    assert proxy.counts["reset"] > 3
    assert proxy.counts["held"] > 0


@pytest.mark.parametrize("seconds", [2.0, 5.5, 11.0, 20.0])
@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACK_HOLE, Mode.HOLD_REQUESTS, Mode.HOLD_ANSWERS, Mode.DEAD, Mode.DELAY])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.long
def test_a_network_fault_shorter_and_longer_than_each_deadline(
    make_scene: MakeScene, victim: Broker, proxy: Proxy, mode: Mode, seconds: float, workers: int
) -> None:
    scene = make_scene(settings=QUICK)
    scene.supervisor.add("w-0", bootstrap=f"127.0.0.1:{victim.proxy}")
    if workers == 2:
        scene.supervisor.add("w-1")
    schedule: list[Event] = [(1.0, partial(proxy.set, mode, 0.3)), (1.0 + seconds, partial(proxy.set, Mode.PASS))]
    if mode in {Mode.HOLD_REQUESTS, Mode.HOLD_ANSWERS}:
        schedule.append((1.0 + seconds, proxy.reset_all))  # what was held is lost, not late
    scene.feed(int(seconds * 10) + workers, 1500 + int(200 * seconds), 200, schedule)
    scene.end().require_sound()
    print(dict(proxy.counts))
    happened = {Mode.REFUSE: "reset", Mode.DELAY: "delayed"}.get(mode, "held")
    if mode in {Mode.HOLD_REQUESTS, Mode.HOLD_ANSWERS}:
        # For a while one request each of what fetches and what writes is held, and the reset meets them all; later the clients give up
        # and connect again and again, or the worker ends, and the reset meets the last of many.
        assert proxy.counts["held"] > 1, "the fault met no traffic"
        assert max(proxy.counts["held"], proxy.counts["reset"]) > 3, "what was held was not lost"
    else:
        assert proxy.counts[happened] > 3, "the fault met no traffic"
