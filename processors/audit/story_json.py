"""How is a story told to a program? One JSON object with stable names: codes and ids as in the records, nothing in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from processors.audit.entries import DECISIONS
from processors.audit.story import Ahead, Explained, Known, Story
from processors.codec import to_json
from processors.codec.instants import write_instant
from processors.contract import contract
from processors.core.decisions import Answer, Decision
from processors.core.events import Event

_OF_ANSWER = (
    "outcome",
    "support_access",
    "move_option",
    "billing_owner",
    "reasons",
    "next_steps",
    "missing_facts",
    "manual_review",
    "eligible_from",
    "cancellation_allowed_until",
    "consent_valid_until",
)


def story_object(story: Story) -> dict[str, Any]:
    """The whole story; events are numbered as in the text, and `shown` tells which of them the text shows."""
    return {
        "customer_tenant_id": story.customer_tenant_id,
        "as_of": write_instant(story.as_of),
        "policy_versions": [
            {"name": version.name, "effective_from": write_instant(version.effective_from)} for version in story.policy.versions
        ],
        "known": [_known(known, story) for known in story.known],
        "answers": [_explained(explained, story) for explained in story.explained],
    }


def _known(known: Known, story: Story) -> dict[str, Any]:
    event = known.event
    return {
        "number": known.number,
        "instant": write_instant(known.instant),
        "shown": known.number in story.shown,
        "topic": known.cause.topic,
        "partition": known.cause.partition,
        "offset": known.cause.offset,
        "disposition": known.disposition.value,
        "event": None if event is None else to_json(_topic(event), event),
        "decision_ids": [decision.decision_id for decision in known.decisions],
    }


def _explained(explained: Explained, story: Story) -> dict[str, Any]:
    decision, ahead = explained.decision, explained.ahead
    replaced_by = explained.replaced_by
    return {
        "decision": to_json(DECISIONS, decision),
        "in_force": replaced_by is None,
        "replaced_by": None if replaced_by is None else replaced_by.decision_id,
        "replaced_at": None if replaced_by is None else write_instant(replaced_by.as_of),
        "reproduced": explained.reproduced,
        "caused_by_event": story.numbers.get(decision.caused_by.event_id or ""),
        "evidence_events": [story.numbers[event_id] for event_id in decision.evidence if event_id in story.numbers],
        "earlier": [
            {"decision_id": each.decision_id, "sequence": each.sequence, "as_of": write_instant(each.as_of), "outcome": each.answer.outcome}
            for each in explained.earlier
        ],
        "by_time": None if ahead is None else _ahead(ahead, decision),
        "otherwise": None
        if explained.supposed is None
        else [{"if": supposed.lever, "answer": _answer(supposed.decision)} for supposed in explained.supposed],
    }


def _ahead(ahead: Ahead, decision: Decision) -> dict[str, Any]:
    return {
        "at": write_instant(ahead.at),
        "answer": _of(ahead.answer, decision),
        "rule": ahead.rule,
        "consent_position": ahead.consent_position,
        "policy_version": ahead.policy_version,
    }


def _of(answer: Answer, decision: Decision) -> dict[str, Any]:
    """An answer in the form that it has within a decision."""
    return _answer(replace(decision, answer=answer))


def _answer(decision: Decision) -> dict[str, Any]:
    told = to_json(DECISIONS, decision)
    return {name: told[name] for name in _OF_ANSWER}


def _topic(event: Event) -> str:
    record = type(event).__name__
    return next(topic for topic in contract().inputs if contract().schema(topic).record == record)
