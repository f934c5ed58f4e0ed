"""How fast does the core decide? CPU time an event by stage, for small, large and mixed customers, and how much state it keeps.

    python -m benchmarks.core [--customers 3000] [--seed 1]

Figures are microseconds of CPU an event. `ratio` is the cost of an event in turns of a fixed calibration loop, to compare machines.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

from benchmarks.portfolio import TOPICS, Arrivals, portfolio
from processors.core import chunks
from processors.core import handle as handling
from processors.core.decisions import Cause
from processors.core.handle import handle, pairs_under, review, wake
from processors.core.pairs import Pairs
from processors.core.policy import Policy
from processors.core.replay import BY_ITSELF, canonical_replay
from processors.core.state import CustomerState

POLICY = Policy.shipped()
CALIBRATION_TURNS = 300_000


def cpu() -> int:
    return time.process_time_ns()


def calibrate() -> float:
    """Nanoseconds of one turn of a loop of dictionary, tuple and integer work; the best of five."""
    best = float("inf")
    for _ in range(5):
        table: dict[tuple[int, int], int] = {}
        start = cpu()
        for turn in range(CALIBRATION_TURNS):
            key = turn & 1023, turn & 7
            table[key] = table.get(key, 0) + len(key)
        best = min(best, (cpu() - start) / CALIBRATION_TURNS)
    return best


def run(customers: list[Arrivals]) -> tuple[int, int, int, list[CustomerState]]:
    """CPU nanoseconds, events and decisions of a live run without reviews, and the states at its end."""
    work = [
        (CustomerState(one.customer_tenant_id), [(event, Cause(event.event_id, TOPICS[type(event)])) for event in one.events])
        for one in customers
    ]
    events = decisions = 0
    start = cpu()
    for state, told in work:
        for event, cause in told:
            decisions += len(handle(state, event, cause, POLICY).decisions)
            events += 1
    return cpu() - start, events, decisions, [state for state, _ in work]


class Stages:
    """Wraps the functions of the stages to add up their own CPU time; the wrapping itself costs about 0.2 us a call."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._undo: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, stage: str) -> None:
        """Let a function of a module or class be timed."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.thread_time_ns()
            try:
                return inner(*arguments, **named)
            finally:
                self.spent[stage] += time.thread_time_ns() - start
                self.calls[stage] += 1

        self._undo.append((owner, name, inner))
        setattr(owner, name, timed)

    def __enter__(self) -> Self:
        for name in ("additions", "is_known", "evolve"):
            self.wrap(handling, name, "read and fold")
        self.wrap(handling, "_decide", "all after the fold")
        self.wrap(handling, "_emit", "decision whole")
        self.wrap(Pairs, "changes_at", "review_at")
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, inner in self._undo:
            setattr(owner, name, inner)


def stages(customers: list[Arrivals]) -> dict[str, float]:
    with Stages() as measured:
        _, events, _, _ = run(customers)
    spent = {stage: nanoseconds / events / 1_000 for stage, nanoseconds in measured.spent.items()}
    return {
        "read and fold": spent["read and fold"],
        "evaluate": spent["all after the fold"] - spent["decision whole"],
        "review_at": spent["review_at"],
        "decision, evidence, id": spent["decision whole"] - spent["review_at"],
    }


def percentile(values: list[int], part: float) -> int:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def one_by_one(customers: list[Arrivals]) -> list[int]:
    """CPU nanoseconds of every single event."""
    spent = []
    for one in customers:
        state = CustomerState(one.customer_tenant_id)
        for event in one.events:
            cause = Cause(event.event_id, TOPICS[type(event)])
            start = time.thread_time_ns()
            handle(state, event, cause, POLICY)
            spent.append(time.thread_time_ns() - start)
    return spent


def storing(customers: list[Arrivals]) -> tuple[float, float, list[int]]:
    """Microseconds and bytes that chunks and hash cost an event, and the size of each state at the end."""
    spent = written = events = 0
    sizes = []
    for one in customers:
        state = CustomerState(one.customer_tenant_id)
        stored: dict[str, bytes] = {}
        for event in one.events:
            handle(state, event, Cause(event.event_id, TOPICS[type(event)]), POLICY)
            start = time.thread_time_ns()
            touched = chunks.touched_chunks(state)
            chunks.state_hash(state)
            touched[chunks.HEADER] = chunks.header(state, wake(state))
            spent += time.thread_time_ns() - start
            written += sum(map(len, touched.values()))
            stored |= touched
            events += 1
        sizes.append(sum(map(len, stored.values())))
    return spent / events / 1_000, written / events, sizes


def reviews(customers: list[Arrivals]) -> tuple[float, int, int]:
    """Microseconds of one review by time, how many there are after the events, and how many decide something."""
    _, _, _, states = run(customers)
    count = deciding = 0
    start = cpu()
    for state in states:
        for _ in range(3):
            due = wake(state)
            if due is None:
                break
            count += 1
            deciding += bool(review(state, due, BY_ITSELF, POLICY))
    return (cpu() - start) / max(count, 1) / 1_000, count, deciding


def report(name: str, customers: list[Arrivals], turn: float) -> None:
    handling.pairs_under.cache_clear()
    cold = run(customers)[0]
    warm, events, decisions, _ = min((run(customers) for _ in range(2)), key=lambda result: result[0])
    by_stage = stages(customers)
    single = one_by_one(customers)
    chunk_cost, written, sizes = storing(customers)
    an_event = warm / events / 1_000
    print(f"{name}: {len(customers)} customers, {events} events, {decisions / events:.2f} decisions an event")
    speed = f"{1_000_000 / an_event:,.0f} events/s, ratio {an_event * 1_000 / turn:.0f}"
    print(f"  core (fold, evaluate, review_at, decision)  {an_event:7.1f} us an event = {speed}")
    print(f"  the same with nothing remembered of rows    {cold / events / 1_000:7.1f} us")
    for stage, microseconds in by_stage.items():
        print(f"    {stage:42}{microseconds:7.1f}")
    half, most = percentile(single, 0.5) / 1e6, percentile(single, 0.99) / 1e6
    print(f"  one event: p50 {half:.3f} ms, p99 {most:.3f} ms, most {max(single) / 1e6:.2f} ms")
    print(f"  chunks and state hash                       {chunk_cost:7.1f} us, {written:.0f} bytes written an event")
    print(f"  state: p50 {percentile(sizes, 0.5)} bytes, p99 {percentile(sizes, 0.99)} bytes, most {max(sizes)}")
    cost, count, deciding = reviews(customers)
    print(f"  a review by time                            {cost:7.1f} us ({count} of them, {deciding} decide)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    customers = list(portfolio(options.customers, options.seed))
    kinds = Counter(TOPICS[type(event)] for one in customers for event in one.events)
    total = sum(kinds.values())
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    turn = calibrate()
    print(f"portfolio: {total} events ({', '.join(f'{topic} {count / total:.0%}' for topic, count in kinds.most_common())})")
    print(f"calibration: {turn:.1f} ns a turn")
    report("small", [one for one in customers if not one.large], turn)
    report("large", [one for one in customers if one.large], turn)
    report("mixed", customers, turn)
    start = cpu()
    told = [(event, Cause(event.event_id, TOPICS[type(event)])) for one in customers for event in one.events]
    decided = sum(1 for _ in canonical_replay(told, POLICY))
    print(f"canonical replay of all: {(cpu() - start) / total / 1_000:.1f} us an event, {decided} decisions")
    print(f"cases remembered: {len(pairs_under(POLICY)._cases)}")  # noqa: SLF001 - a figure


if __name__ == "__main__":
    main()
