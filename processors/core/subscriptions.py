"""What does a subscription look like at an instant, for whichever partner? All that the tables read of it, with its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from processors.core.numbers import OF_VECTORS
from processors.core.outlines import CSP, LICENCE, USAGE, Face, Outline
from processors.core.policy import Policy
from processors.core.positions import Context
from processors.core.symbols import AcquisitionChannel, AzureOffer, Cloud, CommercePlatform, ServiceType
from processors.core.terms import ENDED, TermState, Window, cancelling
from processors.core.transfers import TransferPosition, transfers_at


class SubscriptionVector(NamedTuple):
    """The discrete facts of a subscription; equal vectors give equal rows. What no row can read is left at its neutral value."""

    succeeded: bool = False
    missing: tuple[str, ...] = ()  # for a named partner; sorted
    service: ServiceType | None = None
    channel: AcquisitionChannel | None = None
    cloud: Cloud | None = None
    state: TermState = TermState.UNKNOWN
    ended: bool = False
    obtained_by_transfer: bool = False
    before_first_policy: bool = False
    trial: bool = False
    platform: CommercePlatform | None = None
    window: Window = Window.UNKNOWN
    request_refused: bool = False
    auto_renew: bool | None = None
    renewed: bool = False
    end_ahead: bool = False  # E is known, and T < E
    licence_transfer: bool = False  # by version
    azure_offer: AzureOffer | None = None
    azure_plan_transfer: bool = False  # by version
    legacy_azure_by_tool: bool = False  # by version
    azure_plan_needed: bool = False  # by version
    services_cancelled: bool = False
    replaced: bool = False  # at all; table C


class Replacement(NamedTuple):
    """What an Azure subscription sold in CSP can replace (policy.md 5.6)."""

    begun: int
    seller: str | None
    at_all: bool  # status not PENDING, state not UNKNOWN
    alive: bool  # also not succeeded, and IN_TERM or SUSPENDED


class SubscriptionView(NamedTuple):
    """A subscription from an instant until `until`."""

    since: int
    until: int
    vector: SubscriptionVector
    number: int  # of the vector
    face: Face
    transfers: dict[str, TransferPosition]  # by target
    running_targets: tuple[str, ...]
    term_end: int | None  # this and the next two only where a row can tell them
    cancellation_allowed_until: int | None
    grace_until: int | None
    replaced_by: frozenset[str]  # partners
    begun: int | None
    replacement: Replacement | None

    @property
    def context(self) -> Context:
        """In which consent is read for it."""
        return self.face.context

    def looks_like(self, other: SubscriptionView) -> bool:
        """Whether no pair can tell the two apart; the bounds and what concerns other subscriptions aside."""
        return self[3:11] == other[3:11]

    def sells(self) -> str | None:
        """The partner to whom this subscription relates the customer (policy.md 5.4)."""
        return self.face.seller if not self.vector.succeeded and not self.vector.ended else None


_NOBODY: Final[frozenset[str]] = frozenset()
_NO_TRANSFERS: Final[dict[str, TransferPosition]] = {}
_IN_LIFE: Final = frozenset({TermState.IN_TERM, TermState.SUSPENDED})


def subscription_at(outline: Outline, instant: int, policy: Policy) -> SubscriptionView:
    """The view of a subscription whose outline is in force at the instant. What others replace is left open (`replaced`)."""
    until, service, channel = outline.until, outline.service, outline.channel
    state, bound, grace_until = next(state for state in outline.states if instant < state.until)
    until = min(until, bound)
    ended = state in ENDED or (state is TermState.ENDED_GRACE and service is USAGE)
    positions, running = _NO_TRANSFERS, ()  # type: tuple[dict[str, TransferPosition], tuple[str, ...]]
    if outline.transfers:
        positions, bound = transfers_at(outline.transfers, instant)
        running = tuple(sorted(target for target, position in positions.items() if position.running is not None))
        until = min(until, bound)
    before_first, bound = policy.before_first.at(instant)
    until = min(until, bound)
    common = (
        outline.succeeded,
        outline.missing,
        service,
        channel,
        outline.cloud,
        state,
        ended,
        outline.obtained_by_transfer,
        before_first,
        outline.trial,
    )
    end, allowed_until = None, None
    if service is LICENCE:
        if channel is CSP:
            vector, allowed_until, bound = _licence(common, outline, instant, policy)
            end = outline.term_end if vector.end_ahead else None
        elif positions:  # who accepts a transfer depends on the version
            licence_transfer, bound = policy.licence_transfer.at(instant)
            vector = SubscriptionVector(*common, licence_transfer=licence_transfer)
        else:
            vector = SubscriptionVector(*common)
    elif service is USAGE:
        vector, bound = _usage(common, outline, instant, policy)
    else:
        vector = SubscriptionVector(*common)
    return SubscriptionView(
        instant,
        min(until, bound),
        vector,
        OF_VECTORS.of(vector),
        outline.face,
        positions,
        running,
        end,
        allowed_until,
        grace_until,
        _NOBODY,
        outline.begun,
        _replacement(outline, vector) if service is USAGE and channel is CSP else None,
    )


Common = tuple[
    bool,
    tuple[str, ...],
    ServiceType | None,
    AcquisitionChannel | None,
    Cloud | None,
    TermState,
    bool,
    bool,
    bool,
    bool,
]


def _licence(common: Common, outline: Outline, instant: int, policy: Policy) -> tuple[SubscriptionVector, int | None, int]:
    """What table B reads."""
    assert outline.cancellable is not None
    window, allowed_until, refused, until = cancelling(outline.cancellable, instant, policy)
    licence_transfer, bound = policy.licence_transfer.at(instant)
    end_ahead = outline.term_end is not None and instant < outline.term_end
    vector = SubscriptionVector(
        *common, outline.platform, window, refused, outline.auto_renew, outline.renewed, end_ahead, licence_transfer
    )
    until = min(until, bound)
    return vector, allowed_until, min(until, outline.term_end) if end_ahead and outline.term_end is not None else until


def _usage(common: Common, outline: Outline, instant: int, policy: Policy) -> tuple[SubscriptionVector, int]:
    """What tables C and D read."""
    plan_transfer, first = policy.azure_plan_transfer.at(instant)
    by_tool, second = policy.legacy_azure_by_tool.at(instant)
    plan_needed, third = policy.azure_plan_needed.at(instant)
    vector = SubscriptionVector(
        *common,
        azure_offer=outline.azure_offer,
        azure_plan_transfer=plan_transfer,
        legacy_azure_by_tool=by_tool,
        azure_plan_needed=plan_needed,
        services_cancelled=outline.services_cancelled,
    )
    return vector, min(first, second, third)


def _replacement(outline: Outline, vector: SubscriptionVector) -> Replacement | None:
    if outline.begun is None:
        return None
    at_all = not outline.pending and vector.state is not TermState.UNKNOWN
    alive = at_all and not vector.succeeded and vector.state in _IN_LIFE
    return Replacement(outline.begun, outline.face.seller, at_all, alive)


def with_replacements(view: SubscriptionView, others: Iterable[Replacement | None], since: int, until: int) -> SubscriptionView:
    """The view of an Azure subscription bought outside CSP, knowing the Azure sold in CSP, which stays so until `until`."""
    begun = view.begun
    if begun is None:
        return view
    found = [other for other in others if other is not None and other.at_all and other.begun >= begun]
    vector = view.vector._replace(replaced=bool(found))
    return view._replace(
        since=since,
        vector=vector,
        number=OF_VECTORS.of(vector),
        replaced_by=frozenset(other.seller for other in found if other.alive and other.seller is not None),
        until=min(view.until, until),
    )
