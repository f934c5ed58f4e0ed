"""Which consents of a partner are live, ended or still to begin? Slots and requests at an instant (policy.md 4.5)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.calendar import DAY, P2Y, Duration, plus, plus_duration, read_duration
from processors.core.conclusions import Reason
from processors.core.evolve import counts_by_version
from processors.core.facts import End, Extension, Grant, Partner, Reach
from processors.core.policy import FOREVER, Policy
from processors.core.registers import Key, Write
from processors.core.symbols import GranterRole
from processors.core.tuples import maker

REQUEST_LAPSES_AFTER: Final = 90 * DAY
_ZERO: Final = Duration(0, 0)
_MICROSOFT_LED: Final = Duration(0, 365 * DAY)

CAN_HIT: Final[dict[Reach, frozenset[int]]] = {
    Reach.RELATIONSHIP_AND_DAP: frozenset({f.RELATIONSHIP, f.DAP}),
    Reach.DAP: frozenset({f.DAP}),
    Reach.GDAP: frozenset({f.GDAP}),
    Reach.BY_ID: frozenset({f.DAP, f.GDAP}),
    Reach.ADMIN: frozenset({f.DAP, f.GDAP}),
}


class SlotState(Enum):
    """Where a slot stands at an instant."""

    NOT_BEGUN = "not begun"
    LIVE = "live"
    ENDED = "ended"


_LIVE, _ENDED = SlotState.LIVE, SlotState.ENDED


class SlotTerms(NamedTuple):
    """What is known of a slot: its newest grant g, start f, limit u and explicit end x; the same for every instant."""

    family: int
    grant: Grant
    extensions: tuple[Extension, ...]  # those later than the grant
    begins: int
    limit: int | None
    end: End | None
    end_in_doubt: bool
    role: GranterRole
    asks_for_extension: bool  # the newest auto_extend_duration told is not zero

    def state_at(self, instant: int) -> tuple[SlotState, int]:
        """Ended, not begun or live, and until when."""
        until, end = self.limit, self.end
        if until is None:
            until = FOREVER
        if end is not None and end.in_force_from < until:
            until = end.in_force_from
        if until <= instant:
            return _ENDED, FOREVER
        if instant < self.begins:
            return SlotState.NOT_BEGUN, min(until, self.begins)
        return _LIVE, until

    def ended(self) -> tuple[int, Key, End | None]:
        """Of a slot that has ended: when, under which key, and by which end (None: by its limit)."""
        end = self.end
        if self.limit is not None and (end is None or self.limit <= end.in_force_from):
            return self.limit, self.grant.key, None
        assert end is not None
        return end.in_force_from, end.key, end

    def ending_reason(self) -> Reason:
        """Of a slot that has ended: why."""
        end = self.ended()[2]
        if end is None or end.expired:
            return Reason.CONSENT_EXPIRED
        return Reason.CONSENT_TERMINATED_BY_MICROSOFT if end.by_microsoft else Reason.CONSENT_REVOKED


_make_terms: Final = maker(SlotTerms)
_UNKNOWN: Final = GranterRole.UNKNOWN
_OTHER: Final = GranterRole.OTHER
_GLOBAL_ADMIN: Final = GranterRole.GLOBAL_ADMIN


def slot_terms(partner: Partner, policy: Policy, *, every_dap_counts: bool) -> tuple[SlotTerms, ...]:
    """The slots of a partner in which a grant counts; a DAP that came with a relationship always or by version."""
    if not partner.grants:
        return ()
    ids_borne = {consent_id for family, consent_id in partner.grants if family != f.RELATIONSHIP and consent_id is not None}
    terms = []
    for (family, consent_id), grants in partner.grants.items():
        counted = grants
        if family == f.DAP and not every_dap_counts:
            counted = [grant for grant in grants if counts_by_version(grant, policy)]
        if counted:
            terms.append(_terms(partner, (family, consent_id), counted, ids_borne))
    return tuple(terms)


def _terms(partner: Partner, slot: f.Slot, grants: list[Grant], ids_borne: set[str]) -> SlotTerms:
    family, consent_id = slot
    newest = grants[-1]
    begins = newest.key[0] if newest.valid_from is None else newest.valid_from
    end, in_doubt = _explicit_end(partner, slot, newest, ids_borne)
    extensions: tuple[Extension, ...] = ()
    if family == f.GDAP and partner.extensions:
        extensions = tuple(extension for extension in partner.extensions.get(consent_id, ()) if extension.key > newest.key)
    role = _UNKNOWN
    for grant in reversed(grants):
        if grant.role is not _UNKNOWN:
            role = grant.role
            break
    limit = newest.valid_until if family != f.GDAP else _limit(extensions, grants, begins)
    return _make_terms(family, newest, extensions, begins, limit, end, in_doubt, role, _asks_for_extension(grants))


def _limit(extensions: tuple[Extension, ...], grants: list[Grant], begins: int) -> int | None:
    newest = grants[-1]
    most = plus_duration(begins, P2Y)
    if newest.valid_until is not None:
        limit: int | None = newest.valid_until
    else:
        told = next((grant.duration for grant in reversed(grants) if grant.duration is not None), None)
        duration = read_duration(told) if told is not None else None
        limit = plus_duration(begins, duration or (_MICROSOFT_LED if newest.microsoft_led else P2Y))
    if most is not None and (limit is None or limit > most):
        limit = most
    for extension in extensions:
        if extension.valid_until is not None:
            limit = extension.valid_until
        elif extension.auto_extend_duration is not None and limit is not None:
            duration = read_duration(extension.auto_extend_duration)
            limit = plus_duration(limit, duration) if duration is not None else limit
    return limit


def _explicit_end(partner: Partner, slot: f.Slot, newest: Grant, ids_borne: set[str]) -> tuple[End | None, bool]:
    """The first end after the grant that hits the slot, and whether it is in doubt."""
    if not partner.ends:
        return None, False
    family, consent_id = slot
    since = (newest.key[0], newest.key)
    for end in partner.ends:
        if (end.in_force_from, end.key) < since or family not in CAN_HIT[end.reach]:
            continue
        in_doubt = end.in_doubt
        if end.consent_id is not None:
            unmatched = end.reach is Reach.BY_ID and end.consent_id not in ids_borne
            if not unmatched and consent_id is not None and consent_id != end.consent_id:
                continue
            in_doubt = in_doubt or unmatched
        return end, in_doubt or end.in_force_from == newest.key[0]
    return None, False


def _asks_for_extension(grants: list[Grant]) -> bool:
    for grant in reversed(grants):
        if grant.auto_extend_duration is not None:
            duration = read_duration(grant.auto_extend_duration)
            return duration is not None and duration != _ZERO
    return False


class SortedSlots(NamedTuple):
    """A partner's slots, sorted by where they stand at an instant."""

    effective: list[SlotTerms]
    by_gdap_only: bool  # the effective ones, if there are any
    granter_known: bool  # of one of the effective ones
    relationships: list[SlotTerms]  # live, whatever the role
    relationship_counts: bool  # one of them has a role other than OTHER
    ended: list[SlotTerms]
    live_but_for_its_role: bool
    not_begun: bool  # an admin slot
    gdap_live_where_there_is_none: bool  # a GDAP slot that would be live in a cloud without GDAP


