"""Where does a partner stand with its consent? The positions K1 to K9 at an instant (policy.md 5.5), first match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.conclusions import ConsentPosition, NextStepCode, Reason
from processors.core.consents import Requests, RequestState, SlotTerms, requests_at, slots_at
from processors.core.facts import Partner
from processors.core.policy import FOREVER, Policy
from processors.core.symbols import Cloud, Symbol
from processors.core.tuples import maker


class Ask(Symbol):
    """Which steps a position asks for, before ACCEPT_MCA; `steps.ask` spells them out."""

    NOTHING = "-"
    ASSIGN_ROLES = "ASSIGN_GDAP_ROLES"
    ACCEPT = "ACCEPT_RELATIONSHIP"
    ACCEPT_UNTIL_LAPSE = "ACCEPT_RELATIONSHIP, not_after the lapse of the GDAP request"
    RENEW = "RENEW_GDAP, ACCEPT_RELATIONSHIP"
    RENEW_IF_NOT_EXTENDED = "SUPPLY_MISSING_FACTS, RENEW_GDAP, ACCEPT_RELATIONSHIP"
    REQUEST = "REQUEST_RESELLER_RELATIONSHIP unless related or requested, REQUEST, ACCEPT_RELATIONSHIP"


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What of the subscription a position depends on: the cloud in which consent is read, and whether the channel is EA.

    There is one object for each, from `context_of`.
    """

    cloud: Cloud
    ea: bool


@cache
def context_of(cloud: Cloud, ea: bool) -> Context:
    """The one context of a consent cloud."""
    return Context(cloud, ea)


class ConsentVector(NamedTuple):
    """The discrete facts of a consent position; equal vectors give equal rows."""

    position: ConsentPosition
    reason: Reason
    ask: Ask
    request: NextStepCode
    relationship_requested: bool
    relationship_live: bool  # with a role other than OTHER
    conflicting: bool
    granter_unknown: bool
    mca_accepted: bool | None


class Consent(NamedTuple):
    """A partner's consent in a context, from an instant until `until`."""

    since: int
    until: int
    vector: ConsentVector
    valid_until: int | None
    request_lapse: int | None


