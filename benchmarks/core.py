"""How fast does the core decide? Microseconds an event by stage, for small, large and mixed customers, beside what was asked for.

    python -m benchmarks.core [--customers 3000] [--seed 1] [--rounds 3]

A customer is told its events in order of arrival and reviewed whenever it is due before the next one, as a worker does; the collector of
garbage is set as a worker sets it. Every event is measured in every round and its least time counts, so that what else the machine does
is left out. `ratio` is a cost in turns of a fixed calibration loop, to compare machines and hours of one machine.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from benchmarks.portfolio import Arrivals, portfolio
from benchmarks.stages import STAGES, Stages
from processors.core import chunks
from processors.core.decisions import Cause
from processors.core.handle import handle, pairs_under, review, wake
from processors.core.policy import Policy
from processors.core.replay import BY_ITSELF, canonical_steps
from processors.core.state import CustomerState
from processors.engine.collector import freeze_survivors, tune_collector
from processors.topology.portfolio import TOPICS

POLICY = Policy.shipped()
CALIBRATION_TURNS = 20_000
TARGETS = {"small": 60.0, "mixed": 90.0}
"""What fold, evaluate and review_at together may take, in microseconds an event."""
LARGE_P99_MS = 5.0
STATE_BYTES = {0.5: 1_000, 0.99: 2_000}
"""What the state of a small customer may take, by part of the customers."""


def calibrate() -> float:
    """Nanoseconds of one turn of a loop of dictionary, tuple and integer work; the best of twenty."""
    best = float("inf")
    for _ in range(20):
        table: dict[tuple[int, int], int] = {}
        start = time.perf_counter_ns()
        for turn in range(CALIBRATION_TURNS):
            key = turn & 1023, turn & 7
            table[key] = table.get(key, 0) + len(key)
        best = min(best, (time.perf_counter_ns() - start) / CALIBRATION_TURNS)
    return best


@dataclass
class Run:
    """What one round measured, in nanoseconds: each event, each event by stage, each review, storing after each event."""

    events: list[int] = field(default_factory=list)
    stages: dict[str, list[int]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    reviews: list[int] = field(default_factory=list)
    storing: list[int] = field(default_factory=list)
    written: int = 0
    sizes: list[int] = field(default_factory=list)
    decisions: int = 0
    reviews_deciding: int = 0
    asked: int = 0  # pairs, by events alone

    def __add__(self, other: Run) -> Run:
        """The customers of both."""
        return Run(
            self.events + other.events,
            {stage: spent + other.stages[stage] for stage, spent in self.stages.items()},
            self.reviews + other.reviews,
            self.storing + other.storing,
            self.written + other.written,
            self.sizes + other.sizes,
            self.decisions + other.decisions,
            self.reviews_deciding + other.reviews_deciding,
            self.asked + other.asked,
        )


def live(customers: Iterable[Arrivals], *, by_stage: bool = False, counted: bool = False) -> Run:
    """Tell all customers all their events, reviewed as they fall due; by stage or with pairs counted the events take a little longer."""
    run = Run()
    clock = time.perf_counter_ns
    with Stages(measured=by_stage, counted=counted) as stages:
        for one in customers:
            state, stored = CustomerState(one.customer_tenant_id), dict[str, bytes]()
            for event in one.events:
                due = wake(state)
                while due is not None and 0 < due < event.occurred_at:
                    start = clock()
                    run.reviews_deciding += bool(review(state, due, BY_ITSELF, POLICY))
                    run.reviews.append(clock() - start)
                    due = wake(state)
                stages.clear()
                cause = Cause(event.event_id, TOPICS[type(event)])
                start = clock()
                handled = handle(state, event, cause, POLICY)
                run.events.append(clock() - start)
                run.decisions += len(handled.decisions)
                run.asked += stages.asked
                for stage, spent in stages.spent().items():
                    run.stages[stage].append(spent)
                start = clock()
                touched = chunks.touched_chunks(state)
                chunks.state_hash(state)
                touched[chunks.HEADER] = chunks.header(state, wake(state))
                run.storing.append(clock() - start)
                run.written += sum(map(len, touched.values()))
                stored |= touched
            run.sizes.append(sum(map(len, stored.values())))
    return run


def least(rounds: list[list[int]]) -> list[int]:
    """Of each event the round in which it took least."""
    return list(map(min, *rounds)) if len(rounds) > 1 else rounds[0]


def mean(spent: list[int]) -> float:
    """Microseconds."""
    return sum(spent) / max(len(spent), 1) / 1_000


def percentile(values: list[int], part: float) -> int:
    """The value below which that part of them lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


