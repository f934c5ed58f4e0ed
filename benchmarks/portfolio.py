"""Which customers are measured? A deterministic portfolio: 3,000 customers, about 63,000 events in order of arrival.

One customer in a hundred is large (about 50 subscriptions, 8 partners, 450 events); 15 % of the events come late, half of these behind a
newer one of the customer, 2 % come twice. `benchmarks.core` prints its shape beside the one asked for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

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

CUSTOMERS: Final = 3_000
LARGE_EVERY: Final = 100
_FIRST_DAY: Final = int(datetime(2020, 7, 1, tzinfo=UTC).timestamp()) * SECOND
_DAYS: Final = 1_900
_COUNTRIES: Final = ("CZ", "PL", "HU", "SE", "DE", "US")
_CHANNELS: Final = (
    (AcquisitionChannel.CSP, 55),
    (AcquisitionChannel.MICROSOFT_DIRECT, 22),
    (AcquisitionChannel.EA, 9),
    (AcquisitionChannel.OPEN, 6),
    (AcquisitionChannel.ADVISOR, 5),
    (AcquisitionChannel.SYNDICATION, 3),
)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The events of one customer in order of arrival."""

    customer_tenant_id: str
    large: bool
    events: tuple[Event, ...]
    subscriptions: int
    partners: int
    late: int  # events

    def behind(self) -> int:
        """How many come, for the first time, after an event that occurred later."""
        newest, seen, behind = -1, set[str](), 0
        for event in self.events:
            behind += event.event_id not in seen and event.occurred_at < newest
            newest = max(newest, event.occurred_at)
            seen.add(event.event_id)
        return behind

    def repeated(self) -> int:
        """How many were told before."""
        return len(self.events) - len({event.event_id for event in self.events})


def portfolio(customers: int = CUSTOMERS, seed: int = 1) -> Iterator[Arrivals]:
    """The customers, one after the other; the same for the same seed."""
    for number in range(customers):
        yield _Customer(random.Random(seed * 1_000_003 + number), large=number % LARGE_EVERY == 7).arrivals()


