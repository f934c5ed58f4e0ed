"""How fast is the engine beside a raw transactional loop, Quix Streams and plain Faust: the same job, the same broker, one run?

`python -m benchmarks.engine [--events N] [--repeats N] [--seconds S] [--only NAME,...]`. Contestants are interleaved; each figure is the
median of the repeats with the lowest and highest behind it. Quix Streams needs older libraries than we have and gets an environment of its
own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import venv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from benchmarks.engine_job import INPUTS, PARTITIONS, encode_state
from benchmarks.engine_observing import (
    Contestant,
    Latency,
    Progress,
    Speed,
    fill,
    measure,
    measure_latency,
    until_idle,
    until_working,
)
from processors.broker import children, downloads, kafka
from processors.broker.prerequisites import look_for_prerequisites
from processors.engine.marker import MARKER_KEY, Marker
from processors.engine.records import Position
from tests.faults.brokers import Broker

ROOT = Path(__file__).parents[1]
T = TypeVar("T")
CUSTOMERS = 20_000
RESTORED_KEYS = 400_000
LATENCY_RATES = (50, 500)
DOWNLOAD_SECONDS = 900.0
TARGETS = {"raw": 0.95, "quix": 3.0, "faust-tuned": 15.0}
RESTORE_TARGET = 250_000
LATENCY_TARGET = 2.0


def quix_python() -> Path:
    """The interpreter of Quix Streams' environment, made when it is missing or its pins changed."""
    pins = ROOT / "benchmarks" / "requirements-quix.txt"
    folder = ROOT / ".cache" / "quix"
    python, stamp = folder / "bin" / "python", folder / "pins"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        print("making Quix Streams' environment")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(pins)]
        subprocess.run(command, check=True, timeout=DOWNLOAD_SECONDS)
        stamp.write_text(pins.read_text())
    return python


def commands(broker: Broker, prefix: str) -> dict[str, Callable[[], list[str]]]:
    def command(python: Path | str, module: str, *more: str) -> list[str]:
        return [str(python), "-c", f"from benchmarks.{module} import run; run()", broker.bootstrap, prefix, *more]

    return {
        "engine": lambda: command(sys.executable, "engine_ours"),
        "raw": lambda: command(sys.executable, "engine_raw"),
        "quix": lambda: command(quix_python(), "engine_quix"),
        "faust-tuned": lambda: command(sys.executable, "engine_faust", "tuned"),
        "faust-default": lambda: command(sys.executable, "engine_faust", "default"),
    }


CONTESTANTS = ("engine", "raw", "quix", "faust-tuned", "faust-default")
GROUPS = {"engine": "ours", "raw": "raw", "quix": "quix"}


def outputs(broker: Broker, prefix: str) -> None:
    broker.create_topics({
        prefix + "journal": (PARTITIONS, {}),
        prefix + "decisions": (PARTITIONS, {}),
        prefix + "changelog": (PARTITIONS, {"cleanup.policy": "compact"}),
    })  # fmt: skip


def throughput(broker: Broker, folder: Path, name: str, events: int, seconds: float) -> Speed:
    prefix = f"b{uuid.uuid4().hex[:6]}-"
    outputs(broker, prefix)
    group = GROUPS.get(name)
    progress = Progress(broker, prefix + (group or "observer"), INPUTS, None if group else prefix + "journal")
    try:
        with Contestant(commands(broker, prefix)[name](), folder / f"{name}.log", {}) as contestant:
            return measure(broker, contestant, progress, events, seconds)
    finally:
        progress.close()


def latency(broker: Broker, folder: Path, name: str, rate: int, seconds: float) -> Latency:
    prefix = f"l{uuid.uuid4().hex[:6]}-"
    inputs = [prefix + topic.rsplit("-", 1)[1] for topic in INPUTS]
    outputs(broker, prefix)
    broker.create_topics({topic: (PARTITIONS, {}) for topic in inputs})
    progress = Progress(broker, prefix + GROUPS[name], inputs, None)
    try:
        with Contestant(commands(broker, prefix)[name](), folder / f"{name}.log", {"BENCH_INPUTS": prefix}) as contestant:
            print(f"{name}: its first events were done after {until_working(broker, contestant, progress, inputs):.1f} s", flush=True)
            return measure_latency(broker, inputs, prefix + "decisions", rate, seconds)
    finally:
        progress.close()


