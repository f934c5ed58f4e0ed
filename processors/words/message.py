"""How does one decision read as the message of a support agent?

A message is a headline and labelled lines: whoever shows it (a terminal, a page) lays them out, `message_text` as plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from processors.core.conclusions import ConsentPosition
from processors.core.decisions import Answer, BillingOwner, Decision, NextStep
from processors.words.instants import instant_text
from processors.words.phrases import Phrase
from processors.words.vocabulary import Vocabulary
from processors.words.worded import Label


@dataclass(frozen=True, slots=True)
class Part:
    """One label and the lines that stand under it."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A decision in words: the headline, then what it is about, what follows from it and what it rests on."""

    headline: str
    parts: tuple[Part, ...]


def message(decision: Decision, words: Vocabulary) -> Message:
    """The message of one decision in the language of `words`; ids, field names and rule ids stay as they are."""
    parts = (
        *about(decision, words),
        *answer_parts(decision.answer, decision.consent_position, words),
        Part(words.text(Label.AS_OF), (instant_text(words, decision.as_of), _until_when(decision.review_at, words))),
        reference(decision, words),
    )
    return Message(words.text(decision.answer.outcome), parts)


def about(decision: Decision, words: Vocabulary) -> tuple[Part, ...]:
    """Whom and what it is about."""
    told = (
        (Label.CUSTOMER, decision.customer_tenant_id),
        (Label.SUBSCRIPTION, decision.subscription_id),
        (Label.PARTNER, decision.partner_tenant_id or words.phrase(Phrase.ANY_PARTNER)),
    )
    return tuple(Part(words.text(label), (text,)) for label, text in told)


def answer_parts(answer: Answer, position: ConsentPosition | None, words: Vocabulary) -> tuple[Part, ...]:
    """What it says beside its headline; what does not hold is left out."""
    parts = (
        (Label.SUPPORT, _support(answer, position, words)),
        (Label.MOVE, _move(answer, words)),
        (Label.BILLING, _billing(answer.billing_owner, words)),
        (Label.REASONS, tuple(words.text(reason) for reason in answer.reasons)),
        (Label.MISSING_FACTS, answer.missing_facts),
        (Label.MANUAL_REVIEW, (words.phrase(Phrase.REVIEW_NEEDED),) if answer.manual_review else ()),
        (Label.NEXT_STEPS, _next_steps(answer.next_steps, words)),
    )
    return tuple(Part(words.text(label), lines) for label, lines in parts if lines)


def reference(decision: Decision, words: Vocabulary) -> Part:
    """Under which names it is found again."""
    text = words.phrase(Phrase.REFERENCE, decision_id=decision.decision_id, rule=decision.rule, policy_version=decision.policy_version)
    return Part(words.text(Label.REFERENCE), (text,))


def message_text(told: Message, words: Vocabulary) -> str:
    """The message as plain text, ending with a line feed: what is one line stands beside its label, what is more below it."""
    return "\n".join((told.headline, "", *(line for part in told.parts for line in part_lines(part, words)), ""))


def part_lines(part: Part, words: Vocabulary) -> tuple[str, ...]:
    """The lines of one part, with its label."""
    if len(part.lines) == 1:
        return (labelled(words, part.label, part.lines[0]),)
    return (labelled(words, part.label, "").rstrip(), *(f"  {line}" for line in part.lines))


def _support(answer: Answer, position: ConsentPosition | None, words: Vocabulary) -> tuple[str, ...]:
    lines = [words.text(answer.support_access)]
    if position is not None:
        lines.append(words.text(position))
    lines.extend(_dated(words, Label.PERMISSIONS_VALID_UNTIL, answer.consent_valid_until))
    return tuple(lines)


def _move(answer: Answer, words: Vocabulary) -> tuple[str, ...]:
    return (
        words.text(answer.move_option),
        *_dated(words, Label.MOVE_POSSIBLE_FROM, answer.eligible_from),
        *_dated(words, Label.CANCELLATION_WINDOW_END, answer.cancellation_allowed_until),
    )


def _billing(owner: BillingOwner, words: Vocabulary) -> tuple[str, ...]:
    if owner.partner_tenant_id is None:
        return (words.text(owner.kind),)
    return (words.text(owner.kind), labelled(words, words.text(Label.PARTNER), owner.partner_tenant_id))


def _next_steps(steps: tuple[NextStep, ...], words: Vocabulary) -> tuple[str, ...]:
    """Each step a numbered line, and below it by whom, in which role, from when and until when."""
    if not steps:
        return (words.phrase(Phrase.NO_NEXT_STEPS),)
    lines: list[str] = []
    for number, step in enumerate(steps, start=1):
        lead = f"{number}. "
        who = words.text(step.actor)
        if step.performed_by_role is not None:
            who = words.phrase(Phrase.IN_ROLE, actor=who, role=words.text(step.performed_by_role))
        terms = (
            labelled(words, words.text(Label.WHO), who),
            *_dated(words, Label.NOT_BEFORE, step.not_before),
            *_dated(words, Label.UNTIL, step.not_after),
        )
        lines += [lead + words.text(step.code), " " * len(lead) + words.phrase(Phrase.BETWEEN).join(terms)]
    return tuple(lines)


def _until_when(review_at: int | None, words: Vocabulary) -> str:
    if review_at is None:
        return words.phrase(Phrase.HOLDS)
    return words.phrase(Phrase.MAY_CHANGE, instant=instant_text(words, review_at))


def _dated(words: Vocabulary, label: Label, instant: int | None) -> Iterator[str]:
    if instant is not None:
        yield labelled(words, words.text(label), instant_text(words, instant))


def labelled(words: Vocabulary, label: str, text: str) -> str:
    """The text behind its label."""
    return words.phrase(Phrase.LABELLED, label=label, text=text)
