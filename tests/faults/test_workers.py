"""Does a worker that dies, freezes, comes or goes lose or double anything?"""

from __future__ import annotations

import random
import signal
from functools import partial

import pytest

from processors.engine.faults import Failpoint
from tests.faults.conftest import MakeScene
from tests.faults.scene import Event, at_random

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(400)]

COMMIT = [name for name in Failpoint if name.value.startswith(("batch", "commit"))]
TAKEOVER = [name for name in Failpoint if name not in {*COMMIT, Failpoint.LANES_DRAINED}]


def long(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(("workers", "seed"), [(2, 1), *(long(workers, seed) for workers in (1, 2, 3) for seed in (11, 12, 13))])
def test_kill_9_at_random(make_scene: MakeScene, workers: int, seed: int) -> None:
    scene = make_scene()
    scene.workers(workers, failpoint=0.001, seed=seed)
    scene.feed(seed, 1800, 300, at_random(seed, 4, (0.5, 5), workers, scene.supervisor.kill))
    scene.end().require_sound()
    assert scene.supervisor.deaths["killed"] >= 2


@pytest.mark.parametrize("how", ["kill", long("soon")])
def test_a_kill_at_every_step_of_a_commit(make_scene: MakeScene, how: str) -> None:
    scene = make_scene(partitions=1, settings={"instance_id": "only", "batch_records_max": 20})
    scene.workers(1, failpoints=[f"{name.value} {how}" for name in COMMIT])
    scene.feed(21, 1000, 100)
    verdict = scene.end()
    verdict.require_sound()
    assert scene.supervisor.deaths["failpoint"] == len(COMMIT)
    assert verdict.aborted > 0


@pytest.mark.parametrize("how", [long("kill"), long("soon")])
def test_a_kill_at_every_step_of_a_takeover(make_scene: MakeScene, how: str) -> None:
    scene = make_scene(partitions=2, settings={"instance_id": "only", "restore_slice_records": 20}, seconds_max=300.0)
    scene.workers(1)
    scene.feed(22, 1000, 1000)
    scene.supervisor.halt()
    scene.workers(1, failpoints=[f"{name.value} {how}" for name in (*TAKEOVER, *TAKEOVER)])
    scene.feed(23, 5000, 200)
    scene.end().require_sound()
    assert scene.supervisor.deaths["failpoint"] == 2 * len(TAKEOVER)


@pytest.mark.parametrize("seed", [long(31), long(32), long(33)])
def test_a_kill_during_restore(make_scene: MakeScene, seed: int) -> None:
    scene = make_scene(settings={"restore_slice_records": 20})
    scene.workers(2)
    scene.feed(seed, 2000, 2000)
    draw = random.Random(seed)
    scene.supervisor.halt()
    for slot in ("w-0", "w-1"):
        script = [
            f"{draw.choice([Failpoint.RESTORE_BEGUN, Failpoint.RESTORE_SLICE]).value} {draw.choice(['kill', 'soon'])}" for _ in range(2)
        ]
        scene.supervisor.add(slot, failpoints=script)
    scene.feed(seed + 100, 1000, 300)
    scene.end().require_sound()
    assert scene.supervisor.deaths["failpoint"] >= 2


@pytest.mark.parametrize(("at", "seed"), [(Failpoint.COMMIT_PRODUCED, 41), *(long(at, seed) for at in COMMIT for seed in (42, 43))])
def test_a_worker_frozen_in_a_commit_past_its_session_does_not_write_when_it_wakes(make_scene: MakeScene, at: Failpoint, seed: int) -> None:
    scene = make_scene()
    scene.supervisor.thaw_seconds = 6.0
    scene.supervisor.add("w-0", failpoints=[f"{at.value} freeze"])
    scene.supervisor.add("w-1")
    scene.await_members()
    scene.feed(seed, 1600, 200)
    scene.end().require_sound()
    assert scene.supervisor.deaths["frozen"] == 1
    if at not in {Failpoint.COMMIT_ENDED, Failpoint.COMMIT_APPLIED}:
        assert scene.supervisor.deaths["exit 70"] >= 1, "whoever was fenced ends the process"


@pytest.mark.parametrize("seed", [long(51), long(52), long(53)])
def test_freezes_at_random_longer_and_shorter_than_the_session(make_scene: MakeScene, seed: int) -> None:
    scene = make_scene()
    scene.workers(3)
    schedule: list[Event] = []
    draw = random.Random(seed)
    for number in range(5):
        begin, slot = 1 + 5 * number + draw.random(), f"w-{draw.randrange(3)}"
        schedule += [
            (begin, partial(scene.supervisor.kill, slot, signal.SIGSTOP)),
            (begin + draw.uniform(1, 9), partial(scene.supervisor.resume, slot)),
        ]
    scene.feed(seed, 9000, 300, schedule)
    scene.end().require_sound()
    assert scene.supervisor.deaths["frozen"] >= 3


@pytest.mark.parametrize(("seed", "instances"), [long(61, False), long(62, False), long(63, True)])
def test_workers_come_and_go(make_scene: MakeScene, seed: int, instances: bool) -> None:
    scene = make_scene()

    def add(number: int) -> None:
        own = {"settings": {**scene.supervisor.options["settings"], "instance_id": f"slot-{number}"}} if instances else {}  # type: ignore[dict-item]
        scene.supervisor.add(f"w-{number}", **own)

    add(0)
    schedule: list[Event] = [
        (2, partial(add, 1)),
        (5, partial(add, 2)),
        (8, partial(scene.supervisor.retire, "w-0")),
        (12, partial(add, 3)),
        (14, partial(scene.supervisor.kill, "w-1")),
        (18, partial(scene.supervisor.retire, "w-2")),
        (22, partial(add, 0)),
    ]
    scene.feed(seed, 9000, 300, schedule)
    scene.end().require_sound()
    assert scene.supervisor.deaths["terminated"] == 2
    assert scene.supervisor.deaths["killed"] == 1


@pytest.mark.parametrize("seed", [long(71), long(72), long(73)])
def test_sigterm_under_load_and_idle_ends_with_0(make_scene: MakeScene, seed: int) -> None:
    scene = make_scene(settings={"instance_id": "only"})
    scene.workers(1)
    draw = random.Random(seed)
    moments = (1 + draw.random(), 5 + draw.random())
    scene.feed(seed, 2500, 300, [(second, partial(scene.supervisor.kill, "w-0", signal.SIGTERM)) for second in moments])
    verdict = scene.end()  # the last SIGTERM meets an idle worker
    verdict.require_sound()
    assert scene.supervisor.deaths["terminated"] == 2
    assert scene.supervisor.died == 0, "a worker that is asked to stop ends with 0"


@pytest.mark.long
@pytest.mark.parametrize("seed", [81, 82])
def test_sigterm_at_any_moment_of_a_start_ends_with_0(make_scene: MakeScene, seed: int) -> None:
    scene = make_scene()
    scene.workers(2)
    draw = random.Random(seed)
    schedule: list[Event] = [
        (3 * number + draw.uniform(0.2, 3), partial(scene.supervisor.kill, f"w-{number % 2}", signal.SIGTERM)) for number in range(16)
    ]
    scene.feed(seed, 6000, 120, schedule)
    scene.end().require_sound()
    assert scene.supervisor.deaths["terminated"] >= 10
    assert scene.supervisor.died == 0
