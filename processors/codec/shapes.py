"""Which value of ours does a record, a symbol or a text of the contract become? One table for Avro and for JSON, both directions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from processors.contract import DeadLetter, Header, JournalEntry, records
from processors.contract.avro import short
from processors.core import conclusions, decisions, events, symbols
from processors.core.decisions import Answer, Decision
from processors.core.symbols import Symbol

Values: TypeAlias = dict[str, Any]
Message: TypeAlias = events.Event | Decision | JournalEntry | DeadLetter

_ANSWER: Final = tuple(field.name for field in dataclasses.fields(Answer))


def symbol_class(enum: str) -> type[Symbol]:
    """The class of an enum of the contract, by its name with or without namespace."""
    name = short(enum)
    found = getattr(symbols, name, None) or getattr(conclusions, name, None) or getattr(records, name)
    assert isinstance(found, type)
    assert issubclass(found, Symbol)
    return found


def _decision(values: Values) -> Decision:
    answer = Answer(**{name: values.pop(name) for name in _ANSWER})
    return Decision(answer=answer, **values)


def _plainly(cls: Callable[..., Any]) -> Callable[[Values], Any]:
    return lambda values: cls(**values)


# record -> what makes it of its fields
BUILDERS: Final[Mapping[str, Callable[[Values], Any]]] = {
    "MultiChannelSupportDecision": _decision,
    **{
        cls.__name__: _plainly(cls)
        for cls in (
            events.SubscriptionPurchased,
            events.ConsentGranted,
            events.Cancellation,
            events.SubscriptionStateChanged,
            events.SubscriptionTransfer,
            events.ReviewDue,
            decisions.BillingOwner,
            decisions.NextStep,
            decisions.Cause,
            JournalEntry,
            DeadLetter,
            Header,
        )
    },
}


def attribute(record: str, field: str) -> str:
    """Where a field of a record stands in our value: a decision keeps the answer's fields in its answer."""
    return f"answer.{field}" if record == "MultiChannelSupportDecision" and field in _ANSWER else field


def tidy(form: str | None) -> Callable[[str], str | None]:
    """What is done to a text of an event: ids lower-cased, countries upper-cased, an empty text is not told."""
    match form:
        case "id":
            return lambda text: text.lower() or None
        case "country":
            return lambda text: text.upper() or None
        case _:
            return lambda text: text or None