_make_sorted_slots: Final = maker(SortedSlots)


def slots_at(slots: tuple[SlotTerms, ...], families: tuple[int, ...], instant: int) -> tuple[SortedSlots, int]:
    """How the slots stand, looking only at `families`, and until when."""
    effective: list[SlotTerms] = []
    relationships: list[SlotTerms] = []
    ended: list[SlotTerms] = []
    granter_known = relationship_counts = other_role = not_begun = conflicting = False
    by_gdap_only = True
    until = FOREVER
    for slot in slots:
        state, bound = slot.state_at(instant)
        if bound < until:
            until = bound
        if slot.family not in families:
            conflicting = conflicting or state is _LIVE
        elif state is _LIVE:
            role = slot.role
            if slot.family == f.RELATIONSHIP:
                relationships.append(slot)
                relationship_counts = relationship_counts or role is not _OTHER
            elif role is not _OTHER:
                effective.append(slot)
                by_gdap_only = by_gdap_only and slot.family == f.GDAP
                granter_known = granter_known or role is _GLOBAL_ADMIN or slot.grant.by_partner_center
            if role is _OTHER:
                other_role = True
        elif state is _ENDED:
            ended.append(slot)
        elif slot.family != f.RELATIONSHIP:
            not_begun = True
    found = _make_sorted_slots(
        effective, by_gdap_only, granter_known, relationships, relationship_counts, ended, other_role, not_begun, conflicting
    )
    return found, until


class RequestState(Enum):
    """Where a request stands at an instant."""

    NONE = "none, answered or closed"
    OPEN = "open"
    LAPSED = "lapsed"


class Requests(NamedTuple):
    """The requests of a partner at an instant, by place in FAMILIES; a lapse only for GDAP."""

    states: tuple[RequestState, RequestState, RequestState]
    keys: tuple[Key | None, Key | None, Key | None]
    gdap_lapse: int | None


_make_requests: Final = maker(Requests)
_NONE, _OPEN, _LAPSED = RequestState.NONE, RequestState.OPEN, RequestState.LAPSED
_NO_REQUESTS: Final = Requests((_NONE, _NONE, _NONE), (None, None, None), None)


def requests_at(
    partner: Partner, writes: list[Write | None], slots: tuple[SlotTerms, ...], families: tuple[int, ...], instant: int
) -> tuple[Requests, int]:
    """The state of each family's request, looking only at `families` (policy.md 4.5), and until when.

    `writes` are the partner's registers at the instant, `slots` its slots in the same families.
    """
    if writes[f.REQUEST] is None and writes[f.REQUEST + f.DAP] is None and writes[f.REQUEST + f.GDAP] is None:
        return _NO_REQUESTS, FOREVER
    until = next((end.in_force_from for end in partner.ends if end.in_force_from > instant), FOREVER)
    last_end = _last_end_of_admin(slots, instant)
    states, keys = [_NONE] * 3, [None, None, None]  # type: tuple[list[RequestState], list[Key | None]]
    lapse: int | None = None
    for family in families:
        request = writes[f.REQUEST + family]
        if request is None:
            continue
        told = request[:2]
        keys[family] = request[1]
        declined = writes[f.DECLINED + family]
        if (
            any(slot.family == family and slot.grant.key > request[1] for slot in slots)
            or (declined is not None and declined[:2] > told)
            or (last_end is not None and last_end > told)
            or any(
                told < (end.in_force_from, end.key) and end.in_force_from <= instant and family in CAN_HIT[end.reach]
                for end in partner.ends
            )
        ):
            continue
        states[family] = _OPEN
        if family == f.GDAP:
            lapse = plus(request[0], REQUEST_LAPSES_AFTER)
            if lapse is not None and lapse <= instant:
                states[family] = _LAPSED
            elif lapse is not None:
                until = min(until, lapse)
    return _make_requests((states[0], states[1], states[2]), (keys[0], keys[1], keys[2]), lapse), until


def _last_end_of_admin(slots: tuple[SlotTerms, ...], instant: int) -> tuple[int, Key] | None:
    ended = [slot.ended()[:2] for slot in slots if slot.family != f.RELATIONSHIP and slot.state_at(instant)[0] is _ENDED]
    return max(ended, default=None)
