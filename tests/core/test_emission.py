"""Do answers keep the short form by which stored states remember them?"""

from __future__ import annotations

import hashlib

from processors.core.handle import handle
from processors.core.policy import Policy
from processors.core.state import CustomerState
from tests.core.test_stories import NAMES, STORIES, lines
from tests.reference.core_replay import caused

POLICY = Policy.shipped()


def digests_of_stories() -> set[bytes]:
    """Of every answer that an event of a story leads to, with whatever dates and owners."""
    found = set()
    for name in NAMES:
        states: dict[str, CustomerState] = {}
        for raw in lines(STORIES / f"{name}.events.jsonl"):
            event, cause = caused(raw)
            customer = event.customer_tenant_id
            state = states.setdefault(customer, CustomerState(customer))
            handle(state, event, cause, POLICY)
            found |= {last.digest for pairs in state.emitted.values() for last in pairs.values()}
    return found


def test_the_text_of_an_answer_is_pinned_by_the_digests_of_all_stories() -> None:
    """A state stored by another release is compared by these: one that changes would be decided again."""
    found = digests_of_stories()
    assert (len(found), hashlib.sha256(b"".join(sorted(found))).hexdigest()) == (
        145,
        "8180582c5c0cb9d390f8daedec21e958ee8fda35f46e2a5e5ddded77172b98bb",
    )
