"""What does the core decide for a case, read by the codec as `multichannel replay` does?"""

from __future__ import annotations

from processors.codec import read_json
from processors.core.decisions import Cause
from processors.core.events import Event
from processors.core.policy import LICENCE_TRANSFER_FROM, Policy
from processors.core.replay import canonical_replay
from tests.reference.drawing import Case
from tests.reference.instants import read_instant
from tests.reference.oracle import Decision
from tests.reference.reading import RawEvent
from tests.reference.records import as_told


def caused(raw: RawEvent) -> tuple[Event, Cause]:
    """An event with the record it came in."""
    event = read_json(raw["topic"], raw["value"])
    if not isinstance(event, Event):
        raise TypeError(f"{raw['topic']} is no input topic")
    return event, Cause(event.event_id, raw["topic"], raw.get("partition"), raw.get("offset"))


def shipped(case: Case) -> Policy:
    """The released policy under the case's setting."""
    switch = case.licence_transfer_from
    return Policy.shipped(LICENCE_TRANSFER_FROM if switch is None else None if switch == "off" else read_instant(switch))


def core_decisions(case: Case) -> list[Decision]:
    """The core's canonical replay as dicts with the names of events.md."""
    until = None if case.until is None else read_instant(case.until)
    return [as_told(decision) for decision in canonical_replay(map(caused, case.events), shipped(case), until)]
