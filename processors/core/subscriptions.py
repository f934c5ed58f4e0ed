"""What does a subscription look like at an instant, for whichever partner? All that the tables read of it, with its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from processors.core.numbers import OF_VECTORS
from processors.core.outlines import CSP, LICENCE, USAGE, Face, Outline
from processors.core.policy import FOREVER, Policy
from processors.core.positions import Context
from processors.core.symbols import AcquisitionChannel, AzureOffer, Cloud, CommercePlatform, ServiceType
from processors.core.terms import TermState, Window, cancelling, has_ended
from processors.core.transfers import TransferPosition, transfers_at
from processors.core.tuples import maker

_NEW_COMMERCE: Final = CommercePlatform.NEW_COMMERCE
_LEGACY: Final = CommercePlatform.LEGACY
_AZURE_PLAN: Final = AzureOffer.AZURE_PLAN
_LEGACY_AZURE: Final = AzureOffer.LEGACY_0145P


class SubscriptionVector(NamedTuple):
    """The discrete facts of a subscription; equal vectors give equal rows. What no row can read is left at its neutral value."""

    succeeded: bool
    missing: tuple[str, ...]  # for a named partner; sorted
    service: ServiceType | None
    channel: AcquisitionChannel | None
    cloud: Cloud | None
    state: TermState
    ended: bool
    obtained_by_transfer: bool
    before_first_policy: bool
    trial: bool
    platform: CommercePlatform | None
    window: Window
    request_refused: bool
    auto_renew: bool | None
    renewed: bool
    end_ahead: bool  # E is known, and T < E
    licence_transfer: bool  # by version
    azure_offer: AzureOffer | None
    azure_plan_transfer: bool  # by version
    legacy_azure_by_tool: bool  # by version
    azure_plan_needed: bool  # by version
    services_cancelled: bool
    replaced: bool  # at all; table C


_make_vector: Final = maker(SubscriptionVector)


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


_make_view: Final = maker(SubscriptionView)
_NOBODY: Final[frozenset[str]] = frozenset()
_NO_TRANSFERS: Final[dict[str, TransferPosition]] = {}
_IN_LIFE: Final = frozenset({TermState.IN_TERM, TermState.SUSPENDED})
_IN_TABLE_B_AFTER_ITS_ENDS: Final = _IN_LIFE | {TermState.RENEWAL_PENDING}
_SELLER_ALONE: Final = ("seller_partner_tenant_id",)  # which the any-partner does not miss


def subscription_at(outline: Outline, instant: int, policy: Policy) -> SubscriptionView:
    """The view of a subscription whose outline is in force at the instant. What others replace is left open (`replaced`).

    It holds as long as what a row can read of it stays: where E2 or E4 answers, say, no version of the policy makes a difference.
    """
    service, in_csp, missing = outline.service, outline.channel is CSP, outline.missing
    for state, state_until, grace_until in outline.states:  # noqa: B007 - the state in force, the last one without an end
        if instant < state_until:
            break
    positions, running, transfers_until = _NO_TRANSFERS, (), FOREVER  # type: tuple[dict[str, TransferPosition], tuple[str, ...], int]
    if outline.transfers:
        positions, transfers_until = transfers_at(outline.transfers, instant)
        running = tuple(sorted(target for target, position in positions.items() if position.running is not None))
    before_first, policy_until = policy.before_first.at(instant)
    commerce, azure, allowed_until, bound = _NO_COMMERCE, _NO_AZURE, None, FOREVER
    if not outline.succeeded and (not missing or missing == _SELLER_ALONE):
        if service is USAGE:
            azure, bound = _azure(outline, instant, policy)
        elif service is LICENCE and in_csp and state in _IN_TABLE_B_AFTER_ITS_ENDS:
            commerce, allowed_until, bound = _commerce(outline, instant, policy, in_transfer=bool(positions))
        elif service is LICENCE and positions:  # who accepts a transfer depends on the version
            licence_transfer, bound = policy.licence_transfer.at(instant)
            commerce = (*_NO_COMMERCE[:-1], licence_transfer)
    vector = _make_vector(
        outline.succeeded,
        missing,
        service,
        outline.channel,
        outline.cloud,
        state,
        has_ended(state, service),
        outline.obtained_by_transfer,
        before_first,
        outline.trial,
        *commerce,
        *azure,
        False,  # replaced, left open
    )
    return _make_view(
        instant,
        min(outline.until, state_until, transfers_until, policy_until, bound),
        vector,
        OF_VECTORS.of(vector),
        outline.face,
        positions,
        running,
        outline.term_end if vector.end_ahead else None,
        allowed_until,
        grace_until,
        _NOBODY,
        outline.begun,
        _replacement(outline, vector) if service is USAGE and in_csp else None,
    )


_Commerce: TypeAlias = tuple[CommercePlatform | None, Window, bool, bool | None, bool, bool, bool]
_Azure: TypeAlias = tuple[AzureOffer | None, bool, bool, bool, bool]
_NO_COMMERCE: Final[_Commerce] = (None, Window.UNKNOWN, False, None, False, False, False)
_NO_AZURE: Final[_Azure] = (None, False, False, False, False)


def _commerce(outline: Outline, instant: int, policy: Policy, *, in_transfer: bool) -> tuple[_Commerce, int | None, int]:
    """What table B reads after B4, `platform` to `licence_transfer`; G or W; and until when."""
    assert outline.cancellable is not None
    platform, end = outline.platform, outline.term_end
    window, allowed_until, refused, until = cancelling(outline.cancellable, instant, policy)
    end_ahead = end is not None and instant < end
    licence_transfer = False
    for_new_commerce = platform is _NEW_COMMERCE and not outline.trial
    if in_transfer or for_new_commerce or (platform is not _NEW_COMMERCE and platform is not _LEGACY):
        licence_transfer, bound = policy.licence_transfer.at(instant)
        until = min(until, bound)
    if end is not None and instant < end < until:
        until = end
    return (platform, window, refused, outline.auto_renew, outline.renewed, end_ahead, licence_transfer), allowed_until, until


def _azure(outline: Outline, instant: int, policy: Policy) -> tuple[_Azure, int]:
    """What tables C and D read, `azure_offer` to `services_cancelled`, and until when."""
    offer, until = outline.azure_offer, FOREVER
    plan_transfer = by_tool = plan_needed = False
    if outline.channel is not CSP:
        plan_needed, until = policy.azure_plan_needed.at(instant)
    elif offer is _AZURE_PLAN:
        plan_transfer, until = policy.azure_plan_transfer.at(instant)
    elif offer is _LEGACY_AZURE:
        by_tool, until = policy.legacy_azure_by_tool.at(instant)
    return (offer, plan_transfer, by_tool, plan_needed, outline.services_cancelled), until


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
