"""Which ids are one thing? Predecessors, successors, and the registers read through them (policy.md 4.3)."""

from __future__ import annotations

from processors.core import facts as f
from processors.core.facts import Customer, Predecessor
from processors.core.registers import Write


class Links:
    """The `predecessor` registers of a customer, turned round: who names an id as predecessor."""

    __slots__ = ("_named_by", "names")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # empty where nothing is linked
        self._named_by: dict[str, set[str]] = {}

    def update(self, customer: Customer, subscription_id: str) -> str | None:
        """Take in what a subscription names now; the id it named before, where that was another one."""
        link = predecessor_of(customer, subscription_id)
        before, now = self.names.get(subscription_id), link.subscription_id if link is not None else None
        if before == now:
            return None
        if before is not None:
            self._named_by[before].discard(subscription_id)
        if now is not None:
            self.names[subscription_id] = now
            self._named_by.setdefault(now, set()).add(subscription_id)
        return before

    def successor(self, customer: Customer, subscription_id: str) -> tuple[str, Predecessor] | None:
        """The id that succeeded this one by the greatest link write, and that link."""
        greatest: Write | None = None
        successor = ""
        for named_by in self._named_by.get(subscription_id, ()):
            write = customer.subscriptions[named_by].registers.current[f.PREDECESSOR]
            if write is not None and (greatest is None or write[:2] > greatest[:2]):
                greatest, successor = write, named_by
        if greatest is None:
            return None
        link = greatest[2]
        assert isinstance(link, Predecessor)
        return successor, link

    def connected(self, subscription_id: str) -> set[str]:
        """All ids that are linked with this one, however far away."""
        found, waiting = {subscription_id}, [subscription_id]
        while waiting:
            here = waiting.pop()
            around = set(self._named_by.get(here, ()))
            if here in self.names:
                around.add(self.names[here])
            waiting.extend(around - found)
            found |= around
        return found


def predecessor_of(customer: Customer, subscription_id: str) -> Predecessor | None:
    """The link that a subscription's register holds; such writes never wait."""
    subscription = customer.subscriptions.get(subscription_id)
    write = subscription.registers.current[f.PREDECESSOR] if subscription is not None else None
    if write is None:
        return None
    assert isinstance(write[2], Predecessor)
    return write[2]


def chain(customer: Customer, subscription_id: str) -> tuple[str, ...]:
    """The predecessors of a subscription, nearest first; an id already visited ends the walk."""
    visited = [subscription_id]
    link = predecessor_of(customer, subscription_id)
    while link is not None and link.subscription_id not in visited:
        visited.append(link.subscription_id)
        link = predecessor_of(customer, link.subscription_id)
    return tuple(visited[1:])


def registers_at(customer: Customer, subscription_id: str, instant: int) -> tuple[list[Write | None], int]:
    """The registers of a subscription, read through its predecessors where they are unset, and until when they stay so."""
    writes, until = customer.subscriptions[subscription_id].registers.at(instant)
    if writes[f.PREDECESSOR] is None:
        return writes, until
    writes = list(writes)
    for previous_id in chain(customer, subscription_id):
        previous = customer.subscriptions.get(previous_id)
        if previous is None:
            continue
        previous_writes, bound = previous.registers.at(instant)
        until = min(until, bound)
        for register in f.READ_THROUGH:
            if writes[register] is None:
                writes[register] = previous_writes[register]
    return writes, until