@dataclass(frozen=True, slots=True)
class Restored:
    """Of one restore: keys a second, and what a key cost the process: microseconds of CPU in user and system mode, page faults.

    The system's part is the cost of memory: a virtual machine that has given free memory back to its host pays up to eight times as
    much for a page as one that used it a moment ago, so it is larger after others have run.
    """

    rate: float
    user: float
    system: float
    faults: float


RESTORE_COSTS = (("user", 1e6), ("system", 1e6), ("faults", 1))


def restore(broker: Broker, folder: Path, keys: int) -> Restored:
    """From the first partition that restores until all run."""
    prefix = f"r{uuid.uuid4().hex[:6]}-"
    inputs = [prefix + topic.rsplit("-", 1)[1] for topic in INPUTS]
    outputs(broker, prefix)
    broker.create_topics({topic: (PARTITIONS, {}) for topic in inputs})
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    row = encode_state({"events": 7, "balance": 1234, "last": 1_700_000_000_000_000, "kinds": {"ORDER": 4, "PAYMENT": 3}})
    for number in range(keys):
        producer.produce(prefix + "changelog", row, f"customer-{number:06d}".encode(), partition=number % PARTITIONS)
        if number % 10_000 == 0:
            producer.poll(0)
    marker = Marker(prefix + "ours", uuid.uuid4().hex, {topic: Position(0) for topic in inputs}).encode()
    for partition in range(PARTITIONS):
        producer.produce(prefix + "changelog", marker, MARKER_KEY, partition=partition)
    if producer.flush(120):
        raise RuntimeError("the changelog could not be produced")
    print(f"restore: the broker was idle after {until_idle(broker):.1f} s", flush=True)
    path = folder / f"{prefix}restore.json"
    command = [*commands(broker, prefix)["engine"](), str(path)]
    with Contestant(command, folder / "restore.log", {"BENCH_INPUTS": prefix}) as contestant:
        limit = time.monotonic() + 120
        while not path.exists() or not path.read_text():
            contestant.require_alive()
            if time.monotonic() > limit:
                raise TimeoutError("the restore does not end")
            time.sleep(0.1)
    figures = json.loads(path.read_text())
    if figures["records"] != keys + PARTITIONS:
        raise RuntimeError(f"restored {figures['records']} records, {keys + PARTITIONS} were there")
    return Restored(keys / figures["seconds"], *(figures[part] * scale / keys for part, scale in RESTORE_COSTS))


