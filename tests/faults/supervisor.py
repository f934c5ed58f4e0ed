"""Who starts the workers again, whatever they died of, and who kills them meanwhile?

The supervisor runs in the test's own thread: `run` ticks feed, schedule and restarts until everything is consumed or the deadline passes.
Every death is counted by cause, so a run in which nothing happened can be told from one that survived.
"""

from __future__ import annotations

import heapq
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException

from tests.faults.feed import Feed
from tests.faults.oracle import Layout, committed_offsets, end_offsets

RESTART_SECONDS_MIN, RESTART_SECONDS_MAX = 0.3, 1.5
HEALTHY_SECONDS = 5.0  # a worker that lived this long is restarted at once again
TICK_SECONDS = 0.02
STOP_SECONDS_MAX = 45.0
THAWED_SECONDS = 2.0  # what a woken worker gets to show what it does
CRASHES_MAX = 15  # of the workers' own accord; more is a crash loop, and waiting for the deadline would tell nothing new

Action = Callable[[], object]


@dataclass
class Slot:
    """One place for a worker process. `wanted` is whether the supervisor restarts it."""

    name: str
    command: list[str]
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    delay_seconds: float = RESTART_SECONDS_MIN
    cause: str | None = None  # why the supervisor ended it, if it did
    frozen: bool = False
    frozen_at: float | None = None  # when it was first seen stopped, if it froze itself

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Workers by slot, and a schedule of (seconds after the start, action)."""

    module: str
    folder: Path
    layout: Layout
    options: dict[str, object]
    deaths: Counter[str] = field(default_factory=Counter)
    slots: dict[str, Slot] = field(default_factory=dict)
    starts: int = 0
    _thawed_at: float = 0.0
    thaw_seconds: float = 7.0  # a worker that froze itself is continued after this time

    def add(self, name: str, **options: object) -> Slot:
        """A slot whose worker is started at the next tick; `options` go over the supervisor's own."""
        assert name not in self.slots or not self.slots[name].alive, f"{name} still runs"
        self.folder.mkdir(parents=True, exist_ok=True)
        spec = self.folder / f"{name}.json"
        spec.write_text(json.dumps({**self.options, "slot": name, **options}))
        command = [sys.executable, "-m", self.module, str(spec)]
        self.slots[name] = Slot(name, command, self.folder / f"{name}.log")
        return self.slots[name]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """SIGKILL, SIGTERM or SIGSTOP; no effect where nothing runs."""
        slot = self.slots[name]
        if not slot.alive:
            return
        assert slot.process is not None
        if number == signal.SIGSTOP:
            slot.frozen = True
            self.deaths["frozen"] += 1
        else:
            slot.cause = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated"}[number]
        slot.process.send_signal(number)

    def resume(self, name: str) -> None:
        slot = self.slots[name]
        if slot.frozen and slot.alive:
            assert slot.process is not None
            slot.process.send_signal(signal.SIGCONT)
        slot.frozen = False

    def dismiss(self, name: str) -> None:
        """No restart when it ends; it is not touched now."""
        self.slots[name].wanted = False

    def retire(self, name: str) -> None:
        """SIGTERM, and no restart."""
        self.dismiss(name)
        self.kill(name, signal.SIGTERM)

    def tick(self) -> None:
        """Notice deaths, restart what is due."""
        now = time.monotonic()
        for slot in self.slots.values():
            if slot.process is not None and (code := slot.process.poll()) is not None:
                self._bury(slot, code, now)
            if slot.process is not None and not slot.frozen:
                self._thaw(slot, now)
            if slot.process is None and slot.wanted and now >= slot.restart_at:
                self._start(slot, now)

    def _thaw(self, slot: Slot, now: float) -> None:
        assert slot.process is not None
        if slot.frozen_at is None:
            if is_stopped(slot.process.pid):
                slot.frozen_at = now
                self.deaths["frozen"] += 1
        elif now > slot.frozen_at + self.thaw_seconds:
            slot.process.send_signal(signal.SIGCONT)
            slot.frozen_at, self._thawed_at = None, now

    def _start(self, slot: Slot, now: float) -> None:
        with slot.log.open("ab") as log:
            slot.process = subprocess.Popen(slot.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        slot.started, slot.cause, slot.frozen, slot.frozen_at = now, None, False, None
        self.starts += 1

    def _bury(self, slot: Slot, code: int, now: float) -> None:
        cause = slot.cause or ("failpoint" if code == -signal.SIGKILL else f"exit {code}")
        if slot.cause == "terminated" and code != 0:
            cause = f"terminated, exit {code}"
        self.deaths[cause] += 1
        slot.process = None
        slot.delay_seconds = (
            RESTART_SECONDS_MIN if now - slot.started > HEALTHY_SECONDS else min(slot.delay_seconds * 2, RESTART_SECONDS_MAX)
        )
        slot.restart_at = now + slot.delay_seconds

    def run(
        self, feed: Feed, schedule: Iterable[tuple[float, Action]], seconds_max: float, polling: Callable[[], None] | None = None
    ) -> None:
        """Feed and supervise until the schedule is over and everything is committed.

        Raises TimeoutError with the logs' ends after `seconds_max`.
        """
        begun = time.monotonic()
        pending = [(begun + seconds, number, action) for number, (seconds, action) in enumerate(schedule)]
        heapq.heapify(pending)
        asked = begun
        while True:
            now = time.monotonic()
            if now > begun + seconds_max:
                raise TimeoutError(f"not done after {seconds_max:.0f} s; {self.describe()}; {feed.delivered} fed\n{self.tails()}")
            while pending and pending[0][0] <= now:
                heapq.heappop(pending)[2]()
            feed.tick()
            self.tick()
            if polling is not None:
                polling()
            if sum(count for cause, count in self.deaths.items() if cause.startswith("exit ")) > CRASHES_MAX:
                raise RuntimeError(f"the workers crash in a loop; {self.describe()}\n{self.tails()}")
            frozen = now < self._thawed_at + THAWED_SECONDS or any(slot.frozen_at is not None for slot in self.slots.values())
            if feed.finished and not pending and not frozen and now > asked + 0.5:
                if self.caught_up():
                    return
                asked = time.monotonic()
            time.sleep(TICK_SECONDS)

    def caught_up(self) -> bool:
        """Whether the group has committed the end of every input."""
        try:
            committed, ends = committed_offsets(self.layout, 2), end_offsets(self.layout, 2)
        except KafkaException:
            return False
        return all(end == 0 or committed.get(place) == end for place, end in ends.items())

    def wait_until_ended(self, name: str, seconds: float) -> None:
        """Until a process that is not restarted has ended by itself; TimeoutError if it does not."""
        limit = time.monotonic() + seconds
        while self.slots[name].alive:
            if time.monotonic() >= limit:
                raise TimeoutError(f"{name} has not ended after {seconds:.0f} s")
            time.sleep(0.1)
            self.tick()

    def stop(self) -> Counter[str]:
        """SIGTERM to all, and the exit codes; SIGKILL counts as 'did not stop'."""
        codes: Counter[str] = Counter()
        for slot in self.slots.values():
            slot.wanted = False
        self.tick()  # whoever died before is a death, not an exit of this stop
        running = [slot for slot in self.slots.values() if slot.alive]
        for slot in running:
            slot.frozen = True
            self.resume(slot.name)
            self.kill(slot.name, signal.SIGTERM)
        limit = time.monotonic() + STOP_SECONDS_MAX
        for slot in running:
            assert slot.process is not None
            try:
                codes[f"exit {slot.process.wait(max(0.1, limit - time.monotonic()))}"] += 1
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait(10)
                codes["did not stop"] += 1
            slot.process = None
        return codes

    def halt(self) -> None:
        """SIGKILL all at once and bury them; `add` starts them anew."""
        for name, slot in self.slots.items():
            self.dismiss(name)
            self.kill(name)
            if slot.process is not None:
                slot.process.wait(10)
        self.tick()

    def destroy(self) -> None:
        """SIGKILL whatever is left; for a fixture's end."""
        for slot in self.slots.values():
            slot.wanted = False
            if slot.process is not None:
                slot.process.kill()
                slot.process.wait(10)
                slot.process = None

    @property
    def died(self) -> int:
        """Deaths that interrupted work; freezing and orderly ends do not count."""
        return sum(count for cause, count in self.deaths.items() if cause not in {"frozen", "terminated"})

    def describe(self) -> str:
        deaths = ", ".join(f"{count} {cause}" for cause, count in sorted(self.deaths.items())) or "none"
        return f"starts {self.starts}, deaths: {deaths}"

    def tails(self, size: int = 1500) -> str:
        return "\n".join(
            f"-- {slot.name}\n{slot.log.read_text(errors='replace')[-size:]}" for slot in self.slots.values() if slot.log.exists()
        )


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped by SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False
