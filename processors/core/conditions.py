"""Which words may a row use as its condition? Facts of a case under the names of the policy; `&`, `|` and `~` combine them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from processors.core.case import Case
from processors.core.conclusions import ConsentPosition
from processors.core.outlines import CSP, LICENCE, USAGE
from processors.core.symbols import AcquisitionChannel, AzureOffer, CommercePlatform, PartnerType, ServiceType, TransferKind
from processors.core.terms import TermState


class Condition:
    """A named question about a case."""

    __slots__ = ("holds", "name")

    def __init__(self, name: str, holds: Callable[[Case], bool]) -> None:
        self.name = name
        self.holds = holds

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.name}, {other.name}", lambda case: self.holds(case) and other.holds(case))

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"({self.name} or {other.name})", lambda case: self.holds(case) or other.holds(case))

    def __invert__(self) -> Condition:
        return Condition(f"not {self.name}", lambda case: not self.holds(case))

    def __repr__(self) -> str:
        return self.name


OTHERWISE: Final = Condition("otherwise", lambda _: True)
NEVER: Final = Condition("never", lambda _: False)

# the subscription
SUCCEEDED: Final = Condition("succeeded", lambda case: case.subscription.succeeded)
ENDED: Final = Condition("ended", lambda case: case.subscription.ended)
CANCELLED: Final = Condition("CANCELLED", lambda case: case.subscription.state is TermState.CANCELLED)
DELETED: Final = Condition("ENDED_DELETED", lambda case: case.subscription.state is TermState.ENDED_DELETED)
DISABLED: Final = Condition("ENDED_DISABLED", lambda case: case.subscription.state is TermState.ENDED_DISABLED)
GRACE: Final = Condition("ENDED_GRACE", lambda case: case.subscription.state is TermState.ENDED_GRACE)
SUSPENDED: Final = Condition("SUSPENDED", lambda case: case.subscription.state is TermState.SUSPENDED)
RENEWAL_PENDING: Final = Condition("RENEWAL_PENDING", lambda case: case.subscription.state is TermState.RENEWAL_PENDING)
IS_LICENCE: Final = Condition("licence", lambda case: case.subscription.service is LICENCE)
IS_USAGE: Final = Condition("usage", lambda case: case.subscription.service is USAGE)
IS_OTHER_SERVICE: Final = Condition("service type OTHER", lambda case: case.subscription.service is ServiceType.OTHER)
IN_CSP: Final = Condition("channel CSP", lambda case: case.subscription.channel is CSP)
SYNDICATION: Final = Condition("channel SYNDICATION", lambda case: case.subscription.channel is AcquisitionChannel.SYNDICATION)
OFFER_OTHER: Final = Condition("azure_offer OTHER", lambda case: case.subscription.azure_offer is AzureOffer.OTHER)
OFFER_UNTOLD: Final = Condition("azure_offer unset or UNKNOWN", lambda case: case.subscription.azure_offer in {None, AzureOffer.UNKNOWN})
AZURE_PLAN: Final = Condition("AZURE_PLAN", lambda case: case.subscription.azure_offer is AzureOffer.AZURE_PLAN)
LEGACY_AZURE: Final = Condition("LEGACY_0145P", lambda case: case.subscription.azure_offer is AzureOffer.LEGACY_0145P)
REPLACED: Final = Condition("replaced at all", lambda case: case.subscription.replaced)
PLATFORM_TOLD: Final = Condition(
    "commerce_platform LEGACY or NEW_COMMERCE",
    lambda case: case.subscription.platform in {CommercePlatform.LEGACY, CommercePlatform.NEW_COMMERCE},
)
FACTS_MISSING: Final = Condition("facts missing", lambda case: bool(case.missing))

# the cloud (6.1) and the version (6)
COVERED: Final = Condition("cloud covered", lambda case: case.covered)
TRANSFER_TOOL_IN_CLOUD: Final = Condition("cloud with a transfer tool", lambda case: case.transfer_tool_in_cloud)
LICENCE_TRANSFER: Final = Condition("version has licence transfer", lambda case: case.subscription.licence_transfer)
AZURE_PLAN_TRANSFER: Final = Condition("version has Azure plan transfer", lambda case: case.subscription.azure_plan_transfer)
LEGACY_AZURE_BY_TOOL: Final = Condition("version moves legacy Azure by tool", lambda case: case.subscription.legacy_azure_by_tool)

# the partner
TYPE_UNREADABLE: Final = Condition("partner_type told as UNKNOWN", lambda case: case.partner.partner_type is PartnerType.UNKNOWN)
INDIRECT_RESELLER: Final = Condition("INDIRECT_RESELLER", lambda case: case.partner.partner_type is PartnerType.INDIRECT_RESELLER)
OUT_OF_MARKET: Final = Condition("markets known and different", lambda case: case.partner.out_of_market)
COUNTRIES_DIFFER: Final = Condition("both countries known and different", lambda case: case.partner.countries_differ)
K3: Final = Condition("K3", lambda case: case.partner.consent.position is ConsentPosition.K3)

# between the two
BARRED: Final = Condition("barred", lambda case: case.barred)
PARTNER_IS_SELLER: Final = Condition("seller = partner", lambda case: case.between.is_seller)
SELLER_BY_TRANSFER: Final = Condition(
    "made seller by a COMPLETED transfer of this id", lambda case: case.between.is_seller and case.between.made_seller_by_transfer
)
PARTNER_IS_HOLDER: Final = Condition("holder = partner", lambda case: case.between.is_holder)
PROVIDER_IS_SELLER: Final = Condition("seller = its indirect provider", lambda case: case.between.provider_is_seller)
TRANSFER_UNREADABLE: Final = Condition("a transfer to this partner unreadable", lambda case: case.between.transfer_unreadable)
TRANSFER_RUNS: Final = Condition("a transfer to this partner runs", lambda case: case.between.transfer_running is not None)
TRANSFER_REQUESTED: Final = Condition("REQUESTED", lambda case: case.between.transfer_running is TransferKind.REQUESTED)
OTHER_TRANSFER_RUNS: Final = Condition("a transfer to another partner runs", lambda case: case.between.other_transfer_runs)
REPLACED_BY_PARTNER: Final = Condition("replaced by this partner", lambda case: case.between.replaced_by_partner)

TRANSFERABLE: Final = Condition(
    "transferable",  # version has licence transfer, NEW_COMMERCE, not a trial
    lambda case: (
        case.subscription.licence_transfer and case.subscription.platform is CommercePlatform.NEW_COMMERCE and not case.subscription.trial
    ),
)
