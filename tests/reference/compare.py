"""Do the core and the naive reference decide the same, field by field, on random histories?

    python -m tests.reference.compare --histories 5000 --seed 1 --processes 2 [--theme links]

stops at the first difference of each kind, shrinks it, prints the history and both answers, and ends with status 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.reference.core_replay import core_decisions
from tests.reference.coverage import policy_of
from tests.reference.drawing import Case
from tests.reference.histories import history
from tests.reference.instants import read_instant
from tests.reference.oracle import Decision, canonical_replay
from tests.reference.shrinking import shrink
from tests.reference.weights import THEMES


@dataclass(frozen=True)
class Difference:
    """Where two replays part: the place in the list, the pair, the fields, and both decisions (None: there is none)."""

    place: int
    fields: tuple[str, ...]
    expected: Decision | None
    found: Decision | None

    @property
    def kind(self) -> str:
        """What tells one fault from another, roughly: the fields and the row expected."""
        rule = self.expected["rule"] if self.expected else "no decision"
        return f"{', '.join(self.fields)} ({rule})"


def oracle_decisions(case: Case) -> list[Decision]:
    """What the naive reference decides."""
    until = None if case.until is None else read_instant(case.until)
    return canonical_replay(case.events, until, policy_of(case.licence_transfer_from))


def difference(case: Case) -> Difference | None:
    """The first decision that differs; a core that fails differs too."""
    return against(case, oracle_decisions(case))


def against(case: Case, expected: list[Decision]) -> Difference | None:
    """The first decision of the core that is not as expected."""
    try:
        found = core_decisions(case)
    except Exception as failure:  # the failure is the finding
        return Difference(
            0, (f"raised {type(failure).__name__}",), expected[0] if expected else None, {"traceback": traceback.format_exc()}
        )
    for place in range(max(len(expected), len(found))):
        want = expected[place] if place < len(expected) else None
        have = found[place] if place < len(found) else None
        if want is None or have is None:
            return Difference(place, ("count",), want, have)
        fields = tuple(name for name in want if want[name] != have[name])
        if fields:
            return Difference(place, fields, want, have)
    return None


def describe(case: Case, found: Difference) -> str:
    """A difference for people: the history, then the fields that differ."""
    lines = [f"{case.name}: {found.kind}", f"until {case.until}, licence transfer from {case.licence_transfer_from}"]
    ordered = sorted(case.events, key=lambda event: str(event["value"]["occurred_at"]))
    lines += [json.dumps(event) for event in ordered]
    want, have = found.expected or {}, found.found or {}
    lines.append(
        f"decision {found.place}: "
        + json.dumps({name: want.get(name) for name in ("as_of", "subscription_id", "partner_tenant_id", "rule")})
    )
    for name in sorted({*want, *have}):
        if want.get(name) != have.get(name):
            lines += [
                f"  {name}",
                f"    policy.md read naively: {json.dumps(want.get(name))}",
                f"    core:                   {json.dumps(have.get(name))}",
            ]
    if "traceback" in have:
        lines.append(str(have["traceback"]))
    return "\n".join(lines)


def differs(case: Case) -> bool:
    """Whether there is any difference."""
    return difference(case) is not None


def check(seed: int, theme: str | None = None) -> tuple[int, int, Difference | None]:
    """(seed, decisions compared, difference) of one seed."""
    case = history(seed, theme)
    expected = oracle_decisions(case)
    return seed, len(expected), against(case, expected)


def smallest(case: Case) -> tuple[Case, Difference]:
    """The smallest history that still differs, and how."""
    small = shrink(case, differs)
    found = difference(small)
    if found is None:
        raise AssertionError("shrinking lost the difference")
    return small, found


def main() -> None:
    """Compare many histories."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--theme", choices=THEMES)
    parser.add_argument("--kinds", type=int, default=5, help="how many kinds of difference to shrink and print")
    told = parser.parse_args()
    started = time.monotonic()
    kinds: dict[str, int] = {}
    first: dict[str, int] = {}
    decisions = differing = 0
    with ProcessPoolExecutor(told.processes) as pool:
        for seed, count, found in pool.map(partial(check, theme=told.theme), range(told.seed, told.seed + told.histories), chunksize=20):
            decisions += count
            if found is not None:
                differing += 1
                kinds[found.kind] = kinds.get(found.kind, 0) + 1
                first.setdefault(found.kind, seed)
    for kind, seed in sorted(first.items(), key=lambda item: -kinds[item[0]])[: told.kinds]:
        print(f"\n== {kinds[kind]} x {kind}\n{describe(*smallest(history(seed, told.theme)))}", flush=True)
    for kind, number in sorted(kinds.items(), key=lambda item: -item[1]):
        print(f"{number} x {kind}")
    print(f"{told.histories} histories, {decisions} decisions, {differing} histories differ, {time.monotonic() - started:.0f} s")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
