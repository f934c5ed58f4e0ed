"""Is a subscription's term running, when does it end, and may it be cancelled? Term end, term state and window (policy.md 5.1 to 5.3)."""

from __future__ import annotations

from typing import Final, NamedTuple

from processors.core import facts as f
from processors.core.calendar import DAY, plus, plus_duration, read_duration, start_of_day, year_of
from processors.core.facts import Write
from processors.core.policy import FOREVER, Policy
from processors.core.symbols import CancellationStatus, CommercePlatform, ServiceType, Status, Symbol

GRACE: Final = 30 * DAY
LAPSED: Final = 120 * DAY
DISABLED: Final = 90 * DAY


class TermState(Symbol):
    """Where a subscription stands in its life."""

    IN_TERM = "IN_TERM"
    RENEWAL_PENDING = "RENEWAL_PENDING"
    SUSPENDED = "SUSPENDED"
    ENDED_GRACE = "ENDED_GRACE"
    ENDED_DISABLED = "ENDED_DISABLED"
    ENDED_DELETED = "ENDED_DELETED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


ENDED: Final = frozenset({TermState.CANCELLED, TermState.ENDED_DISABLED, TermState.ENDED_DELETED})


class Window(Symbol):
    """Whether a licence may be cancelled now."""

    NO_LIMIT = "always cancellable"
    UNKNOWN = "not cancellable as far as we know"
    OPEN = "cancellable"
    CLOSED = "no longer cancellable"


def value(writes: list[Write | None], register: int) -> object:
    """The value of a register; None where it is unset or set to not told."""
    write = writes[register]
    return write[2] if write is not None else None


def instant_of(writes: list[Write | None], register: int) -> int | None:
    """The value of a register that holds an instant or a day."""
    found = value(writes, register)
    return found if isinstance(found, int) else None


def term_end(writes: list[Write | None]) -> int | None:
    """E (policy.md 5.1), from the registers as read through."""
    if value(writes, f.SERVICE_TYPE) is not ServiceType.LICENSE_BASED:
        return None
    start = instant_of(writes, f.EFFECTIVE_START)
    if start is None:
        start = instant_of(writes, f.TERM_STARTED)
    told = value(writes, f.TERM_DURATION)
    duration = read_duration(told) if isinstance(told, str) else None
    day = instant_of(writes, f.COMMITMENT_END)
    if day is not None and year_of(day) < 9000:
        end = (day + 1) * DAY
        latest = plus_duration(start, duration) if start is not None and duration is not None else None
        latest = plus(latest, 31 * DAY) if latest is not None else None
        if latest is None or end <= latest:
            return end
    if start is None or duration is None:
        return None
    end_of_duration = plus_duration(start_of_day(start), duration)
    return start_of_day(end_of_duration) if end_of_duration is not None else None


class State(NamedTuple):
    """A term state, until when it lasts, and the end of the grace (X + 30 d) where it is ENDED_GRACE."""

    state: TermState
    until: int = FOREVER
    grace_until: int | None = None


def term_state(writes: list[Write | None], end: int | None, instant: int) -> State:
    """The first match of the table of policy.md 5.2."""
    cancelled, last_active = writes[f.CANCELLED], writes[f.LAST_ACTIVE]
    if cancelled is not None and (last_active is None or cancelled[:2] > last_active[:2]):
        return State(TermState.CANCELLED)
    told = writes[f.STATUS]
    if told is None or told[2] is Status.UNKNOWN:
        return State(TermState.UNKNOWN)
    since, status = told[0], told[2]
    if status is Status.DELETED:
        return State(TermState.ENDED_DELETED if end is not None and since >= end else TermState.CANCELLED)
    if status is Status.DISABLED:
        deleted_at = _end_of_disabled(since, end)
        if deleted_at is None or instant < deleted_at:
            return State(TermState.ENDED_DISABLED, FOREVER if deleted_at is None else deleted_at)
        return State(TermState.ENDED_DELETED)
    if status is Status.EXPIRED:
        return _by_lapse(end if _within(end, GRACE, since) and end is not None else since, instant)
    if end is None or instant < end or since >= end:
        until = FOREVER if end is None or instant >= end else end
        if status is Status.SUSPENDED:
            return State(TermState.SUSPENDED, until)
        return State(TermState.RENEWAL_PENDING if end is not None and instant >= end else TermState.IN_TERM, until)
    if status is Status.SUSPENDED or value(writes, f.AUTO_RENEW) is False or value(writes, f.IS_TRIAL) is True:
        return _by_lapse(end, instant)
    return State(TermState.RENEWAL_PENDING)


def _within(end: int | None, length: int, since: int) -> bool:
    """Whether end <= since < end + length; an end of that which lies beyond the year 9999 never comes."""
    if end is None or since < end:
        return False
    until = plus(end, length)
    return until is None or since < until


def _end_of_disabled(since: int, end: int | None) -> int | None:
    if end is not None and _within(end, LAPSED, since):
        return plus(end, LAPSED)
    return plus(since, DISABLED)


def _by_lapse(lapse: int, instant: int) -> State:
    """The states after X."""
    grace_until, deleted_at = plus(lapse, GRACE), plus(lapse, LAPSED)
    if grace_until is None or instant < grace_until:
        return State(TermState.ENDED_GRACE, FOREVER if grace_until is None else grace_until, grace_until)
    if deleted_at is None or instant < deleted_at:
        return State(TermState.ENDED_DISABLED, FOREVER if deleted_at is None else deleted_at)
    return State(TermState.ENDED_DELETED)


class Cancelling(NamedTuple):
    """A window, the last instant told for it (G or W), whether a request was refused, and until when all this holds."""

    window: Window
    allowed_until: int | None
    request_refused: bool
    until: int


def cancelling(writes: list[Write | None], instant: int, policy: Policy) -> Cancelling:
    """Window and refused request (policy.md 5.3), from the registers as read through."""
    started = instant_of(writes, f.TERM_STARTED)
    told = instant_of(writes, f.CANCELLATION_ALLOWED_UNTIL)
    platform = value(writes, f.COMMERCE_PLATFORM)
    until = FOREVER
    allowed_until = told
    if told is not None:
        last_inside = told
    elif platform is CommercePlatform.LEGACY or value(writes, f.IS_TRIAL) is True:
        return Cancelling(Window.NO_LIMIT, None, request_refused=False, until=FOREVER)
    elif platform is not CommercePlatform.NEW_COMMERCE:
        return Cancelling(Window.UNKNOWN, None, request_refused=False, until=FOREVER)
    elif started is None:
        return Cancelling(Window.CLOSED, None, _refused(writes, None, -FOREVER), FOREVER)
    else:
        length, until = policy.window_length(started, instant)
        closes = plus(started, length) if length is not None else started
        allowed_until = closes
        last_inside = closes - 1 if closes is not None else FOREVER  # an end that never comes leaves it open
    is_open = instant <= last_inside
    if is_open and last_inside < FOREVER:
        until = min(until, last_inside + 1)
    return Cancelling(
        Window.OPEN if is_open else Window.CLOSED,
        allowed_until,
        _refused(writes, started, last_inside),
        until,
    )


def _refused(writes: list[Write | None], started: int | None, last_inside: int) -> bool:
    request = writes[f.CANCEL_REQUEST]
    if request is None or request[2] not in {CancellationStatus.REQUESTED, CancellationStatus.REJECTED}:
        return False
    at = request[0]
    return (started is None or at >= started) and at > last_inside
