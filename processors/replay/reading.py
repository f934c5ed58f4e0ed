"""Which events do the files hold, all of them let in? Nothing is decided before every line has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, TypeAlias

from processors.codec import Located, MessageRejected, UnknownNames, read_stream
from processors.contract import ErrorCode
from processors.core.door import Limits, would_exceed
from processors.core.fold import additions

Named: TypeAlias = tuple[str, BinaryIO]
"""What messages call a file, and the file, open at its start; it can seek."""

REPORT_EVERY_EVENTS = 500


def read_events(files: Sequence[Named], unknown: UnknownNames, progress: Callable[[int], None]) -> list[Located]:
    """The events of all files in the order read; `progress` is told the bytes read so far, over all files.

    Raises:
        MessageRejected: the first line or record that is not valid, with its place.
        OSError: a file cannot be read.
    """
    events: list[Located] = []
    before = 0
    for name, file in files:
        for located in read_stream(file, name, unknown=unknown):
            events.append(located)
            if len(events) % REPORT_EVERY_EVENTS == 0:
                progress(before + file.tell())
        before += file.tell()
        progress(before)
    return events


def check_limits(events: Iterable[Located], limits: Limits) -> None:
    """Whether every customer stays within the limits of the door, over all its events; none of them may be a repeat.

    Raises:
        MessageRejected: TOO_LARGE, with the place of the first event that goes over one.
    """
    named: dict[str, tuple[set[str], set[str]]] = {}
    for located in events:
        event = located.event
        subscriptions, partners = named.setdefault(event.customer_tenant_id, (set(), set()))
        added = additions(event)
        if subscriptions.issuperset(added.subscriptions) and partners.issuperset(added.partners):
            continue
        exceeded = would_exceed(subscriptions, partners, event, limits)
        if exceeded is not None:
            raise MessageRejected(ErrorCode.TOO_LARGE, None, f"customer {event.customer_tenant_id}: {exceeded}", located.place)
        subscriptions.update(added.subscriptions)
        partners.update(added.partners)
