"""The buyer confirms the AWS account by a link before the offer is created."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from client.offer_client import RequestRejected
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from tests.support.builders import BUYER
from tests.support.workflow_harness import (
    CONFIRMING_POLICY,
    OPPORTUNITY,
    WorkflowHarness,
    open_harness,
)

OTHER = "444455556666"
DESK = "desk@example.com"
OWNER = "owner@example.com"
BUYER_EMAIL = "buyer@example.com"
REQUEST = "Please confirm your AWS account for Example Product (Example Corp)"
TWO_YEARS = {"Contract_Months__c": 24.0}


@pytest.fixture
async def harness() -> AsyncIterator[WorkflowHarness]:
    async with open_harness(policy=CONFIRMING_POLICY) as harness:
        yield harness


def policy(tmp_path: Path, change: Callable[[str], str]) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(change(CONFIRMING_POLICY.read_text(encoding="utf-8")), encoding="utf-8")
    return file


def by_approval(text: str) -> str:
    return text.replace('"required"', '"approval"')


def subjects_to(harness: WorkflowHarness, address: str) -> list[str]:
    return [mail.subject for mail in harness.world.mail.messages if address in mail.recipients]


def codes(record: OfferRecord) -> list[str]:
    return [finding.code for finding in record.blocking_findings]


async def test_draft_waits_for_the_buyer_and_goes_on_by_itself(harness: WorkflowHarness) -> None:
    record = await harness.start()
    assert (record.stage, codes(record)) == (Stage.DRAFT, ["account-unconfirmed"])
    waiting = await harness.settle()
    assert [each.code for each in waiting.attentions] == [AttentionCode.ACCOUNT_UNCONFIRMED]
    assert subjects_to(harness, BUYER_EMAIL) == [REQUEST]
    (asked,) = [mail for mail in harness.world.mail.messages if mail.subject == REQUEST]
    assert BUYER not in asked.text, "the buyer could copy the account from the mail"
    assert "USD" not in asked.text
    assert subjects_to(harness, OWNER) == [
        "The buyer is asked to confirm the account: Example Corp"
    ]
    assert "the buyer was asked" in await harness.summary_card()

    confirmation = await harness.confirm_account(f" {BUYER[:4]}-{BUYER[4:8]}-{BUYER[8:]} ")
    assert confirmation.matches
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.is_account_confirmed
    assert shared.attentions == ()
    offer = next(m for m in harness.world.mail.messages if "is ready" in m.subject)
    assert f"It is for AWS account {BUYER}, as confirmed on" in offer.text
    assert "confirmed by the buyer" in await harness.summary_card()


async def test_difference_is_a_finding_and_a_correction_is_confirmed_anew(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.settle()
    assert not (await harness.confirm_account(OTHER)).matches
    record = await harness.settle()
    assert codes(record) == ["account-differs"]
    (finding,) = record.blocking_findings
    assert (finding.seen, OTHER in finding.problem) == (BUYER, True)
    assert record.attention_code == AttentionCode.TERMS_INVALID
    assert subjects_to(harness, OWNER)[-1] == "Action required: the offer for Example Corp"
    assert len(harness.confirmation_tokens()) == 1, "asked again without a reason to"

    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"buyer_accounts": OTHER}))
    assert codes(revised) == ["account-unconfirmed"]
    await harness.settle()
    first, second = harness.confirmation_tokens()
    with pytest.raises(RequestRejected):
        await harness.confirm_account(OTHER, first)
    assert (await harness.confirm_account(OTHER, second)).matches
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.require_terms().buyer_accounts == (OTHER,)


async def test_a_link_is_used_once(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.settle()
    await harness.confirm_account(OTHER)
    with pytest.raises(RequestRejected, match="used before"):
        await harness.confirm_account(BUYER)
    record = await harness.record()
    assert record.account_confirmation
    assert record.account_confirmation.given == (OTHER,)


async def test_buyer_is_reminded_then_the_link_ends_and_resume_sends_another(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    for days, mails in ((2, 1), (2, 2), (4, 3), (5, 3)):
        await harness.advance(days=days)
        assert len(harness.confirmation_tokens()) == mails
    assert subjects_to(harness, OWNER)[1:] == []
    late = await harness.advance(days=2)
    assert subjects_to(harness, OWNER)[1:] == ["Action required: the offer for Example Corp"]
    assert late.attention_code == AttentionCode.ACCOUNT_UNCONFIRMED
    with pytest.raises(RequestRejected, match="not valid any more"):
        await harness.confirm_account(BUYER)
    await harness.advance(days=60)
    assert len(harness.confirmation_tokens()) == 3, "asked again without a reason to"

    await harness.client.resume(OPPORTUNITY)
    await harness.settle()
    assert len(harness.confirmation_tokens()) == 4
    await harness.client.resume(OPPORTUNITY)
    await harness.settle()
    assert len(harness.confirmation_tokens()) == 4, "the link can still be used"
    await harness.client.revise(
        OPPORTUNITY,
        TermChanges(terms={"availability_end": harness.day(100).isoformat()}),
    )
    assert (await harness.confirm_account(BUYER)).matches
    await harness.advance_until(Stage.SHARED)


async def test_resend_makes_the_earlier_link_void(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.settle()
    await harness.client.resend(OPPORTUNITY)
    await harness.settle()
    first, second = harness.confirmation_tokens()
    with pytest.raises(RequestRejected, match="not the one that was sent last"):
        await harness.confirm_account(BUYER, first)
    assert (await harness.confirm_account(BUYER, second)).matches
    shared = await harness.advance_until(Stage.SHARED)
    with pytest.raises(RequestRejected, match="used before"):
        await harness.confirm_account(BUYER, second)
    assert shared.account_link
    assert shared.account_link.number == 2


async def test_nobody_is_asked_while_something_must_be_corrected(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(**TWO_YEARS, Billing_Method__c="Bank transfer")
    record = await harness.start()
    assert "account-unconfirmed" in codes(record)
    await harness.settle()
    assert harness.confirmation_tokens() == []
    assert AttentionCode.ACCOUNT_UNCONFIRMED not in {e.code for e in record.attentions}
    harness.put_opportunity(**TWO_YEARS)
    await harness.client.resume(OPPORTUNITY, AttentionCode.TERMS_INVALID)
    await harness.settle()
    assert len(harness.confirmation_tokens()) == 1, "an approval that is still to come holds it up"
    mails = len(subjects_to(harness, DESK))
    await harness.confirm_account(BUYER)
    assert codes(await harness.settle()) == ["not-annual"]
    assert len(subjects_to(harness, DESK)) == mails, "approvers hear twice of the same exception"
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)


async def test_another_buyer_is_asked_anew(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.settle()
    await harness.client.revise(OPPORTUNITY, TermChanges(terms={"buyer_email": "new@example.com"}))
    await harness.settle()
    assert subjects_to(harness, "new@example.com") == [REQUEST]
    first, _ = harness.confirmation_tokens()
    with pytest.raises(RequestRejected):
        await harness.confirm_account(BUYER, first)


async def test_amended_account_is_confirmed_before_it_is_published(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.settle()
    await harness.confirm_account(BUYER)
    await harness.advance_until(Stage.SHARED)
    change = TermChanges(terms={"buyer_accounts": OTHER})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, change)) as answer:
        assert codes(await answer) == ["account-unconfirmed"]
    await harness.settle()
    assert harness.count_acceptable_offers() == 0
    await harness.confirm_account(OTHER)
    shared = await harness.advance_until(Stage.SHARED)
    assert (shared.revision, shared.require_terms().buyer_accounts) == (2, (OTHER,))
    # Another price asks nobody: the account is confirmed.
    price = TermChanges(terms={"price": {"amount": "130000", "currency": "USD"}})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, price)) as answer:
        await answer
    await harness.advance_until(Stage.SHARED)
    assert len(harness.confirmation_tokens()) == 2


async def test_amendment_of_an_agreement_asks_nobody(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.settle()
    await harness.confirm_account(BUYER)
    harness.accept(await harness.advance_until(Stage.SHARED))
    await harness.watch_agreements()
    await harness.settle()
    amended = await harness.share_amendment(TermChanges(terms={"additional_amount": "1000 USD"}))
    assert amended.account_link is None
    assert len(harness.confirmation_tokens()) == 1


async def test_cancelled_draft_asks_nobody_any_more(harness: WorkflowHarness) -> None:
    harness.vendors.smtp.down()
    await harness.start()
    await harness.advance(minutes=1)
    await harness.client.cancel(OPPORTUNITY, "")
    harness.vendors.clear()
    assert (await harness.advance_to_end()).attentions == ()
    assert harness.confirmation_tokens() == []


async def test_a_request_that_may_have_been_sent_is_sent_again(harness: WorkflowHarness) -> None:
    harness.vendors.smtp.lose_answer()
    await harness.start()
    await harness.advance(minutes=1)
    assert harness.confirmation_tokens()
    record = await harness.record()
    assert [each.code for each in record.attentions] == [AttentionCode.ACCOUNT_UNCONFIRMED]


async def test_somebody_may_approve_to_go_on_without(tmp_path: Path) -> None:
    async with open_harness(policy=policy(tmp_path, by_approval)) as harness:
        record = await harness.start()
        assert [f.role for f in record.awaiting_approval] == ["deal-desk"]
        await harness.settle()
        assert subjects_to(harness, DESK) == [], "approvers are asked before the buyer could answer"
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
        shared = await harness.advance_until(Stage.SHARED)
        assert not shared.is_account_confirmed
        with pytest.raises(RequestRejected, match="need not be confirmed any more"):
            await harness.confirm_account(BUYER)


async def test_approvers_are_asked_when_the_buyer_does_not_answer_or_differs(
    tmp_path: Path,
) -> None:
    async with open_harness(policy=policy(tmp_path, by_approval)) as harness:
        await harness.start()
        late = await harness.advance(days=14, hours=1)
        assert late.attention_code == AttentionCode.APPROVAL_REQUIRED
        assert subjects_to(harness, DESK) == ["Approval required: the offer for Example Corp"]
        await harness.client.resend(OPPORTUNITY)
        assert (await harness.settle()).attention_code == AttentionCode.ACCOUNT_UNCONFIRMED
        await harness.confirm_account(OTHER)
        differs = await harness.settle()
        assert [f.code for f in differs.awaiting_approval] == ["account-differs"]
        assert len(subjects_to(harness, DESK)) == 2
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
        await harness.advance_until(Stage.SHARED)


async def test_token_is_not_in_the_history(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.settle()
    await harness.confirm_account(BUYER)
    await harness.advance_until(Stage.SHARED)
    (token,) = harness.confirmation_tokens()
    assert token not in (await harness.handle.fetch_history()).to_json()
