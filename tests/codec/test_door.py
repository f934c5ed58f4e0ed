"""Is exactly that asked for at the door which events.md lists under "What must be told"?"""

from __future__ import annotations

from typing import Any

import pytest

from processors.codec import MessageRejected, check_record, decode, encode, read_json
from processors.contract import ErrorCode
from processors.core import symbols
from processors.core.events import ConsentGranted, SubscriptionPurchased

TOLD = {
    "event_id": "e",
    "occurred_at": "2024-01-01T00:00:00Z",
    "customer_tenant_id": "c",
    "source_system": "s",
    "evidence_level": "DOCUMENT",
}
PURCHASE = {"service_type": "OTHER", "acquisition_channel": "CSP", "commerce_platform": "LEGACY", "cloud": "PUBLIC"}
CONSENT = {"partner_tenant_id": "p", "partner_type": "NON_CSP", "granted_by_role": "OTHER"}
CANCEL = {"cancellation_status": "COMPLETED", "initiated_by": "CUSTOMER"}
TRANSFER = {"transfer_id": "t", "subscription_id": "s", "source_partner_tenant_id": "p", "target_partner_tenant_id": "q"}

# the table of events.md once more, written by hand: topic, kind -> the least that must be told
LEAST: dict[tuple[str, str | None], dict[str, Any]] = {
    ("review-due", None): {"event_id": "e", "occurred_at": "2024-01-01T00:00:00Z", "customer_tenant_id": "c", "cause": "TIME"},
    ("subscription-state-changed", "a status"): TOLD | {"subscription_id": "s", "status": "ACTIVE"},
    ("subscription-state-changed", "auto-renew"): TOLD | {"subscription_id": "s", "auto_renew_enabled": False},
    **{("subscription-transfer", kind): TOLD | TRANSFER | {"kind": kind} for kind in (*symbols.TransferKind.__members__, "NEW_ONE")},
    **{("consent-granted", kind): TOLD | CONSENT | {"kind": kind} for kind in (*symbols.ConsentKind.__members__, "NEW_ONE")},
    **{
        ("subscription-purchased", kind): TOLD | {"subscription_id": "s", "kind": kind}
        for kind in ("RENEWED", "TRIAL_CONVERTED", "MIGRATED_TO_NEW_COMMERCE", "TRANSFERRED_IN", "CORRECTION", "UNKNOWN", "NEW_ONE")
    },
    **{
        ("subscription-purchased", kind): TOLD | PURCHASE | {"subscription_id": "s", "kind": kind}
        for kind in ("NEW_PURCHASE", "DECLARED_EXTERNAL", "TRIAL_STARTED")
    },
    **{
        ("cancellation", kind): TOLD | CANCEL | {"subscription_id": "s", "kind": kind}
        for kind in (
            "SUBSCRIPTION_CANCELLED",
            "AZURE_SERVICES_CANCELLED",
            "CANCEL_SCHEDULED",
            "CANCEL_SCHEDULE_WITHDRAWN",
            "UNKNOWN",
            "NEW_ONE",
        )
    },
    **{
        ("cancellation", kind): TOLD | CANCEL | {"partner_tenant_id": "p", "kind": kind}
        for kind in ("CONSENT_REVOKED", "CONSENT_EXPIRED", "CONSENT_TERMINATED", "CONSENT_DECLINED", "RELATIONSHIP_REMOVED")
    },
    ("cancellation", "UNKNOWN of a partner"): TOLD | CANCEL | {"partner_tenant_id": "p", "kind": "UNKNOWN"},
}


def test_the_table_above_has_every_kind() -> None:
    for topic, kinds in (
        ("subscription-purchased", symbols.PurchaseKind),
        ("consent-granted", symbols.ConsentKind),
        ("cancellation", symbols.CancellationKind),
        ("subscription-transfer", symbols.TransferKind),
    ):
        assert set(kinds.__members__) <= {kind for of, kind in LEAST if of == topic}


@pytest.mark.parametrize(("topic", "kind"), LEAST)
def test_the_least_is_enough_and_nothing_less(topic: str, kind: str | None) -> None:
    least = LEAST[topic, kind]
    event = read_json(topic, least)
    assert decode(topic, encode(topic, event)) == event
    for name in least:
        for not_told in ({}, {name: None}, {name: ""}):
            with pytest.raises(MessageRejected) as refused:
                read_json(topic, {other: value for other, value in least.items() if other != name} | not_told)
            assert refused.value.code is ErrorCode.INVALID
            one_of = {"auto_renew_enabled": "status", "partner_tenant_id": "subscription_id"}
            assert refused.value.field == (one_of[name] if kind in {"auto-renew", "UNKNOWN of a partner"} and name in one_of else name)


