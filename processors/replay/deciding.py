"""What is decided from events that have been read? Which of them, up to when, and through the core's canonical replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from processors.codec import Located
from processors.core.decisions import Cause, Decision
from processors.core.policy import Policy
from processors.core.replay import canonical_replay


class Reading:
    """The first of each event_id of a customer, up to `until`.

    `until` is by default the last occurred_at read, repeats included; it stays the end where customers are chosen afterwards.
    """

    def __init__(self, events: Sequence[Located], until: int | None) -> None:
        instants = [located.event.occurred_at for located in events]
        self.until = until if until is not None else max(instants, default=0)
        self.since = min(instants, default=0)
        first: dict[tuple[str, str], Located] = {}
        for located in events:
            first.setdefault((located.event.customer_tenant_id, located.event.event_id), located)
        self.events = [located for located in first.values() if located.event.occurred_at <= self.until]
        self.customers = {located.event.customer_tenant_id for located in events}

    def only(self, customers: Iterable[str]) -> list[str]:
        """Keep the events of these customers, if any are given; those that no event names are returned."""
        wanted = {customer.lower() for customer in customers}
        if wanted:
            self.events = [located for located in self.events if located.event.customer_tenant_id in wanted]
        return sorted(wanted - self.customers)

    def decisions(self, policy: Policy) -> Iterator[Decision]:
        """Policy.md 9.4, each decision as it is made."""
        told = ((located.event, Cause(located.event.event_id, located.topic, located.partition, located.offset)) for located in self.events)
        return canonical_replay(told, policy, self.until)
