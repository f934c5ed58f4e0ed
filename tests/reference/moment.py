"""What do the registers and the links between ids say at one instant (policy.md 4.1, 4.3, 4.4)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tests.reference.facts import FAMILIES, OWN_ONLY, PROFILE, READ_THROUGH, Facts, Register, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reference.reading import Event
    from tests.reference.versions import Policy, Version

Result = TypeVar("Result")


class Link(NamedTuple):
    """One subscription names another as its predecessor; `holder` may be None."""

    successor: str
    holder: str | None
    write: Write


class Moment:
    """Facts, policy and an instant T: everything an answer may depend on."""

    def __init__(self, facts: Facts, policy: Policy, instant: int) -> None:
        """Compute nothing yet; what is asked twice is remembered, as it cannot change."""
        self.facts = facts
        self.policy = policy
        self.instant = instant
        self._remembered: dict[tuple[Any, ...], Any] = {}

    def remember(self, question: Callable[..., Result], *about: Any) -> Result:
        """The answer of a pure `question(self, *about)`, asked once."""
        asked = (question, *about)
        if asked not in self._remembered:
            self._remembered[asked] = question(self, *about)
        result: Result = self._remembered[asked]
        return result

    @property
    def version(self) -> Version:
        """The policy version in force."""
        return self.policy.at(self.instant)

    # -- registers -------------------------------------------------------------------------------------------------

    def in_force(self, register: Register) -> Write | None:
        """The write that gives a register its value at T; None: unset."""
        writes = [write for write in self.facts.writes.get(register, ()) if write.in_force_from <= self.instant]
        if not writes:
            return None
        if register[2] == "first_purchase":
            return min(writes, key=lambda write: write.key)
        return max(writes, key=lambda write: (write.in_force_from, write.key))

    def value(self, of: str, identity: str, name: str) -> Any:
        """A register's own value, None where it is unset."""
        write = self.in_force((of, identity, name))
        return None if write is None else write.value

    def customer_value(self, name: str) -> Any:
        """A register of the customer."""
        return self.value("customer", self.facts.customer, name)

    def partner_value(self, partner: str | None, name: str) -> Any:
        """A register of the partner; None for the any-partner, who has none."""
        return None if partner is None else self.value("partner", partner, name)

    # -- links ---------------------------------------------------------------------------------------------------------

    def read_through(self, subscription: str, name: str) -> tuple[Write | None, list[Write]]:
        """The write behind a register that may be read from predecessors, and the `predecessor` writes walked to it."""
        visited = [subscription]
        walked: list[Write] = []
        while True:
            found = self.in_force(("subscription", visited[-1], name))
            if found is not None:
                return found, walked
            link = self.in_force(("subscription", visited[-1], "predecessor"))
            if link is None or link.value.subscription in visited:
                return None, walked
            walked.append(link)
            visited.append(link.value.subscription)

    def write_of(self, subscription: str, name: str) -> Write | None:
        """The write behind a subscription's register, own or read through as 4.3 says."""
        if name in READ_THROUGH:
            return self.remember(Moment.read_through, subscription, name)[0]
        return self.remember(Moment.in_force, ("subscription", subscription, name))

    def of(self, subscription: str, name: str) -> Any:
        """The value of a subscription's register, None where it is unset or written as null."""
        write = self.write_of(subscription, name)
        return None if write is None else write.value

    def _successor(self, subscription: str) -> Link | None:
        links = []
        for other in self.facts.subscriptions:
            write = self.in_force(("subscription", other, "predecessor"))
            if other != subscription and write is not None and write.value.subscription == subscription:
                links.append(Link(other, write.value.holder, write))
        return max(links, key=lambda link: (link.write.in_force_from, link.write.key), default=None)

    def successor(self, subscription: str) -> Link | None:
        """The greatest link that names this subscription as predecessor; None: it is not succeeded."""
        return self.remember(Moment._successor, subscription)

    # -- unread marks ----------------------------------------------------------------------------------------------------

    def unread_marks(self, subscription: str) -> list[str]:
        """Names of the missing facts that the unread marks stand for (4.4)."""
        marks = []
        for mark, field, cleared_by in (
            ("unread_kind", "kind", ("understood",)),
            ("unread_cancellation_status", "cancellation_status", ("understood", "understood_cancellation")),
        ):
            unread = self.write_of(subscription, mark)
            clearing = [self.write_of(subscription, name) for name in cleared_by]
            if unread is not None and not any(write is not None and write.key > unread.key for write in clearing):
                marks.append(field)
        return marks

    # -- evidence of registers (9.5) -----------------------------------------------------------------------------------

    def subscription_evidence(self, subscription: str) -> list[Event]:
        """Events behind every register of the subscription, the links walked, and the link of its successor."""
        writes: list[Write | None] = [self.write_of(subscription, name) for name in OWN_ONLY]
        for name in READ_THROUGH:
            write, walked = self.read_through(subscription, name)
            writes += [write, *walked]
        link = self.successor(subscription)
        if link is not None:
            writes.append(link.write)
        return [write.event for write in writes if write is not None]

    def customer_evidence(self) -> list[Event]:
        """Events behind the customer's registers."""
        writes = [self.in_force(("customer", self.facts.customer, name)) for name in ("customer_country", "is_csp_transacting_tenant")]
        return [write.event for write in writes if write is not None]

    def profile_evidence(self, partner: str) -> list[Event]:
        """Events behind a partner's profile and its requests, open or not."""
        names = [*PROFILE, *(f"request {family}" for family in FAMILIES)]
        writes = [self.in_force(("partner", partner, name)) for name in names]
        return [write.event for write in writes if write is not None]
