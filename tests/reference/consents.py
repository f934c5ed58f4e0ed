"""Which consents are live, ended or asked for at T (policy.md 4.5)?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.reference.facts import CONSENT_ENDS
from tests.reference.instants import DAY, Duration, later, plus, read_duration

if TYPE_CHECKING:
    from tests.reference.facts import Grant
    from tests.reference.moment import Moment
    from tests.reference.reading import Event, Key

TWO_YEARS = Duration(24, 0)
ONE_YEAR_OF_DAYS = Duration(0, 365 * DAY)
REQUEST_LAPSE = 90 * DAY

ENDED = "ended"
NOT_BEGUN = "not begun"
LIVE = "live"


class Ending(NamedTuple):
    """How a slot has ended: when, ordered by which key, why, and whether by an explicit end."""

    at: int
    key: Key
    reason: str
    by: Event | None
    in_doubt: bool


@dataclass(frozen=True)
class Slot:
    """A slot at T."""

    family: str
    consent_id: str | None
    newest: Event
    grants: tuple[Event, ...]
    extensions: tuple[Event, ...]
    begins: int
    limit: int | None
    role: str
    state: str
    ending: Ending | None

    @property
    def is_effective(self) -> bool:
        """Live admin consent by a role that may grant."""
        return self.state == LIVE and self.family in {"DAP", "GDAP"} and self.role != "OTHER"


# -- what an end hits ------------------------------------------------------------------------------------------------


def can_hit(end: Event) -> set[str]:
    """Families of the column *can hit*."""
    family = end.told("consent_family")
    if end.kind == "RELATIONSHIP_REMOVED" or (end.kind in CONSENT_ENDS and family == "RESELLER_RELATIONSHIP"):
        return {"RESELLER_RELATIONSHIP", "DAP"}
    if end.kind in CONSENT_ENDS and family in {"DAP", "GDAP"}:
        return {family}
    if end.kind in CONSENT_ENDS and family == "MCA":
        return set()
    return {"DAP", "GDAP"}


def ids_of_admin_grants(moment: Moment, partner: str) -> set[str | None]:
    """Ids that any DAP or GDAP grant of the partner bears: told at any time, counted or not, in every cloud."""
    return {grant.consent_id for grant in moment.facts.grants if grant.partner == partner and grant.family in {"DAP", "GDAP"}}


def hits(moment: Moment, end: Event, family: str, consent_id: str | None) -> bool:
    """Whether an end hits the slot of its partner."""
    if family not in can_hit(end):
        return False
    told_id, told_family = end.told("consent_id"), end.told("consent_family")
    if end.kind not in CONSENT_ENDS or told_family in {"RESELLER_RELATIONSHIP", "DAP"} or told_id is None:
        return True
    if told_family == "GDAP" or told_id in ids_of_admin_grants(moment, end.told("partner_tenant_id")):
        return consent_id in {told_id, None}
    return True


def is_marked_in_doubt(moment: Moment, end: Event) -> bool:
    """Unreadable kind or status, or an id that no grant bears."""
    if end.kind == "UNKNOWN" or end.told("cancellation_status") == "UNKNOWN":
        return True
    return (
        end.kind in CONSENT_ENDS
        and end.told("consent_family") in {None, "UNKNOWN"}
        and end.told("consent_id") is not None
        and end.told("consent_id") not in ids_of_admin_grants(moment, end.told("partner_tenant_id"))
    )


def kind_reason(end: Event) -> str:
    """*Ending reason* of an explicit end."""
    if end.kind == "CONSENT_EXPIRED":
        return "CONSENT_EXPIRED"
    return "CONSENT_TERMINATED_BY_MICROSOFT" if end.told("initiated_by") == "MICROSOFT" else "CONSENT_REVOKED"


# -- slots -------------------------------------------------------------------------------------------------------------


def by_key(events: list[Event]) -> list[Event]:
    """Events in the order of their keys."""
    return sorted(events, key=lambda event: event.key)


def counts(moment: Moment, grant: Grant, cloud: str | None) -> bool:
    """Whether a grant counts for subscriptions in this cloud."""
    return not grant.relationship_dap or moment.policy.relationship_carries_dap(cloud, grant.event.occurred_at)


def slot_limit(family: str, grants: list[Event], extensions: list[Event], begins: int) -> int | None:
    """u: until when the slot lasts if nothing ends it; None: no limit."""
    newest = grants[-1]
    limit: int | None = newest.told("valid_until")
    if limit is None and family == "GDAP":
        told = [read_duration(grant.told("duration")) for grant in grants]
        durations = [duration for duration in told if duration is not None]
        default = ONE_YEAR_OF_DAYS if newest.kind == "GDAP_MICROSOFT_LED" else TWO_YEARS
        limit = plus(begins, durations[-1] if durations else default)
    if family == "GDAP":
        longest = plus(begins, TWO_YEARS)
        limit = min((bound for bound in (limit, longest) if bound is not None), default=None)
    for extension in extensions:
        if extension.told("valid_until") is not None:
            limit = extension.told("valid_until")
        else:
            added = read_duration(extension.told("auto_extend_duration"))
            limit = limit if added is None else plus(limit, added)
    return limit


def slot_role(grants: list[Event]) -> str:
    """The role of the newest grant that tells a readable one."""
    roles = ["GLOBAL_ADMIN" if grant.kind == "GDAP_MICROSOFT_LED" else str(grant.told("granted_by_role")) for grant in grants]
    readable = [role for role in roles if role != "UNKNOWN"]
    return readable[-1] if readable else "UNKNOWN"


def explicit_end(moment: Moment, partner: str, family: str, consent_id: str | None, newest: Event) -> Event | None:
    """x: the smallest end, in force or not, that hits the slot and is greater than its newest grant."""
    after = [
        end
        for end in moment.facts.ends
        if end.told("partner_tenant_id") == partner
        and hits(moment, end, family, consent_id)
        and (end.effective, end.key) > (newest.occurred_at, newest.key)
    ]
    return min(after, key=lambda end: (end.effective, end.key), default=None)


def slot_ending(moment: Moment, newest: Event, limit: int | None, x: Event | None) -> Ending | None:
    """How the slot has ended at T, if it has."""
    by_limit = limit is not None and limit <= moment.instant
    by_end = x is not None and x.effective <= moment.instant
    if limit is not None and by_limit and not (by_end and x is not None and x.effective < limit):
        return Ending(limit, newest.key, "CONSENT_EXPIRED", None, in_doubt=False)
    if x is not None and by_end:
        in_doubt = is_marked_in_doubt(moment, x) or x.effective == newest.occurred_at
        return Ending(x.effective, x.key, kind_reason(x), x, in_doubt)
    return None


def compute_slots(moment: Moment, partner: str | None, cloud: str | None) -> list[Slot]:
    """All slots of the partner with grants that count for this cloud, GDAP included in every cloud."""
    counted: dict[tuple[str, str | None], list[Event]] = {}
    for grant in moment.facts.grants:
        if grant.partner == partner and counts(moment, grant, cloud):
            counted.setdefault((grant.family, grant.consent_id), []).append(grant.event)
    slots = []
    for (family, consent_id), told in counted.items():
        grants = by_key(told)
        newest = grants[-1]
        extensions = by_key(
            [
                extension
                for extension in moment.facts.extensions
                if family == "GDAP"
                and extension.told("partner_tenant_id") == partner
                and extension.told("consent_id") == consent_id
                and extension.key > newest.key
            ]
        )
        valid_from = newest.told("valid_from")
        begins = newest.occurred_at if valid_from is None else valid_from
        limit = slot_limit(family, grants, extensions, begins)
        x = explicit_end(moment, str(partner), family, consent_id, newest)
        ending = slot_ending(moment, newest, limit, x)
        state = ENDED if ending else NOT_BEGUN if moment.instant < begins else LIVE
        slots.append(Slot(family, consent_id, newest, tuple(grants), tuple(extensions), begins, limit, slot_role(grants), state, ending))
    return slots


def all_slots(moment: Moment, partner: str | None, cloud: str | None) -> list[Slot]:
    """Slots of every family."""
    return moment.remember(compute_slots, partner, cloud)


def slots_looked_at(moment: Moment, partner: str | None, cloud: str | None) -> list[Slot]:
    """Slots that count in this cloud: in US Government without GDAP (5.5)."""
    return [slot for slot in all_slots(moment, partner, cloud) if slot.family != "GDAP" or moment.policy.gdap_exists(cloud)]


# -- requests --------------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """The request in force of a partner and family, and what has become of it: answered, closed, open or lapsed."""

    event: Event
    family: str
    state: str

    @property
    def lapse(self) -> int | None:
        """When a GDAP request lapses."""
        return later(self.event.occurred_at, REQUEST_LAPSE) if self.family == "GDAP" else None


def request(moment: Moment, partner: str | None, family: str, cloud: str | None) -> Request | None:
    """*Request at T*."""
    asked: Event | None = moment.partner_value(partner, f"request {family}")
    if asked is None or partner is None or (family == "GDAP" and not moment.policy.gdap_exists(cloud)):
        return None
    slots = slots_looked_at(moment, partner, cloud)
    if any(grant.key > asked.key for slot in slots if slot.family == family for grant in slot.grants):
        return Request(asked, family, "answered")
    closings: list[tuple[int, Key]] = []
    declined = moment.in_force(("partner", partner, f"declined {family}"))
    if declined is not None:
        closings.append((declined.in_force_from, declined.key))
    ends = [end for end in moment.facts.ends if end.told("partner_tenant_id") == partner and family in can_hit(end)]
    closings += [(end.effective, end.key) for end in ends if end.effective <= moment.instant]
    closings += [(slot.ending.at, slot.ending.key) for slot in slots if slot.ending and slot.family in {"DAP", "GDAP"}]
    if any(closing > (asked.occurred_at, asked.key) for closing in closings):
        return Request(asked, family, "closed")
    lapse = Request(asked, family, "open").lapse
    return Request(asked, family, "lapsed" if lapse is not None and lapse <= moment.instant else "open")
