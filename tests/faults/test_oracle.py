"""Do oracle and supervisor notice a program that loses, doubles or swaps, and pass one that does not? About 30 s.

The program is `rawloop`, which needs no engine: so this stands before the engine's own suite and says how far that one can be believed.
"""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.faults import job, rawloop
from tests.faults.brokers import Broker
from tests.faults.feed import Feed
from tests.faults.oracle import Layout, Verdict, judge, read
from tests.faults.supervisor import Supervisor

pytestmark = pytest.mark.xdist_group("faults")

PARTITIONS = 2


@pytest.fixture
def layout(victim: Broker, prefix: str) -> Layout:
    victim.create_topics({prefix + name: (PARTITIONS, {}) for name in (*job.INPUTS, *job.OUTPUTS, job.CHANGELOG)})
    return Layout(victim.bootstrap, prefix, prefix + "raw", PARTITIONS, job.CHANGELOG, rawloop.marker)


@pytest.fixture
def supervisor(layout: Layout, tmp_path: Path) -> Iterator[Supervisor]:
    options: dict[str, object] = {
        "bootstrap": layout.bootstrap, "prefix": layout.prefix, "group": layout.group,
        "partitions": PARTITIONS, "slots": 2, "batch": 40, "seed": 7,
    }  # fmt: skip
    made = Supervisor("tests.faults.rawloop", tmp_path, layout, options)
    yield made
    made.destroy()


def run(supervisor: Supervisor, layout: Layout, seed: int, count: int = 1200, kills: int = 3, **options: object) -> Verdict:
    draw = random.Random(seed)
    for slot in ("w-0", "w-1"):
        supervisor.add(slot, **options)
    contents = job.inputs(seed, count, customers=40, oversize=2)
    schedule = [(1.5 + draw.random() * 2, partial(supervisor.kill, f"w-{draw.randrange(2)}")) for _ in range(kills)]
    supervisor.run(Feed(layout.bootstrap, layout.prefix, contents, 400), schedule, 60)
    stopped = supervisor.stop()
    verdict = judge(layout, contents)
    print(f"\n{supervisor.describe()}; at the end {dict(stopped)}\n{verdict}")
    return verdict


@pytest.mark.long
def test_a_correct_program_that_is_killed_often_is_sound(supervisor: Supervisor, layout: Layout, tmp_path: Path) -> None:
    verdict = run(supervisor, layout, seed=1, failpoint=0.02, dies_once=str(tmp_path / "died"))
    verdict.require_sound()
    assert supervisor.deaths["killed"] + supervisor.deaths["failpoint"] >= 3
    assert verdict.aborted > 0
    assert verdict.dead_letters > 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("defect", "kinds"),
    [("commit before flush", {"LOST"}), ("no restore", {"JOURNAL"})],
)
def test_a_defect_is_found(supervisor: Supervisor, layout: Layout, defect: str, kinds: set[str]) -> None:
    verdict = run(supervisor, layout, seed=2, defect=defect, failpoint=0.01)
    assert kinds <= verdict.kinds


@pytest.mark.long
@pytest.mark.parametrize("defect", ["", "no fencing"])
def test_a_frozen_worker_that_wakes_writes_only_where_nothing_fences_it(supervisor: Supervisor, layout: Layout, defect: str) -> None:
    contents = job.inputs(3, 1200, customers=40)
    for slot in ("w-0", "w-1"):
        supervisor.add(slot, defect=defect)
    schedule = [
        (2.0, lambda: supervisor.kill("w-0", signal.SIGSTOP)),
        (2.1, lambda: supervisor.add("w-2", defect=defect)),  # the same partitions as w-0
        (5.0, lambda: supervisor.dismiss("w-0")),
        (5.0, lambda: supervisor.resume("w-0")),
    ]
    supervisor.run(Feed(layout.bootstrap, layout.prefix, contents, 300), schedule, 60)
    if not defect:
        supervisor.wait_until_ended("w-0", 30)  # it has all to do that the other one did meanwhile, so it tries to write
    supervisor.deaths += supervisor.stop()
    verdict = judge(layout, contents)
    print(f"\n{supervisor.describe()}\n{verdict}")
    assert supervisor.deaths["frozen"] == 1
    if defect:
        assert "TWICE" in verdict.kinds
    else:
        verdict.require_sound()
        assert supervisor.deaths["exit 1"] == 1, "the fenced process ends with an error"


def test_each_kind_of_damage_has_its_name(supervisor: Supervisor, layout: Layout) -> None:
    contents = job.inputs(4, 300, customers=5)
    for slot in ("w-0", "w-1"):
        supervisor.add(slot)
    supervisor.run(Feed(layout.bootstrap, layout.prefix, contents, 2000), [], 60)
    supervisor.stop()
    judge(layout, contents).require_sound()
    assert judge(layout, [*contents, job.Input("orders", b"k", b"v")]).kinds == {"FEED"}
    journal = read(layout.bootstrap, [layout.name(job.JOURNAL)], PARTITIONS)[layout.name(job.JOURNAL)]
    first = next(entry for entry in journal if entry.partition == 0)

    producer = Producer({"bootstrap.servers": layout.bootstrap})

    def produce(topic: str, key: bytes, value: bytes) -> set[str]:
        producer.produce(layout.name(topic), value, key, partition=0)
        assert producer.flush(10) == 0
        return judge(layout, None).kinds

    assert produce(job.JOURNAL, first.key, first.value or b"") == {"TWICE"}
    assert produce(job.DECISIONS, first.key, b"invented") == {"TWICE", "DECISIONS"}
    assert produce(job.CHANGELOG, first.key, job.State(sequence=1).encode()) == {"TWICE", "DECISIONS", "CHANGELOG"}
    assert produce(job.CHANGELOG, rawloop.MARKER + b"orders", b"1") == {"TWICE", "DECISIONS", "CHANGELOG", "MARKERS"}
    assert produce("orders", first.key, job.Request(1, 1).encode()) == {"TWICE", "DECISIONS", "CHANGELOG", "MARKERS", "LOST", "OFFSETS"}
    unknown = json.dumps({"topic": "orders", "offset": 10**6, "sequence": 1, "chain": ""}).encode()
    assert "JOURNAL" in produce(job.JOURNAL, first.key, unknown)
