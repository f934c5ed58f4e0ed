"""Does an agent that errs, a store that is damaged, an operator who resets offsets or a record that is none lose or double anything?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults import job
from tests.faults.conftest import MakeScene
from tests.faults.oracle import committed_offsets, judge
from tests.faults.scene import Scene

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(400)]

QUICK: dict[str, object] = {"deadlines": {"handler": 2.0}, "instance_id": "only"}


def long(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize("marks", [{300: "raise", 600: "block", 900: "forget"}, long({300: "forget", 500: "wait", 800: "raise"})])
def test_an_agent_that_raises_hangs_or_forgets_its_batch_loses_nothing(make_scene: MakeScene, marks: dict[int, str]) -> None:
    scene = make_scene(settings=QUICK, partitions=1)  # one lane, so that no error hides another
    scene.workers(1)
    scene.feed(1, 1200, 600, marks=marks)
    scene.end().require_sound()
    assert scene.supervisor.deaths["exit 70"] == len(marks), "each ends the process once"


@pytest.mark.parametrize("seed", [long(2), long(3)])
def test_undecodable_and_oversize_records_among_good_ones(make_scene: MakeScene, seed: int) -> None:
    scene = make_scene()
    scene.workers(2, failpoint=0.002, seed=seed)
    scene.contents = job.inputs(seed, 3000, customers=40, undecodable=0.3, oversize=40)
    scene.feed_contents(scene.contents, 400, [(3.0, lambda: scene.supervisor.kill("w-0"))])
    verdict = scene.end()
    verdict.require_sound()
    assert verdict.dead_letters > 700
    assert scene.supervisor.died > 0


def damage(folder: Path, how: str) -> None:
    """Delete the store, or cut its largest files in half."""
    if how == "deleted":
        shutil.rmtree(folder)
        return
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    assert files, "there is no store to damage"
    for path in files[-3:]:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize(("how", "seed"), [long("truncated", 4), long("deleted", 5), long("truncated", 6), long("kept", 7)])
def test_a_store_on_disk_survives_kill_9_and_damage(make_scene: MakeScene, tmp_path: Path, how: str, seed: int) -> None:
    store = tmp_path / "store"
    scene = make_scene(settings={"store": "rocksdb", "store_directory": str(store), "instance_id": "only"})
    scene.workers(1)
    scene.feed(seed, 1600, 400, [(1.0, lambda: scene.supervisor.kill("w-0"))])
    scene.supervisor.halt()
    if how != "kept":
        damage(store, how)
    scene.workers(1)
    scene.feed(seed + 100, 600, 600)
    scene.end().require_sound()
    assert scene.supervisor.deaths["killed"] == 2


def reset(scene: Scene, offsets: dict[tuple[str, int], int]) -> None:
    places = [TopicPartition(scene.layout.name(topic), partition, offset) for (topic, partition), offset in offsets.items()]
    admin = AdminClient({"bootstrap.servers": scene.broker.bootstrap})
    request = ConsumerGroupTopicPartitions(scene.layout.group, places)
    answer = admin.alter_consumer_group_offsets([request])[scene.layout.group].result(30)
    assert not [place.error for place in answer.topic_partitions if place.error is not None]


@pytest.mark.parametrize("target", [long(0), long(10)])
def test_offsets_reset_by_an_operator_are_refused_and_nothing_is_processed_twice(make_scene: MakeScene, target: int) -> None:
    scene = make_scene(settings=QUICK)
    scene.workers(1)
    scene.feed(8, 800, 800)
    assert set(scene.supervisor.stop()) == {"exit 0"}
    scene.wait_until_empty()
    before = committed_offsets(scene.layout)
    reset(scene, dict.fromkeys(before, target))
    slot = scene.supervisor.add("w-0")
    code = scene.await_exit(slot)
    assert code in {70, 78}
    assert "offset" in slot.log.read_text().splitlines()[-1] or "operator" in slot.log.read_text()
    scene.wait_until_empty()
    reset(scene, before)
    assert judge(scene.layout, scene.contents).kinds == set()
    scene.workers(1)
    scene.feed(9, 400, 800)
    scene.end().require_sound()
