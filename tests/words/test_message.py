"""Does a decision read as a message of a support agent, in every language, with everything that matters in it?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.core.conclusions import (
    Actor,
    BillingOwnerKind,
    ConsentPosition,
    MoveOption,
    NextStepCode,
    Outcome,
    Reason,
    Role,
    SupportAccess,
)
from processors.core.decisions import Answer, BillingOwner, Cause, Decision, NextStep
from processors.words.instants import instant_text
from processors.words.message import message, message_text
from processors.words.vocabulary import vocabularies

CUSTOMER, SUBSCRIPTION = "c16d7113-e342-5c5b-a618-3fac67419c21", "aadd1e6a-9b4d-5fe4-841f-0590c9496434"
PARTNER, SELLER = "2c007b98-5d04-51b5-af64-3dc224519c1a", "1664752b-bab3-5555-bd20-67d9c38a1adf"
AS_OF, WINDOW_END = 1_654_419_600_000_000, 1_654_686_000_000_000  # 2022-06-05T09:00:00Z, 2022-06-08T11:00:00Z
TERM_END, CONSENT_END = 1_685_577_600_000_000, 1_717_578_000_000_000  # 2023-06-01T00:00:00Z, 2024-06-05T09:00:00Z

REFUSED = Decision(
    decision_id="d5f0c9a2-15a1-5d0e-8b56-09a86f6f9d25",
    customer_tenant_id=CUSTOMER,
    subscription_id=SUBSCRIPTION,
    partner_tenant_id=PARTNER,
    sequence=3,
    supersedes=None,
    answer=Answer(
        outcome=Outcome.SWITCH_REFUSED,
        support_access=SupportAccess.AUTHORIZED,
        move_option=MoveOption.REFUSED_UNTIL_TERM_END,
        billing_owner=BillingOwner(BillingOwnerKind.CSP_PARTNER, SELLER),
        reasons=(Reason.CSP_LICENSE_IN_TERM, Reason.CANCELLATION_WINDOW_OPEN, Reason.AUTO_RENEW_ON),
        next_steps=(
            NextStep(NextStepCode.CANCEL_SUBSCRIPTION, Actor.CURRENT_PARTNER, None, None, WINDOW_END),
            NextStep(NextStepCode.WAIT_FOR_TERM_END, Actor.CUSTOMER, None, TERM_END, None),
            NextStep(NextStepCode.ACCEPT_MCA, Actor.CUSTOMER, Role.GLOBAL_ADMIN),
        ),
        missing_facts=(),
        manual_review=False,
        eligible_from=TERM_END,
        cancellation_allowed_until=WINDOW_END,
        consent_valid_until=CONSENT_END,
    ),
    rule="B10",
    consent_position=ConsentPosition.K3,
    review_at=WINDOW_END,
    policy_version="2022-03b",
    as_of=AS_OF,
    caused_by=Cause(None, "review-due"),
    evidence=(),
)

ENGLISH = """\
The subscription cannot be switched to this partner now; the reasons say why, the date says until when.

Customer: c16d7113-e342-5c5b-a618-3fac67419c21
Subscription: aadd1e6a-9b4d-5fe4-841f-0590c9496434
Partner: 2c007b98-5d04-51b5-af64-3dc224519c1a
Support:
  The partner may manage the subscription.
  Permissions are in force.
  Permissions valid until: 2024-06-05 09:00 UTC
Move:
  No move before the end of the subscription period.
  Move possible from: 2023-06-01 00:00 UTC
  End of the cancellation window: 2022-06-08 11:00 UTC
Billing:
  The CSP partner bills the customer.
  Partner: 1664752b-bab3-5555-bd20-67d9c38a1adf
Reasons:
  Licenses from another CSP partner cannot be switched before their period ends.
  The current partner can still cancel the subscription.
  Auto-renew is on.
Next steps:
  1. Cancel the subscription while it is allowed.
     Who: the current partner; until: 2022-06-08 11:00 UTC
  2. Wait for the end of the subscription period.
     Who: the customer; not before: 2023-06-01 00:00 UTC
  3. Accept the Microsoft Customer Agreement.
     Who: the customer (Global admin)
As of:
  2022-06-05 09:00 UTC
  Without new facts this answer holds until 2022-06-08 11:00 UTC.