class Pauses:
    """The longest pause that the collector of garbage made while this was entered, in milliseconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._since = 0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._watch)

    def _watch(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._since = time.perf_counter_ns()
        else:
            self.longest = max(self.longest, (time.perf_counter_ns() - self._since) / 1e6)


@dataclass(frozen=True)
class Rounds:
    """The same customers measured with nothing remembered of rows, then again and again, whole and by stage."""

    cold: Run
    runs: list[Run]
    apart: list[Run]

    def __add__(self, other: Rounds) -> Rounds:
        """The customers of both."""
        runs, apart = zip(self.runs, other.runs, strict=True), zip(self.apart, other.apart, strict=True)
        return Rounds(self.cold + other.cold, [one + two for one, two in runs], [one + two for one, two in apart])


def measure(parts: list[list[Arrivals]], rounds: int) -> tuple[list[Rounds], float]:
    """Each part of the customers, all in the same rounds: what else the machine does is the same for all; and the calibration."""
    measured = []
    for part in parts:
        pairs_under.cache_clear()
        measured.append(Rounds(live(part, counted=True), [], []))
    turns = [calibrate()]
    for _ in range(rounds):
        for part, found in zip(parts, measured, strict=True):
            found.runs.append(live(part))
            found.apart.append(live(part, by_stage=True))
        turns.append(calibrate())
    return measured, min(turns)


@dataclass(frozen=True)
class Measured:
    """What is compared with what was asked for."""

    deciding: float  # microseconds an event
    p99: float  # milliseconds of one event
    sizes: list[int]  # bytes of each state


def report(name: str, rounds: Rounds, turn: float) -> Measured:
    """Print what was measured of these customers; a turn of the calibration took so many nanoseconds."""
    cold, runs, apart = rounds.cold, rounds.runs, rounds.apart
    first, count = apart[0], len(cold.events)
    single = least([run.events for run in runs])
    stages = {stage: mean(least([run.stages[stage] for run in apart])) for stage in STAGES}

    def line(what: str, microseconds: float, more: str = "") -> None:
        print(f"  {what:36} {microseconds:7.1f} us, ratio {microseconds * 1_000 / turn:5.0f}{more}")

    print(f"{name}: {len(first.sizes)} customers, {count} events")
    deciding = stages["read and fold"] + stages["evaluate"] + stages["review_at"]
    line("fold, evaluate, review_at together", deciding, f"   [{TARGETS[name]:.0f} us]" if name in TARGETS else "")
    for stage, microseconds in stages.items():
        line(f"  {stage}", microseconds)
    line("core whole", mean(single), f": {1_000_000 / mean(single):,.0f} events/s")
    line("the same, nothing remembered of rows", mean(cold.events))
    line("chunks and state hash", mean(least([run.storing for run in runs])), f"; {first.written // count} bytes written")
    reviews = f"; {len(first.reviews) / count:.2f} of them an event, {first.reviews_deciding / max(len(first.reviews), 1):.0%} decide"
    line("a review by time", mean(least([run.reviews for run in runs])), reviews)
    asked_for = f" [p99 {LARGE_P99_MS:.0f} ms]" if name == "large" else ""
    half, most = percentile(single, 0.5) / 1e6, percentile(single, 0.99) / 1e6
    print(f"  one event: p50 {half:.3f} ms, p99 {most:.3f} ms, most {max(single) / 1e6:.2f} ms{asked_for}")
    print(f"  the worst of any round {max(max(run.events) for run in runs) / 1e6:.0f} ms")
    print(f"  state: p50 {percentile(first.sizes, 0.5)} bytes, p99 {percentile(first.sizes, 0.99)} bytes, most {max(first.sizes)}")
    print(f"  an event makes {first.decisions / count:.2f} decisions and asks {cold.asked / count:.2f} pairs")
    return Measured(deciding, most, first.sizes)


def compare(measured: dict[str, Measured], turn: float) -> None:
    """What was asked for beside what was measured: in microseconds as they are, whatever the machine and whatever else runs on it."""
    print("asked for and measured:")

    def line(what: str, found: float, most: float, unit: str, more: str = "") -> None:
        print(f"  {what:44} {most:6,.0f} {unit:5} {found:8,.1f} {unit:5} {'met' if found <= most else 'not met'}{more}")

    for name, most in TARGETS.items():
        deciding = measured[name].deciding
        more = f", ratio {deciding * 1_000 / turn:.0f} at {turn:.0f} ns a turn"
        line(f"{name}: fold, evaluate, review_at", deciding, most, "us", more)
    line("large: p99 of one event", measured["large"].p99, LARGE_P99_MS, "ms")
    for part, size in STATE_BYTES.items():
        line(f"small: state, p{part * 100:.0f}", percentile(measured["small"].sizes, part), size, "bytes")


def shape(customers: list[Arrivals]) -> None:
    """The portfolio beside the one that the targets were set for (core-speed.md)."""
    small, events = [one for one in customers if not one.large], sum(len(one.events) for one in customers)
    kinds = Counter(TOPICS[type(event)] for one in customers for event in one.events)

    def spread(values: list[int]) -> str:
        return " / ".join(str(percentile(values, part)) for part in (0.5, 0.9, 0.99)) + f" / {max(values)}"

    print(f"portfolio of {len(customers)} customers, {events} events; small p50 / p90 / p99 / most of all     [asked for]")
    for name, asked_for, count in (
        ("events a customer", "14 / 30 / 42 / 518", lambda one: len(one.events)),
        ("subscriptions", "2 / 4 / 6 / 65", lambda one: one.subscriptions),
        ("named partners", "1 / 2 / 3 / 8", lambda one: one.partners),
        ("pairs", "4 / 9 / 18 / 585", lambda one: one.subscriptions * (one.partners + 1)),
    ):
        counted = spread([count(one) for one in small]).rpartition("/")[0] + f"/ {max(map(count, customers))}"
        print(f"  {name:30} {counted:40} [{asked_for}]")
    late = sum(one.late for one in customers) / events
    behind, repeated = sum(one.behind() for one in customers) / events, sum(one.repeated() for one in customers) / events
    print(f"  {'late, behind a newer, repeated':30} {f'{late:.1%}, {behind:.1%}, {repeated:.1%}':40} [15 %, 8.1 %, 1.9 %]")
    told = ", ".join(f"{topic} {count / events:.0%}" for topic, count in kinds.most_common())
    print(f"  {told}\n  [state changes 40 %, purchases 28 %, consents 24 %, cancellations 7 %, transfers 1 %]")
    large = sum(len(one.events) for one in customers if one.large) / events
    print(f"  events of large customers {large:.0%} [19-25 %]")
    print("  decisions an event, see below: [small 0.8, large 4.0, mixed 1.4]; pairs asked [mixed 2.9]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tune_collector()
    customers = list(portfolio(options.customers, options.seed))
    freeze_survivors()
    shape(customers)
    with Pauses() as pauses:
        (small, large), turn = measure(
            [[one for one in customers if not one.large], [one for one in customers if one.large]],
            options.rounds,
        )
    print(f"calibration {turn:.0f} ns a turn; longest pause of the collector of garbage {pauses.longest:.0f} ms")
    portfolios = {"small": small, "large": large, "mixed": small + large}
    measured = {name: report(name, rounds, turn) for name, rounds in portfolios.items()}
    start = time.process_time_ns()
    told = [(event, Cause(event.event_id, TOPICS[type(event)])) for one in customers for event in one.events]
    reviews = decided = 0
    for step in canonical_steps(told, POLICY):
        reviews += step.event is None
        decided += len(step.handled.decisions)
    spent = (time.process_time_ns() - start) / 1_000
    print(f"canonical replay of all, who are all reviewed until the last event of any: {spent / len(told):.1f} us an event")
    print(f"  with {reviews / len(told):.2f} reviews and {decided / len(told):.2f} decisions an event")
    print(f"cases remembered: {len(pairs_under(POLICY)._cases)}")  # noqa: SLF001 - a figure
    compare(measured, turn)


if __name__ == "__main__":
    main()
