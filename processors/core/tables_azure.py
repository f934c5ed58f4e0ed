"""What is answered for Azure? Table C: bought outside CSP (policy.md 8.3). Table D: sold by another CSP partner (8.4). First match."""

from __future__ import annotations

from typing import Final

from processors.core import conditions as c
from processors.core import rows as r
from processors.core import steps as s
from processors.core.conclusions import MoveOption, Outcome, Reason, SupportAccess
from processors.core.rows import Row

TABLE_C: Final = (
    Row(
        id="C1",
        when=c.ENDED & c.REPLACED,
        outcome=Outcome.CLOSED,
        reason=r.end_reason,
        access=SupportAccess.ENDED,
        move=MoveOption.NOT_NEEDED,
    ),
    Row(
        id="C2",
        when=c.ENDED,
        outcome=Outcome.CLOSED,
        reason=r.end_before_replacement,
        access=SupportAccess.ENDED,
        move=MoveOption.RECREATE_AND_CANCEL,
        steps=(s.relate, s.create),
    ),
    Row(
        id="C3",
        when=c.TYPE_UNREADABLE,
        outcome=Outcome.FACTS_INCOMPLETE,
        reason=Reason.MISSING_FACTS,
        missing=r.named("partner_type"),
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.UNKNOWN,
        steps=(s.supply_missing_facts,),
    ),
    Row(
        id="C4",
        when=c.REPLACED_BY_PARTNER,
        outcome=Outcome.COEXISTENCE_ACCEPTED,
        reason=Reason.AZURE_COEXISTS,
        others=(r.partial_cancellation,),
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.RECREATE_AND_CANCEL,
        steps=(s.cancel_azure,),
    ),
    Row(
        id="C5",
        when=c.OTHERWISE,
        outcome=Outcome.RECREATE_AND_CANCEL,
        reason=Reason.AZURE_OTHER_CHANNEL,
        others=(Reason.REPLACEMENT_NOT_CREATED, r.partial_cancellation),
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.RECREATE_AND_CANCEL,
        steps=(s.relate, s.create, s.cancel_azure),
    ),
)

TABLE_D: Final = (
    Row(
        id="D1",
        when=c.ENDED,
        outcome=Outcome.CLOSED,
        reason=r.end_reason,
        access=SupportAccess.ENDED,
        move=MoveOption.NOT_NEEDED,
    ),
    Row(
        id="D2",
        when=c.OFFER_UNTOLD | c.TYPE_UNREADABLE,
        outcome=Outcome.FACTS_INCOMPLETE,
        reason=Reason.MISSING_FACTS,
        missing=r.azure_facts_missing,
        move=MoveOption.UNKNOWN,
        steps=(s.supply_missing_facts,),
    ),
    Row(
        id="D3",
        when=c.SUSPENDED,
        outcome=Outcome.SWITCH_REFUSED,
        reason=Reason.SUSPENDED_NOT_TRANSFERABLE,
        move=MoveOption.PROHIBITED,
        steps=(s.reactivate,),
    ),
    Row(
        id="D4",
        when=c.OTHER_TRANSFER_RUNS,
        outcome=Outcome.SWITCH_REFUSED,
        reason=Reason.ALREADY_IN_TRANSFER,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="D5",
        when=c.AZURE_PLAN & ~c.AZURE_PLAN_TRANSFER,
        outcome=Outcome.SWITCH_REFUSED,
        reason=Reason.AZURE_PLAN_NOT_TRANSFERABLE_YET,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="D6",
        when=c.AZURE_PLAN & ~c.TRANSFER_TOOL_IN_CLOUD,
        outcome=Outcome.SWITCH_REFUSED,
        reason=Reason.NATIONAL_CLOUD_TRANSFER_UNSUPPORTED,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="D7",
        when=c.AZURE_PLAN,
        outcome=Outcome.TRANSFER_AVAILABLE,
        reason=Reason.AZURE_OTHER_PARTNER,
        others=(r.last_ended_transfer,),
        move=MoveOption.TRANSFER,
        steps=(s.tool,),
    ),
    Row(
        id="D8",
        when=c.LEGACY_AZURE & c.LEGACY_AZURE_BY_TOOL & c.TRANSFER_TOOL_IN_CLOUD,
        outcome=Outcome.TRANSFER_AVAILABLE,
        reason=Reason.AZURE_OTHER_PARTNER,
        others=(r.last_ended_transfer,),
        move=MoveOption.TRANSFER,
        steps=(s.tool,),
    ),
    Row(
        id="D9",
        when=c.COUNTRIES_DIFFER,
        outcome=Outcome.SWITCH_REFUSED,
        reason=Reason.TENANT_COUNTRY_MISMATCH,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="D10",
        when=c.OTHERWISE,
        outcome=Outcome.TRANSFER_AVAILABLE,
        reason=Reason.AZURE_OTHER_PARTNER,
        others=(r.last_ended_transfer,),
        move=MoveOption.TRANSFER,
        steps=(s.manual,),
    ),
)
