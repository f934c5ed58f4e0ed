"""When does a term end, what state is it in, and may it still be cancelled (policy.md 5.1 to 5.3)?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.reference.instants import DAY, civil_from_days, later, plus

if TYPE_CHECKING:
    from tests.reference.moment import Moment

LICENCE = "LICENSE_BASED"
USAGE = "USAGE_BASED"
SENTINEL_YEAR = 9000

IN_TERM = "IN_TERM"
RENEWAL_PENDING = "RENEWAL_PENDING"
SUSPENDED = "SUSPENDED"
ENDED_GRACE = "ENDED_GRACE"
ENDED_DISABLED = "ENDED_DISABLED"
ENDED_DELETED = "ENDED_DELETED"
CANCELLED = "CANCELLED"
UNKNOWN = "UNKNOWN"


class TermState(NamedTuple):
    """The state, and X from which grace is counted where the state goes by X."""

    name: str
    x: int | None = None


class CancellationWindow(NamedTuple):
    """`until` is G (inclusive) or W (exclusive; none where it never comes); limited and known tell the cases of 5.3 apart."""

    cancellable: bool
    limited: bool
    known: bool
    until: int | None
    inclusive: bool


def term_end(moment: Moment, subscription: str) -> int | None:
    """E: the instant at which the term has ended (5.1)."""
    if moment.of(subscription, "service_type") != LICENCE:
        return None
    start = moment.of(subscription, "effective_start_date")
    if start is None:
        start = moment.of(subscription, "term_started_at")
    duration = moment.of(subscription, "term_duration")
    last_day = moment.of(subscription, "commitment_end_date")
    if last_day is not None:
        end = (last_day + 1) * DAY
        latest = later(plus(start, duration), 31 * DAY)
        sentinel = civil_from_days(last_day)[0] >= SENTINEL_YEAR or (latest is not None and end > latest)
        if not sentinel:
            return int(end)
    computed = plus(None if start is None else start // DAY * DAY, duration)
    return None if computed is None else computed // DAY * DAY


def by_x(moment: Moment, x: int | None) -> TermState:
    """Grace, disabled, deleted: counted from X."""
    grace_until, disabled_until = later(x, 30 * DAY), later(x, 120 * DAY)
    if grace_until is None or moment.instant < grace_until:
        return TermState(ENDED_GRACE, x)
    if disabled_until is None or moment.instant < disabled_until:
        return TermState(ENDED_DISABLED, x)
    return TermState(ENDED_DELETED, x)


def within(start: int, instant: int, length: int) -> bool:
    """start <= instant < start + length, where an end beyond the year 9999 never comes."""
    end = later(start, length)
    return start <= instant and (end is None or instant < end)


def compute_term_state(moment: Moment, subscription: str) -> TermState:
    """The first matching row of 5.2."""
    cancelled = moment.write_of(subscription, "cancelled")
    last_active = moment.write_of(subscription, "last_active")
    if cancelled is not None and (last_active is None or cancelled[:2] > last_active[:2]):
        return TermState(CANCELLED)
    status = moment.write_of(subscription, "status")
    if status is None or status.value == "UNKNOWN":
        return TermState(UNKNOWN)
    s, e = status.value, status.in_force_from
    end = term_end(moment, subscription)
    if s == "DELETED":
        return TermState(ENDED_DELETED if end is not None and e >= end else CANCELLED)
    if s == "DISABLED":
        y = later(end, 120 * DAY) if end is not None and within(end, e, 120 * DAY) else later(e, 90 * DAY)
        return TermState(ENDED_DISABLED if y is None or moment.instant < y else ENDED_DELETED)
    if s == "EXPIRED":
        return by_x(moment, end if end is not None and within(end, e, 30 * DAY) else e)
    if end is None or moment.instant < end or e >= end:
        if s == "SUSPENDED":
            return TermState(SUSPENDED)
        return TermState(RENEWAL_PENDING if end is not None and moment.instant >= end else IN_TERM)
    if s == "SUSPENDED" or moment.of(subscription, "auto_renew_enabled") is False or moment.of(subscription, "is_trial"):
        return by_x(moment, end)
    return TermState(RENEWAL_PENDING)


def term_state(moment: Moment, subscription: str) -> TermState:
    """The state of a subscription's term at T."""
    return moment.remember(compute_term_state, subscription)


def is_ended(moment: Moment, subscription: str) -> bool:
    """*Ended* of 5.2."""
    state = term_state(moment, subscription).name
    if moment.of(subscription, "service_type") == USAGE and state == ENDED_GRACE:
        return True
    return state in {CANCELLED, ENDED_DISABLED, ENDED_DELETED}


def cancellation_window(moment: Moment, subscription: str) -> CancellationWindow:
    """The window of 5.3 at T."""
    told = moment.of(subscription, "cancellation_allowed_until")
    if told is not None:
        return CancellationWindow(moment.instant <= told, limited=True, known=True, until=told, inclusive=True)
    platform = moment.of(subscription, "commerce_platform")
    if platform == "LEGACY" or moment.of(subscription, "is_trial"):
        return CancellationWindow(cancellable=True, limited=False, known=True, until=None, inclusive=False)
    if platform != "NEW_COMMERCE":
        return CancellationWindow(cancellable=False, limited=True, known=False, until=None, inclusive=False)
    started = moment.of(subscription, "term_started_at")
    if started is None:
        return CancellationWindow(cancellable=False, limited=True, known=True, until=None, inclusive=False)
    until = later(started, moment.policy.window_length(moment.instant, started))
    return CancellationWindow(until is None or moment.instant < until, limited=True, known=True, until=until, inclusive=False)


def request_refused(moment: Moment, subscription: str) -> bool:
    """*Request refused* of 5.3: a cancellation asked for in this term, outside the window as computed at T."""
    request = moment.write_of(subscription, "cancel_request")
    if request is None or request.value not in {"REQUESTED", "REJECTED"}:
        return False
    occurred_at = request.event.occurred_at
    started = moment.of(subscription, "term_started_at")
    if started is not None and occurred_at < started:
        return False
    window = cancellation_window(moment, subscription)
    if not window.limited or not window.known:
        return False
    if window.until is None:
        return not window.cancellable
    return not (occurred_at <= window.until if window.inclusive else occurred_at < window.until)
