"""Does a comparison find what policy.md says must differ, count it as it says, and nothing else? Expectations derived by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from processors.audit.comparing import Difference, Report, Side, compare
from processors.audit.drafts import read_draft
from processors.audit.scenario import Scenario, ScenarioError
from processors.core.conclusions import Outcome, Reason
from processors.core.policy import CLOUDS, Policy, released
from processors.core.replay import canonical_replay
from tests.audit.telling import NAMES, at, compared, policy_of, told, until_of
from tests.reference.core_replay import caused
from tests.reference.drawing import Case
from tests.reference.histories import history
from tests.reference.instants import read_instant
from tests.reference.weights import THEMES

SHIPPED = Policy.shipped()


def changes_of(differences: tuple[Difference, ...]) -> Counter[tuple[str, str]]:
    return Counter(difference.change for difference in differences)


@pytest.mark.parametrize("name", NAMES)
def test_a_story_compared_with_itself_has_no_difference(name: str) -> None:
    events, report = tuple(told(name)), Report()
    policy = policy_of(name)
    again = Policy(released(None)) if len(policy.versions) == 6 else Policy(tuple(released(policy.versions[-1].effective_from)))
    for found in compare(Side(events, policy), Side(events, again), until_of(name), report):
        assert (found.at_end, found.over_time) == ((), ())
    assert report.first is None
    assert report.decisions[0] == report.decisions[1] > 0


def test_without_the_longer_window_the_orders_of_that_week_keep_72_hours() -> None:
    """2022-03-19 reopens the window of 2022-03-13T10:00 until the 20th, moves the end of 2022-03-12T00:00's, leaves 2022-03-11's."""
    found, report = compared("05", Scenario(without=("2022-03b",)))
    assert report.first is not None
    assert report.first.since == at("2022-03-19T00:00:00Z")
    # two orders, the any-partner and the partner with the relationship; the seller's own answer has no window
    assert changes_of(found.at_end) == {("SWITCH_REFUSED", "SWITCH_REFUSED"): 4}
    # at the 19th four answers part; the later order's window closes on the 20th at 10:00 on the one side only: two decide anew
    assert [difference.since for difference in found.over_time] == 4 * [at("2022-03-19T00:00:00Z")] + 2 * [at("2022-03-20T10:00:00Z")]
    assert {difference.differing for difference in found.over_time[4:]} == {("cancellation_allowed_until",)}
    ends = {difference.other.answer.cancellation_allowed_until for difference in found.at_end if difference.other}
    assert ends == {at("2022-03-15T00:00:00Z"), at("2022-03-16T10:00:00Z")}


def test_moving_the_azure_plan_transfer_differs_between_the_two_dates_and_no_longer() -> None:
    """Azure plan transfers begin on 2020-09-30; a month later, two pairs read D5 for that month and D7 after it."""
    found, report = compared("07", Scenario(moves=(("2020-09b", at("2020-10-30T00:00:00Z")),)), until=at("2020-12-31T00:00:00Z"))
    assert found.at_end == ()
    assert changes_of(found.over_time) == {("TRANSFER_AVAILABLE", "SWITCH_REFUSED"): 2}
    assert {difference.since for difference in found.over_time} == {at("2020-09-30T00:00:00Z")}
    assert {(each.actual.rule, each.other.rule) for each in found.over_time if each.actual and each.other} == {("D7", "D5")}
    # each side made one decision for each of the two pairs, on its own day
    assert report.decisions == [5, 5]


def test_without_licence_transfers_an_unknown_platform_is_refused_as_before() -> None:
    """From 2024-06-01 on B5 asks for the platform; without 2024-Q2 B10 goes on refusing. The seller's own answers do not change."""
    found, report = compared("57", Scenario(without=("2024-Q2",)))
    assert changes_of(found.at_end) == changes_of(found.over_time) == {("FACTS_INCOMPLETE", "SWITCH_REFUSED"): 4}
    assert report.at_end.customers_in_all == 1
    assert {difference.since for difference in found.at_end} == {at("2024-06-01T00:00:00Z")}