Reference: decision d5f0c9a2-15a1-5d0e-8b56-09a86f6f9d25, rule B10, policy version 2022-03b
"""

CZECH_STEPS = """\
Další kroky:
  1. Zrušte předplatné, dokud je to dovoleno.
     Kdo: aktuální partner; do: 8. 6. 2022 11:00 UTC
  2. Počkejte na konec období předplatného.
     Kdo: zákazník; nejdříve: 1. 6. 2023 00:00 UTC
  3. Přijměte Smlouvu se zákazníkem Microsoftu.
     Kdo: zákazník (globální správce)
"""

CHINESE_STEPS = """\
后续步骤：
  1. 在允许取消时取消该订阅。
     执行者：当前合作伙伴；截止：2022年6月8日 11:00 UTC
  2. 等待订阅期限结束。
     执行者：客户；最早：2023年6月1日 00:00 UTC
  3. 接受 Microsoft 客户协议。
     执行者：客户（全局管理员）
"""


def told(decision: Decision, tag: str) -> str:
    words = vocabularies()[tag]
    return message_text(message(decision, words), words)


def test_a_refused_switch_reads_like_this_in_english() -> None:
    assert told(REFUSED, "en") == ENGLISH


@pytest.mark.parametrize(("tag", "steps"), [("cs", CZECH_STEPS), ("zh-CN", CHINESE_STEPS)])
def test_the_steps_are_numbered_and_say_who_in_which_role_and_when(tag: str, steps: str) -> None:
    assert steps in told(REFUSED, tag)


@pytest.mark.parametrize("tag", sorted(vocabularies()))
def test_everything_a_person_needs_is_in_the_message(tag: str) -> None:
    words, text, answer = vocabularies()[tag], told(REFUSED, tag), REFUSED.answer
    assert text.startswith(words.text(answer.outcome))
    wanted = [CUSTOMER, SUBSCRIPTION, PARTNER, SELLER, "B10", "2022-03b", REFUSED.decision_id]
    wanted += [words.text(code) for code in (answer.support_access, answer.move_option, answer.billing_owner.kind, ConsentPosition.K3)]
    wanted += [words.text(reason) for reason in answer.reasons]
    wanted += [words.text(step.code) for step in answer.next_steps]
    wanted += [instant_text(words, instant) for instant in (AS_OF, WINDOW_END, TERM_END, CONSENT_END)]
    assert [each for each in wanted if each not in text] == []
    assert "_" not in text and "{" not in text and "None" not in text


def test_what_does_not_hold_is_left_out() -> None:
    closed = replace(
        REFUSED,
        partner_tenant_id=None,
        consent_position=None,
        review_at=None,
        answer=replace(
            REFUSED.answer,
            billing_owner=BillingOwner(BillingOwnerKind.MICROSOFT),
            next_steps=(),
            eligible_from=None,
            cancellation_allowed_until=None,
            consent_valid_until=None,
        ),
    )
    text = told(closed, "en")
    assert "Partner: any partner with whom the customer has nothing yet\n" in text
    assert "Support: The partner may manage the subscription.\n" in text
    assert "Billing: Microsoft bills the customer.\n" in text
    assert "Next steps: Nothing has to be done.\n" in text
    assert "Without new facts this answer stays as it is." in text
    assert not any(word in text for word in ("valid until", "possible from", "window:", "Missing facts", "Manual review"))


def test_missing_facts_keep_their_field_names_and_a_review_is_said() -> None:
    doubtful = replace(REFUSED, answer=replace(REFUSED.answer, missing_facts=("azure_offer", "partner_type"), manual_review=True))
    text = told(doubtful, "cs")
    assert "Chybějící údaje:\n  azure_offer\n  partner_type\n" in text
    assert "Ruční posouzení: Než se na tuto odpověď někdo spolehne, musí ji posoudit člověk.\n" in text


@pytest.mark.parametrize("tag", sorted(vocabularies()))
def test_every_step_by_every_actor_in_every_role_can_be_told(tag: str) -> None:
    words = vocabularies()[tag]
    steps = tuple(NextStep(code, actor, role) for code in NextStepCode for actor in Actor for role in (None, *Role))
    lines = message(replace(REFUSED, answer=replace(REFUSED.answer, next_steps=steps)), words).parts[-3].lines
    assert len(lines) == 2 * len(steps)
    assert lines[-2].startswith(f"{len(steps)}. ")
