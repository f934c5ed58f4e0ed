"""Is every story told whole, in every language, truly, and in words that a person reads?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processors.audit.entries import Entry, Record
from processors.audit.story import Asked, Explained, NotKnownError, Seen, Story, from_events, from_journal, tell
from processors.audit.story_json import story_object
from processors.audit.story_text import WIDTH, story_lines
from processors.codec import encode
from processors.contract import Disposition, JournalEntry
from processors.core.conclusions import Outcome, SupportAccess
from processors.core.decisions import Decision
from processors.core.policy import Policy
from processors.core.replay import canonical_replay
from processors.words.instants import instant_text
from processors.words.phrases import Phrase
from processors.words.vocabulary import vocabularies
from processors.words.worded import Lever, Rule
from tests.audit.telling import NAMES, Told, at, options_of, policy_of, told, until_of
from tests.reference.core_replay import caused
from tests.reference.histories import history

GOLDEN = Path(__file__).parent / "golden"
TAGS = sorted(vocabularies())
CODE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z_0-9]+\b|\b[a-z]+_[a-z_]+\b|[{}]|\bNone\b|\bTrue\b|\bFalse\b|\bPT?\d+[YMDH]\b")
FIELD_NAME = re.compile(r"[(（](?:(?:field|pole|fältet|字段) [a-z_]+|[a-z_]+ mező)[)）]")


def customers_of(name: str) -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = {}
    for event, cause in told(name):
        found.setdefault(event.customer_tenant_id, []).append((event, cause))
    return found


def stories_of(name: str, asked: Asked = Asked()) -> list[Story]:  # noqa: B008 - frozen
    policy, until = policy_of(name), until_of(name)
    return [tell(from_events(events, policy, until), policy, asked) for events in customers_of(name).values()]


def text_of(story: Story, tag: str) -> str:
    return "".join(f"{line}\n" for line in story_lines(story, vocabularies()[tag]))


def raw_codes(text: str) -> list[str]:
    return CODE.findall(FIELD_NAME.sub("", text))


@pytest.mark.parametrize("name", NAMES)
def test_every_story_is_told_in_every_language_without_a_gap_and_without_a_code(name: str) -> None:
    for story in stories_of(name):
        for tag in TAGS:
            text, words = text_of(story, tag), vocabularies()[tag]
            assert raw_codes(text) == [], tag
            assert "\n\n\n" not in text
            for explained in story.explained:
                decision = explained.decision
                wanted = [words.text(decision.answer.outcome), words.text(Rule(decision.rule)), decision.decision_id]
                wanted += [words.text(reason) for reason in decision.answer.reasons]
                wanted += [words.text(step.code) for step in decision.answer.next_steps]
                wanted += [words.text(supposed.lever) for supposed in explained.supposed or ()]
                wanted += [instant_text(words, explained.ahead.at)] if explained.ahead else []
                assert [each for each in wanted if each not in text] == []


def test_the_look_for_codes_can_fail() -> None:
    assert raw_codes("the answer is CONSENT_REQUIRED") == ["CONSENT_REQUIRED"]
    assert raw_codes("Period: P1Y") == ["P1Y"]
    assert raw_codes("partner_type is missing") == ["partner_type"]
    assert raw_codes("Kind of partner (field partner_type)") == []


@pytest.mark.parametrize("name", NAMES)
def test_every_decision_of_a_story_can_be_asked_for_and_says_what_replaced_it(name: str) -> None:
    policy, until = policy_of(name), until_of(name)
    for number, events in enumerate(customers_of(name).values()):
        chains: dict[tuple[str, str | None], list[Decision]] = {}
        for decision in canonical_replay(events, policy, until):
            chains.setdefault((decision.subscription_id, decision.partner_tenant_id), []).append(decision)
        for chain in chains.values():
            for place, decision in enumerate(chain):
                story = tell(from_events(events, policy, until), policy, Asked(decision_id=decision.decision_id))
                [found] = story.explained
                assert (found.decision, list(found.earlier)) == (decision, chain[:place])
                assert found.replaced_by == (chain[place + 1] if place + 1 < len(chain) else None)
                # what lies ahead is told as it looked then
                assert (found.ahead.at if found.ahead else None) == decision.review_at
                assert raw_codes(text_of(story, TAGS[(number + place) % len(TAGS)])) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_time_changes_is_what_replay_decides_then(name: str) -> None:
    policy = policy_of(name)
    for story, events in zip(stories_of(name), customers_of(name).values(), strict=True):
        for explained in story.explained:
            check_ahead(explained, events, policy, until_of(name))


def check_ahead(explained: Explained, events: list[Told], policy: Policy, until: int) -> None:
    decision, ahead = explained.decision, explained.ahead
    later = list(canonical_replay(events, policy, at("9990-01-01T00:00:00Z") if ahead is None else ahead.at))
    mine = [
        each
        for each in later
        if (each.subscription_id, each.partner_tenant_id) == (decision.subscription_id, decision.partner_tenant_id) and each.as_of > until
    ]
    if ahead is None:
        assert mine == []
        return
    assert [(each.as_of, each.answer, each.rule, each.policy_version) for each in mine] == [
        (ahead.at, ahead.answer, ahead.rule, ahead.policy_version)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_telling_a_story_changes_nothing_that_is_decided(name: str) -> None:
    policy, until = policy_of(name), until_of(name)
    for story, events in zip(stories_of(name), customers_of(name).values(), strict=True):
        assert [decision for known in story.known for decision in known.decisions] == list(canonical_replay(events, policy, until))


def levers(name: str, partner: str | None, until: str, subscription: str = "") -> dict[Lever, tuple[Outcome, SupportAccess]]:
    """What would change the answer for the one subscription and a partner, by the beginnings of their ids, as of an instant."""
    policy = policy_of(next(each for each in NAMES if each.startswith(name)))
    name = next(each for each in NAMES if each.startswith(name))
    for events in customers_of(name).values():
        if min(event.occurred_at for event, _ in events) > at(until):
            continue
        story = tell(from_events(events, policy, at(until)), policy, Asked())
        for explained in story.explained:
            of = explained.decision
            if of.subscription_id.startswith(subscription) and (of.partner_tenant_id or "-").startswith(partner or "-"):
                assert explained.supposed is not None
                return {each.lever: (each.decision.answer.outcome, each.decision.answer.support_access) for each in explained.supposed}
    raise AssertionError("no such pair")


def test_consent_and_its_end_and_a_cancellation_change_a_licence_bought_from_microsoft() -> None:
    """Table A: A6 becomes A5 with consent and A1 with a cancellation; A5 becomes A6 when the consent ends."""
    closed = (Outcome.CLOSED, SupportAccess.ENDED)
    given = (Outcome.SUPPORT_AUTHORIZED, SupportAccess.AUTHORIZED)
    asked = (Outcome.CONSENT_REQUIRED, SupportAccess.CONSENT_REQUIRED)
    assert levers("01", "1664752b", "2021-12-31T00:00:00Z") == {Lever.PERMISSIONS_GIVEN: given, Lever.CANCELLED: closed}
    assert levers("01", "1664752b", "2020-08-01T00:00:00Z") == {Lever.PERMISSIONS_ENDED: asked, Lever.CANCELLED: closed}
    assert levers("01", None, "2021-12-31T00:00:00Z") == {Lever.CANCELLED: closed}


def test_azure_from_an_agreement_is_recreated_and_then_coexists() -> None:
    """C5 becomes C4 with a new subscription of the partner, C2 where it is cancelled before there is one."""
    found = levers("06", "1664752b", "2021-08-04T00:00:00Z", "a310b7d2")
    assert found[Lever.AZURE_CREATED][0] is Outcome.COEXISTENCE_ACCEPTED
    assert found[Lever.CANCELLED] == (Outcome.CLOSED, SupportAccess.ENDED)


def test_a_running_transfer_is_completed() -> None:
    """E13 becomes E5 when the transfer under its id is completed."""
    assert levers("07", "2c007b98", "2021-08-10T00:00:00Z", "a306cb7f")[Lever.TRANSFERRED][0] is Outcome.TRANSFER_COMPLETED


def test_a_licence_in_term_is_freed_by_a_cancellation_and_its_dates_move_with_a_renewal() -> None:
    found = levers("04", "2c007b98", "2023-05-02T00:00:00Z")
    assert found[Lever.CANCELLED][0] is Outcome.REPURCHASE_ALLOWED
    assert found[Lever.RENEWED] == (Outcome.SWITCH_REFUSED, SupportAccess.AUTHORIZED)
    assert found[Lever.PERMISSIONS_ENDED] == (Outcome.SWITCH_REFUSED, SupportAccess.CONSENT_REQUIRED)


def test_every_lever_moves_something_somewhere() -> None:
    """Over generated histories each kind of supposition changes some answer, and never says that an answer becomes what it is."""
    seen: Counter[Lever] = Counter()
    policy = Policy.shipped()
    for seed in range(700):
        case = history(seed)
        events = list(map(caused, case.events))
        customer = events[0][0].customer_tenant_id
        mine = [(event, cause) for event, cause in events if event.customer_tenant_id == customer]
        until = max(event.occurred_at for event, _ in mine)
        story = tell(from_events(mine, policy, until), policy, Asked())
        for explained in story.explained:
            for supposed in explained.supposed or ():
                assert supposed.decision.answer != explained.decision.answer
                seen[supposed.lever] += 1
        if seed % 20 == 0:
            for tag in TAGS:
                assert raw_codes(text_of(story, tag).replace(mine[0][0].event_id, "")) == [], (seed, tag)
        if set(seen) == set(Lever) and seed > 60:
            return
    raise AssertionError(f"never: {set(Lever) - set(seen)}")


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (Asked(subscription_id="none"), "subscription"),
        (Asked(partner_tenant_id="none"), "partner"),
        (Asked(decision_id="none"), "decision"),
    ],
)
def test_what_is_not_known_is_said_with_what_is(asked: Asked, what: str) -> None:
    with pytest.raises(NotKnownError) as refused:
        stories_of("01-direct-licence-consent-revoked", asked)
    assert (refused.value.what, refused.value.asked) == (what, "none")
    assert refused.value.candidates


def test_without_an_event_there_is_no_story() -> None:
    with pytest.raises(NotKnownError, match="customer"):
        tell((), Policy.shipped(), Asked())


def test_only_what_concerns_the_subscription_and_partner_is_shown_and_the_rest_is_counted() -> None:
    [story] = stories_of("03-two-partners-one-customer", Asked())
    partners = sorted({each.decision.partner_tenant_id for each in story.explained if each.decision.partner_tenant_id})
    [narrow] = stories_of("03-two-partners-one-customer", Asked(partner_tenant_id=partners[0]))
    assert {each.decision.partner_tenant_id for each in narrow.explained} == {partners[0]}
    assert partners[1] not in text_of(narrow, "en")
    left_out = len(narrow.by_number) - len(narrow.shown)
    assert left_out > 0
    assert f"Not shown: events about other subscriptions or partners ({left_out})." in text_of(narrow, "en")
    [anyone] = stories_of("03-two-partners-one-customer", Asked(partner_tenant_id="-"))
    assert {each.decision.partner_tenant_id for each in anyone.explained} == {None}


@pytest.mark.parametrize("tag", TAGS)
def test_facts_stand_on_short_lines(tag: str) -> None:
    for name in NAMES:
        for story in stories_of(name):
            lines = text_of(story, tag).splitlines()
            between = vocabularies()[tag].phrase(Phrase.BETWEEN)
            several = [line for line in lines if line.startswith("   ") and not line.startswith("    ") and between in line]
            assert max(map(len, several)) <= WIDTH


def journal_of(seen: list[Seen]) -> list[Entry]:
    """A journal that a worker of another kind could have written; hashes are of no account here."""
    entries = []
    for number, (step, disposition, decisions) in enumerate((each for each in seen if each.step.event is not None), 1):
        event = step.event
        assert event is not None
        entry = JournalEntry(
            customer_tenant_id=event.customer_tenant_id,
            sequence=number,
            topic=step.cause.topic,
            partition=0,
            offset=number,
            timestamp=None,
            event=encode(step.cause.topic, event),
            disposition=Disposition(disposition.value),
            decision_ids=tuple(decision.decision_id for decision in decisions),
            state_hash=bytes(32),
            core_revision=1,
            policy_fingerprint="",
            previous_hash=bytes(32),
            entry_hash=bytes(32),
        )
        entries.append(Entry(entry, Record("customer-journal", 0, number, None, None, b"", f"entry {number}")))
    return entries


def test_a_journal_is_told_in_its_own_order_with_its_own_answers() -> None:
    policy = Policy.shipped()
    events = told("01")
    late = [events[0], events[2], events[1], events[0]]  # the revocation before the grant; the purchase twice
    steps = [Seen(*each) for each in from_events([events[0]], policy, events[0][0].occurred_at)]
    assert len(steps) == 1
    entries = []
    from processors.core.handle import handle
    from processors.core.replay import Step
    from processors.core.state import CustomerState

    state, made = CustomerState(events[0][0].customer_tenant_id), []
    for event, cause in late:
        handled = handle(state, event, cause, policy)
        made.append(Seen(Step(event, cause, handled, state), handled.disposition, handled.decisions))
    entries = journal_of(made)
    story = tell(from_journal(entries, {}, policy), policy, Asked())
    assert [known.number for known in story.known] == [1, 2, 3, 4]
    text = text_of(story, "en")
    assert "Event 4, 2020-07-01 09:00 UTC: New purchase" in text
    assert "known already, nothing changed" in text
    assert all(explained.reproduced for explained in story.explained)

    # what was published counts; an answer that the same events do not give any more is told, and said so
    last = story.explained[-1].decision
    published = replace(last, answer=replace(last.answer, outcome=Outcome.CLOSED))
    other = tell(from_journal(entries, {last.decision_id: published}, policy), policy, Asked())
    assert other.explained[-1].decision == published
    assert not other.explained[-1].reproduced
    assert "Decided by another revision of the program" in text_of(other, "en")


GOLDEN_STORIES = [
    ("01-direct-licence-consent-revoked", "en"),
    ("01-direct-licence-consent-revoked", "cs"),
    ("01-direct-licence-consent-revoked", "zh-CN"),
    ("05-cancellation-window-reopens", "en"),
    ("57-platform-not-known", "en"),
]


@pytest.mark.parametrize(("name", "tag"), GOLDEN_STORIES)
def test_a_story_reads_like_this(name: str, tag: str) -> None:
    file = GOLDEN / f"{name[:2]}.{tag}.txt"
    assert "\n".join(text_of(story, tag) for story in stories_of(name)) == file.read_text(encoding="utf-8")


KNOWN_NAMES = {"number", "instant", "shown", "topic", "partition", "offset", "disposition", "event", "decision_ids"}
ANSWER_NAMES = {
    *("decision", "in_force", "replaced_by", "replaced_at", "reproduced", "caused_by_event", "evidence_events"),
    *("earlier", "by_time", "otherwise"),
}
PARTS = {
    *("outcome", "support_access", "move_option", "billing_owner", "reasons", "next_steps", "missing_facts", "manual_review"),
    *("eligible_from", "cancellation_allowed_until", "consent_valid_until"),
}


@pytest.mark.parametrize("name", NAMES)
def test_as_json_the_names_are_these_and_the_codes_are_as_they_are(name: str) -> None:
    for story in stories_of(name):
        told_json: dict[str, Any] = story_object(story)
        assert list(told_json) == ["customer_tenant_id", "as_of", "policy_versions", "known", "answers"]
        assert all(set(known) == KNOWN_NAMES for known in told_json["known"])
        numbers = [known["number"] for known in told_json["known"] if known["number"] is not None]
        assert numbers == list(range(1, len(numbers) + 1))
        for answer, explained in zip(told_json["answers"], story.explained, strict=True):
            assert set(answer) == ANSWER_NAMES
            assert answer["decision"]["outcome"] == explained.decision.answer.outcome.value
            assert len(answer["evidence_events"]) == len(answer["decision"]["evidence"])
            if answer["by_time"] is not None:
                assert set(answer["by_time"]) == {"at", "answer", "rule", "consent_position", "policy_version"}
                assert set(answer["by_time"]["answer"]) == PARTS
            assert all(set(each) == {"if", "answer"} and set(each["answer"]) == PARTS for each in answer["otherwise"])


def test_the_options_of_stories_are_known() -> None:
    assert {option for name in NAMES for option in options_of(name)} <= {"--until", "--licence-transfer-from"}
