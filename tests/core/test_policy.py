"""Is every version what was released, on both sides of its date, and can one be added in one place?"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from processors.core.calendar import HOUR
from processors.core.conclusions import NextStepCode, Reason
from processors.core.events import SubscriptionPurchased
from processors.core.policy import CHANGES, FOREVER, Change, Dated, Policy, WindowLength
from processors.core.replay import BY_ITSELF, canonical_replay
from processors.core.symbols import AcquisitionChannel, Cloud, CommercePlatform, EvidenceLevel, PurchaseKind, ServiceType, Status
from tests.core.plain import instant

SHIPPED = Policy.shipped()
RELEASED = {
    "2020-06": "bc1287e34bd9c625",
    "2020-09b": "9826011471d0b09f",
    "2021-07": "8eabb62e2f46bcea",
    "2021-10": "f20ccdd2ef9d0207",
    "2022-03b": "54a4d7b156b0bb11",
    "2023-10a": "8de0df6fee27b138",
    "2024-Q2": "8ec909193de780a8",
}
SPOKEN = {True: "yes", False: "no", NextStepCode.REQUEST_DELEGATED_ADMIN: "DAP", NextStepCode.REQUEST_GDAP: "GDAP"}
VALUES = {
    "azure_plan_transfer": "no yes yes yes yes yes yes",
    "legacy_azure_by_tool": "no no yes yes yes yes yes",
    "azure_plan_needed": "no no yes yes yes yes yes",
    "relationship_carries_dap": "yes yes yes yes yes no no",
    "request": "DAP DAP DAP DAP DAP GDAP GDAP",
    "licence_transfer": "no no no no no no yes",
    "gdap_valid_for_ea": "yes yes yes yes yes yes no",
}
STARTS = {
    "2020-06": "2020-06-17T00:00:00Z",
    "2020-09b": "2020-09-30T00:00:00Z",
    "2021-07": "2021-07-21T00:00:00Z",
    "2021-10": "2021-10-14T00:00:00Z",
    "2022-03b": "2022-03-19T00:00:00Z",
    "2023-10a": "2023-10-09T00:00:00Z",
    "2024-Q2": "2024-06-01T00:00:00Z",
}


def digests(policy: Policy) -> dict[str, str]:
    return {
        version.name: hashlib.sha256(f"{version.effective_from} {version.values!r}".encode()).hexdigest()[:16]
        for version in policy.versions
    }


def test_released_versions_are_frozen() -> None:
    """A released version is never edited: what you want is a new one (docs/adding-a-policy-version.md)."""
    assert digests(SHIPPED) == RELEASED


def test_an_edited_version_would_be_seen() -> None:
    edited = (*CHANGES[:1], Change("2020-09b", CHANGES[1].effective_from, {"azure_plan_needed": True}), *CHANGES[2:])
    assert digests(Policy(edited)) != RELEASED
    assert Policy(edited).fingerprint != SHIPPED.fingerprint


@pytest.mark.parametrize("name", VALUES)
def test_the_values_are_those_of_the_table_on_both_sides_of_every_date(name: str) -> None:
    expected = dict(zip(STARTS, VALUES[name].split(), strict=True))
    dated: Dated[object] = getattr(SHIPPED, name)
    before = expected["2020-06"]
    for version, start in STARTS.items():
        begins = instant(start)
        value, until = dated.at(begins - 1)
        assert SPOKEN[value] == before
        assert until >= begins
        value, until = dated.at(begins)
        assert SPOKEN[value] == expected[version]
        assert until > begins
        before = expected[version]


def test_a_version_is_in_force_from_its_first_microsecond_and_the_first_one_before_all() -> None:
    before = "2020-06"
    for version, start in STARTS.items():
        assert SHIPPED.version_at(instant(start) - 1).name == before
        assert SHIPPED.version_at(instant(start)).name == version
        before = version
    assert SHIPPED.before_first.at(instant(STARTS["2020-06"]) - 1) == (True, instant(STARTS["2020-06"]))
    assert SHIPPED.before_first.at(instant(STARTS["2020-06"])) == (False, FOREVER)


@pytest.mark.parametrize(
    ("term_start", "asked", "hours", "until"),
    [
        ("2019-01-01T00:00:00Z", "2019-01-02T00:00:00Z", 24, "never"),
        ("2021-10-13T23:59:59.999999Z", "2023-01-01T00:00:00Z", 24, "never"),
        ("2021-10-14T00:00:00Z", "2021-10-14T00:00:00Z", 72, "never"),
        ("2022-03-11T23:59:59.999999Z", "2022-03-19T00:00:00Z", 72, "never"),
        ("2022-03-12T00:00:00Z", "2022-03-18T23:59:59.999999Z", 72, "2022-03-19T00:00:00Z"),
        ("2022-03-12T00:00:00Z", "2022-03-19T00:00:00Z", 168, "never"),
    ],
)
def test_the_window_is_the_last_one_that_has_begun_for_terms_of_that_start(term_start: str, asked: str, hours: int, until: str) -> None:
    expected = hours * HOUR, FOREVER if until == "never" else instant(until)
    assert SHIPPED.window_length(instant(term_start), instant(asked)) == expected


def test_licence_transfers_begin_when_told_or_not_at_all() -> None:
    moved = Policy.shipped(instant("2024-04-01T00:00:00Z"))
    assert moved.licence_transfer.at(instant("2024-04-01T00:00:00Z")) == (True, FOREVER)
    off = Policy.shipped(None)
    assert off.licence_transfer.at(instant("2030-01-01T00:00:00Z")) == (False, FOREVER)
    assert off.version_at(instant("2030-01-01T00:00:00Z")).name == "2023-10a"
    assert len({moved.fingerprint, off.fingerprint, SHIPPED.fingerprint}) == 3


def test_no_version_may_begin_before_the_first_one() -> None:
    with pytest.raises(ValueError, match="2024-Q2 must not begin before the first one, 2020-06"):
        Policy.shipped(instant("2020-01-01T00:00:00Z"))


def test_consent_is_read_as_in_public_where_the_cloud_has_a_dash_or_is_not_known() -> None:
    read = {cloud: SHIPPED.consent_cloud(cloud) for cloud in (*Cloud, None)}
    assert read.pop(Cloud.US_GOVERNMENT) is Cloud.US_GOVERNMENT
    assert set(read.values()) == {Cloud.PUBLIC}


def documented_version() -> Change:
    """The made-up version of docs/adding-a-policy-version.md, read from the document itself."""
    text = (Path(__file__).parent.parent.parent / "docs" / "adding-a-policy-version.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(Change\(.*?\n\))\n```", text, re.DOTALL)
    assert found is not None
    names = {
        "Change": Change,
        "WindowLength": WindowLength,
        "HOUR": HOUR,
        "_utc": lambda *day: instant("{:04}-{:02}-{:02}T00:00:00Z".format(*day)),
    }
    made: Change = eval(found[1], names)
    return made


def test_the_version_that_the_document_adds_decides_from_its_day_on() -> None:
    added = documented_version()
    policy = Policy((*CHANGES, added))
    bought = SubscriptionPurchased(
        event_id="e1",
        occurred_at=added.effective_from - 96 * HOUR,
        customer_tenant_id="c1",
        source_system="test",
        evidence_level=EvidenceLevel.DOCUMENT,
        kind=PurchaseKind.NEW_PURCHASE,
        subscription_id="s1",
        cloud=Cloud.PUBLIC,
        service_type=ServiceType.LICENSE_BASED,
        acquisition_channel=AcquisitionChannel.CSP,
        commerce_platform=CommercePlatform.NEW_COMMERCE,
        seller_partner_tenant_id="p1",
        status=Status.SUSPENDED,
        term_duration="P1Y",
    )
    later = added.effective_from + 500 * HOUR
    decisions = [decision for decision in canonical_replay([(bought, BY_ITSELF)], policy, later) if decision.partner_tenant_id is None]
    closes = bought.occurred_at + 240 * HOUR
    assert [(decision.policy_version, decision.as_of) for decision in decisions] == [
        ("2024-Q2", bought.occurred_at),
        (added.name, added.effective_from),
        (added.name, closes),
    ]
    assert decisions[1].answer.cancellation_allowed_until == closes
    assert Reason.CANCELLATION_WINDOW_OPEN in decisions[1].answer.reasons
    assert Reason.CANCELLATION_WINDOW_CLOSED in decisions[2].answer.reasons
    assert digests(policy).items() >= digests(SHIPPED).items()
