"""How is one random event told, each record in turn, with the odd values that deserve a test?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference import reading, weights
from tests.reference.drawing import Account, Author, Party, Plan
from tests.reference.instants import DAY, HOUR, LAST, Duration, plus, read_duration, within_years, write_day

if TYPE_CHECKING:
    from collections.abc import Callable


class Teller(Author):
    """Tells single events of an account."""

    def head(self, account: Account, topic: str, at: int | None = None) -> tuple[int, dict[str, Any]]:
        """What every event carries."""
        occurred_at = self.moment() if at is None else at
        value: dict[str, Any] = {
            "event_id": self.spelled(self.identity()),
            "occurred_at": self.write(occurred_at),
            "customer_tenant_id": self.spelled(account.tenant),
        }
        if topic == reading.REVIEW_DUE:
            return occurred_at, value
        value |= {
            "source_system": "generator",
            "evidence_level": self.symbol("CUSTOMER_STATEMENT", ["PARTNER_CENTER", "DOCUMENT", "INFERRED"]),
        }
        if self.chance(40 if self.theme == "abroad" else 25):
            moved = self.chance(25 if self.theme == "abroad" else 4)
            value["customer_country"] = self.one(weights.COUNTRIES) if moved else account.country
        if self.chance(2):
            value["customer_country"] = ""
        if account.is_csp is not None and self.chance(25):
            value["is_csp_transacting_tenant"] = account.is_csp if self.chance(75) else not account.is_csp
        if topic != reading.PURCHASED and self.chance(10):
            value["cloud"] = self.one(weights.CLOUDS)
        return occurred_at, value

    def subscription(self, account: Account) -> str:
        return self.one(list(account.subscriptions))

    def subject_subscription(self, account: Account) -> str:
        """The subscription that the next event is about."""
        self.subject = self.subscription(account)
        return self.subject

    def partner(self, account: Account) -> Party:
        return self.one(account.partners)

    def subject_partner(self, account: Account) -> Party:
        """The partner that the next event is about."""
        party = self.partner(account)
        self.subject = party.tenant
        return party

    # -- purchases -----------------------------------------------------------------------------------------------------

    def first_kind(self) -> str:
        return self.weighted(weights.FIRST_KINDS | (weights.FIRST_KINDS_ON_CLOCKS if self.theme == "clocks" else {}))

    def purchase_kind(self) -> str:
        return self.weighted(weights.PURCHASE_KINDS_BY_THEME.get(self.theme, weights.PURCHASE_KINDS))

    def purchase(self, account: Account, *, first: str | None = None) -> dict[str, Any]:
        """A purchase event; `first`: the first one of this subscription, so a whole one."""
        subscription = self.subject = first or self.subject_subscription(account)
        at, value = self.head(account, reading.PURCHASED)
        plan = account.subscriptions[subscription]
        kind = self.first_kind() if first else self.purchase_kind()
        whole = (first is not None and self.chance(90)) or kind in {"NEW_PURCHASE", "DECLARED_EXTERNAL", "TRIAL_STARTED"}
        few = 0 if whole else 70
        value |= {
            "kind": kind,
            "subscription_id": self.spelled(subscription),
            "service_type": self.symbol(plan.service_type, weights.SERVICES, odd=2, absent=few),
            "acquisition_channel": self.symbol(plan.acquisition_channel, weights.CHANNELS, odd=4, absent=few),
            "commerce_platform": self.symbol(plan.commerce_platform, weights.PLATFORMS, odd=8, absent=few),
            "cloud": self.symbol(plan.cloud, weights.CLOUDS, odd=2, absent=few),
            "azure_offer": self.symbol(plan.azure_offer, weights.OFFERS, odd=8, absent=10 + few // 2),
            "status": self.symbol("ACTIVE", weights.STATUSES, odd=12, absent=3 + few),
        }
        if plan.seller is not None and not self.chance(8 + few):
            value["seller_partner_tenant_id"] = self.partner(account).tenant if self.chance(8) else plan.seller
        if self.chance(12):
            value["candidate_partner_tenant_id"] = self.partner(account).tenant
        if self.chance(45 if not few else 25):
            value["auto_renew_enabled"] = self.chance(50)
        if self.chance(8):
            value["is_trial"] = self.chance(80)
        if kind in {"MIGRATED_TO_NEW_COMMERCE", "TRANSFERRED_IN", "CORRECTION"} and self.chance(75 if self.theme == "links" else 35):
            value["previous_subscription_id"] = self.subscription(account) if self.chance(92) else self.identity()
        self.tell_term(at, value)
        return {"topic": reading.PURCHASED, "value": value}

    def tell_term(self, at: int, value: dict[str, Any]) -> None:
        """Term fields, with end dates on both sides of the sentinel margin."""
        start = at
        if self.chance(25):
            start = self.told_instant(at)
            value["effective_start_date"] = self.write(start)
        duration = self.one(weights.TERMS[:4]) if self.chance(75) else self.one(weights.TERMS)
        if self.chance(75):
            value["term_duration"] = duration
        end = plus(start, read_duration(duration))
        if self.chance(60):
            day = (end if end is not None else start + 365 * DAY) // DAY - 1
            if self.chance(45):
                day += self.one([0, 1, -1, 30, 31, 32, 33, 7, -400])
            elif self.chance(30):
                day = self.edge() // DAY + self.one([-1, -1, 0])
            value["commitment_end_date"] = write_day(min(max(day, -719_162), 2_932_896))
            self.remember(*((day + 1 + days) * DAY for days in (0, 30, 120)))
        if self.chance(4):
            value["commitment_end_date"] = self.one(["9999-12-31", "9000-01-01", "8999-12-31", "0001-01-01"])
        if self.chance(18):
            allowed_until = self.told_instant(at)
            value["cancellation_allowed_until"] = self.write(allowed_until)
            self.windows.setdefault(self.subject, []).append(allowed_until)
        day_end = None if end is None else end // DAY * DAY
        self.windows.setdefault(self.subject, []).extend(at + hours * HOUR for hours in (0, 24, 72, 168) if at < LAST - 200 * HOUR)
        for bound in (day_end, start, at + 24 * HOUR, at + 72 * HOUR, at + 168 * HOUR):
            self.remember(bound)
        if day_end is not None:
            self.remember(day_end + 30 * DAY, day_end + 120 * DAY)

    def state_change(self, account: Account) -> dict[str, Any]:
        subscription = self.subject_subscription(account)
        at, value = self.head(account, reading.STATE_CHANGED)
        value["subscription_id"] = self.spelled(subscription)
        if self.chance(75):
            value["status"] = self.one(
                [*weights.STATUSES, "ACTIVE", "SUSPENDED", "EXPIRED", "DISABLED", "UNKNOWN" if self.chance(30) else "ACTIVE"]
            )
        if "status" not in value or self.chance(30):
            value["auto_renew_enabled"] = self.chance(45)
        if self.chance(25):
            value["effective_at"] = self.write(self.told_instant(at))
        self.remember(at + 30 * DAY, at + 90 * DAY, at + 120 * DAY)
        return {"topic": reading.STATE_CHANGED, "value": value}

    # -- transfers -----------------------------------------------------------------------------------------------------

    def transfer(self, account: Account) -> dict[str, Any]:
        subscription = self.subject_subscription(account)
        at, value = self.head(account, reading.TRANSFER)
        plan: Plan = account.subscriptions[subscription]
        kind = self.weighted(weights.TRANSFER_KINDS | ({"COMPLETED": 20} if self.theme == "links" else {}))
        source = plan.seller if plan.seller is not None and self.chance(75) else self.partner(account).tenant
        target = self.partner(account).tenant
        value |= {
            "kind": kind,
            "transfer_id": self.one(account.transfer_ids),
            "subscription_id": subscription,
            "source_partner_tenant_id": source,
            "target_partner_tenant_id": target,
        }
        if self.chance(45 if kind == "COMPLETED" else 5):
            value["new_subscription_id"] = self.subscription(account) if self.chance(85) else self.identity()
        if self.chance(30):
            value["expires_at"] = self.write(self.told_instant(at))
        if kind == "COMPLETED" and self.chance(70):
            plan.seller, plan.acquisition_channel = target, "CSP"
        self.remember(at + 30 * DAY)
        return {"topic": reading.TRANSFER, "value": value}

    # -- consents ------------------------------------------------------------------------------------------------------

    def consent(self, account: Account) -> dict[str, Any]:
        party = self.subject_partner(account)
        at, value = self.head(account, reading.CONSENT)
        kind = self.weighted(weights.CONSENT_KINDS)
        value |= {
            "kind": kind,
            "partner_tenant_id": self.spelled(party.tenant),
            "partner_type": self.symbol(party.partner_type, ["DIRECT_BILL", "INDIRECT_RESELLER", "ADVISOR_PARTNER"], odd=6),
            "granted_by_role": self.weighted(weights.GRANTER_ROLES),
            "evidence_level": party.evidence if self.chance(85) else self.one(["PARTNER_CENTER", "UNKNOWN"]),
        }
        if party.country is not None and self.chance(90 if self.theme == "abroad" else 55):
            value["partner_country"] = party.country if self.chance(90) else self.one(weights.COUNTRIES)
        if party.provider is not None and self.chance(70):
            value["indirect_provider_tenant_id"] = party.provider if self.chance(92) else self.partner(account).tenant
        if party.mca is not None and self.chance(50):
            value["mca_accepted"] = party.mca if self.chance(90) else not party.mca
        consent_id = self.one(account.consent_ids)
        if consent_id is not None:
            value["consent_id"] = self.spelled(consent_id)
        if kind == "CONSENT_REQUESTED":
            value["requested_consent"] = self.one(["RESELLER_RELATIONSHIP", "DAP", "GDAP", "GDAP", "UNKNOWN", "", None])
            self.remember(at + 90 * DAY)
        if kind == "RELATIONSHIP_ACCEPTED":
            value["includes_delegated_admin"] = self.one([True, True, True, False, None, None])
        self.tell_limits(at, kind, value)
        return {"topic": reading.CONSENT, "value": value}

    def tell_limits(self, at: int, kind: str, value: dict[str, Any]) -> None:
        """valid_from, valid_until, duration and the auto-extension switch."""
        gdap = kind.startswith("GDAP")
        begins = at
        if self.chance(25):
            begins = self.told_instant(at)
            value["valid_from"] = self.write(begins)
        if self.chance(30 if gdap else 12):
            value["valid_until"] = self.write(self.told_instant(begins))
        if self.chance(55 if gdap else 8):
            value["duration"] = self.one(weights.GDAP_DURATIONS) if gdap or self.chance(70) else self.one(weights.TERMS)
        if self.chance(45 if gdap else 5):
            value["auto_extend_duration"] = self.one(weights.SWITCHES)
        if gdap:
            limit = plus(begins, read_duration(value.get("duration") or "P2Y"))
            two_years = plus(begins, Duration(24, 0))
            self.remember(begins, limit, two_years, None if limit is None else within_years(limit + 180 * DAY))

    # -- cancellations -------------------------------------------------------------------------------------------------

    def cancellation(self, account: Account) -> dict[str, Any]:
        subscription = self.subject_subscription(account)
        kind = self.weighted(weights.SUBSCRIPTION_CANCELLATIONS)
        statuses = weights.CANCELLATION_STATUSES | ({"COMPLETED": 26} if self.theme in {"licences", "clocks"} else {})
        status = self.weighted(statuses)
        at, value = self.head(account, reading.CANCELLATION, self.request_at(subscription, status))
        value |= {
            "kind": kind,
            "cancellation_status": status,
            "initiated_by": self.one(weights.INITIATORS),
            "subscription_id": self.spelled(subscription),
        }
        if self.chance(6):
            value["partner_tenant_id"] = self.partner(account).tenant
        if self.chance(30):
            value["effective_at"] = self.write(self.told_instant(at))
        return {"topic": reading.CANCELLATION, "value": value}

    def request_at(self, subscription: str, status: str) -> int | None:
        """A request likes to come at the edge of a window of its subscription."""
        bounds = self.windows.get(subscription)
        if not bounds or status not in {"REQUESTED", "REJECTED"} or self.chance(50):
            return None
        chosen = self.one(bounds) + self.one([0, 0, 1, -1])
        self.now = max(self.now, chosen)
        return chosen

    def consent_end(self, account: Account) -> dict[str, Any]:
        party = self.subject_partner(account)
        at, value = self.head(account, reading.CANCELLATION)
        kind = self.weighted(weights.CONSENT_ENDS)
        value |= {
            "kind": kind,
            "cancellation_status": self.weighted(weights.END_STATUSES),
            "initiated_by": self.one(weights.INITIATORS),
            "partner_tenant_id": self.spelled(party.tenant),
            "consent_family": self.one([*weights.FAMILIES, "DAP", "GDAP", None, None, None, "UNKNOWN", "NEWER_FAMILY"]),
        }
        consent_id = self.one([*account.consent_ids, None])
        if consent_id is not None:
            value["consent_id"] = consent_id
        if self.chance(5):
            value["consent_id"] = self.identity()
        if self.chance(5):
            value["subscription_id"] = self.subscription(account)
        if self.chance(30):
            value["effective_at"] = self.write(self.told_instant(at))
        return {"topic": reading.CANCELLATION, "value": value}

    def review(self, account: Account) -> dict[str, Any]:
        _, value = self.head(account, reading.REVIEW_DUE)
        return {"topic": reading.REVIEW_DUE, "value": {**value, "cause": self.one(["TIME", "POLICY", "OPERATOR", "NEWER_CAUSE"])}}

    def makers(self) -> dict[str, Callable[[Account], dict[str, Any]]]:
        """Makers of single events by name."""
        return {
            "purchase": self.purchase,
            "state": self.state_change,
            "transfer": self.transfer,
            "consent": self.consent,
            "cancellation": self.cancellation,
            "end": self.consent_end,
            "review": self.review,
        }
