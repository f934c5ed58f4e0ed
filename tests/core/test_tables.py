"""Are the tables total and without dead rows? A walk through the space of discrete facts (about 5 s); `-s` prints the coverage by row."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import TypeVar

from processors.core.case import Between, Case, PartnerVector
from processors.core.conclusions import ConsentPosition, NextStepCode, Reason, SupportAccess
from processors.core.conditions import OTHERWISE
from processors.core.order import E14, ORDER, deciding_row
from processors.core.outlines import CSP, LICENCE, USAGE
from processors.core.policy import CLOUDS
from processors.core.positions import POSITIONS, Ask, ConsentVector
from processors.core.rows import Row
from processors.core.subscriptions import SubscriptionVector
from processors.core.symbols import AcquisitionChannel, AzureOffer, Cloud, CommercePlatform, PartnerType, ServiceType, TransferKind
from processors.core.tables_azure import TABLE_C, TABLE_D
from processors.core.tables_licences import TABLE_A, TABLE_B
from processors.core.terms import ENDED, TermState, Window
from processors.core.verdict import decide

Fact = TypeVar("Fact")
ROWS = (*ORDER, *TABLE_A, *TABLE_B, *TABLE_C, *TABLE_D)
CASES = 40_000
BOTH = (False, True)


def mostly(source: random.Random, usual: tuple[Fact, ...], seldom: tuple[Fact, ...]) -> Fact:
    return source.choice(usual if source.random() < 0.95 else seldom)


def subscription(source: random.Random) -> SubscriptionVector:
    service = mostly(source, (LICENCE, LICENCE, USAGE, USAGE, ServiceType.OTHER), (ServiceType.UNKNOWN, None))
    channel = mostly(source, (CSP, CSP, CSP, CSP, *AcquisitionChannel), (AcquisitionChannel.UNKNOWN, None))
    cloud = mostly(source, (Cloud.PUBLIC, Cloud.PUBLIC, Cloud.US_GOVERNMENT), (*Cloud, None))
    state = mostly(source, tuple(state for state in TermState if state is not TermState.UNKNOWN), (TermState.UNKNOWN,))
    missing = {
        name for name, told in (("service_type", service), ("acquisition_channel", channel), ("cloud", cloud)) if told in {None, "UNKNOWN"}
    }
    if state is TermState.UNKNOWN:
        missing.add("status")
    if channel is CSP and source.random() < 0.1:
        missing.add("seller_partner_tenant_id")
    if source.random() < 0.05:
        missing.add(source.choice(("kind", "cancellation_status")))
    return SubscriptionVector(
        succeeded=source.random() < 0.1,
        missing=tuple(sorted(missing)),
        service=service,
        channel=channel,
        cloud=cloud,
        state=state,
        ended=state in ENDED or (service is USAGE and state is TermState.ENDED_GRACE),
        obtained_by_transfer=source.choice(BOTH),
        before_first_policy=source.random() < 0.1,
        trial=source.random() < 0.2,
        platform=source.choice((*CommercePlatform, CommercePlatform.NEW_COMMERCE, None)),
        window=source.choice(tuple(Window)),
        request_refused=source.choice(BOTH),
        auto_renew=source.choice((None, *BOTH)),
        renewed=source.choice(BOTH),
        end_ahead=source.choice(BOTH),
        licence_transfer=source.choice(BOTH),
        azure_offer=source.choice((*AzureOffer, None)),
        azure_plan_transfer=source.choice(BOTH),
        legacy_azure_by_tool=source.choice(BOTH),
        azure_plan_needed=source.choice(BOTH),
        services_cancelled=source.choice(BOTH),
        replaced=source.choice(BOTH),
    )


def partner(source: random.Random) -> PartnerVector:
    position = source.choice((*ConsentPosition, ConsentPosition.K3))
    reasons = {row.position: row.reason if isinstance(row.reason, Reason) else Reason.CONSENT_REVOKED for row in POSITIONS}
    consent = ConsentVector(
        position=position,
        reason=reasons[position],
        ask=source.choice(tuple(Ask)),
        request=source.choice((NextStepCode.REQUEST_GDAP, NextStepCode.REQUEST_DELEGATED_ADMIN)),
        relationship_requested=source.choice(BOTH),
        relationship_live=source.choice(BOTH),
        conflicting=source.random() < 0.1,
        granter_unknown=source.choice(BOTH),
        mca_accepted=source.choice((None, *BOTH)),
    )
    return PartnerVector(
        consent=consent,
        any_partner=source.random() < 0.1,
        partner_type=source.choice((*PartnerType, None)),
        related=source.choice(BOTH),
        provider_related=source.choice(BOTH),
        customer_is_csp_tenant=source.random() < 0.1,
        is_customer_itself=source.random() < 0.1,
        out_of_market=source.random() < 0.1,
        countries_differ=source.choice(BOTH),
    )


def case(source: random.Random) -> Case:
    facts = subscription(source)
    is_seller = source.random() < 0.15
    between = Between(
        is_seller=is_seller,
        made_seller_by_transfer=is_seller and source.choice(BOTH),
        is_holder=source.choice(BOTH),
        provider_is_seller=not is_seller and source.random() < 0.3,
        transfer_unreadable=source.random() < 0.05,
        transfer_running=source.choice((None, None, None, TransferKind.REQUESTED, TransferKind.ACCEPTED)),
        last_ended_transfer=source.choice((None, Reason.TRANSFER_FAILED)),
        other_transfer_runs=source.choice(BOTH),
        replaced_by_partner=source.choice(BOTH),
    )
    switches = CLOUDS.get(facts.cloud or Cloud.UNKNOWN)
    return Case(
        facts,
        partner(source),
        between,
        manual_review_in_cloud=switches is not None and switches.manual_review is True,
        covered=switches is not None and switches.covered,
        transfer_tool_in_cloud=switches is not None and switches.transfer_tool is True,
        own_azure_without_admin_consent=switches is not None and switches.own_azure_without_admin_consent is True,
    )


def test_some_row_always_matches_and_every_row_is_reached() -> None:
    source = random.Random(9)
    reached: Counter[str] = Counter()
    for _ in range(CASES):
        met = case(source)
        decided = decide(met)
        reached[decided.rule] += 1
        verdict = decided.verdict
        assert len(set(verdict.reasons)) == len(verdict.reasons)
        assert bool(verdict.missing) == (verdict.outcome == "FACTS_INCOMPLETE")
        assert verdict.manual_review == any(step.code is NextStepCode.MANUAL_REVIEW for step in verdict.steps)
        needed = {SupportAccess.AUTHORIZED, SupportAccess.CONSENT_REQUIRED, SupportAccess.AUTHORIZED_OWN_AZURE_ONLY}
        assert (decided.position is not None) == (verdict.access in needed)
        if verdict.access is SupportAccess.AUTHORIZED:
            assert met.partner.consent.position is ConsentPosition.K3
    for row in ROWS:
        print(f"{row.id:4} {reached[row.id]:7}  {row.when.name}")
    assert [row.id for row in ROWS if reached[row.id] == 0] == []


def test_a_row_that_nothing_reaches_would_be_seen() -> None:
    """The walk above is checked itself: behind a row that takes everything the next one starves."""
    source = random.Random(9)
    starved = (TABLE_A[-1], *TABLE_A)
    reached = Counter(next(row.id for row in starved if row.when.holds(case(source))) for _ in range(2_000))
    assert reached["A1"] == 0


def test_each_table_ends_with_a_row_that_takes_the_rest() -> None:
    for _, table in E14:
        assert table[-1].when is OTHERWISE
    assert {tuple(row.id for row in table) for _, table in E14} == {
        tuple(row.id for row in table) for table in (TABLE_A, TABLE_B, TABLE_C, TABLE_D)
    }


def test_after_the_order_of_evaluation_only_licences_and_azure_are_left() -> None:
    source = random.Random(3)
    for _ in range(20_000):
        met = case(source)
        if deciding_row(met) not in ORDER:
            assert met.subscription.service in {LICENCE, USAGE}


def test_the_rows_are_those_of_the_document_in_its_order() -> None:
    expected = """E1 E2 E3 E4 E5 E6 E6a E7 E7a E8 E9 E10 E10a E11 E12 E13 A1 A2 A3 A4 A5 A6
        B1 B2 B3 B4 B5 B6 B7 B7a B8 B9 B10 C1 C2 C3 C4 C5 D1 D2 D3 D4 D5 D6 D7 D8 D9 D10"""
    assert [row.id for row in ROWS] == expected.split()


def test_every_row_says_its_condition_in_words() -> None:
    for row in ROWS:
        assert isinstance(row, Row)
        assert re.fullmatch(r"[\w ,()='-]+", row.when.name), row.id


def test_reasons_stand_in_the_order_of_the_document() -> None:
    first_of_each_kind = [Reason.APPLICABLE_DIRECT, Reason.OWN_SALE]
    places = {reason: place for place, reason in enumerate(Reason)}
    assert [places[reason] for reason in first_of_each_kind] == [0, 41]
    assert (places[Reason.BEFORE_FIRST_POLICY], len(Reason)) == (40, 63)
