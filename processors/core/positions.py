"""Where does a partner stand with its consent? The positions K1 to K9 at an instant (policy.md 5.5), first match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.conclusions import ConsentPosition, NextStepCode, Reason
from processors.core.consents import Requests, RequestState, SlotState, SlotTerms, requests_at
from processors.core.facts import Partner
from processors.core.policy import FOREVER, Policy
from processors.core.symbols import Cloud, GranterRole, Symbol


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
    last_ended: SlotTerms | None
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
    assert facts.last_ended is not None
    return facts.last_ended.ending_reason()


def _ask_after_end(facts: _Facts) -> Ask:
    slot = facts.last_ended
    assert slot is not None
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
    PositionRow(K.K6, lambda at: at.last_ended is not None, _ending_reason, _ask_after_end),
    PositionRow(K.K7, lambda at: at.relationship_live and at.delegated_admin_untold, Reason.DELEGATED_ADMIN_UNKNOWN, Ask.REQUEST),
    PositionRow(K.K8, lambda at: at.relationship_live, Reason.CONSENT_WITHOUT_ADMIN_PERMISSION, Ask.REQUEST),
    PositionRow(K.K9, lambda at: at.gdap_request_lapsed, Reason.CONSENT_REQUEST_EXPIRED, Ask.REQUEST),
    PositionRow(K.K9, lambda _: True, Reason.NO_CONSENT, Ask.REQUEST),
)


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
        until = min(until, asked_until)
        return Consent(instant, until, _nothing_asked_or_granted(request, gdap_not_valid, mca_accepted), None, None)
    looked_at = slots if families is _EVERY else tuple([slot for slot in slots if slot.family in families])
    standing, bound = slots_at(slots, families, instant)
    until = min(until, bound)
    requests, bound = requests_at(partner, writes, looked_at, families, instant)
    carries, carried_until = policy.carries_dap(context.cloud, instant)
    until = min(until, bound, carried_until) if requests.states[f.RELATIONSHIP] is RequestState.OPEN else min(until, bound)
    waiting, newest_is_gdap = _waiting_request(requests, relationship_counts=carries)
    effective, relationships, ended = standing.effective, standing.relationships, standing.ended
    facts = _Facts(
        bool(effective),
        bool(effective) and all(slot.family == f.GDAP for slot in effective),
        mca_accepted,
        gdap_not_valid,
        request,
        standing.live_but_for_its_role,
        waiting or standing.not_begun,
        (Ask.ACCEPT_UNTIL_LAPSE if newest_is_gdap else Ask.ACCEPT) if waiting else Ask.NOTHING,
        _last_ended(ended, relationship_live=bool(relationships)) if ended else None,
        bool(relationships),
        bool(relationships) and _delegated_admin_untold(relationships, context.cloud, policy),
        requests.states[f.GDAP] is RequestState.LAPSED,
    )
    row = _row(facts)
    in_doubt = row.position is K.K6 and _in_doubt(facts.last_ended, ended)
    ask = row.ask if isinstance(row.ask, Ask) else row.ask(facts)
    requested = False
    if ask is Ask.REQUEST or (context.ea and row not in _BEFORE_ASKING):
        until = min(until, asked_until)
        requested = requests.states[f.RELATIONSHIP] is RequestState.OPEN
    else:
        request = NextStepCode.REQUEST_DELEGATED_ADMIN  # nobody reads it
    vector = ConsentVector(
        row.position,
        row.reason if isinstance(row.reason, Reason) else row.reason(facts),
        ask,
        request,
        requested,
        bool(relationships) and any(slot.role is not GranterRole.OTHER for slot in relationships),
        standing.gdap_live_where_there_is_none or in_doubt,
        bool(effective) and not any(slot.role is GranterRole.GLOBAL_ADMIN or slot.grant.by_partner_center for slot in effective),
        mca_accepted,
    )
    return Consent(instant, until, vector, _valid_until(effective), requests.gdap_lapse)


def _row(facts: _Facts) -> PositionRow:
    """The first match."""
    for row in POSITIONS:
        if row.when(facts):
            return row
    raise AssertionError("the last row always matches")


@cache
def _nothing_asked_or_granted(request: NextStepCode, gdap_not_valid: bool, mca_accepted: bool | None) -> ConsentVector:
    """The position of whoever asked for nothing and was granted nothing, the any-partner among them."""
    facts = _Facts(False, False, mca_accepted, gdap_not_valid, request, False, False, Ask.NOTHING, None, False, False, False)
    row = _row(facts)
    assert isinstance(row.reason, Reason)
    assert isinstance(row.ask, Ask)
    return ConsentVector(row.position, row.reason, row.ask, request, False, False, False, False, mca_accepted)


class _Standing(NamedTuple):
    """A partner's slots, sorted by where they stand at an instant; `until` they do."""

    effective: list[SlotTerms]
    relationships: list[SlotTerms]  # live, whatever the role
    ended: list[SlotTerms]
    live_but_for_its_role: bool
    not_begun: bool  # an admin slot
    gdap_live_where_there_is_none: bool  # a GDAP slot that would be live in a cloud without GDAP


def slots_at(slots: tuple[SlotTerms, ...], families: tuple[int, ...], instant: int) -> tuple[_Standing, int]:
    """How the slots stand, looking only at `families`, and until when."""
    effective: list[SlotTerms] = []
    relationships: list[SlotTerms] = []
    ended: list[SlotTerms] = []
    other_role = not_begun = conflicting = False
    until = FOREVER
    for slot in slots:
        state, bound = slot.state_at(instant)
        until = min(until, bound)
        if slot.family not in families:
            conflicting = conflicting or state is SlotState.LIVE
        elif state is SlotState.LIVE:
            if slot.role is GranterRole.OTHER:
                other_role = True
            if slot.family == f.RELATIONSHIP:
                relationships.append(slot)
            elif slot.role is not GranterRole.OTHER:
                effective.append(slot)
        elif state is SlotState.ENDED:
            ended.append(slot)
        elif slot.family != f.RELATIONSHIP:
            not_begun = True
    return _Standing(effective, relationships, ended, other_role, not_begun, conflicting), until


def _waiting_request(requests: Requests, *, relationship_counts: bool) -> tuple[bool, bool]:
    """Whether a request that counts is open, and whether the newest of them is for GDAP."""
    if RequestState.OPEN not in requests.states:
        return False, False
    counting = [
        (key, family)
        for family, (state, key) in enumerate(zip(requests.states, requests.keys, strict=True))
        if state is RequestState.OPEN and key is not None and (family != f.RELATIONSHIP or relationship_counts)
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
    """The latest limit of the effective slots; None where one of them has none."""
    latest = -FOREVER
    for slot in effective:
        if slot.limit is None:
            return None
        latest = max(latest, slot.limit)
    return latest if effective else None
