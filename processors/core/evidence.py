"""Which events does an answer rest on? Those in force at as_of, a function of facts, pair and instant (policy.md 9.5)."""

from __future__ import annotations

from processors.core import facts as f
from processors.core.consents import SlotState, SlotTerms
from processors.core.facts import Customer, Partner
from processors.core.links import Links, chain, registers_at
from processors.core.outlook import Outlook
from processors.core.positions import Context


class Evidence:
    """The event ids behind the answers of a customer at one instant; each subscription and each partner is looked through once."""

    __slots__ = ("_customer", "_instant", "_of_partners", "_of_subscriptions", "_outlook")

    def __init__(self, customer: Customer, outlook: Outlook, instant: int) -> None:
        self._customer = customer
        self._outlook = outlook
        self._instant = instant
        self._of_subscriptions: dict[str, set[str]] = {}
        self._of_partners: dict[tuple[str, Context], set[str]] = {}

    def of(self, subscription_id: str, partner_tenant_id: str | None, context: Context) -> tuple[str, ...]:
        """Of a pair, distinct and sorted; the context is the subscription's."""
        found = self._of_subscriptions.get(subscription_id)
        if found is None:
            found = of_subscription(self._customer, self._outlook.links, subscription_id, self._instant)
            self._of_subscriptions[subscription_id] = found
        if partner_tenant_id is None:
            return tuple(sorted(found))
        key = partner_tenant_id, context
        about = self._of_partners.get(key)
        if about is None:
            slots = self._outlook.slots(partner_tenant_id, context)
            about = self._of_partners[key] = of_partner(self._customer.partners[partner_tenant_id], slots, self._instant)
        return tuple(sorted(found | about))


def of_subscription(customer: Customer, links: Links, subscription_id: str, instant: int) -> set[str]:
    """Registers, own or read through, links and transfers of the subscription; the registers of the customer."""
    writes, _ = registers_at(customer, subscription_id, instant)
    found = {write[1][2] for write in writes if write is not None}
    found |= {write[1][2] for write in customer.registers.at(instant)[0] if write is not None}
    if links.names:
        found |= _links_walked(customer, subscription_id, instant)
        successor = links.successor(customer, subscription_id)
        if successor is not None:
            found |= _link(customer, successor[0])
    for transfer in customer.transfers.values():
        if subscription_id in {transfer.subscription_id, transfer.new_subscription_id}:
            found.add(transfer.key[2])
    return found


def _links_walked(customer: Customer, subscription_id: str, instant: int) -> set[str]:
    """The `predecessor` writes behind the subscription's own by which some register was still looked for."""
    found = set()
    predecessors = chain(customer, subscription_id)
    writes, _ = customer.subscriptions[subscription_id].registers.at(instant)
    unset = {register for register in f.READ_THROUGH if writes[register] is None}
    for predecessor in predecessors[:-1]:
        known = customer.subscriptions.get(predecessor)
        if known is not None:
            writes, _ = known.registers.at(instant)
            unset = {register for register in unset if writes[register] is None}
        if not unset:
            break
        found |= _link(customer, predecessor)
    return found


def _link(customer: Customer, subscription_id: str) -> set[str]:
    subscription = customer.subscriptions.get(subscription_id)
    write = subscription.registers.current[f.PREDECESSOR] if subscription is not None else None
    return {write[1][2]} if write is not None else set()


def of_partner(partner: Partner, slots: tuple[SlotTerms, ...], instant: int) -> set[str]:
    """Profile and requests of a named partner, and of each slot its grant, its extensions and the end that ended it."""
    writes, _ = partner.registers.at(instant)
    found = {write[1][2] for write in writes[: f.DECLINED] if write is not None}
    for slot in slots:
        found.add(slot.grant.key[2])
        found |= {extension.key[2] for extension in slot.extensions}
        if slot.state_at(instant)[0] is SlotState.ENDED:
            end = slot.ended()[2]
            if end is not None:
                found.add(end.key[2])
    return found
