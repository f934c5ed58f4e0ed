"""What is the smallest history that still shows a difference?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.reference.door import is_let_in
from tests.reference.drawing import Case

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = {"event_id", "occurred_at", "customer_tenant_id", "source_system", "evidence_level"}


def with_events(case: Case, events: list[dict[str, Any]]) -> Case:
    """The same case with other events."""
    return Case(events, case.until, case.licence_transfer_from, case.name)


def fewer_events(case: Case, differs: Callable[[Case], bool]) -> Case:
    """Take events away, halves first, then single ones."""
    size = max(len(case.events) // 2, 1)
    while size:
        place = 0
        while place < len(case.events):
            tried = with_events(case, case.events[:place] + case.events[place + size :])
            if tried.events and differs(tried):
                case = tried
            else:
                place += size
        size //= 2
    return case


def fewer_fields(case: Case, differs: Callable[[Case], bool]) -> Case:
    """Take fields away, one by one."""
    for place in range(len(case.events)):
        for name in [*case.events[place]["value"], "partition", "offset"]:
            events = copy.deepcopy(case.events)
            if name in {"partition", "offset"}:
                events[place].pop(name, None)
            elif name not in KEPT:
                del events[place]["value"][name]
            if events != case.events and is_let_in(events[place]) and differs(with_events(case, events)):
                case = with_events(case, events)
    return case


def shrink(case: Case, differs: Callable[[Case], bool]) -> Case:
    """A locally smallest case for which `differs` is still true."""
    for until, switch in ((None, None), (case.until, None), (None, case.licence_transfer_from)):
        tried = Case(case.events, until, switch, case.name)
        if differs(tried):
            case = tried
            break
    while True:
        smaller = fewer_fields(fewer_events(case, differs), differs)
        if smaller.events == case.events:
            return smaller
        case = smaller
