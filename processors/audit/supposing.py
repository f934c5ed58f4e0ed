"""What could be told next that would change an answer? The core is asked: a copy of the customer's state is given the event.

Only likely things are tried, those that the answer itself hints at; that none of them changes an answer does not mean that nothing can.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from processors.core import chunks
from processors.core import facts as f
from processors.core.calendar import LAST_INSTANT
from processors.core.conclusions import ConsentPosition, NextStepCode, Outcome, Reason, SupportAccess
from processors.core.decisions import Cause, Decision
from processors.core.events import (
    Cancellation,
    ConsentGranted,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
    ToldEvent,
)
from processors.core.handle import handle, review, settling_of
from processors.core.links import registers_at
from processors.core.policy import Policy
from processors.core.state import CustomerState
from processors.core.symbols import (
    AcquisitionChannel,
    AzureOffer,
    CancellationKind,
    CancellationStatus,
    Cloud,
    CommercePlatform,
    ConsentKind,
    EvidenceLevel,
    GranterRole,
    Initiator,
    PartnerType,
    PurchaseKind,
    ServiceType,
    Status,
    TransferKind,
)
from processors.words.worded import Lever

_NAMESPACE: Final = uuid.UUID("0f9a0d0e-5f0b-5c55-8a7e-3a3f3f0f9b51")
_TOPIC: Final = "supposed"
_BEFORE: Final = frozenset({Outcome.CLOSED, Outcome.REPURCHASE_ALLOWED})

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Supposed:
    """What would be told, and the decision that it would lead to."""

    lever: Lever
    decision: Decision


class Supposing:
    """Suppositions about one customer as it is known now; what was decided of one event is kept for the next pair that asks."""

    def __init__(self, state: CustomerState, policy: Policy) -> None:
        self._state = state
        self._policy = policy
        self._instant = min(state.facts.as_of + 1, LAST_INSTANT)  # after all that is known, so that nothing stands at the same instant
        self._chunks = _stored(state)
        self._decided: dict[str, tuple[Decision, ...]] = {}

    def about(self, decision: Decision) -> tuple[Supposed, ...]:
        """What would change the answer of a pair, in the order of the levers."""
        pair = decision.subscription_id, decision.partner_tenant_id
        return tuple(
            Supposed(lever, other)
            for lever, event in self._events(decision)
            for other in self._after(event)
            if (other.subscription_id, other.partner_tenant_id) == pair
        )

    def _after(self, event: ToldEvent) -> tuple[Decision, ...]:
        """What the event alone would lead to."""
        if event.event_id not in self._decided:
            copy = chunks.load(event.customer_tenant_id, self._chunks)
            cause = Cause(event.event_id, _TOPIC)
            review(copy, self._instant, cause, self._policy)
            self._decided[event.event_id] = handle(copy, event, cause, self._policy).decisions
        return self._decided[event.event_id]

    def _events(self, decision: Decision) -> Iterator[tuple[Lever, ToldEvent]]:
        """What may be told next, by what the answer says."""
        answer, partner = decision.answer, decision.partner_tenant_id
        if partner is not None:
            yield from self._of_consent(decision, partner)
        if Reason.RENEWAL_PENDING in answer.reasons or NextStepCode.WAIT_FOR_TERM_END in {step.code for step in answer.next_steps}:
            yield Lever.RENEWED, self._renewed(decision.subscription_id)
        if Reason.SUSPENDED_NOT_TRANSFERABLE in answer.reasons:
            yield Lever.REACTIVATED, self._reactivated(decision.subscription_id)
        if partner is not None and answer.outcome in {Outcome.TRANSFER_AVAILABLE, Outcome.TRANSFER_IN_PROGRESS}:
            yield from self._transferred(decision, partner)
        if partner is not None and answer.outcome is Outcome.RECREATE_AND_CANCEL:
            yield Lever.AZURE_CREATED, self._azure_created(decision.subscription_id, partner)
        if answer.outcome not in _BEFORE:
            yield Lever.CANCELLED, self._cancelled(decision.subscription_id)

    def _of_consent(self, decision: Decision, partner: str) -> Iterator[tuple[Lever, ToldEvent]]:
        match decision.answer.support_access:
            case SupportAccess.AUTHORIZED:
                yield Lever.PERMISSIONS_ENDED, self._ended(partner)
            case SupportAccess.CONSENT_REQUIRED if decision.consent_position is ConsentPosition.K1:
                yield Lever.AGREEMENT_ACCEPTED, self._granted(decision.subscription_id, partner, ConsentKind.MCA_ACCEPTED)
            case SupportAccess.CONSENT_REQUIRED | SupportAccess.AUTHORIZED_OWN_AZURE_ONLY:
                yield Lever.PERMISSIONS_GIVEN, self._granted(decision.subscription_id, partner, None)
            case _:
                return

    def _granted(self, subscription_id: str, partner: str, kind: ConsentKind | None) -> ToldEvent:
        """The consent that the version in force asks for, given by a Global admin, with the agreement."""
        context = settling_of(self._state, self._policy).outlook.subscription(subscription_id, self._instant).context
        if kind is None:
            request = self._policy.request_in(context.cloud, self._instant)[0]
            kind = ConsentKind.GDAP_APPROVED if request is NextStepCode.REQUEST_GDAP else ConsentKind.DAP_APPROVED
        known = self._state.facts.partners[partner].registers.at(self._instant)[0][f.PARTNER_TYPE]
        return ConsentGranted(
            event_id=self._event_id(kind, partner),
            occurred_at=self._instant,
            customer_tenant_id=self._customer,
            source_system=_TOPIC,
            evidence_level=EvidenceLevel.PARTNER_CENTER,
            kind=kind,
            partner_tenant_id=partner,
            partner_type=PartnerType.DIRECT_BILL if known is None else _of(known[2], PartnerType),
            granted_by_role=GranterRole.GLOBAL_ADMIN,
            consent_id=None if kind is ConsentKind.MCA_ACCEPTED else self._event_id("consent", partner),
            mca_accepted=True,
        )

    def _ended(self, partner: str) -> ToldEvent:
        return self._cancellation(CancellationKind.CONSENT_REVOKED, partner=partner)

    def _cancelled(self, subscription_id: str) -> ToldEvent:
        return self._cancellation(CancellationKind.SUBSCRIPTION_CANCELLED, subscription=subscription_id)

    def _cancellation(self, kind: CancellationKind, *, subscription: str | None = None, partner: str | None = None) -> ToldEvent:
        return Cancellation(
            event_id=self._event_id(kind, subscription or partner or ""),
            occurred_at=self._instant,
            customer_tenant_id=self._customer,
            source_system=_TOPIC,
            evidence_level=EvidenceLevel.PARTNER_CENTER,
            kind=kind,
            cancellation_status=CancellationStatus.COMPLETED,
            initiated_by=Initiator.CUSTOMER,
            subscription_id=subscription,
            partner_tenant_id=partner,
        )

    def _renewed(self, subscription_id: str) -> ToldEvent:
        """For as long as the period before."""
        length = registers_at(self._state.facts, subscription_id, self._instant)[0][f.TERM_DURATION]
        return self._purchase(
            PurchaseKind.RENEWED,
            subscription_id,
            status=Status.ACTIVE,
            term_duration=length[2] if length is not None and isinstance(length[2], str) else None,
        )

    def _azure_created(self, subscription_id: str, partner: str) -> ToldEvent:
        return self._purchase(
            PurchaseKind.NEW_PURCHASE,
            self._event_id("azure", partner),
            service_type=ServiceType.USAGE_BASED,
            acquisition_channel=AcquisitionChannel.CSP,
            commerce_platform=CommercePlatform.NEW_COMMERCE,
            azure_offer=AzureOffer.AZURE_PLAN,
            seller_partner_tenant_id=partner,
            cloud=settling_of(self._state, self._policy).outlook.subscription(subscription_id, self._instant).vector.cloud or Cloud.PUBLIC,
            status=Status.ACTIVE,
        )

    def _purchase(
        self,
        kind: PurchaseKind,
        subscription_id: str,
        *,
        status: Status,
        term_duration: str | None = None,
        service_type: ServiceType | None = None,
        acquisition_channel: AcquisitionChannel | None = None,
        commerce_platform: CommercePlatform | None = None,
        azure_offer: AzureOffer | None = None,
        seller_partner_tenant_id: str | None = None,
        cloud: Cloud | None = None,
    ) -> ToldEvent:
        return SubscriptionPurchased(
            event_id=self._event_id(kind, subscription_id),
            occurred_at=self._instant,
            customer_tenant_id=self._customer,
            source_system=_TOPIC,
            evidence_level=EvidenceLevel.PARTNER_CENTER,
            kind=kind,
            subscription_id=subscription_id,
            status=status,
            term_duration=term_duration,
            service_type=service_type,
            acquisition_channel=acquisition_channel,
            commerce_platform=commerce_platform,
            azure_offer=azure_offer,
            seller_partner_tenant_id=seller_partner_tenant_id,
            cloud=cloud,
        )

    def _reactivated(self, subscription_id: str) -> ToldEvent:
        return SubscriptionStateChanged(
            event_id=self._event_id("active", subscription_id),
            occurred_at=self._instant,
            customer_tenant_id=self._customer,
            source_system=_TOPIC,
            evidence_level=EvidenceLevel.PARTNER_CENTER,
            subscription_id=subscription_id,
            status=Status.ACTIVE,
        )

    def _transferred(self, decision: Decision, partner: str) -> Iterator[tuple[Lever, ToldEvent]]:
        """From the present seller, under the id of the transfer that runs, where one does."""
        subscription_id = decision.subscription_id
        running = [
            (transfer_id, transfer)
            for transfer_id, transfer in sorted(self._state.facts.transfers.items())
            if transfer.subscription_id == subscription_id and transfer.target_partner_tenant_id == partner
        ]
        seller = decision.answer.billing_owner.partner_tenant_id or (running[-1][1].source_partner_tenant_id if running else None)
        if seller is None:
            return
        yield (
            Lever.TRANSFERRED,
            SubscriptionTransfer(
                event_id=self._event_id("transfer", f"{subscription_id}|{partner}"),
                occurred_at=self._instant,
                customer_tenant_id=self._customer,
                source_system=_TOPIC,
                evidence_level=EvidenceLevel.PARTNER_CENTER,
                kind=TransferKind.COMPLETED,
                transfer_id=running[-1][0] if running else self._event_id("transfer id", f"{subscription_id}|{partner}"),
                subscription_id=subscription_id,
                source_partner_tenant_id=seller,
                target_partner_tenant_id=partner,
            ),
        )

    @property
    def _customer(self) -> str:
        return self._state.facts.customer_tenant_id

    def _event_id(self, what: str, whom: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{what}|{whom}"))


def _stored(state: CustomerState) -> dict[str, bytes]:
    """The whole state as it would be stored, whatever of it was stored before."""
    state.dirty_subscriptions.update(state.facts.subscriptions)
    state.dirty_partners.update(state.facts.partners)
    return {**chunks.touched_chunks(state), chunks.HEADER: chunks.header(state, None)}


def _of(value: object, kind: type[Value]) -> Value:
    assert isinstance(value, kind)
    return value
