"""What is one experiment: topics, a feed, workers under a supervisor, faults on a schedule, and the oracle's verdict at the end?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.faults import application, job
from tests.faults.brokers import Broker
from tests.faults.cluster import Cluster
from tests.faults.feed import Feed
from tests.faults.oracle import Layout, Verdict, judge
from tests.faults.supervisor import Action, Slot, Supervisor

Event = tuple[float, Action]

SETTINGS: dict[str, object] = {"session_timeout_ms": 4_000, "heartbeat_interval_ms": 1_000, "batch_records_max": 50}


@dataclass
class Scene:
    """One experiment on a broker; `settings` go over the engine's for every worker."""

    broker: Broker | Cluster
    prefix: str
    folder: Path
    partitions: int = 4
    settings: dict[str, object] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    seconds_max: float = 100.0

    def __post_init__(self) -> None:
        plain: dict[str, str] = {}
        topics = {self.prefix + name: (self.partitions, plain) for name in (*job.INPUTS, *job.OUTPUTS)}
        topics[self.prefix + job.CHANGELOG] = (self.partitions, {"cleanup.policy": "compact"})
        self.broker.create_topics(topics)
        self.layout = Layout(self.broker.bootstrap, self.prefix, self.prefix + "app", self.partitions, job.CHANGELOG, application.marker)
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bootstrap": self.broker.bootstrap,
            "prefix": self.prefix,
            "group": self.layout.group,
            "folder": str(self.folder),
            "settings": {**SETTINGS, **self.settings},
            **self.options,
        }
        self.supervisor = Supervisor("tests.faults.application", self.folder, self.layout, options)
        self.contents: list[job.Input] = []

    def workers(self, count: int, **options: object) -> None:
        for number in range(count):
            self.supervisor.add(f"w-{number}", **options)

    def feed(
        self, seed: int, count: int, rate: float, schedule: Iterable[Event] = (), marks: dict[int, str] | None = None, oversize: int = 1
    ) -> None:
        """Produce `count` records at `rate` a second while the schedule plays, until everything is committed.

        The schedule begins when all workers are members of the group and have committed something.
        """
        schedule = list(schedule)
        if schedule and not self.contents:
            self._warm_up(seed)
        contents = job.inputs(seed, count, customers=40, oversize=oversize, marks=marks)
        self.contents += contents
        self.feed_contents(contents, rate, schedule)

    def await_members(self) -> None:
        """Wait until every worker is a member of the group."""
        limit = time.monotonic() + self.seconds_max
        self.supervisor.tick()
        while (members := self._members()) is None or members < sum(slot.alive for slot in self.supervisor.slots.values()):
            if time.monotonic() > limit:
                raise TimeoutError(f"not all workers joined the group\n{self.supervisor.tails()}")
            self.supervisor.tick()
            time.sleep(0.1)

    def _warm_up(self, seed: int) -> None:
        contents = job.inputs(seed + 1_000_000, 60, customers=40)
        self.contents += contents
        self.feed_contents(contents, 600)
        self.await_members()

    def _members(self) -> int | None:
        """Count the members of the group; None while its coordinator does not say."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        try:
            return len(admin.describe_consumer_groups([self.layout.group])[self.layout.group].result(10).members)
        except (KafkaException, TimeoutError):
            return None

    def feed_contents(self, contents: list[job.Input], rate: float, schedule: Iterable[Event] = ()) -> None:
        self.supervisor.run(Feed(self.broker.bootstrap, self.prefix, contents, rate), schedule, self.seconds_max)

    def await_exit(self, slot: Slot, seconds_max: float = 60.0) -> int:
        """Start the slot's worker and wait until it ends of its own accord; it is not restarted."""
        self.supervisor.tick()
        slot.wanted = False
        assert slot.process is not None
        code = slot.process.wait(seconds_max)
        self.supervisor.tick()
        return code

    def wait_until_empty(self, seconds_max: float = 30.0) -> None:
        """Wait until the group has no member, so that its offsets may be altered."""
        limit = time.monotonic() + seconds_max
        while self._members() != 0:
            if time.monotonic() > limit:
                raise TimeoutError("the group keeps members")
            time.sleep(0.2)

    def end(self) -> Verdict:
        """Stop the workers, judge, print the counts. A worker that does not stop with 0 is a finding, too."""
        stopped = self.supervisor.stop()
        verdict = judge(self.layout, self.contents)
        print(f"\n{self.supervisor.describe()}; at the end {dict(stopped)}\n{verdict}")
        if set(stopped) - {"exit 0"}:
            verdict.find("STOP", str(dict(stopped)))
        return verdict


def at_random(seed: int, count: int, window: tuple[float, float], slots: int, action: Callable[[str], object]) -> list[Event]:
    """`count` times `action` on a slot, at seeded random seconds within `window`."""
    draw = random.Random(seed)
    return [(draw.uniform(*window), partial(action, f"w-{draw.randrange(slots)}")) for _ in range(count)]
