"""How does a story read? Plain lines to be pasted into a ticket: what was told, then each answer with its why and what would change it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from processors.audit.story import Ahead, Explained, Known, Story
from processors.audit.supposing import Supposed
from processors.core.conclusions import ConsentPosition
from processors.core.decisions import Answer, Decision
from processors.core.events import ReviewDue
from processors.core.handle import Disposition
from processors.core.policy import Policy
from processors.words.events import OF_CUSTOMER, event_facts, event_headline, event_ids, event_source
from processors.words.instants import instant_text
from processors.words.message import Part, about, answer_parts, labelled, part_lines, reference
from processors.words.phrases import Phrase
from processors.words.vocabulary import Vocabulary
from processors.words.worded import Field, Heading, Label, Rule

WIDTH: Final = 96
INDENT: Final = "   "
_DISPOSITIONS: Final = {
    Disposition.APPLIED: Phrase.APPLIED,
    Disposition.DUPLICATE_IGNORED: Phrase.DUPLICATE_IGNORED,
    Disposition.STALE_IGNORED: Phrase.STALE_IGNORED,
}


def story_lines(story: Story, words: Vocabulary) -> Iterator[str]:
    """The whole text, line by line, without line feeds."""
    yield labelled(words, words.text(Label.CUSTOMER), story.customer_tenant_id)
    yield words.phrase(Phrase.STORY_AS_OF, instant=instant_text(words, story.as_of))
    yield ""
    yield words.text(Heading.TOLD)
    yield from _told(story, words)
    for explained in story.explained:
        yield ""
        yield from _explained(story, explained, words)


def _told(story: Story, words: Vocabulary) -> Iterator[str]:
    reviews = others = 0
    customer: dict[Field, object] = {}
    asked = {decision.decision_id for each in story.explained for decision in (each.decision, *each.earlier)}
    for known in story.known:
        led_to = tuple(decision for decision in known.decisions if decision.decision_id in asked)
        if known.event is None or isinstance(known.event, ReviewDue):
            if led_to:
                yield ""
                yield from _time(known, words)
                yield from _led_to(led_to, words)
            else:
                reviews += 1
        elif known.number in story.shown:
            yield ""
            yield from _event(known, customer, words)
            yield from _led_to(led_to, words)
        else:
            others += 1
    left_out = ((reviews, Phrase.REVIEWS_LEFT_OUT), (others, Phrase.EVENTS_LEFT_OUT))
    if reviews or others:
        yield ""
    yield from (words.phrase(phrase, count=count) for count, phrase in left_out if count)


def _event(known: Known, customer: dict[Field, object], words: Vocabulary) -> Iterator[str]:
    event = known.event
    assert event is not None
    assert known.number is not None
    instant = instant_text(words, known.instant)
    yield words.phrase(Phrase.EVENT_NUMBER, number=known.number, instant=instant, what=event_headline(event, words))
    yield from (INDENT + line for line in event_ids(event, words))
    told = {each: getattr(event, each) for each in OF_CUSTOMER if getattr(event, each, None) is not None}
    repeated = {each for each, value in told.items() if customer.get(each) == value}
    customer.update(told)
    yield from _flowing(event_facts(event, words, repeated), words)
    result = labelled(words, words.text(Heading.RESULT), words.phrase(_DISPOSITIONS[known.disposition]))
    yield from _flowing((*event_source(event, words), result), words)


def _time(known: Known, words: Vocabulary) -> Iterator[str]:
    instant = instant_text(words, known.instant)
    if known.event is None or known.number is None:
        yield words.phrase(Phrase.TIME_PASSED, instant=instant)
    else:
        what = event_headline(known.event, words)
        yield words.phrase(Phrase.EVENT_NUMBER, number=known.number, instant=instant, what=what)


def _led_to(decisions: tuple[Decision, ...], words: Vocabulary) -> Iterator[str]:
    answers = [words.phrase(Phrase.ANSWER, number=decision.sequence) for decision in decisions]
    if answers:
        yield from _flowing((labelled(words, words.text(Heading.LED_TO), answers[0]), *answers[1:]), words)


def _explained(story: Story, explained: Explained, words: Vocabulary) -> Iterator[str]:
    decision = explained.decision
    since = instant_text(words, decision.as_of)
    if explained.replaced_by is None:
        headline = words.phrase(Phrase.ANSWER_IN_FORCE, number=decision.sequence, instant=since)
    else:
        by = explained.replaced_by
        until = instant_text(words, by.as_of)
        headline = words.phrase(Phrase.ANSWER_REPLACED, number=decision.sequence, instant=since, until=until, by=by.sequence)
    yield headline
    yield "-" * _width(headline)
    yield words.text(decision.answer.outcome)
    yield ""
    parts = (
        *about(decision, words)[1:],
        *_answer_parts(decision.answer, decision.consent_position, words),
        Part(words.text(Heading.WHY), tuple(_why(story.policy, decision, explained, words))),
        Part(words.text(Heading.CAUSED_BY), (_cause(story, decision, words),)),
        Part(words.text(Heading.RESTS_ON), tuple(_evidence(story, decision, words))),
        Part(words.text(Heading.BY_TIME), tuple(_by_time(story.policy, decision.answer, explained, words))),
        Part(words.text(Heading.OTHERWISE), tuple(_otherwise(explained, words))),
        Part(words.text(Heading.EARLIER), tuple(_earlier(explained.earlier, words))),
        reference(decision, words),
    )
    for part in parts:
        if part.lines:
            yield from part_lines(part, words)


def _answer_parts(answer: Answer, position: ConsentPosition | None, words: Vocabulary) -> Iterator[Part]:
    """As of any message, but a missing fact has its name in words."""
    missing = tuple(words.phrase(Phrase.MISSING_FACT, label=words.text(Field(name)), field=name) for name in answer.missing_facts)
    for part in answer_parts(answer, position, words):
        yield Part(part.label, missing) if part.label == words.text(Label.MISSING_FACTS) else part


def _why(policy: Policy, decision: Decision, explained: Explained, words: Vocabulary) -> Iterator[str]:
    yield words.text(Rule(decision.rule))
    if decision.consent_position is not None:
        position = decision.consent_position
        yield words.phrase(Phrase.POSITION, position=position, text=words.text(position))
    yield _row(policy, decision.rule, decision.policy_version, decision.as_of, words)
    if not explained.reproduced:
        yield words.phrase(Phrase.NOT_REPRODUCED)


def _row(policy: Policy, rule: str, version: str, instant: int, words: Vocabulary) -> str:
    start = next((each.effective_from for each in policy.versions if each.name == version), None)
    if start is None or start > instant:
        return words.phrase(Phrase.ROW_BEFORE_FIRST, rule=rule, policy_version=version)
    return words.phrase(Phrase.ROW, rule=rule, policy_version=version, instant=instant_text(words, start))


def _cause(story: Story, decision: Decision, words: Vocabulary) -> str:
    number = story.numbers.get(decision.caused_by.event_id or "")
    if number is not None:
        return _reference(story, number, words)
    began = any(each.name == decision.policy_version and each.effective_from == decision.as_of for each in story.policy.versions)
    if began:
        return words.phrase(Phrase.BY_VERSION, policy_version=decision.policy_version, instant=instant_text(words, decision.as_of))
    return words.phrase(Phrase.BY_REVIEW)


def _evidence(story: Story, decision: Decision, words: Vocabulary) -> Iterator[str]:
    for number in sorted(story.numbers[event_id] for event_id in decision.evidence if event_id in story.numbers):
        yield _reference(story, number, words)


def _reference(story: Story, number: int, words: Vocabulary) -> str:
    known = story.by_number[number]
    assert known.event is not None
    what = event_headline(known.event, words)
    return words.phrase(Phrase.EVENT_NUMBER, number=number, instant=instant_text(words, known.instant), what=what)


def _by_time(policy: Policy, answer: Answer, explained: Explained, words: Vocabulary) -> Iterator[str]:
    ahead = explained.ahead
    if ahead is None:
        yield words.phrase(Phrase.TIME_CHANGES_NOTHING)
        return
    instant = instant_text(words, ahead.at)
    if ahead.answer.outcome is answer.outcome:
        yield words.phrase(Phrase.DETAILS_BECOME, instant=instant)
    else:
        yield words.phrase(Phrase.BECOMES, instant=instant)
        yield INDENT + words.text(ahead.answer.outcome)
    if ahead.rule != explained.decision.rule:
        yield INDENT + words.text(Rule(ahead.rule))
    yield INDENT + _row(policy, ahead.rule, ahead.policy_version, ahead.at, words)
    yield from _changed(answer, explained.decision.consent_position, ahead, words)


def _changed(answer: Answer, position: ConsentPosition | None, ahead: Ahead, words: Vocabulary) -> Iterator[str]:
    """The parts that read otherwise then."""
    before = {part.label: part.lines for part in _answer_parts(answer, position, words)}
    for part in _answer_parts(ahead.answer, ahead.consent_position, words):
        if before.get(part.label) != part.lines:
            yield from (INDENT + line for line in part_lines(part, words))


def _otherwise(explained: Explained, words: Vocabulary) -> Iterator[str]:
    answer = explained.decision.answer
    if answer.missing_facts:
        yield words.phrase(Phrase.FACTS_TOLD)
    if explained.supposed is None:
        return
    for supposed in explained.supposed:
        yield words.phrase(Phrase.SUPPOSED, what=words.text(supposed.lever))
        yield INDENT + _then(answer, supposed, words)
    if not explained.supposed and not answer.missing_facts:
        yield words.phrase(Phrase.NOTHING_ELSE_TRIED)


def _then(answer: Answer, supposed: Supposed, words: Vocabulary) -> str:
    then = supposed.decision.answer
    if then.outcome is not answer.outcome:
        return words.text(then.outcome)
    return (
        words.text(then.support_access) if then.support_access is not answer.support_access else words.phrase(Phrase.SUPPOSED_ONLY_DETAILS)
    )


def _earlier(decisions: tuple[Decision, ...], words: Vocabulary) -> Iterator[str]:
    before = None
    for decision in decisions:
        number, since, outcome = decision.sequence, instant_text(words, decision.as_of), decision.answer.outcome
        if outcome is before:
            yield words.phrase(Phrase.EARLIER_DETAILS, number=number, instant=since)
        else:
            yield words.phrase(Phrase.EARLIER_ANSWER, number=number, instant=since, outcome=words.text(outcome))
        before = outcome


def _flowing(texts: Iterable[str], words: Vocabulary) -> Iterator[str]:
    """The texts one after the other, on as many lines as they need."""
    between = words.phrase(Phrase.BETWEEN)
    line = ""
    for text in texts:
        longer = f"{line}{between}{text}" if line else text
        if line and _width(longer) > WIDTH - len(INDENT):
            yield INDENT + line
            longer = text
        line = longer
    if line:
        yield INDENT + line


def _width(text: str) -> int:
    """In columns of a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