@pytest.mark.parametrize(("topic", "kind"), LEAST)
def test_unknown_counts_as_told(topic: str, kind: str | None) -> None:
    least = LEAST[topic, kind]
    for name, value in least.items():
        if name not in {"kind", "occurred_at"} and isinstance(value, str) and value.isupper():
            assert getattr(read_json(topic, least | {name: "SOMETHING_NEW"}), name) == "UNKNOWN"


def gdap(**told: Any) -> ConsentGranted:
    event = read_json("consent-granted", TOLD | CONSENT | {"kind": "GDAP_APPROVED"} | told)
    assert isinstance(event, ConsentGranted)
    assert decode("consent-granted", encode("consent-granted", event)) == event
    return event


@pytest.mark.parametrize("kind", ["GDAP_APPROVED", "GDAP_ACTIVATED", "GDAP_EXTENDED", "GDAP_MICROSOFT_LED"])
@pytest.mark.parametrize("duration", ["P0D", "PT23H59M59S", "P2Y1D", "P731DT1S", "P25M", "180 days", "p180d", "P1.5D", "P", "PT"])
def test_a_gdap_of_another_length_is_refused(kind: str, duration: str) -> None:
    with pytest.raises(MessageRejected) as refused:
        gdap(kind=kind, duration=duration)
    assert (refused.value.code, refused.value.field) == (ErrorCode.INVALID, "duration")


@pytest.mark.parametrize("duration", ["P1D", "PT24H", "P180D", "P24M", "P2Y", "P731D", "P104W"])
def test_a_gdap_of_a_day_to_two_years_is_let_in(duration: str) -> None:
    assert gdap(duration=duration).duration == duration  # 2024 has 366 days: two years from it are 731


def test_two_years_are_counted_from_valid_from_where_it_is_told() -> None:
    assert gdap(duration="P731D", valid_from="2023-06-01T00:00:00Z").duration == "P731D"
    with pytest.raises(MessageRejected, match="duration"):
        gdap(duration="P731D", valid_from="2025-06-01T00:00:00Z")


@pytest.mark.parametrize("kind", ["CONSENT_REQUESTED", "DAP_APPROVED", "MCA_ACCEPTED", "NEW_ONE"])
def test_a_malformed_duration_of_another_kind_is_not_told(kind: str) -> None:
    assert gdap(kind=kind, duration="180 days").duration is None
    assert gdap(kind=kind, duration="P5Y").duration == "P5Y"


def test_other_malformed_durations_are_not_told() -> None:
    assert gdap(auto_extend_duration="P180").auto_extend_duration is None
    assert gdap(auto_extend_duration="PT0S").auto_extend_duration == "PT0S"
    event = read_json("subscription-purchased", TOLD | {"subscription_id": "s", "kind": "RENEWED", "term_duration": "1 year"})
    assert isinstance(event, SubscriptionPurchased)
    assert event.term_duration is None


def test_ids_are_lower_cased_and_countries_upper_cased_in_both_forms() -> None:
    event = gdap(
        event_id="AB-1", customer_tenant_id="C-Ü", consent_id="X", partner_country="pl", customer_country="cz", gdap_roles=["AA", ""]
    )
    assert (event.event_id, event.customer_tenant_id, event.consent_id, event.gdap_roles) == ("ab-1", "c-ü", "x", ("aa",))
    assert (event.partner_country, event.customer_country) == ("PL", "CZ")


def test_texts_as_sent_are_not_touched() -> None:
    event = read_json("cancellation", LEAST["cancellation", "CONSENT_REVOKED"] | {"reason": "Changed ITS mind", "source_system": "CRM"})
    assert (getattr(event, "reason", None), getattr(event, "source_system", None)) == ("Changed ITS mind", "CRM")


MINUTE = 60_000_000


def test_a_key_in_another_spelling_is_another_key() -> None:
    event = gdap(customer_tenant_id="ABC")
    check_record(event, b"abc", None, 0)
    for key in (b"ABC", b"", b"abc ", b"\xff", None):
        with pytest.raises(MessageRejected) as refused:
            check_record(event, key, None, 0)
        assert (refused.value.code, refused.value.field) == (ErrorCode.KEY_MISMATCH, "customer_tenant_id")


def test_a_clock_may_be_ahead_by_the_tolerance_and_no_microsecond_more() -> None:
    event = gdap()
    check_record(event, b"c", event.occurred_at - 5 * MINUTE, 5 * MINUTE)
    check_record(event, b"c", None, 0)
    with pytest.raises(MessageRejected) as refused:
        check_record(event, b"c", event.occurred_at - 5 * MINUTE - 1, 5 * MINUTE)
    assert (refused.value.code, refused.value.field) == (ErrorCode.CLOCK_AHEAD, "occurred_at")
    assert "2024-01-01T00:00:00Z is 300 s later than the record's timestamp; 300 s are tolerated" in refused.value.text
