"""How does an event read? A headline, and what it says that somebody who asks for the reason wants to know, a line a field.

Quantities, billing fields and whatever else no rule reads are left out; ids stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from processors.core.calendar import DAY, HOUR, read_duration
from processors.core.events import (
    Cancellation,
    ConsentGranted,
    Event,
    ReviewDue,
    SubscriptionPurchased,
    SubscriptionStateChanged,
    SubscriptionTransfer,
)
from processors.core.symbols import CancellationStatus, ConsentKind, Symbol
from processors.words.instants import day_text, instant_text
from processors.words.phrases import Phrase
from processors.words.vocabulary import Vocabulary
from processors.words.worded import Field, Heading

OF_CUSTOMER: Final = (Field.CUSTOMER_COUNTRY, Field.IS_CSP_TRANSACTING_TENANT)
"""What nearly every event of a customer repeats."""

# record -> the fields that are shown, in this order
SHOWN: Final[dict[type[Event], tuple[Field, ...]]] = {
    SubscriptionPurchased: (
        Field.SUBSCRIPTION_ID,
        Field.PREVIOUS_SUBSCRIPTION_ID,
        Field.SELLER_PARTNER_TENANT_ID,
        Field.CANDIDATE_PARTNER_TENANT_ID,
        Field.SERVICE_TYPE,
        Field.ACQUISITION_CHANNEL,
        Field.CLOUD,
        Field.COMMERCE_PLATFORM,
        Field.AZURE_OFFER,
        Field.STATUS,
        Field.IS_TRIAL,
        Field.EFFECTIVE_START_DATE,
        Field.TERM_DURATION,
        Field.COMMITMENT_END_DATE,
        Field.CANCELLATION_ALLOWED_UNTIL,
        Field.AUTO_RENEW_ENABLED,
        *OF_CUSTOMER,
    ),
    ConsentGranted: (
        Field.PARTNER_TENANT_ID,
        Field.INDIRECT_PROVIDER_TENANT_ID,
        Field.CONSENT_ID,
        Field.PARTNER_TYPE,
        Field.PARTNER_COUNTRY,
        Field.REQUESTED_CONSENT,
        Field.INCLUDES_DELEGATED_ADMIN,
        Field.VALID_FROM,
        Field.DURATION,
        Field.VALID_UNTIL,
        Field.AUTO_EXTEND_DURATION,
        Field.GRANTED_BY_ROLE,
        Field.MCA_ACCEPTED,
        *OF_CUSTOMER,
    ),
    Cancellation: (
        Field.SUBSCRIPTION_ID,
        Field.PARTNER_TENANT_ID,
        Field.CONSENT_ID,
        Field.CONSENT_FAMILY,
        Field.AZURE_SERVICES,
        Field.INITIATED_BY,
        Field.EFFECTIVE_AT,
        *OF_CUSTOMER,
    ),
    SubscriptionStateChanged: (Field.SUBSCRIPTION_ID, Field.AUTO_RENEW_ENABLED, Field.EFFECTIVE_AT, *OF_CUSTOMER),
    SubscriptionTransfer: (
        Field.TRANSFER_ID,
        Field.SUBSCRIPTION_ID,
        Field.NEW_SUBSCRIPTION_ID,
        Field.SOURCE_PARTNER_TENANT_ID,
        Field.TARGET_PARTNER_TENANT_ID,
        Field.EXPIRES_AT,
        *OF_CUSTOMER,
    ),
    ReviewDue: (),
}
_INSTANTS: Final = frozenset(
    {
        Field.EFFECTIVE_START_DATE,
        Field.CANCELLATION_ALLOWED_UNTIL,
        Field.VALID_FROM,
        Field.VALID_UNTIL,
        Field.EFFECTIVE_AT,
        Field.EXPIRES_AT,
    }
)
_DURATIONS: Final = frozenset({Field.TERM_DURATION, Field.DURATION, Field.AUTO_EXTEND_DURATION})
_GUIDS: Final = frozenset(field for field in Field if field.endswith("_id"))


def event_headline(event: Event, words: Vocabulary) -> str:
    """What kind of event it is, and of a cancellation how far it has come, of a state which."""
    match event:
        case SubscriptionStateChanged(status=None):
            return words.phrase(Phrase.STATE_CHANGED)
        case SubscriptionStateChanged(status=status):
            assert status is not None
            return words.phrase(Phrase.IN_ROLE, actor=words.phrase(Phrase.STATE_CHANGED), role=words.text(status))
        case Cancellation(partner_tenant_id=str(), subscription_id=None, cancellation_status=CancellationStatus.COMPLETED):
            return words.text(event.kind)  # an end of consent that has come about; of a subscription both are said
        case Cancellation(kind=kind, cancellation_status=stage):
            return words.phrase(Phrase.IN_ROLE, actor=words.text(kind), role=words.text(stage))
        case ReviewDue(cause=cause):
            return words.text(cause)
        case SubscriptionPurchased() | ConsentGranted() | SubscriptionTransfer():
            return words.text(event.kind)


def event_ids(event: Event, words: Vocabulary) -> tuple[str, ...]:
    """The ids it names, each with its label."""
    return tuple(_line(words, field, str(getattr(event, field))) for field in SHOWN[type(event)] if field in _GUIDS and _told(event, field))


def event_facts(event: Event, words: Vocabulary, known: Collection[Field] = ()) -> tuple[str, ...]:
    """What else it says, each with its label; but what is `known` already."""
    return tuple(
        _line(words, field, _value_text(words, field, getattr(event, field)))
        for field in SHOWN[type(event)]
        if field not in _GUIDS and field not in known and _told(event, field)
    )


def event_source(event: Event, words: Vocabulary) -> tuple[str, ...]:
    """Who told it, what it rests on, and when that became known, where it was later; a review has none."""
    if isinstance(event, ReviewDue):
        return ()
    source = words.phrase(Phrase.IN_ROLE, actor=event.source_system, role=words.text(event.evidence_level))
    found = [words.phrase(Phrase.LABELLED, label=words.text(Heading.SOURCE), text=source)]
    if event.recorded_at is not None and event.recorded_at != event.occurred_at:
        learned = instant_text(words, event.recorded_at)
        found.append(words.phrase(Phrase.LABELLED, label=words.text(Heading.LEARNED), text=learned))
    return tuple(found)


def duration_text(words: Vocabulary, told: str) -> str:
    """An ISO 8601 duration in words: years or months, then days, then hours; one that cannot be read, or has parts of an hour, as told."""
    duration = read_duration(told)
    if duration is None or duration.length % HOUR:
        return told
    years, months = divmod(duration.months, 12) if duration.months % 12 == 0 else (0, duration.months)
    days, rest = divmod(duration.length, DAY)
    counted = (("YEARS", years), ("MONTHS", months), ("DAYS", days), ("HOURS", rest // HOUR))
    parts = [words.phrase(Phrase[f"{unit}_{_form(words.tag, count)}"], count=count) for unit, count in counted if count]
    return words.phrase(Phrase.BETWEEN).join(parts) or words.phrase(Phrase.DAYS_MANY, count=0)


def _form(tag: str, count: int) -> str:
    """Which of the three forms a language uses for a count; languages with one or two write the same text more than once."""
    if count == 1:
        return "ONE"
    if tag == "pl":
        return "FEW" if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14} else "MANY"
    return "FEW" if count in {2, 3, 4} else "MANY"


def _told(event: Event, field: Field) -> bool:
    value = getattr(event, field)
    if field is Field.IS_TRIAL:
        return value is True
    if field is Field.GRANTED_BY_ROLE and isinstance(event, ConsentGranted) and event.kind is ConsentKind.CONSENT_REQUESTED:
        return False  # nothing has been given yet
    return value is not None and value != ()


def _line(words: Vocabulary, field: Field, text: str) -> str:
    return words.phrase(Phrase.LABELLED, label=words.text(field), text=text)


def _value_text(words: Vocabulary, field: Field, value: object) -> str:
    if field in _INSTANTS and isinstance(value, int):
        return instant_text(words, value)
    if field in _DURATIONS and isinstance(value, str):
        return duration_text(words, value)
    if field is Field.COMMITMENT_END_DATE and isinstance(value, int):
        return day_text(words, value)
    match value:
        case bool():
            return words.phrase(Phrase.YES if value else Phrase.NO)
        case Symbol():
            return words.text(value)  # type: ignore[arg-type] # every set an event carries has words, but for one that is not shown
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
