"""Is a subscription's term running, when does it end, and may it be cancelled? Term end, term state and window (policy.md 5.1 to 5.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from processors.core import facts as f
from processors.core.calendar import DAY, plus, plus_duration, read_duration, start_of_day, year_of
from processors.core.policy import FOREVER, Policy
from processors.core.registers import Value, Write
from processors.core.symbols import CancellationStatus, CommercePlatform, ServiceType, Status, Symbol
from processors.core.tuples import maker

GRACE: Final = 30 * DAY
LAPSED: Final = 120 * DAY
DISABLED: Final = 90 * DAY
_LICENCE: Final = ServiceType.LICENSE_BASED
_USAGE: Final = ServiceType.USAGE_BASED
_LEGACY: Final = CommercePlatform.LEGACY
_NEW_COMMERCE: Final = CommercePlatform.NEW_COMMERCE
_STATUS_UNKNOWN: Final = Status.UNKNOWN
_STATUS_SUSPENDED: Final = Status.SUSPENDED


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
_ENDED_GRACE: Final = TermState.ENDED_GRACE


def has_ended(state: TermState, service: ServiceType | None) -> bool:
    """Whether nothing of a subscription is left to support; Azure ends with the grace already."""
    return state in ENDED or (service is _USAGE and state is _ENDED_GRACE)


class Window(Symbol):
    """Whether a licence may be cancelled now."""

    NO_LIMIT = "always cancellable"
    UNKNOWN = "not cancellable as far as we know"
    OPEN = "cancellable"
    CLOSED = "no longer cancellable"


def term_end(told: list[Any]) -> int | None:
    """E (policy.md 5.1), from the values of the registers as read through."""
    if told[f.SERVICE_TYPE] is not _LICENCE:
        return None
    start = told[f.EFFECTIVE_START]
    return _end(told[f.TERM_STARTED] if start is None else start, told[f.TERM_DURATION], told[f.COMMITMENT_END])


@lru_cache(maxsize=4_096)
def _end(start: int | None, told: str | None, day: int | None) -> int | None:
    """E from the start, the duration and the last day as told."""
    duration = read_duration(told) if told is not None else None
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
    until: int
    grace_until: int | None


_make_state: Final = maker(State)
CANCELLED: Final = (State(TermState.CANCELLED, FOREVER, None),)
"""The states of what was cancelled; always this very object."""
_UNKNOWN: Final = (State(TermState.UNKNOWN, FOREVER, None),)
_DELETED: Final = State(TermState.ENDED_DELETED, FOREVER, None)
_IN_TERM: Final = State(TermState.IN_TERM, FOREVER, None)
_SUSPENDED: Final = State(TermState.SUSPENDED, FOREVER, None)
_PENDING: Final = State(TermState.RENEWAL_PENDING, FOREVER, None)
_DISABLED: Final = State(TermState.ENDED_DISABLED, FOREVER, None)
_IN_GRACE: Final = State(TermState.ENDED_GRACE, FOREVER, None)
OF_ENDED_STATUS: Final = frozenset({Status.DELETED, Status.DISABLED, Status.EXPIRED})


def term_states(writes: list[Write | None], told: list[Any], end: int | None) -> tuple[State, ...]:
    """The first match of the table of policy.md 5.2, over all time: each state lasts until its bound, the last one for ever.

    `told` are the values of `writes`.
    """
    cancelled = writes[f.CANCELLED]
    if cancelled is not None:
        last_active = writes[f.LAST_ACTIVE]
        if last_active is None or cancelled[:2] > last_active[:2]:
            return CANCELLED
    of_status = writes[f.STATUS]
    if of_status is None or of_status[2] is _STATUS_UNKNOWN:
        return _UNKNOWN
    since, _, status = of_status
    if status in OF_ENDED_STATUS:
        return _states_of_ended(status, since, end)
    suspended = status is _STATUS_SUSPENDED
    if end is None:
        return (_SUSPENDED if suspended else _IN_TERM,)
    running = _make_state((_SUSPENDED if suspended else _IN_TERM).state, end, None)
    if since >= end:  # told at or after the end: the event beats the clock
        return running, _SUSPENDED if suspended else _PENDING
    if suspended or told[f.AUTO_RENEW] is False or told[f.IS_TRIAL] is True:
        return running, *_after_lapse(end)
    return running, _PENDING


def lapses(states: tuple[State, ...]) -> bool:
    """Whether the end of the term is the end of the subscription, unless told otherwise; else it is pending or suspended for ever."""
    return states[-1] is not _PENDING and states[-1] is not _SUSPENDED


def _states_of_ended(status: Value, since: int, end: int | None) -> tuple[State, ...]:
    """Told as DELETED, DISABLED or EXPIRED."""
    if status is Status.DELETED:
        return (_DELETED,) if end is not None and since >= end else CANCELLED
    if status is Status.EXPIRED:
        return _after_lapse(end if _within(end, GRACE, since) and end is not None else since)
    deleted_at = _end_of_disabled(since, end)
    return (_DISABLED,) if deleted_at is None else (_make_state(_DISABLED.state, deleted_at, None), _DELETED)


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


def _after_lapse(lapse: int) -> tuple[State, ...]:
    """The states after X."""
    grace_until, deleted_at = plus(lapse, GRACE), plus(lapse, LAPSED)
    if grace_until is None:
        return (_IN_GRACE,)
    grace = _make_state(_IN_GRACE.state, grace_until, grace_until)
    if deleted_at is None:
        return grace, _DISABLED
    return grace, _make_state(_DISABLED.state, deleted_at, None), _DELETED


class Cancellable(NamedTuple):
    """What the cancellation window of a licence rests on; the same for every instant (policy.md 5.3)."""

    unlimited: bool
    unknown: bool
    told_until: int | None  # G
    started: int | None  # b
    requested_at: int | None  # of a request that was not granted


_make_cancellable: Final = maker(Cancellable)
_UNLIMITED: Final = Cancellable(True, False, None, None, None)
_WINDOW_UNKNOWN: Final = Cancellable(False, True, None, None, None)


_NOT_GRANTED: Final = frozenset({CancellationStatus.REQUESTED, CancellationStatus.REJECTED})


def cancellable(writes: list[Write | None], told: list[Any]) -> Cancellable:
    """From the registers as read through; `told` are the values of `writes`."""
    allowed_until = told[f.CANCELLATION_ALLOWED_UNTIL]
    if allowed_until is None:
        platform = told[f.COMMERCE_PLATFORM]
        if platform is _LEGACY or told[f.IS_TRIAL] is True:
            return _UNLIMITED
        if platform is not _NEW_COMMERCE:
            return _WINDOW_UNKNOWN
    request = writes[f.CANCEL_REQUEST]
    requested_at = request[0] if request is not None and request[2] in _NOT_GRANTED else None
    return _make_cancellable(False, False, allowed_until, told[f.TERM_STARTED], requested_at)


class Cancelling(NamedTuple):
    """A window, the last instant told for it (G or W), whether a request was refused, and until when all this holds."""

    window: Window
    allowed_until: int | None
    request_refused: bool
    until: int


_make_cancelling: Final = maker(Cancelling)
_OPEN, _CLOSED = Window.OPEN, Window.CLOSED
_NO_LIMIT_AT_ALL: Final = Cancelling(Window.NO_LIMIT, None, request_refused=False, until=FOREVER)
_NOT_KNOWN: Final = Cancelling(Window.UNKNOWN, None, request_refused=False, until=FOREVER)


def cancelling(rests_on: Cancellable, instant: int, policy: Policy) -> Cancelling:
    """Window and refused request at an instant."""
    if rests_on.unlimited:
        return _NO_LIMIT_AT_ALL
    if rests_on.unknown:
        return _NOT_KNOWN
    started, allowed_until, until = rests_on.started, rests_on.told_until, FOREVER
    if allowed_until is not None:
        last_inside = allowed_until
    elif started is None:
        return Cancelling(Window.CLOSED, None, _refused(rests_on, -FOREVER), FOREVER)
    else:
        length, until = policy.window_length(started, instant)
        closes = plus(started, length) if length is not None else started
        allowed_until = closes
        last_inside = closes - 1 if closes is not None else FOREVER  # an end that never comes leaves it open
    is_open = instant <= last_inside
    if is_open and last_inside < until:
        until = last_inside + 1
    return _make_cancelling(_OPEN if is_open else _CLOSED, allowed_until, _refused(rests_on, last_inside), until)


def _refused(rests_on: Cancellable, last_inside: int) -> bool:
    at, started = rests_on.requested_at, rests_on.started
    return at is not None and (started is None or at >= started) and at > last_inside
