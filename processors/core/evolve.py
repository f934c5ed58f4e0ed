"""What is known after an event? Its additions go in; what can never matter again goes out (policy.md 4.6)."""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import Final

from processors.core import facts as f
from processors.core.additions import Additions
from processors.core.facts import Customer, End, Grant, Partner, Reach, Subscription
from processors.core.policy import Policy
from processors.core.registers import Key
from processors.core.symbols import GranterRole

_UNKNOWN: Final = GranterRole.UNKNOWN
_by_key = attrgetter("key")
_by_start = attrgetter("in_force_from", "key")


class Touched:
    """Of what the known changed; `news` is whether anything at all did.

    Of the customer and of the profile of a partner only values count, no view reads their writes: `profile` names the partner whose
    registers tell another value, `retold_partner` the one of whom nothing else changed and no register does. `retold` are those of the
    subscriptions that were told nothing but the values they had.
    """

    __slots__ = ("customer", "news", "partners", "profile", "retold", "retold_partner", "subscriptions", "transfers")

    def __init__(self) -> None:
        self.customer = False
        self.news = False
        self.transfers = False
        self.profile: str | None = None
        self.retold_partner: str | None = None
        self.subscriptions: set[str] = set()
        self.retold: set[str] = set()
        self.partners: set[str] = set()


def is_known(customer: Customer, added: Additions) -> bool:
    """Whether a write or an entry of this event's key is still there."""
    key = added.key
    if any(customer.registers.knows(register, key) for register, _, _ in added.customer):
        return True
    for subscription_id, writes in added.of_subscriptions.items():
        subscription = customer.subscriptions.get(subscription_id)
        if subscription is not None and any(subscription.registers.knows(register, key) for register, _, _ in writes):
            return True
    if added.first_purchase is not None:
        subscription = customer.subscriptions.get(added.first_purchase)
        if subscription is not None and subscription.registers.knows(f.FIRST_PURCHASE, key):
            return True
    if added.transfer is not None:
        transfer = customer.transfers.get(added.transfer[0])
        if transfer is not None and transfer.key == key:
            return True
    partner = customer.partners.get(added.partner) if added.partner is not None else None
    return partner is not None and _partner_knows(partner, added)


def _partner_knows(partner: Partner, added: Additions) -> bool:
    key = added.key
    return (
        any(partner.registers.knows(register, key) for register, _, _ in added.of_partner)
        or any(grant.key == key for slot, _ in added.grants for grant in partner.grants.get(slot, ()))
        or (added.extension is not None and any(extension.key == key for extension in partner.extensions.get(added.extension[0], ())))
        or (added.end is not None and any(end.key == key for end in partner.ends))
    )


def evolve(customer: Customer, added: Additions, as_of: int, policy: Policy) -> Touched:
    """Add what an event adds, as of `as_of`, which is not before the event."""
    touched = Touched()
    key = added.key
    if added.customer:
        news, tells_other = customer.registers.add(added.customer, key, as_of)
        if news:
            touched.news = True
            touched.customer = tells_other or bool(customer.registers.waiting)
    for subscription_id in added.subscriptions:
        if subscription_id not in customer.subscriptions:
            customer.subscriptions[subscription_id] = Subscription(subscription_id)
            touched.subscriptions.add(subscription_id)
            touched.news = True
    for partner_tenant_id in added.partners:
        if partner_tenant_id not in customer.partners:
            customer.partners[partner_tenant_id] = Partner(partner_tenant_id)
            touched.partners.add(partner_tenant_id)
            touched.news = True
    _evolve_subscriptions(customer, added, as_of, touched)
    if added.partner is not None:
        _evolve_partner(customer.partners[added.partner], added, as_of, policy, touched)
    return touched


def _evolve_subscriptions(customer: Customer, added: Additions, as_of: int, touched: Touched) -> None:
    key = added.key
    for subscription_id, writes in added.of_subscriptions.items():
        news, tells_other = customer.subscriptions[subscription_id].registers.add(writes, key, as_of)
        if news:
            touched.subscriptions.add(subscription_id)
            touched.news = True
            if not tells_other:
                touched.retold.add(subscription_id)
    first = added.first_purchase
    if first is not None and customer.subscriptions[first].registers.add_first(f.FIRST_PURCHASE, key, key[0]):
        touched.subscriptions.add(first)
        touched.retold.discard(first)
        touched.news = True
    if added.transfer is not None:
        transfer_id, transfer = added.transfer
        known = customer.transfers.get(transfer_id)
        if known is None or transfer.key > known.key:
            customer.transfers[transfer_id] = transfer
            changed = {transfer.subscription_id} if known is None else {transfer.subscription_id, known.subscription_id}
            touched.subscriptions |= changed
            touched.retold -= changed
            touched.transfers = True
            touched.news = True