class _Customer:
    """Draws the history of one customer."""

    def __init__(self, source: random.Random, *, large: bool) -> None:
        self.source = source
        self.large = large
        self.customer = self._guid()
        self.country = source.choice(_COUNTRIES)
        self.cloud = Cloud.US_GOVERNMENT if source.random() < 0.03 else Cloud.PUBLIC
        if large:
            self.subscriptions = [self._guid() for _ in range(source.randint(40, 65))]
            self.partners = [self._guid() for _ in range(source.randint(6, 8))]
            self.count = source.randint(380, 518)
        else:
            self.subscriptions = [self._guid() for _ in range(source.choices((1, 2, 3, 4, 5, 6), (28, 39, 16, 12, 2, 3))[0])]
            self.partners = [self._guid() for _ in range(source.choices((1, 2, 3), (75, 17, 8))[0])]
            low, high = source.choices(((3, 13), (14, 29), (30, 42)), (49, 41, 10))[0]
            self.count = max(source.randint(low, high), len(self.subscriptions) + len(self.partners))
        self.first: dict[str, SubscriptionPurchased] = {}
        self.types = {
            partner: source.choices((PartnerType.DIRECT_BILL, PartnerType.INDIRECT_RESELLER), (70, 30))[0] for partner in self.partners
        }
        self.roles = {
            partner: source.choices((GranterRole.GLOBAL_ADMIN, GranterRole.UNKNOWN, GranterRole.OTHER), (84, 13, 3))[0]
            for partner in self.partners
        }
        self.countries = {partner: self.country if source.random() < 0.95 else source.choice(_COUNTRIES) for partner in self.partners}

    def arrivals(self) -> Arrivals:
        source = self.source
        instants = sorted(_FIRST_DAY + source.randrange(_DAYS) * DAY + source.randrange(24 * 3_600) * SECOND for _ in range(self.count))
        needed: list[tuple[str, str]] = [("purchase", name) for name in self.subscriptions] + [("consent", name) for name in self.partners]
        source.shuffle(needed)
        events: list[Event] = []
        early = min(self.count, 2 * len(needed))
        for place, instant in enumerate(instants):
            if needed and (place == 0 or source.random() < len(needed) / max(1, early - place)):
                what, name = needed.pop()
                events.append(self._purchase(instant, name) if what == "purchase" else self._consent(instant, name))
            else:
                events.append(self._further(instant))
        arrived, late = self._in_order_of_arrival(events)
        return Arrivals(self.customer, self.large, tuple(arrived), len(self.subscriptions), len(self.partners), late)

    def _in_order_of_arrival(self, events: list[Event]) -> tuple[list[Event], int]:
        """15 % come later than they occurred (how many is the second value), 1.9 % twice."""
        source = self.source
        placed = [(place + (source.uniform(0.2, 2.6) if source.random() < 0.15 else 0), event) for place, event in enumerate(events)]
        late = sum(place != by_time for by_time, (place, _) in enumerate(placed))
        placed += [(place + source.uniform(0.5, 6), event) for place, event in placed if source.random() < 0.019]
        return [event for _, event in sorted(placed, key=lambda pair: pair[0])], late

    def _guid(self) -> str:
        text = f"{self.source.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def _told(self, instant: int) -> dict[str, Any]:
        return {
            "event_id": self._guid(),
            "occurred_at": instant,
            "customer_tenant_id": self.customer,
            "source_system": "partner-center",
            "evidence_level": EvidenceLevel.PARTNER_CENTER,
            "cloud": self.cloud,
            "customer_country": self.country,
        }

    def _purchase(self, instant: int, subscription: str) -> Event:
        source = self.source
        (channel,) = source.choices([channel for channel, _ in _CHANNELS], [weight for _, weight in _CHANNELS])
        usage = source.random() < 0.22
        csp = channel is AcquisitionChannel.CSP
        platform = CommercePlatform.NOT_CSP
        if csp:
            platform = CommercePlatform.NEW_COMMERCE if source.random() < 0.8 else CommercePlatform.LEGACY
        offer = source.choice((AzureOffer.AZURE_PLAN, AzureOffer.LEGACY_0145P)) if usage else None
        bought = SubscriptionPurchased(
            **self._told(instant),
            kind=PurchaseKind.TRIAL_STARTED if source.random() < 0.04 else PurchaseKind.NEW_PURCHASE,
            subscription_id=subscription,
            service_type=ServiceType.USAGE_BASED if usage else ServiceType.LICENSE_BASED,
            acquisition_channel=channel,
            seller_partner_tenant_id=source.choice(self.partners) if csp else None,
            candidate_partner_tenant_id=None if csp else source.choice(self.partners),
            commerce_platform=platform,
            azure_offer=offer,
            quantity=source.randint(1, 300),
            term_duration=None if usage else source.choice(("P1Y", "P1Y", "P1M", "P3Y")),
            commitment_end_date=instant // DAY + 364 if not usage and source.random() < 0.3 else None,
            status=Status.ACTIVE,
            auto_renew_enabled=source.choice((True, True, False, None)),
        )
        self.first[subscription] = bought
        return bought

    def _consent(self, instant: int, partner: str) -> Event:
        source = self.source
        after_dap = instant > _FIRST_DAY + 1_190 * DAY
        (kind,) = source.choices(
            (ConsentKind.GDAP_APPROVED, ConsentKind.RELATIONSHIP_ACCEPTED, ConsentKind.CONSENT_REQUESTED, ConsentKind.MCA_ACCEPTED)
            if after_dap
            else (ConsentKind.DAP_APPROVED, ConsentKind.RELATIONSHIP_ACCEPTED, ConsentKind.CONSENT_REQUESTED, ConsentKind.MCA_ACCEPTED),
            (30, 40, 15, 15),
        )
        return ConsentGranted(
            **self._told(instant),
            kind=kind,
            partner_tenant_id=partner,
            partner_type=self.types[partner],
            partner_country=self.countries[partner],
            granted_by_role=self.roles[partner],
            consent_id=self._guid() if kind is ConsentKind.GDAP_APPROVED else None,
            requested_consent=source.choice(tuple(RequestedConsent)) if kind is ConsentKind.CONSENT_REQUESTED else None,
            includes_delegated_admin=source.choice((True, True, False, None)) if kind is ConsentKind.RELATIONSHIP_ACCEPTED else None,
            duration=source.choice(("P1Y", "P2Y", "P180D")) if kind is ConsentKind.GDAP_APPROVED else None,
            mca_accepted=source.choice((True, None)),
        )

    def _further(self, instant: int) -> Event:
        (what,) = self.source.choices(("state", "purchase", "consent", "cancellation", "transfer"), (44, 21, 24, 10, 1.3))
        subscription = self.source.choice(self.subscriptions)
        if what == "state" or subscription not in self.first:
            return self._state(instant, subscription)
        if what == "purchase":
            return self._renewal(instant, subscription)
        if what == "consent":
            return self._consent(instant, self.source.choice(self.partners))
        return self._cancellation(instant, subscription) if what == "cancellation" else self._transfer(instant, subscription)

    def _state(self, instant: int, subscription: str) -> Event:
        source = self.source
        (status,) = source.choices((Status.ACTIVE, Status.SUSPENDED, Status.EXPIRED, Status.DISABLED, None), (74, 6, 2, 1, 17))
        return SubscriptionStateChanged(
            **self._told(instant),
            subscription_id=subscription,
            status=status,
            auto_renew_enabled=source.random() < 0.8 if status is None else None,
            effective_at=instant + source.randint(1, 30) * DAY if source.random() < 0.05 else None,
        )

    def _renewal(self, instant: int, subscription: str) -> Event:
        first = self.first[subscription]
        licence = first.service_type is ServiceType.LICENSE_BASED
        again = replace(
            first,
            **self._told(instant),
            kind=PurchaseKind.RENEWED if licence and self.source.random() < 0.75 else PurchaseKind.CORRECTION,
            quantity=self.source.randint(1, 300),
        )
        return replace(again, commitment_end_date=instant // DAY + 364 if again.commitment_end_date is not None else None)

    def _cancellation(self, instant: int, subscription: str) -> Event:
        source = self.source
        kind = source.choice(
            (
                CancellationKind.SUBSCRIPTION_CANCELLED,
                CancellationKind.CANCEL_SCHEDULED,
                CancellationKind.CONSENT_REVOKED,
                CancellationKind.CONSENT_EXPIRED,
            )
        )
        consent = kind in {CancellationKind.CONSENT_REVOKED, CancellationKind.CONSENT_EXPIRED}
        return Cancellation(
            **self._told(instant),
            kind=kind,
            cancellation_status=source.choices((CancellationStatus.COMPLETED, CancellationStatus.REQUESTED), (70, 30))[0],
            initiated_by=Initiator.CUSTOMER,
            subscription_id=None if consent else subscription,
            partner_tenant_id=source.choice(self.partners) if consent else None,
            consent_family=source.choice((ConsentFamily.DAP, ConsentFamily.GDAP)) if consent else None,
            effective_at=instant + 36 * HOUR if source.random() < 0.1 else None,
        )

    def _transfer(self, instant: int, subscription: str) -> Event:
        source = self.source
        return SubscriptionTransfer(
            **self._told(instant),
            kind=source.choice((TransferKind.REQUESTED, TransferKind.REQUESTED, TransferKind.DECLINED, TransferKind.COMPLETED)),
            transfer_id=self._guid(),
            subscription_id=subscription,
            source_partner_tenant_id=self.first[subscription].seller_partner_tenant_id or self.partners[0],
            target_partner_tenant_id=source.choice(self.partners),
        )
