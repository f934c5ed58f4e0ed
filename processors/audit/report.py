"""How is a comparison told? As lines for people, and as JSON objects with stable names for programs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

from processors.audit.comparing import Change, Compared, Difference, Report, Tally
from processors.codec import to_json
from processors.codec.instants import write_instant
from processors.core.decisions import Decision
from processors.core.policy import Policy

DECISIONS: Final = "multi-channel-support-decisions"
SHOWN_MAX: Final = 50
_NO_PARTNER: Final = "any partner"


def difference_lines(compared: Compared) -> Iterator[dict[str, Any]]:
    """Every difference of a customer: those over time in their order, then those at the end."""
    for when, differences in (("over_time", compared.over_time), ("at_end", compared.at_end)):
        for difference in differences:
            yield {
                "line": "difference",
                "when": when,
                "since": write_instant(difference.since),
                "customer_tenant_id": difference.customer_tenant_id,
                "subscription_id": difference.subscription_id,
                "partner_tenant_id": difference.partner_tenant_id,
                "differing": list(difference.differing),
                "actual": _decision(difference.actual),
                "other": _decision(difference.other),
            }


def summary_line(report: Report, until: int, actual: Policy, other: Policy) -> dict[str, Any]:
    """What was compared, and how much differs."""
    first = report.first
    return {
        "line": "summary",
        "until": write_instant(until),
        "events": report.events,
        "customers": report.customers,
        "answers": report.pairs,
        "decisions": {"actual": report.decisions[0], "other": report.decisions[1]},
        "policy": {"actual": _policy(actual), "other": _policy(other)},
        "first_difference": None if first is None else write_instant(first.since),
        "at_end": _tally(report.at_end),
        "over_time": _tally(report.over_time),
    }


def summary_text(report: Report, until: int) -> Iterator[str]:
    """The same for people, but for the policies."""
    yield f"compared   {_many(report.events, 'event')} of {_many(report.customers, 'customer')}, both sides up to {write_instant(until)}"
    yield f"decisions  {report.decisions[0]:,} as it is, {report.decisions[1]:,} as it would be"
    if report.first is None:
        yield "result     no difference"
        return
    yield f"first      {write_instant(report.first.since)}"
    yield from _matrix(f"at the end {report.at_end.differences.total():,} of {report.pairs:,} answers differ", report.at_end)
    yield from _matrix(f"over time  {_many(report.over_time.differences.total(), 'difference')}", report.over_time)


def first_differences(found: Iterable[Difference], more: Iterable[Difference]) -> list[Difference]:
    """Of both the SHOWN_MAX that come first in time, in its order."""
    return heapq.nsmallest(SHOWN_MAX, chain(found, more), key=lambda difference: difference.since)


def difference_text(differences: Iterable[Difference], left_out: int) -> Iterator[str]:
    """Each difference in three lines, and how many are left out."""
    for difference in differences:
        yield f"{write_instant(difference.since)}  {_arrow(difference.change)}"
        partner = difference.partner_tenant_id or _NO_PARTNER
        yield f"  customer {difference.customer_tenant_id}, subscription {difference.subscription_id}, partner {partner}"
        yield f"  {_sides(difference)}"
    if left_out:
        yield f"and {left_out:,} more: --format jsonl shows all of them"


def _sides(difference: Difference) -> str:
    actual, other = difference.actual, difference.other
    if actual is None or other is None:
        return "no answer as it is" if actual is None else "no answer as it would be"
    rows = f"row {actual.rule} of {actual.policy_version} -> row {other.rule} of {other.policy_version}"
    return f"{rows}; differing: {', '.join(difference.differing)}"


def _matrix(headline: str, tally: Tally) -> Iterator[str]:
    yield f"{headline}, of {_many(tally.customers_in_all, 'customer')}"
    if not tally.differences:
        return
    width = max(len(_arrow(change)) for change in tally.differences)
    yield f"           {'from -> to':<{width}}  {'number':>9}  {'customers':>9}"
    for change, number in _ordered(tally):
        yield f"           {_arrow(change):<{width}}  {number:>9,}  {tally.customers[change]:>9,}"


def _ordered(tally: Tally) -> list[tuple[Change, int]]:
    return sorted(tally.differences.items(), key=lambda counted: (-counted[1], counted[0]))


def _arrow(change: Change) -> str:
    return f"{change[0]} -> {change[1]}"


def _tally(tally: Tally) -> dict[str, Any]:
    changes = [
        {"from": change[0], "to": change[1], "number": number, "customers": tally.customers[change]} for change, number in _ordered(tally)
    ]
    return {"number": tally.differences.total(), "customers": tally.customers_in_all, "changes": changes}


def _policy(policy: Policy) -> dict[str, Any]:
    versions = [{"name": version.name, "effective_from": write_instant(version.effective_from)} for version in policy.versions]
    return {"fingerprint": policy.fingerprint, "versions": versions}


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    return None if decision is None else to_json(DECISIONS, decision)


def _many(number: int, of: str) -> str:
    return f"{number:,} {of}" if number == 1 else f"{number:,} {of}s"
