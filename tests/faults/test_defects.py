"""Does the suite fail when the engine is broken on purpose? Each known defect must be found, and the same scene without it must pass."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeScene
from tests.faults.scene import Scene

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(400)]


def found(scene: Scene, seed: int) -> set[str]:
    """The kinds of findings of a run; {'NEVER DONE'} if it does not come to an end."""
    scene.await_members()
    try:
        scene.feed(seed, 1600, 200)
    except (RuntimeError, TimeoutError) as error:
        print(f"\n{str(error).splitlines()[0]}")
        scene.supervisor.stop()
        return {"NEVER DONE"}
    return scene.end().kinds


@pytest.mark.long
@pytest.mark.parametrize("broken", [True, False])
def test_offsets_committed_before_the_output_lose(make_scene: MakeScene, broken: bool) -> None:
    defects = ["commit before flush", "trust committed"] if broken else []
    scene = make_scene(partitions=2, settings={"instance_id": "only"})
    scene.workers(1, defects=defects, failpoints=["commit.sent kill", "commit.begun kill", "commit.produced kill", "commit.offsets kill"])
    assert ("LOST" in found(scene, 1)) == broken


@pytest.mark.parametrize("broken", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_zombie_that_nothing_fences_doubles(make_scene: MakeScene, broken: bool) -> None:
    # Without the second defect the new owner waits until the zombie's transaction has an end, which is protection enough for this scene.
    defects = ["no fencing", "left open"] if broken else []
    scene = make_scene(partitions=2)
    scene.supervisor.add("w-0", defects=defects, failpoints=["commit.produced freeze"])
    scene.supervisor.add("w-1", defects=defects)
    assert ("TWICE" in found(scene, 2)) == broken


@pytest.mark.long
@pytest.mark.parametrize("broken", [True, False])
def test_a_position_read_before_fencing_and_restore_doubles(make_scene: MakeScene, broken: bool) -> None:
    """The old owner wakes after the new one read its position, and commits before it is fenced."""
    scene = make_scene(partitions=2)
    scene.supervisor.thaw_seconds = 6.0
    scene.supervisor.add("w-0", failpoints=["commit.produced freeze, commit.ended kill"])
    scene.supervisor.tick()
    scene.supervisor.dismiss("w-0")  # it does not come back, so nobody else takes the partition from the new owner
    scene.supervisor.add("w-1", defects=["seek before restore"] if broken else [], waits={"fencing.before": 5.0})
    assert ("TWICE" in found(scene, 3)) == broken
