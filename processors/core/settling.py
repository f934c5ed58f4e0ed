"""Which pairs have to be asked again? Those whose subscription or partner looks other than when they were last asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from processors.core.evolve import Touched
from processors.core.facts import Customer
from processors.core.outlook import Outlook
from processors.core.partners import PartnerView
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Context
from processors.core.registers import Registers
from processors.core.subscriptions import SubscriptionView


class Settling:
    """What a customer's subscriptions and partners looked like last, and the earliest instant at which one of them may look other.

    `due` is never later than the next instant at which an answer can change, and may be earlier; `waiting` is the one at which
    something that waits comes into force.
    """

    __slots__ = (
        "_by_context",
        "_customer",
        "_everyone",
        "_partners",
        "_subscriptions",
        "due",
        "outlook",
        "policy",
        "waiting",
    )

    def __init__(self, customer: Customer, policy: Policy) -> None:
        self._customer = customer
        self.policy = policy
        self.outlook = Outlook(customer, policy)
        self._subscriptions: dict[str, SubscriptionView] = {}
        self._by_context: dict[Context, set[str]] = {}  # the subscriptions
        self._partners: dict[Context, dict[str | None, PartnerView]] = {}  # where there are subscriptions
        self._everyone: list[str | None] = []  # the any-partner first, then by id; no id is empty
        self.waiting = self._first_waiting()
        self.due = -FOREVER
        self.outlook.remake_transfers()
        for subscription_id in customer.subscriptions:
            self.outlook.links.update(customer, subscription_id)
        for subscription_id in customer.subscriptions:
            self.outlook.remake_subscription(subscription_id, customer.as_of)

    def take_in(self, touched: Touched, as_of: int) -> None:
        """Drop the views of what an event changed."""
        if touched.transfers:
            self.outlook.remake_transfers()
        for subscription_id in touched.subscriptions:
            self.outlook.remake_subscription(subscription_id, as_of, retold=subscription_id in touched.retold)
            registers = self._customer.subscriptions[subscription_id].registers
            if registers.waiting:
                self._note_waiting(registers)
        for partner_tenant_id in touched.partners:
            if partner_tenant_id != touched.retold_partner:
                self.outlook.remake_partner(partner_tenant_id, profile=partner_tenant_id == touched.profile)
            registers = self._customer.partners[partner_tenant_id].registers
            if registers.waiting:
                self._note_waiting(registers)
        if touched.customer:
            self.outlook.remake_partners()
            if self._customer.registers.waiting:
                self._note_waiting(self._customer.registers)

    def _note_waiting(self, registers: Registers) -> None:
        self.waiting = min(self.waiting, registers.waiting[0][0])

    def let_waiting_in(self, as_of: int) -> tuple[list[str], list[str]]:
        """Let come into force what waited until now; the subscriptions and the partners of which something did."""
        customer = self._customer
        subscriptions = [name for name, known in customer.subscriptions.items() if known.registers.advance(as_of)]
        partners = [name for name, known in customer.partners.items() if known.registers.advance(as_of)]
        customer.registers.advance(as_of)
        self.waiting = self._first_waiting()
        return subscriptions, partners

    def _first_waiting(self) -> int:
        """When the next of what waits comes into force; FOREVER where nothing waits."""
        customer = self._customer
        all_registers = [customer.registers]
        all_registers += [known.registers for known in customer.subscriptions.values()]
        all_registers += [known.registers for known in customer.partners.values()]
        return min([registers.waiting[0][0] for registers in all_registers if registers.waiting], default=FOREVER)

    def changed_pairs(self, as_of: int) -> list[tuple[str, str | None, SubscriptionView, PartnerView]]:
        """The pairs to ask again at an instant and how they look, in the order of decisions (policy.md 9.3)."""
        outlook, customer = self.outlook, self._customer
        everything = as_of >= self.due
        if not everything and not outlook.stale_subscriptions and not outlook.stale_partners:
            return []
        if len(self._everyone) <= len(customer.partners):
            self._everyone = [None, *sorted(customer.partners)]
        if everything:
            self.due = FOREVER
        subscriptions = self._changed_subscriptions(customer.subscriptions if everything else outlook.stale_subscriptions, as_of)
        partners = self._changed_partners(self._everyone if everything else outlook.stale_partners, as_of)
        outlook.stale_subscriptions.clear()
        outlook.stale_partners.clear()
        if not subscriptions and not partners:
            return []
        concerned = subscriptions.union(*[self._by_context[context] for context in partners]) if partners else subscriptions
        found: list[tuple[str, str | None, SubscriptionView, PartnerView]] = []
        for subscription_id in sorted(concerned):
            view = self._subscriptions[subscription_id]
            context = view.face.context
            seen, asked = self._partners[context], self._everyone
            if subscription_id not in subscriptions:
                asked = [partner for partner in asked if partner in partners[context]]
            for partner in asked:
                found.append((subscription_id, partner, view, seen[partner]))  # noqa: PERF401 - a comprehension costs more than it saves here
        return found

    def _changed_subscriptions(self, candidates: Iterable[str], as_of: int) -> set[str]:
        """Those that look other than when they were last asked."""
        changed: set[str] = set()
        for subscription_id in candidates:
            view = self.outlook.subscription(subscription_id, as_of)
            if view.until < self.due:
                self.due = view.until
            before = self._subscriptions.get(subscription_id)
            if view is before:
                continue
            self._subscriptions[subscription_id] = view
            if before is not None and view.looks_like(before):
                continue
            changed.add(subscription_id)
            context = view.face.context
            if before is None or before.face.context != context:
                if before is not None:
                    self._by_context[before.face.context].discard(subscription_id)
                self._by_context.setdefault(context, set()).add(subscription_id)
        return changed

    def _changed_partners(self, candidates: Collection[str | None], as_of: int) -> dict[Context, set[str | None]]:
        """The same, by each context that a subscription has."""
        changed: dict[Context, set[str | None]] = {}
        for context, subscriptions in self._by_context.items():
            if not subscriptions:
                self._partners.pop(context, None)
                continue
            seen = self._partners.get(context)
            if seen is None:
                seen = self._partners[context] = {}
            for partner in candidates if seen else self._everyone:
                view = self.outlook.partner(partner, context, as_of)
                if view.until < self.due:
                    self.due = view.until
                before = seen.get(partner)
                if view is not before:
                    seen[partner] = view
                    if before is None or not view.looks_like(before):
                        changed.setdefault(context, set()).add(partner)
        return changed
