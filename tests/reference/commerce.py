"""Who is related, what replaces what, which transfer runs, which market, who bills (policy.md 5.4, 5.6 to 5.9)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.reference.consents import LIVE, all_slots
from tests.reference.instants import DAY, later
from tests.reference.terms import IN_TERM, SUSPENDED, UNKNOWN, USAGE, is_ended, term_state

if TYPE_CHECKING:
    from tests.reference.moment import Moment
    from tests.reference.reading import Event, Key

TRANSFER_LAPSE = 30 * DAY

MARKETS = {
    "Europe": (
        "AX AD AT BE BV BG HR CY CZ DK EE FO FI FR DE GI GR GL GG HU IS IE IM IT JE LV LI LT LU MT MC NL NO PL PT RO SM "
        "SK SI ES SJ SE CH GB VA"
    ),
    "United States": "US AS GU MP UM",
    "Canada": "CA PM",
    "Australia": "AU CX CC CK FJ TF HM KI MH FM NR NU NF PW PG PN SB TK TO TV WF",
    "New Zealand": "NZ WS VU",
    "Asia Pacific": "BD BT BN KH HK ID LA MO MY MV MM NP PH SG LK TH TL VN",
    "Africa": (
        "AO BJ BW BF BI CM CV CF TD KM CG CD CI DJ GQ ER ET PF GA GM GH GN GW KE LR MG ML MW MU YT NA NC NE NG RE RW ST "
        "SN SC SL SO SS SH TZ TG UG ZM"
    ),
    "Latin America and the Caribbean": (
        "AI AQ AG AR AW BS BB BZ BM BO BQ VG KY CL CO CR CW DM DO EC SV FK GF GD GP GT GY HT HN JM MQ MX MS NI PA PY PE "
        "PR BL KN LC MF VC SX GS SR TT TC UY VE VI"
    ),
    "Middle East, Central and Eastern Europe": (
        "AF AL DZ AM AZ BH BA IO EG GE IQ IL JO KZ XK KW KG LB LS LY MR MD MN ME MA MZ MK OM PK PS QA SA RS ZA SZ TJ TN "
        "TR TM UA AE UZ YE ZW"
    ),
}


def market(country: str) -> str:
    """The market of a country; one that is not listed is a market of its own."""
    for name, countries in MARKETS.items():
        if country in countries.split():
            return name
    return country


def compute_is_related(moment: Moment, partner: str | None) -> bool:
    """*Related* (5.4)."""
    if partner is None:
        return False
    for slot in all_slots(moment, partner, "PUBLIC"):
        if slot.family == "RESELLER_RELATIONSHIP" and slot.state == LIVE and slot.role != "OTHER":
            return True
    return any(
        moment.of(subscription, "acquisition_channel") == "CSP"
        and moment.of(subscription, "seller") == partner
        and moment.successor(subscription) is None
        and not is_ended(moment, subscription)
        for subscription in moment.facts.subscriptions
    )


def is_related(moment: Moment, partner: str | None) -> bool:
    """Whether the partner may already sell to the customer."""
    return moment.remember(compute_is_related, partner)


# -- Azure replacement (5.6) -------------------------------------------------------------------------------------------


def begun(moment: Moment, subscription: str) -> int | None:
    """When the subscription began, as far as known."""
    started: int | None = moment.of(subscription, "term_started_at")
    return moment.of(subscription, "first_purchase") if started is None else started


def replacements(moment: Moment, subscription: str) -> list[str]:
    """Other Azure in CSP, not pending, begun not before this one."""
    found = []
    since = begun(moment, subscription)
    for other in moment.facts.subscriptions - {subscription}:
        other_since = begun(moment, other)
        if (
            moment.of(other, "service_type") == USAGE
            and moment.of(other, "acquisition_channel") == "CSP"
            and moment.of(other, "status") != "PENDING"
            and since is not None
            and other_since is not None
            and other_since >= since
        ):
            found.append(other)
    return found


def replaced_by(moment: Moment, subscription: str, partner: str | None) -> bool:
    """*Replaced by P*."""
    return partner is not None and any(
        moment.of(other, "seller") == partner and moment.successor(other) is None and term_state(moment, other).name in {IN_TERM, SUSPENDED}
        for other in replacements(moment, subscription)
    )


def replaced_at_all(moment: Moment, subscription: str) -> bool:
    """*Replaced at all*."""
    return any(term_state(moment, other).name != UNKNOWN for other in replacements(moment, subscription))


# -- transfers (5.7) ---------------------------------------------------------------------------------------------------


class Ended(NamedTuple):
    """How a transfer ended other than by completion."""

    at: int
    key: Key
    reason: str


def last_events(moment: Moment) -> list[Event]:
    """The last event of every transfer_id."""
    writes = [moment.in_force(register) for register in moment.facts.writes if register[0] == "transfer"]
    return [write.value for write in writes if write is not None]


def transfers(moment: Moment, subscription: str) -> list[Event]:
    """The last events of the transfers looked at."""
    outside_csp = moment.of(subscription, "acquisition_channel") != "CSP"
    seller = moment.of(subscription, "seller")
    return [
        event
        for event in last_events(moment)
        if event.told("subscription_id") == subscription and (outside_csp or event.told("source_partner_tenant_id") == seller)
    ]


def transfer_expiry(event: Event) -> int | None:
    """Until when a request runs."""
    told: int | None = event.told("expires_at")
    return later(event.occurred_at, TRANSFER_LAPSE) if told is None else told


def runs(moment: Moment, event: Event) -> bool:
    """Whether a transfer whose last event this is runs at T."""
    if event.kind == "REQUESTED":
        expiry = transfer_expiry(event)
        return expiry is None or moment.instant < expiry
    return event.kind == "ACCEPTED"


def running_to(moment: Moment, subscription: str, partner: str | None) -> Event | None:
    """The last by key of the transfers to this partner that run."""
    events = [
        event for event in transfers(moment, subscription) if event.told("target_partner_tenant_id") == partner and runs(moment, event)
    ]
    return max(events, key=lambda event: event.key, default=None)


def runs_to_another(moment: Moment, subscription: str, partner: str | None) -> bool:
    """Whether a transfer to another partner runs."""
    return any(event.told("target_partner_tenant_id") != partner and runs(moment, event) for event in transfers(moment, subscription))


def unreadable_to(moment: Moment, subscription: str, partner: str | None) -> bool:
    """Whether a transfer to this partner is unreadable."""
    return any(event.told("target_partner_tenant_id") == partner and event.kind == "UNKNOWN" for event in transfers(moment, subscription))


def last_ended(moment: Moment, subscription: str, partner: str | None) -> str | None:
    """*Last ended*: the reason, none where no transfer to this partner ended other than by completion."""
    ended = []
    for event in transfers(moment, subscription):
        if event.told("target_partner_tenant_id") != partner:
            continue
        if event.kind in {"DECLINED", "WITHDRAWN", "EXPIRED", "FAILED"}:
            ended.append(Ended(event.occurred_at, event.key, f"TRANSFER_{event.kind}"))
        expiry = transfer_expiry(event)
        if event.kind == "REQUESTED" and expiry is not None and not runs(moment, event):
            ended.append(Ended(expiry, event.key, "TRANSFER_EXPIRED"))
    return max(ended).reason if ended else None


# -- billing owner (5.9) -------------------------------------------------------------------------------------------------

OWNER_KINDS = {
    "MICROSOFT_DIRECT": "MICROSOFT",
    "ADVISOR": "MICROSOFT",
    "EA": "MICROSOFT",
    "MCA_ENTERPRISE": "MICROSOFT",
    "OPEN": "VOLUME_LICENSING_RESELLER",
    "CSP": "CSP_PARTNER",
    "SYNDICATION": "SYNDICATION_PARTNER",
    "THIRD_PARTY_NON_CSP": "THIRD_PARTY",
    None: "UNKNOWN",
}


def billing_owner(moment: Moment, subscription: str) -> dict[str, str | None]:
    """Who bills the customer; where succeeded, for the last successor before an id comes again."""
    visited = [subscription]
    while (link := moment.successor(visited[-1])) is not None and link.successor not in visited:
        visited.append(link.successor)
    channel = moment.of(visited[-1], "billing_channel")
    return {"kind": OWNER_KINDS[channel], "partner_tenant_id": moment.of(visited[-1], "seller") if channel == "CSP" else None}