def spread(values: list[float], form: str = ",.0f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} - {max(values):{form}})"


def show(
    speeds: dict[str, list[Speed]],
    latencies: dict[tuple[str, int], list[Latency]],
    restores: list[Restored],
    failures: dict[str, list[str]],
) -> None:
    console = Console(width=150)
    table = Table(
        "contestant", "events/s", "us CPU per event", "us broker CPU per event", "events measured", title="median (lowest - highest)"
    )
    for name, runs in speeds.items():
        if not runs:
            continue
        table.add_row(
            name, spread([run.rate for run in runs]), spread([run.own_cpu for run in runs]), spread([run.broker_cpu for run in runs]),
            ", ".join(str(run.events) for run in runs),
        )  # fmt: skip
    console.print(table)
    late = Table("contestant", "events/s", "p50 ms", "p99 ms", title="produce to read_committed consumer")
    latencies = {key: found for key, found in latencies.items() if found}
    for (name, rate), found in sorted(latencies.items(), key=lambda item: item[0][1]):
        late.add_row(name, str(rate), spread([one.p50 for one in found], ".1f"), spread([one.p99 for one in found], ".1f"))
    console.print(late)
    if restores:
        rates = [one.rate for one in restores]
        met = "met" if statistics.median(rates) >= RESTORE_TARGET else "MISSED"
        console.print(f"restore: {spread(rates)} keys/s; target {RESTORE_TARGET:,}: {met}")
        user, system, faults = (spread([getattr(one, part) for one in restores], ".2f") for part, _ in RESTORE_COSTS)
        console.print(f"us CPU per key: user {user}, system {system}; page faults per key: {faults}")
    ours = statistics.median([run.rate for run in speeds["engine"]]) if speeds.get("engine") else 0.0
    for name, target in TARGETS.items():
        if ours and speeds.get(name):
            ratio = ours / statistics.median([run.rate for run in speeds[name]])
            console.print(f"engine / {name}: {ratio:.2f}x; target {target}x: {'met' if ratio >= target else 'MISSED'}")
    for rate in LATENCY_RATES:
        if ("engine", rate) in latencies and ("raw", rate) in latencies:
            own, raw = (statistics.median([one.p99 for one in latencies[name, rate]]) for name in ("engine", "raw"))
            met = "met" if own <= LATENCY_TARGET * raw else "MISSED"
            console.print(f"p99 engine / raw at {rate}/s: {own / raw:.2f}x; target at most {LATENCY_TARGET}x: {met}")
    for name, texts in failures.items():
        console.print(f"[red]{name} failed {len(texts)} times[/red]: {texts[0][:300]}")
    console.print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="longest measurement of one contestant")
    parser.add_argument("--only", default="", help="contestants, separated by commas; 'restore' and 'latency' are parts, too")
    given = parser.parse_args()
    parts = {*CONTESTANTS, "latency", "restore"}
    wanted = set(given.only.split(",")) if given.only else parts
    if unknown := wanted - parts:
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(sorted(parts))}")
    cache = Path(os.environ.get("MULTICHANNEL_BROKER_CACHE_FOLDER") or ROOT / ".broker" / "cache")
    with children.locked(cache, DOWNLOAD_SECONDS):
        libraries = downloads.fetched(kafka.NAME, cache, look_for_prerequisites().maven, print, DOWNLOAD_SECONDS)
    if "quix" in wanted:
        quix_python()
    broker = Broker(ROOT / ".broker" / f"bench-{os.getpid()}", libraries)
    speeds: dict[str, list[Speed]] = {}
    latencies: dict[tuple[str, int], list[Latency]] = defaultdict(list)
    restores: list[Restored] = []
    failures: dict[str, list[str]] = defaultdict(list)

    def attempt(name: str, run: Callable[[], object]) -> None:
        try:
            print(f"{name}: {run()}", flush=True)
        except (RuntimeError, TimeoutError) as error:
            print(f"{name}: {error}", flush=True)
            failures[name].append(str(error))

    folder = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    try:
        broker.format()
        broker.start()
        broker.create_topics({topic: (PARTITIONS, {}) for topic in INPUTS})
        fill(broker, INPUTS, given.events, CUSTOMERS)
        for _ in range(given.repeats):
            for name in CONTESTANTS:
                if name in wanted:
                    one = name
                    attempt(one, lambda: _kept(speeds.setdefault(one, []), throughput(broker, folder, one, given.events, given.seconds)))  # noqa: B023
            if "latency" in wanted:
                for rate in LATENCY_RATES:
                    for name in ("engine", "raw"):
                        key = (name, rate)
                        attempt(f"latency {name} {rate}/s", lambda: _kept(latencies[key], latency(broker, folder, *key, given.seconds)))  # noqa: B023
            if "restore" in wanted:
                attempt("restore", lambda: _kept(restores, restore(broker, folder, RESTORED_KEYS)))
    finally:
        broker.kill()
        shutil.rmtree(broker.folder, ignore_errors=True)
    show(speeds, latencies, restores, failures)
    return 1 if failures else 0


def _kept(found: list[T], value: T) -> T:
    found.append(value)
    return value


if __name__ == "__main__":
    raise SystemExit(main())