def test_without_the_end_of_dap_by_relationship_the_later_relationship_gives_access() -> None:
    """2023-10a stops a relationship from carrying DAP: the one of 2023-11-15 is K8 as it is, K3 without the version."""
    found, _ = compared("08", Scenario(without=("2023-10a",)), until=at("2023-12-01T00:00:00Z"))
    assert changes_of(found.at_end) == {("CONSENT_REQUIRED", "CONSENT_REQUIRED"): 1, ("CONSENT_REQUIRED", "SUPPORT_AUTHORIZED"): 1}
    asked = next(difference for difference in found.at_end if difference.partner_tenant_id is None)
    assert (asked.since, asked.differing) == (at("2023-10-09T00:00:00Z"), ("next_steps",))
    given = next(difference for difference in found.at_end if difference.partner_tenant_id is not None)
    assert given.since == at("2023-11-15T09:00:00Z")


def test_as_under_a_version_it_holds_at_every_instant_with_all_that_came_before_it() -> None:
    """Under 2024-Q2 an Azure plan could be transferred in August 2020 already (D7); before the first version the first one is applied."""
    policy = Scenario(as_under="2024-Q2").policy(released())
    days = ("2020-06-16T23:59:59Z", "2020-06-17T00:00:00Z", "2030-01-01T00:00:00Z")
    assert [policy.version_at(at(day)).name for day in days] == ["2020-06", "2024-Q2", "2024-Q2"]
    assert policy.window_length(at("2020-07-01T00:00:00Z"), at("2020-07-01T00:00:00Z"))[0] == 24 * 3_600_000_000
    assert policy.window_length(at("2022-04-01T00:00:00Z"), at("2022-04-01T00:00:00Z"))[0] == 168 * 3_600_000_000
    found, _ = compared("07", Scenario(as_under="2024-Q2"), until=at("2020-08-15T09:00:00Z"))
    assert changes_of(found.over_time) == {("SWITCH_REFUSED", "TRANSFER_AVAILABLE"): 2}
    earliest = Scenario(as_under="2020-06").policy(released())
    assert [version.name for version in earliest.versions] == ["2020-06"]


def test_a_draft_decides_from_its_day_on() -> None:
    """The window of three days for the later order of story 05 becomes ten days on 2022-03-21, which reopens it until the 23rd."""
    window = 'window_added = { length = "P10D", terms_from = 2022-03-13T00:00:00Z }'
    head = '[[version]]\nname = "draft"\neffective_from = 2022-03-21T00:00:00Z\n'
    draft = read_draft(f"{head}changes.{window}", "draft.toml")
    found, report = compared("05", Scenario(draft=draft), until=at("2022-03-22T00:00:00Z"))
    assert report.first is not None and report.first.since == at("2022-03-21T00:00:00Z")
    assert len(found.at_end) == 2  # only the order of the 13th: the any-partner and the partner with the relationship
    for difference in found.at_end:
        assert difference.other is not None and difference.actual is not None
        assert Reason.CANCELLATION_WINDOW_OPEN in difference.other.answer.reasons
        assert Reason.CANCELLATION_WINDOW_CLOSED in difference.actual.answer.reasons
        assert difference.other.answer.cancellation_allowed_until == at("2022-03-23T10:00:00Z")
        assert difference.other.policy_version == "draft"


def test_a_cloud_of_a_draft_is_decided_by_its_switches() -> None:
    draft = read_draft("[clouds.PUBLIC]\ncovered = false\n", "draft.toml")
    found, _ = compared("01", Scenario(draft=draft))
    assert {change[1] for change in changes_of(found.at_end)} == {"NOT_APPLICABLE"}
    assert draft.clouds[next(iter(CLOUDS))] != next(iter(CLOUDS.values()))


def test_a_supposed_event_takes_its_place_by_its_own_time() -> None:
    """Story 01 again, where the consent that is taken back in January 2021 is never taken back: its last event is only supposed."""
    events = told("01")
    assert len(events) == 3
    report = Report()
    sides = Side(tuple(events[:2]), SHIPPED), Side((*events[:2], events[2]), SHIPPED)
    [found] = compare(*sides, until_of("01"), report)
    assert changes_of(found.at_end) == {("SUPPORT_AUTHORIZED", "CONSENT_REQUIRED"): 1}
    assert report.first is not None and report.first.since == events[2][0].occurred_at
    turned = Report()
    list(compare(sides[1], sides[0], until_of("01"), turned))
    assert turned.at_end.differences == {("CONSENT_REQUIRED", "SUPPORT_AUTHORIZED"): 1}, (
        "seen from the other side it is the other way round"
    )


