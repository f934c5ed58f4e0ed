"""Which customers does the demo tell of? Made up, the same every time: each plays one of the cases of the policy, from every table.

Ids are derived, so telling it again tells the same events: duplicates to the worker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from processors.core.calendar import DAY, HOUR, SECOND
from processors.core.events import (
    Cancellation,
    ConsentGranted,
    Event,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
)
from processors.core.symbols import (
    AcquisitionChannel,
    AzureOffer,
    CancellationKind,
    CancellationStatus,
    Cloud,
    CommercePlatform,
    ConsentFamily,
    ConsentKind,
    EvidenceLevel,
    GranterRole,
    Initiator,
    PartnerType,
    PurchaseKind,
    RequestedConsent,
    ServiceType,
    Status,
    TransferKind,
)

CUSTOMERS: Final = 300
COUNTRIES: Final = ("US", "CZ", "HU", "PL", "SE", "CN")
"""One for each language that decisions are told in: en, cs, hu, pl, sv, zh-CN."""
_NAMESPACE: Final = UUID("5d3b2f40-6c1e-4d1c-9a57-0d8f6a1b7e55")
TOPICS: Final[dict[type[Event], str]] = {
    SubscriptionPurchased: "subscription-purchased",
    ConsentGranted: "consent-granted",
    Cancellation: "cancellation",
    SubscriptionStateChanged: "subscription-state-changed",
    SubscriptionTransfer: "subscription-transfer",
}


def portfolio(customers: int = CUSTOMERS) -> Iterator[Event]:
    """Every event of so many customers, in the order in which it became true."""
    told = [event for number in range(customers) for event in _customer(number)]
    yield from sorted(told, key=lambda event: (event.occurred_at, event.event_id))


def _customer(number: int) -> list[Event]:
    case = CASES[number % len(CASES)]
    telling = Telling(number)
    case(telling)
    return telling.events


class Telling:
    """One customer's history as it is told: dates as the case has them, moved by some days and hours of the customer's own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.draw = random.Random(number)  # noqa: S311 - a demo, the same every time
        self.events: list[Event] = []
        self.customer = self.id("customer")
        self.country = COUNTRIES[number // len(CASES) % len(COUNTRIES)]
        self.cloud = Cloud.PUBLIC
        self.tenant_sells: bool | None = None
        self.partner = self.id("partner", number % 7)
        self.other = self.id("partner", 7 + number % 5)
        self.moved = self.draw.randrange(60) * DAY + self.draw.randrange(86_400) * SECOND

    def id(self, what: str, number: int | None = None) -> str:
        """An id derived from what it is of."""
        return str(uuid5(_NAMESPACE, f"{what}|{self.number if number is None else number}"))

    def at(self, year: int, month: int, day: int) -> int:
        """That day, moved."""
        return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * SECOND + self.moved

    def _told(self, occurred_at: int) -> dict[str, Any]:
        return {
            "event_id": self.id(f"event|{len(self.events)}"),
            "occurred_at": occurred_at,
            "recorded_at": occurred_at + HOUR,
            "customer_tenant_id": self.customer,
            "source_system": "demo",
            "evidence_level": EvidenceLevel.PARTNER_CENTER,
            "cloud": self.cloud,
            "customer_country": self.country,
            "is_csp_transacting_tenant": self.tenant_sells,
        }

    def buys(self, occurred_at: int, channel: AcquisitionChannel, *, azure: bool = False, **more: Any) -> str:  # noqa: ANN401 - fields
        """A purchase; the subscription's id."""
        csp = channel is AcquisitionChannel.CSP
        subscription = self.id(f"subscription|{len(self.events)}")
        told: dict[str, Any] = {
            "kind": PurchaseKind.NEW_PURCHASE if csp else PurchaseKind.DECLARED_EXTERNAL,
            "subscription_id": subscription,
            "service_type": ServiceType.USAGE_BASED if azure else ServiceType.LICENSE_BASED,
            "acquisition_channel": channel,
            "commerce_platform": CommercePlatform.NEW_COMMERCE if csp else CommercePlatform.NOT_CSP,
            "seller_partner_tenant_id": self.other if csp else None,
            "candidate_partner_tenant_id": self.partner,
            "term_duration": None if azure else "P1Y",
            "quantity": self.draw.randrange(5, 300),
            "status": Status.ACTIVE,
        }
        self.events.append(SubscriptionPurchased(**self._told(occurred_at), **{**told, **more}))
        return subscription

    def consents(self, occurred_at: int, kind: ConsentKind, **more: Any) -> None:  # noqa: ANN401 - fields
        """A grant or a request of the customer for `partner`."""
        told: dict[str, Any] = {
            "kind": kind,
            "partner_tenant_id": self.partner,
            "partner_type": PartnerType.DIRECT_BILL,
            "partner_country": self.country,
            "granted_by_role": GranterRole.GLOBAL_ADMIN,
            "mca_accepted": True,
        }
        self.events.append(ConsentGranted(**self._told(occurred_at), **{**told, **more}))

    def ends(self, occurred_at: int, kind: CancellationKind, subscription: str | None = None, **more: Any) -> None:  # noqa: ANN401 - fields
        """An end of a subscription, of services or of a consent of `partner`."""
        told: dict[str, Any] = {
            "kind": kind,
            "cancellation_status": CancellationStatus.COMPLETED,
            "initiated_by": Initiator.CUSTOMER,
            "subscription_id": subscription,
            "partner_tenant_id": None if subscription else self.partner,
        }
        self.events.append(Cancellation(**self._told(occurred_at), **{**told, **more}))

    def changes(self, occurred_at: int, subscription: str, **more: Any) -> None:  # noqa: ANN401 - fields
        """Another status or auto-renew setting."""
        self.events.append(SubscriptionStateChanged(**self._told(occurred_at), subscription_id=subscription, **more))

    def transfers(self, occurred_at: int, kind: TransferKind, subscription: str, **more: Any) -> None:  # noqa: ANN401 - fields
        """A step of a transfer from `other` to `partner`."""
        told = self._told(occurred_at) | {
            "kind": kind,
            "transfer_id": self.id("transfer"),
            "subscription_id": subscription,
            "source_partner_tenant_id": self.other,
            "target_partner_tenant_id": self.partner,
        }
        self.events.append(SubscriptionTransfer(**told, **more))


def _direct_licence_gets_support(tell: Telling) -> None:
    tell.buys(tell.at(2020, 9, 1), AcquisitionChannel.MICROSOFT_DIRECT)
    tell.consents(tell.at(2020, 10, 1), ConsentKind.RELATIONSHIP_ACCEPTED, includes_delegated_admin=True)
    if tell.number % 2:
        tell.ends(tell.at(2021, 3, 1), CancellationKind.CONSENT_REVOKED, consent_family=ConsentFamily.DAP)


def _granular_admin_rights_run_out(tell: Telling) -> None:
    tell.buys(tell.at(2022, 2, 1), AcquisitionChannel.ADVISOR)
    tell.consents(tell.at(2022, 6, 1), ConsentKind.RELATIONSHIP_ACCEPTED, includes_delegated_admin=False)
    tell.consents(
        tell.at(2023, 1, 1), ConsentKind.GDAP_APPROVED, consent_id=tell.id("gdap"), duration="P180D" if tell.number % 2 else "P2Y"
    )


def _enterprise_agreement_under_gdap(tell: Telling) -> None:
    tell.buys(tell.at(2023, 1, 1), AcquisitionChannel.EA)
    tell.consents(tell.at(2023, 11, 1), ConsentKind.GDAP_APPROVED, consent_id=tell.id("gdap"), duration="P2Y")


def _open_licence_asked_for(tell: Telling) -> None:
    tell.buys(tell.at(2021, 4, 1), AcquisitionChannel.OPEN)
    tell.consents(tell.at(2021, 5, 1), ConsentKind.CONSENT_REQUESTED, requested_consent=RequestedConsent.DAP)
    if tell.number % 2:
        tell.ends(tell.at(2021, 6, 1), CancellationKind.CONSENT_DECLINED, consent_family=ConsentFamily.DAP)


def _third_party_or_syndication(tell: Telling) -> None:
    tell.buys(tell.at(2021, 2, 1), AcquisitionChannel.SYNDICATION if tell.number % 2 else AcquisitionChannel.THIRD_PARTY_NON_CSP)
    tell.consents(tell.at(2021, 3, 1), ConsentKind.DAP_APPROVED)


def _csp_licence_waits_for_its_end(tell: Telling) -> None:
    bought = tell.buys(tell.at(2022, 9, 1), AcquisitionChannel.CSP)
    tell.consents(tell.at(2022, 10, 1), ConsentKind.RELATIONSHIP_ACCEPTED, includes_delegated_admin=True)
    tell.ends(tell.at(2022, 11, 1), CancellationKind.SUBSCRIPTION_CANCELLED, bought, cancellation_status=CancellationStatus.REJECTED)
    tell.changes(tell.at(2023, 5, 1), bought, auto_renew_enabled=False)


def _csp_licence_goes_on(tell: Telling) -> None:
    bought = tell.buys(tell.at(2021, 12, 1), AcquisitionChannel.CSP, auto_renew_enabled=True)
    tell.buys(tell.at(2022, 12, 1), AcquisitionChannel.CSP, kind=PurchaseKind.RENEWED, subscription_id=bought)
    tell.changes(tell.at(2023, 2, 1), bought, status=Status.SUSPENDED, suspension_reasons=("Payment",))


def _csp_licence_is_cancelled_in_its_window(tell: Telling) -> None:
    bought = tell.buys(tell.at(2023, 3, 1), AcquisitionChannel.CSP)
    tell.ends(tell.at(2023, 3, 4), CancellationKind.SUBSCRIPTION_CANCELLED, bought)


def _licence_is_transferred(tell: Telling) -> None:
    bought = tell.buys(tell.at(2024, 4, 15), AcquisitionChannel.CSP)
    tell.consents(tell.at(2024, 5, 1), ConsentKind.RELATIONSHIP_ACCEPTED)
    tell.transfers(tell.at(2024, 7, 1), TransferKind.REQUESTED, bought, expires_at=tell.at(2024, 7, 31))
    if tell.number % 2:
        tell.transfers(tell.at(2024, 7, 10), TransferKind.COMPLETED, bought, new_subscription_id=tell.id("new"))


def _azure_recreated_beside_the_old(tell: Telling) -> None:
    old = tell.buys(tell.at(2021, 1, 10), AcquisitionChannel.EA, azure=True)
    tell.consents(tell.at(2021, 2, 1), ConsentKind.RELATIONSHIP_ACCEPTED, includes_delegated_admin=True)
    tell.buys(
        tell.at(2021, 6, 1), AcquisitionChannel.CSP, azure=True, azure_offer=AzureOffer.AZURE_PLAN, seller_partner_tenant_id=tell.partner
    )
    tell.ends(tell.at(2021, 8, 1), CancellationKind.AZURE_SERVICES_CANCELLED, old, azure_services=("virtual-machines",))
    if tell.number % 2:
        tell.ends(tell.at(2021, 12, 1), CancellationKind.SUBSCRIPTION_CANCELLED, old)


def _azure_of_another_channel_alone(tell: Telling) -> None:
    tell.buys(tell.at(2022, 5, 1), AcquisitionChannel.MICROSOFT_DIRECT, azure=True)
    tell.consents(tell.at(2022, 6, 1), ConsentKind.RELATIONSHIP_ACCEPTED, partner_type=PartnerType.INDIRECT_RESELLER)


def _azure_plan_changes_partner(tell: Telling) -> None:
    bought = tell.buys(tell.at(2021, 9, 1), AcquisitionChannel.CSP, azure=True, azure_offer=AzureOffer.AZURE_PLAN)
    tell.consents(tell.at(2021, 10, 1), ConsentKind.RELATIONSHIP_ACCEPTED)
    tell.transfers(tell.at(2022, 1, 1), TransferKind.REQUESTED, bought, expires_at=tell.at(2022, 1, 31))
    ended = (TransferKind.DECLINED, TransferKind.ACCEPTED, TransferKind.FAILED)[tell.number % 3]
    tell.transfers(tell.at(2022, 1, 5), ended, bought)


def _old_azure_of_another_country(tell: Telling) -> None:
    tell.buys(tell.at(2020, 8, 1), AcquisitionChannel.CSP, azure=True, azure_offer=AzureOffer.LEGACY_0145P)
    tell.consents(tell.at(2020, 9, 1), ConsentKind.RELATIONSHIP_ACCEPTED, partner_country="DE" if tell.country != "CN" else "CN")


def _us_government(tell: Telling) -> None:
    tell.cloud, tell.country = Cloud.US_GOVERNMENT, "US"
    tell.buys(tell.at(2021, 1, 1), AcquisitionChannel.CSP, azure=True, azure_offer=AzureOffer.AZURE_PLAN)
    tell.consents(tell.at(2021, 2, 1), ConsentKind.DAP_APPROVED)


def _a_partner_as_a_customer(tell: Telling) -> None:
    tell.tenant_sells = True
    tell.buys(tell.at(2022, 1, 1), AcquisitionChannel.CSP)
    tell.consents(tell.at(2022, 2, 1), ConsentKind.RELATIONSHIP_ACCEPTED)


def _not_covered_or_not_known(tell: Telling) -> None:
    tell.cloud = Cloud.CHINA_21VIANET if tell.number % 2 else Cloud.PUBLIC
    tell.buys(tell.at(2021, 7, 1), AcquisitionChannel.UNKNOWN)
    tell.consents(tell.at(2021, 8, 1), ConsentKind.RELATIONSHIP_ACCEPTED)


CASES: Final[tuple[Callable[[Telling], None], ...]] = (
    _direct_licence_gets_support,
    _granular_admin_rights_run_out,
    _enterprise_agreement_under_gdap,
    _open_licence_asked_for,
    _third_party_or_syndication,
    _csp_licence_waits_for_its_end,
    _csp_licence_goes_on,
    _csp_licence_is_cancelled_in_its_window,
    _licence_is_transferred,
    _azure_recreated_beside_the_old,
    _azure_of_another_channel_alone,
    _azure_plan_changes_partner,
    _old_azure_of_another_country,
    _us_government,
    _a_partner_as_a_customer,
    _not_covered_or_not_known,
)
