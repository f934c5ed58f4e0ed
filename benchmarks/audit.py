"""How fast is a journal verified, and in how much memory? First per core beside replay, then all of it with its decisions and its view.

    python -m benchmarks.audit [--entries 1000000] [--processes 2] [--rounds 5] [--folder FOLDER]

Per core: a part of the journal is verified, and canonical replay told the same events, in turns, in one process, by CPU time. Verifying
reads records and decodes them, applies them, and makes hashes, decisions and view again as bytes; replay is handed events, makes its
reviews itself and writes decisions as lines. Both are counted by what the core handled, reviews among it.

All of it: the time that passes, the CPU time of all processes, and the most memory that they had together (Linux alone tells it).
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.audit_journal import POLICY, LaidSource, lay_down
from benchmarks.portfolio import Arrivals, portfolio
from processors.audit.entries import DECISIONS, IN_FORCE, JOURNAL
from processors.audit.verifying import GARBAGE_THRESHOLDS, Report, Task, verify
from processors.core.decisions import Cause
from processors.core.replay import canonical_steps
from processors.replay.lines import decision_line
from processors.topology.portfolio import TOPICS

SAMPLED = 200  # customers, two of them large
COPIES = 10  # of each customer in the whole journal
SAMPLE_SECONDS = 0.2
ALL = 10_000_000


def verified(source: LaidSource, processes: int) -> Report:
    """Without a difference."""
    report = verify(Task(source=source, processes=processes))
    assert report.findings == [], report.findings[:3]
    return report


def verify_rate(source: LaidSource) -> float:
    """Entries a second of CPU time."""
    gc.collect()
    start = time.process_time()
    entries = verified(source, 1).figures["entries"]
    return entries / (time.process_time() - start)


def replay_rate(customers: list[Arrivals]) -> float:
    """Events and reviews a second of CPU time, of canonical replay with every decision written as a line."""
    events = [(event, Cause(event.event_id, TOPICS[type(event)])) for one in customers for event in one.events]
    gc.collect()
    steps = len(events)
    start = time.process_time()
    for step in canonical_steps(events, POLICY):
        steps += step.event is None
        for decision in step.handled.decisions:
            decision_line(decision)
    return steps / (time.process_time() - start)


def per_core(folder: Path, rounds: int) -> None:
    """In turns, so that what else the machine does meets both."""
    folder.mkdir()
    customers = list(islice(portfolio(ALL), SAMPLED))
    entries = lay_down(folder, customers, ALL, 1)
    source = LaidSource(folder)
    rates = [(verify_rate(source), replay_rate(customers)) for _ in range(rounds)]
    print(f"per core, {entries:,} entries, {rounds} rounds in turns: median (least to most)")
    for name, found in (("verify, entries/s", [a for a, _ in rates]), ("replay, events and reviews/s", [b for _, b in rates])):
        print(f"  {name:<30}{statistics.median(found):>8,.0f}  ({min(found):,.0f} to {max(found):,.0f})")
    ratios = [a / b for a, b in rates]
    print(f"  {'verify / replay':<30}{statistics.median(ratios):>8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


@dataclass
class Memory:
    """The most that this process and those it started had together, and the one that had most, in MiB; 0 where it is not told."""

    together: float = 0.0
    largest: float = 0.0

    def look(self) -> None:
        """As it is now."""
        sizes = [_resident(pid) for pid in ("self", *_children())]
        self.together, self.largest = max(self.together, sum(sizes)), max(self.largest, *sizes)


def _resident(pid: str) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):  # it has ended, or this is not Linux
        return 0.0


def _children() -> list[str]:
    try:
        return [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    except OSError:
        return []


@contextmanager
def watched() -> Iterator[Memory]:
    """Memory, looked at several times a second."""
    memory, over = Memory(), threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            memory.look()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield memory
    finally:
        over.set()
        watching.join()


def whole(folder: Path, entries: int, processes: int) -> None:
    """The whole journal at once."""
    if not (folder / f"{JOURNAL}.0").exists():
        folder.mkdir(exist_ok=True)
        child = os.fork()  # the memory that making it takes is not counted below
        if child == 0:
            lay_down(folder, portfolio(ALL), entries, COPIES)
            os._exit(0)
        _, ended = os.waitpid(child, 0)
        assert ended == 0, "the journal was not laid down"
    source = LaidSource(folder)
    size = source.expected_bytes((JOURNAL, DECISIONS, IN_FORCE)) / 2**20
    before, own, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time(), time.monotonic()
    with watched() as memory:
        report = verified(source, processes)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - own + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found, figures = report.figures["entries"], report.figures
    print(f"{found:,} entries of {figures['customers']:,} customers, {figures['decisions']:,} decisions, {size:,.0f} MiB: no difference")
    print(f"  {wall:,.0f} s with {processes} processes: {found / wall:,.0f} entries/s")
    print(f"  {cpu:,.0f} s of CPU: {found / cpu:,.0f} entries/s per core, reading, sorting into buckets and trees included")
    print(f"  most memory: {memory.together:,.0f} MiB together, {memory.largest:,.0f} MiB the largest process")
    print(f"  load average {', '.join(f'{each:.1f}' for each in os.getloadavg())}", flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the journal is laid down, and kept; one that is there is verified as it is")
    chosen = parser.parse_args()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    made = Path(tempfile.mkdtemp(prefix="multichannel-audit-"))
    try:
        if chosen.rounds:
            per_core(made / "sample", chosen.rounds)
        whole(chosen.folder or made / "whole", chosen.entries, chosen.processes)
    finally:
        shutil.rmtree(made)


if __name__ == "__main__":
    main()