def test_a_pair_that_one_side_does_not_know_is_a_difference_from_or_to_nothing() -> None:
    events = told("01")
    report = Report()
    [found] = compare(Side((), SHIPPED), Side(tuple(events), SHIPPED), until_of("01"), report)
    assert {change[0] for change in changes_of(found.at_end)} == {"-"}
    assert len(found.at_end) == 2
    assert all(len(difference.differing) == 11 for difference in found.at_end)


@pytest.mark.parametrize(
    ("scenario", "complaint"),
    [
        (Scenario(without=("2020-06",)), "'2020-06' is the first one"),
        (Scenario(without=("2024-Q1",)), "there is no version '2024-Q1'; did you mean '2024-Q2'?"),
        (Scenario(moves=(("9", 0),)), "there is no version '9'; there are 2020-06, 2020-09b"),
        (Scenario(moves=(("2021-07", 0),)), "2021-07 must not begin before the first one, 2020-06"),
        (Scenario(as_under="none"), "there is no version 'none'"),
        (Scenario(without=("2021-07",), as_under="2021-07"), "there is no version '2021-07'"),
    ],
)
def test_what_cannot_be_a_policy_is_said_with_the_version(scenario: Scenario, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario.policy(released())
    assert complaint in str(refused.value)


def sides_of(case: Case) -> tuple[tuple[object, ...], int]:
    events = tuple(map(caused, case.events))
    last = max(event.occurred_at for event, _ in events)
    return events, last if case.until is None else read_instant(case.until)


@pytest.mark.parametrize("theme", THEMES)
def test_a_random_history_compared_with_itself_has_no_difference_and_with_another_policy_what_replay_says(theme: str) -> None:
    """The law: at the end two sides differ in exactly the pairs whose last answers differ, over time whenever one decides otherwise."""
    scenario = Scenario(without=("2021-10", "2023-10a"), moves=(("2024-Q2", at("2022-01-01T00:00:00Z")),))
    other = scenario.policy(released())
    differing = 0
    for seed in range(40_000, 40_012):
        case = history(seed, theme)
        events, until = tuple(map(caused, case.events)), sides_of(case)[1]
        same = Report()
        for found in compare(Side(events, SHIPPED), Side(events, Policy.shipped()), until, same):
            assert (found.at_end, found.over_time) == ((), ()), case.name
        report = Report()
        compared_all = list(compare(Side(events, SHIPPED), Side(events, other), until, report))
        last = [
            {
                (each.customer_tenant_id, each.subscription_id, each.partner_tenant_id): each
                for each in canonical_replay(events, policy, until)
            }
            for policy in (SHIPPED, other)
        ]
        wanted = {pair for pair in last[0] if last[0][pair].answer != last[1][pair].answer}
        found_pairs = {
            (each.customer_tenant_id, each.subscription_id, each.partner_tenant_id) for found in compared_all for each in found.at_end
        }
        assert found_pairs == wanted, case.name
        assert (report.first is None) == (not any(found.over_time for found in compared_all))
        for found in compared_all:
            over_time = {(each.subscription_id, each.partner_tenant_id) for each in found.over_time}
            assert {(each.subscription_id, each.partner_tenant_id) for each in found.at_end} <= over_time, "what differs began to"
            assert all(each.actual is None or each.other is None or each.actual.answer != each.other.answer for each in found.over_time)
        differing += bool(wanted)
    if theme in {"licences", "consents"}:
        assert differing, "the other policy must be able to make a difference"


def test_the_matrix_counts_differences_and_customers() -> None:
    report = Report()
    events = (*told("57"), *told("48"))
    until = at("2024-11-01T09:00:00Z")
    list(compare(Side(events, SHIPPED), Side(events, Scenario(without=("2024-Q2",)).policy(released())), until, report))
    assert (report.customers, report.at_end.customers_in_all) == (2, 2)
    assert report.at_end.differences[Outcome.FACTS_INCOMPLETE, Outcome.SWITCH_REFUSED] == 4
    assert report.at_end.customers[Outcome.FACTS_INCOMPLETE, Outcome.SWITCH_REFUSED] == 1
