"""How often does the generator reach each row, position, reason and step of policy.md?

    python -m tests.reference.coverage --histories 2000 --seed 1 [--theme azure]

counts decisions over that many histories; what was never reached stands last, as 0.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from processors.core import conclusions
from tests.reference.finishing import ORDER_OF_REASONS
from tests.reference.histories import history
from tests.reference.instants import read_instant
from tests.reference.oracle import Decision, canonical_replay
from tests.reference.versions import SHIPPED_LICENCE_TRANSFER_FROM, Policy
from tests.reference.weights import THEMES

ROWS = """
    E1 E2 E3 E4 E5 E6 E6a E7 E7a E8 E9 E10 E10a E11 E12 E13 A1 A2 A3 A4 A5 A6 B1 B2 B3 B4 B5 B6 B7 B7a B8 B9 B10
    C1 C2 C3 C4 C5 D1 D2 D3 D4 D5 D6 D7 D8 D9 D10
"""
MISSING = """
    acquisition_channel azure_offer cancellation_status cloud commerce_platform kind partner_type seller_partner_tenant_id
    service_type status
"""
EXPECTED = {
    "rule": ROWS.split(),
    "consent_position": [*conclusions.ConsentPosition],
    "reason": [*conclusions.Reason],
    "deciding": [],
    "other reason": ORDER_OF_REASONS,
    "step": [*conclusions.NextStepCode],
    "missing_facts": MISSING.split(),
    "outcome": [*conclusions.Outcome],
    "support_access": [*conclusions.SupportAccess],
    "move_option": [*conclusions.MoveOption],
    "billing_owner": [*conclusions.BillingOwnerKind],
}


def policy_of(switch: str | None) -> Policy:
    """The policy of a case."""
    if switch is None:
        return Policy(SHIPPED_LICENCE_TRANSFER_FROM)
    return Policy(None if switch == "off" else read_instant(switch))


def count(decision: Decision, counts: dict[str, Counter[str]]) -> None:
    """Add one decision."""
    for name in ("rule", "outcome", "support_access", "move_option", "policy_version"):
        counts[name][decision[name]] += 1
    if decision["consent_position"] is not None:
        counts["consent_position"][decision["consent_position"]] += 1
    counts["deciding"][decision["reasons"][0]] += 1
    counts["reason"].update(decision["reasons"])
    counts["other reason"].update(decision["reasons"][1:])
    counts["step"].update(step["code"] for step in decision["next_steps"])
    counts["missing_facts"].update(decision["missing_facts"])
    counts["billing_owner"][decision["billing_owner"]["kind"]] += 1
    for name in ("eligible_from", "cancellation_allowed_until", "consent_valid_until", "review_at", "manual_review"):
        counts["told"][name] += bool(decision[name])
    if decision["consent_position"] is not None:
        counts["rule and position"][f"{decision['rule']}/{decision['consent_position']}"] += 1


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--theme", choices=THEMES)
    told = parser.parse_args()
    counts: dict[str, Counter[str]] = {name: Counter(dict.fromkeys(expected, 0)) for name, expected in EXPECTED.items()}
    counts |= {"policy_version": Counter(), "told": Counter(), "rule and position": Counter()}
    events = decisions = 0
    started = time.process_time()
    for seed in range(told.seed, told.seed + told.histories):
        case = history(seed, told.theme)
        events += len(case.events)
        until = None if case.until is None else read_instant(case.until)
        for decision in canonical_replay(case.events, until, policy_of(case.licence_transfer_from)):
            decisions += 1
            count(decision, counts)
    seconds = time.process_time() - started
    print(f"{told.histories} histories, {events} events, {decisions} decisions, {seconds:.0f} s of CPU")
    for name, counted in counts.items():
        print(f"{name}: " + ", ".join(f"{value} {number}" for value, number in sorted(counted.items(), key=lambda item: -item[1])))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
