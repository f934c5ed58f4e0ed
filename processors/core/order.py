"""Which row answers? The order of evaluation E1 to E14 (policy.md 7): the first row whose condition holds decides.

E14 hands over to one of the tables A to D. `K licence` is `by_consent_if_licence`, `K` is `by_consent`.
"""

from __future__ import annotations

from typing import Final

from processors.core import conditions as c
from processors.core import rows as r
from processors.core import steps as s
from processors.core.case import Case
from processors.core.conclusions import MoveOption, Outcome, Reason, SupportAccess
from processors.core.rows import Row
from processors.core.tables_azure import TABLE_C, TABLE_D
from processors.core.tables_licences import TABLE_A, TABLE_B

ORDER: Final = (
    Row(
        id="E1",
        when=c.SUCCEEDED & c.PARTNER_IS_HOLDER,
        outcome=Outcome.TRANSFER_COMPLETED,
        reason=Reason.TRANSFER_DONE,
        access=r.by_consent_even_if_ended,
        move=MoveOption.TRANSFERRED,
        steps=(s.rbac_if_usage,),
        asking=True,
    ),
    Row(
        id="E2",
        when=c.SUCCEEDED,
        outcome=Outcome.CLOSED,
        reason=Reason.SUCCEEDED_BY_NEW_ID,
        access=SupportAccess.ENDED,
        move=MoveOption.NOT_NEEDED,
    ),
    Row(
        id="E3",
        when=c.FACTS_MISSING & (c.CANCELLED | c.DELETED),
        outcome=Outcome.CLOSED,
        reason=r.end_reason,
        access=SupportAccess.ENDED,
        move=MoveOption.UNKNOWN,
    ),
    Row(
        id="E4",
        when=c.FACTS_MISSING,
        outcome=Outcome.FACTS_INCOMPLETE,
        reason=Reason.MISSING_FACTS,
        missing=r.facts_missing,
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.UNKNOWN,
        steps=(s.supply_missing_facts,),
    ),
    Row(
        id="E5",
        when=c.IN_CSP & c.SELLER_BY_TRANSFER,
        outcome=Outcome.TRANSFER_COMPLETED,
        reason=Reason.TRANSFER_DONE,
        access=r.by_consent_if_licence,
        move=MoveOption.TRANSFERRED,
        steps=(s.rbac_if_usage_not_ended,),
        asking=True,
    ),
    Row(
        id="E6",
        when=c.IN_CSP & c.PARTNER_IS_SELLER,
        outcome=Outcome.NOT_APPLICABLE,
        reason=Reason.OWN_SALE,
        others=(r.bars,),
        access=r.own_sale,
        move=MoveOption.NOT_NEEDED,
        asking=True,
        manual_review=c.BARRED,
    ),
    Row(  # the feed named the provider, the reseller may be this partner
        id="E6a",
        when=c.IN_CSP & c.INDIRECT_RESELLER & c.PROVIDER_IS_SELLER,
        outcome=Outcome.FACTS_INCOMPLETE,
        reason=Reason.MISSING_FACTS,
        missing=r.named("seller_partner_tenant_id"),
        access=r.by_consent_if_licence,
        move=MoveOption.UNKNOWN,
        steps=(s.supply_missing_facts,),
    ),
    Row(
        id="E7",
        when=~c.COVERED & ~c.ENDED,
        outcome=Outcome.NOT_APPLICABLE,
        reason=Reason.CLOUD_NOT_COVERED,
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.UNKNOWN,
    ),
    Row(
        id="E7a",
        when=~c.COVERED,
        outcome=Outcome.CLOSED,
        reason=r.end_reason,
        access=SupportAccess.ENDED,
        move=MoveOption.UNKNOWN,
    ),
    Row(
        id="E8",
        when=c.OUT_OF_MARKET,
        outcome=Outcome.NOT_APPLICABLE,
        reason=Reason.OUT_OF_MARKET,
        others=(r.conflict_if_authorised,),
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="E9",
        when=c.SYNDICATION & ~c.ENDED,
        outcome=Outcome.NOT_APPLICABLE,
        reason=Reason.SYNDICATION_EXCLUDED,
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.UNKNOWN,
        manual_review=c.OTHERWISE,
    ),
    Row(
        id="E10",
        when=(c.IS_OTHER_SERVICE | c.IS_USAGE & c.IN_CSP & c.OFFER_OTHER) & ~c.ENDED,
        outcome=Outcome.NOT_APPLICABLE,
        reason=Reason.SERVICE_TYPE_NOT_COVERED,
        access=SupportAccess.NOT_AVAILABLE,
        move=MoveOption.UNKNOWN,
    ),
    Row(
        id="E10a",
        when=c.IS_OTHER_SERVICE | c.IS_USAGE & c.IN_CSP & c.OFFER_OTHER,
        outcome=Outcome.CLOSED,
        reason=r.end_reason,
        access=SupportAccess.ENDED,
        move=MoveOption.UNKNOWN,
    ),
    Row(
        id="E11",
        when=c.BARRED & (c.IS_USAGE | c.IN_CSP),
        outcome=Outcome.RESALE_PROHIBITED,
        reason=r.the_bar,
        others=(r.bars,),
        access=r.by_consent_if_licence,
        move=MoveOption.PROHIBITED,
    ),
    Row(
        id="E12",
        when=~c.ENDED & c.TRANSFER_UNREADABLE,
        outcome=Outcome.FACTS_INCOMPLETE,
        reason=Reason.MISSING_FACTS,
        missing=r.named("kind"),
        access=r.by_consent_if_licence,
        move=MoveOption.UNKNOWN,
        steps=(s.supply_missing_facts,),
    ),
    Row(
        id="E13",
        when=~c.ENDED & c.TRANSFER_RUNS,
        outcome=Outcome.TRANSFER_IN_PROGRESS,
        reason=r.transfer_step,
        access=r.by_consent_if_licence,
        move=MoveOption.TRANSFER_RUNNING,
        steps=(s.accept_transfer,),
    ),
)

E14: Final = (
    (c.IS_LICENCE & c.IN_CSP, TABLE_B),
    (c.IS_LICENCE, TABLE_A),
    (c.IS_USAGE & c.IN_CSP, TABLE_D),
    (c.IS_USAGE, TABLE_C),
)


def deciding_row(case: Case) -> Row:
    """The first row that matches, of the order or of the table that E14 names."""
    for row in ORDER:
        if row.when.holds(case):
            return row
    table = next(table for condition, table in E14 if condition.holds(case))
    return next(row for row in table if row.when.holds(case))