class _Facts(NamedTuple):
    """The facts the rows read, at one instant, in one context."""

    effective: bool
    effective_by_gdap_only: bool
    mca_accepted: bool | None
    gdap_not_valid: bool  # channel EA, and the version says GDAP is not valid for EA
    request: NextStepCode
    live_but_for_its_role: bool
    pending: bool
    waiting_request: Ask
    why_ended: Reason | None  # of the slot whose end is the last; None where none that counts has ended
    ask_after_end: Ask
    relationship_live: bool
    delegated_admin_untold: bool
    gdap_request_lapsed: bool


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A row of the table of policy.md 5.5."""

    position: ConsentPosition
    when: Callable[[_Facts], bool]
    reason: Reason | Callable[[_Facts], Reason]
    ask: Ask | Callable[[_Facts], Ask]


def _ending_reason(facts: _Facts) -> Reason:
    assert facts.why_ended is not None
    return facts.why_ended


def _ask_after_end(slot: SlotTerms) -> Ask:
    if slot.family != f.GDAP or slot.ending_reason() is not Reason.CONSENT_EXPIRED:
        return Ask.REQUEST
    by_limit = slot.ended()[2] is None
    return Ask.RENEW_IF_NOT_EXTENDED if by_limit and slot.asks_for_extension else Ask.RENEW


K: Final = ConsentPosition
POSITIONS: Final = (
    PositionRow(K.K1, lambda at: at.effective and at.mca_accepted is False, Reason.MCA_MISSING, Ask.NOTHING),
    PositionRow(K.K2, lambda at: at.effective_by_gdap_only and at.gdap_not_valid, Reason.GDAP_NOT_VALID_FOR_EA, Ask.NOTHING),
    PositionRow(
        K.K3,
        lambda at: at.effective,
        Reason.CONSENT_ACTIVE,
        lambda at: Ask.ASSIGN_ROLES if at.effective_by_gdap_only else Ask.NOTHING,
    ),
    PositionRow(K.K4, lambda at: at.live_but_for_its_role, Reason.GRANTER_NOT_GLOBAL_ADMIN, Ask.ACCEPT),
    PositionRow(  # again: asking would lead nowhere
        K.K2,
        lambda at: at.gdap_not_valid and at.request is NextStepCode.REQUEST_GDAP,
        Reason.GDAP_NOT_VALID_FOR_EA,
        Ask.NOTHING,
    ),
    PositionRow(K.K5, lambda at: at.pending, Reason.CONSENT_REQUEST_PENDING, lambda at: at.waiting_request),
    PositionRow(K.K6, lambda at: at.why_ended is not None, _ending_reason, lambda at: at.ask_after_end),
    PositionRow(K.K7, lambda at: at.relationship_live and at.delegated_admin_untold, Reason.DELEGATED_ADMIN_UNKNOWN, Ask.REQUEST),
    PositionRow(K.K8, lambda at: at.relationship_live, Reason.CONSENT_WITHOUT_ADMIN_PERMISSION, Ask.REQUEST),
    PositionRow(K.K9, lambda at: at.gdap_request_lapsed, Reason.CONSENT_REQUEST_EXPIRED, Ask.REQUEST),
    PositionRow(K.K9, lambda _: True, Reason.NO_CONSENT, Ask.REQUEST),
)


_make_vector: Final = maker(ConsentVector)
_make_consent: Final = maker(Consent)
_make_facts: Final = maker(_Facts)
_OPEN, _LAPSED = RequestState.OPEN, RequestState.LAPSED
_NOTHING, _REQUEST = Ask.NOTHING, Ask.REQUEST
_UNREAD_REQUEST: Final = NextStepCode.REQUEST_DELEGATED_ADMIN
_K6: Final = ConsentPosition.K6
_BEFORE_ASKING: Final = POSITIONS[:4]
"""The rows that come before the one that looks at what would be asked for."""
_EVERY: Final = (f.RELATIONSHIP, f.DAP, f.GDAP)
_WITHOUT_GDAP: Final = (f.RELATIONSHIP, f.DAP)


def consent_at(partner: Partner, slots: tuple[SlotTerms, ...], context: Context, instant: int, policy: Policy) -> Consent:
    """The consent of a partner in a context at an instant; `slots` are its slots as counted in the context's cloud."""
    writes, until = partner.registers.at(instant)
    told = writes[f.MCA_ACCEPTED]
    mca_accepted = bool(told[2]) if told is not None else None
    request, asked_until = policy.request_in(context.cloud, instant)
    gdap_not_valid = False
    if context.ea:
        valid, bound = policy.gdap_valid_for_ea.at(instant)
        gdap_not_valid, until = not valid, min(until, bound)
    families = _EVERY if policy.clouds[context.cloud].gdap_exists else _WITHOUT_GDAP
    if not slots and writes[f.REQUEST] is None and writes[f.REQUEST + f.DAP] is None and writes[f.REQUEST + f.GDAP] is None:
        if asked_until < until:
            until = asked_until
        return _make_consent(instant, until, _nothing_asked_or_granted(request, gdap_not_valid, mca_accepted), None, None)
    sorted_slots, bound = slots_at(slots, families, instant)
    if bound < until:
        until = bound
    effective, by_gdap_only, granter_known, relationships, relationship_counts, ended, but_for_its_role, not_begun, conflicting = (
        sorted_slots
    )
    if effective:
        vector = _effective(by_gdap_only, mca_accepted, gdap_not_valid, relationship_counts, conflicting, not granter_known)
        return _make_consent(instant, until, vector, _valid_until(effective), None)
    looked_at = slots if families is _EVERY else tuple([slot for slot in slots if slot.family in families])
    requests, bound = requests_at(partner, writes, looked_at, families, instant)
    until = min(until, bound)
    waiting = newest_is_gdap = False
    if _OPEN in requests.states:
        carries, bound = policy.carries_dap(context.cloud, instant)
        if requests.states[f.RELATIONSHIP] is _OPEN:
            until = min(until, bound)
        waiting, newest_is_gdap = _waiting_request(requests, relationship_counts=carries)
    is_related = bool(relationships)
    last_ended = _last_ended(ended, relationship_live=is_related) if ended else None
    facts = _make_facts(
        False,
        False,
        mca_accepted,
        gdap_not_valid,
        request,
        but_for_its_role,
        waiting or not_begun,
        (Ask.ACCEPT_UNTIL_LAPSE if newest_is_gdap else Ask.ACCEPT) if waiting else _NOTHING,
        last_ended.ending_reason() if last_ended is not None else None,
        _ask_after_end(last_ended) if last_ended is not None else _NOTHING,
        is_related,
        is_related and _delegated_admin_untold(relationships, context.cloud, policy),
        requests.states[f.GDAP] is _LAPSED,
    )
    position, reason, ask, before_asking = _read(facts)
    in_doubt = position is _K6 and _in_doubt(last_ended, ended)
    requested = False
    if ask is _REQUEST or (context.ea and not before_asking):
        until = min(until, asked_until)
        requested = requests.states[f.RELATIONSHIP] is _OPEN
    else:
        request = _UNREAD_REQUEST  # nobody reads it
    vector = _make_vector(
        position,
        reason,
        ask,
        request,
        requested,
        relationship_counts,
        conflicting or in_doubt,
        False,
        mca_accepted,
    )
    return _make_consent(instant, until, vector, None, requests.gdap_lapse)


