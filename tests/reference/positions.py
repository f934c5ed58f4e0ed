"""Where does a partner stand with its consent, and what is asked for (policy.md 5.5)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.reference.commerce import is_related
from tests.reference.consents import LIVE, NOT_BEGUN, Request, Slot, all_slots, request, slots_looked_at
from tests.reference.facts import FAMILIES
from tests.reference.instants import read_duration
from tests.reference.steps import Step, step
from tests.reference.versions import GDAP_OFFERED

if TYPE_CHECKING:
    from tests.reference.moment import Moment


class Position(NamedTuple):
    """K1 to K9 with its reason, the steps asked for, and the flags of 5.5."""

    id: str
    reason: str
    ask: tuple[Step, ...]
    conflicting: bool
    granter_role_unknown: bool
    valid_until: int | None


def request_step(moment: Moment, cloud: str | None) -> Step:
    """REQUEST."""
    return step("REQUEST_GDAP" if moment.policy.request(cloud, moment.instant) == GDAP_OFFERED else "REQUEST_DELEGATED_ADMIN")


def is_open(asked: Request | None) -> bool:
    """Whether there is a request and it is open."""
    return asked is not None and asked.state == "open"


def relate(moment: Moment, partner: str | None, cloud: str | None, *, holds_k3: bool) -> list[Step]:
    """RELATE: the steps before a sale."""
    steps = []
    if not is_related(moment, partner):
        steps.append(step("REQUEST_RESELLER_RELATIONSHIP"))
    if cloud == "US_GOVERNMENT" and not holds_k3:
        steps.append(step("REQUEST_DELEGATED_ADMIN"))
    if steps:
        steps.append(step("ACCEPT_RELATIONSHIP"))
    if moment.partner_value(partner, "mca_accepted") is not True:
        steps.append(step("ACCEPT_MCA"))
    return steps


def ask_as_k9(moment: Moment, partner: str | None, cloud: str | None) -> list[Step]:
    """The steps of K9."""
    steps = []
    if not is_related(moment, partner) and not is_open(request(moment, partner, "RESELLER_RELATIONSHIP", cloud)):
        steps.append(step("REQUEST_RESELLER_RELATIONSHIP"))
    return [*steps, request_step(moment, cloud), step("ACCEPT_RELATIONSHIP")]


def last_of(slots: list[Slot]) -> Slot | None:
    """The slot that ended last, by (ended_at, key, family)."""
    ended = [slot for slot in slots if slot.ending is not None]
    return max(ended, key=lambda slot: (slot.ending.at, slot.ending.key, slot.family) if slot.ending else (), default=None)


def ask_after_end(moment: Moment, partner: str | None, cloud: str | None, slot: Slot) -> list[Step]:
    """The steps of K6."""
    if slot.ending is None or slot.family != "GDAP" or slot.ending.reason != "CONSENT_EXPIRED":
        return ask_as_k9(moment, partner, cloud)
    steps = []
    if slot.ending.by is None:
        told = [read_duration(grant.told("auto_extend_duration")) for grant in slot.grants]
        switches = [duration for duration in told if duration is not None]
        if switches and not switches[-1].is_zero:
            steps.append(step("SUPPLY_MISSING_FACTS"))
    return [*steps, step("RENEW_GDAP"), step("ACCEPT_RELATIONSHIP")]


def first_match(moment: Moment, partner: str | None, cloud: str | None, channel: str | None) -> tuple[str, str, list[Step], bool]:
    """(id, reason, steps without ACCEPT_MCA, end in doubt) of the first matching row."""
    slots = slots_looked_at(moment, partner, cloud)
    effective = [slot for slot in slots if slot.is_effective]
    by_gdap_only = all(slot.family == "GDAP" for slot in effective)
    gdap_not_for_ea = channel == "EA" and not moment.version.gdap_valid_for_ea
    if effective and moment.partner_value(partner, "mca_accepted") is False:
        return "K1", "MCA_MISSING", [], False
    if effective and by_gdap_only and gdap_not_for_ea:
        return "K2", "GDAP_NOT_VALID_FOR_EA", [], False
    if effective:
        return "K3", "CONSENT_ACTIVE", [step("ASSIGN_GDAP_ROLES")] if by_gdap_only else [], False
    if any(slot.state == LIVE and slot.role == "OTHER" for slot in slots):
        return "K4", "GRANTER_NOT_GLOBAL_ADMIN", [step("ACCEPT_RELATIONSHIP")], False
    if gdap_not_for_ea and moment.policy.request(cloud, moment.instant) == GDAP_OFFERED:
        return "K2", "GDAP_NOT_VALID_FOR_EA", [], False
    requests = [asked for family in FAMILIES if (asked := request(moment, partner, family, cloud)) is not None]
    counting = [
        asked
        for asked in requests
        if is_open(asked) and (asked.family != "RESELLER_RELATIONSHIP" or moment.policy.relationship_carries_dap(cloud, moment.instant))
    ]
    admin = [slot for slot in slots if slot.family in {"DAP", "GDAP"}]
    relationships = [slot for slot in slots if slot.family == "RESELLER_RELATIONSHIP"]
    if counting:
        newest_request = max(counting, key=lambda asked: asked.event.key)
        return "K5", "CONSENT_REQUEST_PENDING", [step("ACCEPT_RELATIONSHIP", not_after=newest_request.lapse)], False
    if any(slot.state == NOT_BEGUN for slot in admin):
        return "K5", "CONSENT_REQUEST_PENDING", [], False
    live_relationships = [slot for slot in relationships if slot.state == LIVE]
    last = last_of(admin) or (None if live_relationships else last_of(relationships))
    if last is not None and last.ending is not None:
        end = last.ending.by
        in_doubt = end is not None and any(slot.ending.in_doubt for slot in slots if slot.ending is not None and slot.ending.by is end)
        return "K6", last.ending.reason, ask_after_end(moment, partner, cloud, last), in_doubt
    if live_relationships:
        grant = max((slot.newest for slot in live_relationships), key=lambda event: event.key)
        if grant.told("includes_delegated_admin") is None and moment.policy.relationship_carries_dap(cloud, grant.occurred_at):
            return "K7", "DELEGATED_ADMIN_UNKNOWN", ask_as_k9(moment, partner, cloud), False
        return "K8", "CONSENT_WITHOUT_ADMIN_PERMISSION", ask_as_k9(moment, partner, cloud), False
    if any(asked.state == "lapsed" for asked in requests):
        return "K9", "CONSENT_REQUEST_EXPIRED", ask_as_k9(moment, partner, cloud), False
    return "K9", "NO_CONSENT", ask_as_k9(moment, partner, cloud), False


def compute_position(moment: Moment, partner: str | None, cloud: str | None, channel: str | None) -> Position:
    """The consent position of a partner for subscriptions of this cloud and channel."""
    position, reason, steps, in_doubt = first_match(moment, partner, cloud, channel)
    if position != "K3" and moment.partner_value(partner, "mca_accepted") is not True:
        steps = [*steps, step("ACCEPT_MCA")]
    hidden = [slot for slot in all_slots(moment, partner, cloud) if slot.family == "GDAP" and not moment.policy.gdap_exists(cloud)]
    effective = [slot for slot in slots_looked_at(moment, partner, cloud) if slot.is_effective]
    granter_known = any(slot.role == "GLOBAL_ADMIN" or slot.newest.told("evidence_level") == "PARTNER_CENTER" for slot in effective)
    limits = [slot.limit for slot in effective if slot.limit is not None]
    return Position(
        position,
        reason,
        tuple(steps),
        conflicting=in_doubt or any(slot.state == LIVE for slot in hidden),
        granter_role_unknown=not granter_known,
        valid_until=max(limits) if len(limits) == len(effective) and limits else None,
    )


def position_of(moment: Moment, partner: str | None, subscription: str) -> Position:
    """The position that counts for this subscription."""
    return moment.remember(compute_position, partner, moment.of(subscription, "cloud"), moment.of(subscription, "acquisition_channel"))


def partner_evidence_slots(moment: Moment, partner: str, subscription: str) -> list[Slot]:
    """Slots whose g, extensions and x are evidence: of every family, GDAP in US Government too (9.5)."""
    return all_slots(moment, partner, moment.of(subscription, "cloud"))