def _evolve_partner(partner: Partner, added: Additions, as_of: int, policy: Policy, touched: Touched) -> None:
    name = partner.partner_tenant_id
    told, tells_other = partner.registers.add(added.of_partner, added.key, as_of)
    consents_changed = _evolve_consents(partner, added, policy)
    if not told and not consents_changed:
        return
    touched.partners.add(name)
    touched.news = True
    if tells_other:
        touched.profile = name
    elif not consents_changed and all(register < f.REQUEST for register, _, _ in added.of_partner):
        touched.retold_partner = name  # of requests and declines it counts also when they were told


def _evolve_consents(partner: Partner, added: Additions, policy: Policy) -> bool:
    """Whether a grant, an extension or an end was kept."""
    news = False
    for slot, grant in added.grants:
        if _add_grant(partner, slot, grant, policy):
            news = True
    if added.extension is not None:
        consent_id, extension = added.extension
        extensions = partner.extensions.get(consent_id, [])
        newest = newest_key(partner, (f.GDAP, consent_id))
        if (newest is None or extension.key > newest) and all(known.key != extension.key for known in extensions):
            insort(extensions, extension, key=_by_key)
            partner.extensions[consent_id] = extensions
            news = True
    end = added.end
    if end is not None and all(known.key != end.key for known in partner.ends) and not _is_spent(partner, end):
        insort(partner.ends, end, key=_by_start)
        news = True
    return news


def newest_key(partner: Partner, slot: f.Slot) -> Key | None:
    """The key of the slot's newest grant, counted or not."""
    grants = partner.grants.get(slot)
    return grants[-1].key if grants else None


def _add_grant(partner: Partner, slot: f.Slot, grant: Grant, policy: Policy) -> bool:
    """Whether it was kept: not if its key is there already, nor if it can never matter again."""
    grants = partner.grants.get(slot)
    if grants is None:
        partner.grants[slot] = [grant]
        is_kept = True
    else:
        if grant.key in [known.key for known in grants]:
            return False
        grants = sorted([*grants, grant], key=_by_key)
        kept = _last_words(grants)
        if slot[0] == f.DAP:
            kept |= _last_words([known for known in grants if counts_by_version(known, policy)])
        partner.grants[slot] = [known for known in grants if known.key in kept]
        is_kept = grant.key in kept
    if slot[0] == f.GDAP:
        _drop_extensions(partner, slot[1])
        if partner.ends:
            partner.ends = [end for end in partner.ends if not _is_spent(partner, end)]
    return is_kept


def counts_by_version(grant: Grant, policy: Policy) -> bool:
    """Whether a DAP grant counts where the version in force at its occurred_at decides (policy.md 4.5)."""
    return not grant.by_relationship or policy.relationship_carries_dap.at(grant.key[0])[0]


def _last_words(grants: list[Grant]) -> set[Key]:
    """The keys of the newest grant, and of the newest that says a role, a duration, an extension."""
    kept = {grants[-1].key} if grants else set()
    role = duration = extension = False
    for grant in reversed(grants):
        if not role and grant.role is not _UNKNOWN:
            role = True
            kept.add(grant.key)
        if not duration and grant.duration is not None:
            duration = True
            kept.add(grant.key)
        if not extension and grant.auto_extend_duration is not None:
            extension = True
            kept.add(grant.key)
    return kept


def _drop_extensions(partner: Partner, consent_id: str | None) -> None:
    extensions, newest = partner.extensions.get(consent_id), newest_key(partner, (f.GDAP, consent_id))
    if extensions and newest is not None:
        partner.extensions[consent_id] = [extension for extension in extensions if extension.key > newest]
        if not partner.extensions[consent_id]:
            del partner.extensions[consent_id]


def _is_spent(partner: Partner, end: End) -> bool:
    """Whether a GDAP end of one id is below the newest grants of both slots it can hit."""
    if end.reach is not Reach.GDAP or end.consent_id is None:
        return False
    for consent_id in (end.consent_id, None):
        newest = newest_key(partner, (f.GDAP, consent_id))
        if newest is None or (newest[0], newest) <= (end.in_force_from, end.key):
            return False
    return True
