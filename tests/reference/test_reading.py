"""Do the codec and the naive reading let in the same events and read the same from them? (5 s)"""

from __future__ import annotations

import pytest

from processors.codec import MessageRejected, read_json
from tests.reference.histories import history, refused
from tests.reference.records import record

HISTORIES = 120
REFUSED = 1000


def test_every_generated_event_is_let_in_and_read_alike() -> None:
    events = [event for seed in range(HISTORIES) for event in history(seed).events]
    assert len(events) > 1000
    for event in events:
        assert read_json(event["topic"], event["value"]) == record(event)


def test_every_event_spoilt_in_one_field_is_refused() -> None:
    for seed in range(REFUSED):
        event = refused(seed)
        with pytest.raises(MessageRejected):
            read_json(event["topic"], event["value"])