@cache
def _read(facts: _Facts) -> tuple[ConsentPosition, Reason, Ask, bool]:
    """What the first match says, and whether it comes before the rows that look at what would be asked for; of few facts, all discrete."""
    row = next(row for row in POSITIONS if row.when(facts))  # the last one always matches
    reason = row.reason if isinstance(row.reason, Reason) else row.reason(facts)
    return row.position, reason, row.ask if isinstance(row.ask, Ask) else row.ask(facts), row in _BEFORE_ASKING


@cache
def _effective(
    by_gdap_only: bool,
    mca_accepted: bool | None,
    gdap_not_valid: bool,
    relationship_live: bool,
    conflicting: bool,
    granter_unknown: bool,
) -> ConsentVector:
    """The position of whoever has an effective slot: K1 to K3 answer, which read no request, no end and no version's way of asking."""
    facts = _Facts(
        True, by_gdap_only, mca_accepted, gdap_not_valid, _UNREAD_REQUEST, False, False, Ask.NOTHING, None, Ask.NOTHING, False, False, False
    )
    position, reason, ask, _ = _read(facts)
    return ConsentVector(position, reason, ask, _UNREAD_REQUEST, False, relationship_live, conflicting, granter_unknown, mca_accepted)


@cache
def _nothing_asked_or_granted(request: NextStepCode, gdap_not_valid: bool, mca_accepted: bool | None) -> ConsentVector:
    """The position of whoever asked for nothing and was granted nothing, the any-partner among them."""
    facts = _Facts(False, False, mca_accepted, gdap_not_valid, request, False, False, Ask.NOTHING, None, Ask.NOTHING, False, False, False)
    position, reason, ask, _ = _read(facts)
    return ConsentVector(position, reason, ask, request, False, False, False, False, mca_accepted)


def _waiting_request(requests: Requests, *, relationship_counts: bool) -> tuple[bool, bool]:
    """Whether a request that counts is open, and whether the newest of them is for GDAP."""
    counting = [
        (key, family)
        for family, (state, key) in enumerate(zip(requests.states, requests.keys, strict=True))
        if state is _OPEN and key is not None and (family != f.RELATIONSHIP or relationship_counts)
    ]
    return bool(counting), bool(counting) and max(counting)[1] == f.GDAP


def _last_ended(ended: list[SlotTerms], *, relationship_live: bool) -> SlotTerms | None:
    admin = [slot for slot in ended if slot.family != f.RELATIONSHIP]
    if admin:
        return max(admin, key=lambda slot: (*slot.ended()[:2], slot.family))
    return max(ended, key=lambda slot: slot.ended()[:2], default=None) if not relationship_live else None


def _in_doubt(last: SlotTerms | None, ended: list[SlotTerms]) -> bool:
    """Whether the end of the last slot is in doubt for any slot that it ended."""
    end = last.ended()[2] if last is not None else None
    return end is not None and any(slot.end_in_doubt for slot in ended if slot.ended()[2] is end)


def _delegated_admin_untold(relationships: list[SlotTerms], cloud: Cloud, policy: Policy) -> bool:
    grant = max((slot.grant for slot in relationships), key=lambda grant: grant.key)
    return grant.includes_delegated_admin is None and policy.carries_dap(cloud, grant.key[0])[0]


def _valid_until(effective: list[SlotTerms]) -> int | None:
    """The latest limit of the effective slots, of which there are some; None where one of them has none."""
    latest = -FOREVER
    for slot in effective:
        if slot.limit is None:
            return None
        latest = max(latest, slot.limit)
    return latest
