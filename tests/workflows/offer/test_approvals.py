"""A draft waits for approvals of its exceptions, and for corrections of other findings."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter

from client.offer_client import OfferClient, RequestRejected
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.stage import Stage
from tests.support.workflow_harness import OPPORTUNITY, POLICY, WorkflowHarness, open_harness

ACTION_REQUIRED = ["Action required: the offer for Example Corp"]
DESK = "desk@example.com"
TWO_YEARS = {"Contract_Months__c": 24.0}


async def start_draft(harness: WorkflowHarness, **fields: Any) -> list[str]:
    """Start an offer; returns the codes of the findings that block it."""
    harness.put_opportunity(**fields)
    record = await harness.start()
    assert record.stage is Stage.DRAFT
    return [finding.code for finding in record.blocking_findings]


def subjects_to(harness: WorkflowHarness, address: str) -> list[str]:
    return [mail.subject for mail in harness.world.mail.messages if address in mail.recipients]


async def reference(harness: WorkflowHarness) -> str:
    """The name of the only exception that waits."""
    record = await harness.record()
    (waiting,) = record.awaiting_approval
    return record.approval_reference(waiting)


async def test_exception_waits_for_approval_by_its_role(harness: WorkflowHarness) -> None:
    assert await start_draft(harness, **TWO_YEARS) == ["not-annual"]
    waiting = await harness.settle()
    assert waiting.attention_code == "approval-required"
    assert "deal-desk" in waiting.attentions[0].problem
    assert waiting.attentions[0].remedy.startswith("Approve or decline; or revise the terms, or")
    assert "deal-desk" in await harness.summary_card()
    assert not harness.world.aws.change_sets
    assert "not-annual" not in harness.mail_subjects(), "the subject has a code"
    assert subjects_to(harness, DESK) == ["Approval required: the offer for Example Corp"]
    assert subjects_to(harness, "owner@example.com") == [
        "Action required: the offer for Example Corp"
    ]
    assert "12 months" in harness.salesforce_fields()["Offer_Attention__c"]

    await harness.client.approve(
        OPPORTUNITY, ApprovalDecision(by="Desk@Example.com", finding="not-annual")
    )
    shared = await harness.advance_until(Stage.SHARED)
    (decision,) = shared.decisions
    assert (decision.finding.code, decision.approved, decision.by) == (
        "not-annual",
        True,
        "Desk@Example.com",
    )
    assert shared.require_terms().duration_months == 24


async def test_approvers_are_reminded_after_one_and_three_days(
    harness: WorkflowHarness,
) -> None:
    await start_draft(harness, **TWO_YEARS)
    await harness.advance(hours=23)
    assert len(subjects_to(harness, DESK)) == 1
    await harness.advance(hours=2)
    assert len(subjects_to(harness, DESK)) == 2
    await harness.advance(days=2)
    assert len(subjects_to(harness, DESK)) == 3
    assert (await harness.advance(days=30)).attention_code == "approval-required", (
        "it no longer waits for approval"
    )
    assert len(subjects_to(harness, DESK)) == 3
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)


async def test_approval_without_the_role_or_finding_is_rejected(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    for decision, reason in (
        (ApprovalDecision(by="owner@example.com"), "needs the role deal-desk"),
        (ApprovalDecision(by="legal@example.com"), "needs the role deal-desk"),
        (ApprovalDecision(by=DESK, finding="custom-contract"), "not-annual:.* does"),
    ):
        with pytest.raises(RequestRejected, match=reason) as rejected:
            await harness.client.approve(OPPORTUNITY, decision)
        assert "@" not in str(rejected.value), "the reason has an address"
        assert not (await harness.record()).decisions


async def test_approval_of_an_outdated_finding_is_rejected(
    harness: WorkflowHarness,
) -> None:
    await start_draft(harness, **TWO_YEARS)
    before = await reference(harness)
    await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 60}))
    with pytest.raises(RequestRejected, match=f"{before} waits for no approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding=before))
    after = await reference(harness)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding=after))
    assert (await harness.advance_until(Stage.SHARED)).require_terms().duration_months == 60


async def test_missing_buyer_email_is_notified_to_the_owner(harness: WorkflowHarness) -> None:
    assert await start_draft(harness, Buyer_Email__c=None) == ["illegal"]
    await harness.settle()
    assert subjects_to(harness, "owner@example.com") == [
        "Action required: the offer for Example Corp"
    ]


async def test_mails_about_different_findings_have_different_message_ids(
    harness: WorkflowHarness,
) -> None:
    await start_draft(harness, **TWO_YEARS)
    await harness.client.revise(
        OPPORTUNITY, TermChanges(terms={"duration_months": 12, "net_payment_days": 31})
    )
    await harness.settle()
    ids = [mail.message_id for mail in harness.world.mail.messages]
    assert len(ids) == 3
    assert len(set(ids)) == 3


async def test_cancel_while_the_eula_upload_is_denied(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.aws.storage.put("example-offers", "eula.pdf", one_page())
    await harness.start()
    harness.vendors.s3.answer(403, "PutObject", times=None)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    assert (await harness.advance(minutes=1)).attention_code == "credentials-rejected"
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    assert (await harness.advance_to_end()).attentions == ()
    assert not harness.world.aws.change_sets


async def test_approval_without_an_exception_is_rejected(harness: WorkflowHarness) -> None:
    await harness.start()
    with pytest.raises(RequestRejected, match="nothing in it waits for approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))


async def test_finding_without_a_role_cannot_be_approved(harness: WorkflowHarness) -> None:
    assert await start_draft(harness, Order_Form_Signed__c=False) == ["order-form-unsigned"]
    with pytest.raises(RequestRejected, match="waits for approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))


async def test_declined_exception_needs_a_revision(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    with pytest.raises(RequestRejected, match="say why"):
        await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK))
    declined = await harness.client.decline(
        OPPORTUNITY, ApprovalDecision(by=DESK, reason="one year only")
    )
    assert declined.decisions[0].reason == "one year only"
    waiting = await harness.settle()
    assert waiting.attention_code == "terms-invalid"
    assert sorted(subjects_to(harness, "owner@example.com")) == [
        *ACTION_REQUIRED * 2,
        "Declined: exceptions in the offer for Example Corp",
    ]
    for mail in harness.world.mail.messages[-2:]:
        assert "one year only" in " ".join(mail.text.split())

    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 12}))
    assert revised.blocking_findings == ()
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.require_terms().duration_months == 12


async def test_approval_after_a_decline(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="no"))
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)


async def test_revise_keeps_approvals_of_unchanged_terms(harness: WorkflowHarness) -> None:
    assert await start_draft(harness, **TWO_YEARS, Amount=90000.0) == [
        "not-annual",
        "below-minimum",
    ]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding="not-annual"))
    revised = await harness.client.revise(
        OPPORTUNITY, TermChanges(terms={"price": {"amount": "95000", "currency": "USD"}})
    )
    assert [finding.code for finding in revised.awaiting_approval] == ["below-minimum"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding="below-minimum"))
    await harness.advance_until(Stage.SHARED)


async def test_approval_does_not_cover_another_price(
    harness: WorkflowHarness,
) -> None:
    assert await start_draft(harness, Amount=90000.0, Order_Form_Signed__c=False) == [
        "order-form-unsigned",
        "below-minimum",
    ]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    harness.put_opportunity(Amount=1000.0)
    await harness.client.resume(OPPORTUNITY)
    assert [f.code for f in (await harness.settle()).awaiting_approval] == ["below-minimum"]


async def test_preflight_runs_again_after_a_late_approval(harness: WorkflowHarness) -> None:
    await start_draft(
        harness, **TWO_YEARS, Offer_Expires_On__c=str(await days_from_now(harness, 3))
    )
    await harness.advance(days=5)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    late = await harness.settle()
    assert late.stage is Stage.DRAFT
    assert [finding.code for finding in late.blocking_findings] == ["last-day-over"]


async def days_from_now(harness: WorkflowHarness, days: int) -> Any:
    return (await harness.server.get_current_time() + timedelta(days=days)).date()


async def test_invalid_revise_is_rejected(harness: WorkflowHarness) -> None:
    await start_draft(harness, Order_Form_Signed__c=False)
    for changes, reason in (
        (TermChanges(terms={"discount": 5}), "discount: there is no such term"),
        (TermChanges(), "no change was given"),
    ):
        with pytest.raises(RequestRejected, match=reason):
            await harness.client.revise(OPPORTUNITY, changes)


async def test_given_term_can_be_removed(harness: WorkflowHarness) -> None:
    record = await harness.start(duration_months=24)
    assert record.require_terms().duration_months == 24
    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": None}))
    assert revised.require_terms().duration_months == 12
    await harness.advance_until(Stage.SHARED)


async def test_revise_after_rejection_by_aws_keeps_the_first_revision(
    harness: WorkflowHarness,
) -> None:
    harness.world.aws.change_set_processing.failures = ["INVALID_TAX_INFORMATION"]
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    await harness.client.revise(OPPORTUNITY, TermChanges(terms={"offer_name": "Another name"}))
    shared = await harness.advance_until(Stage.SHARED)
    (first_revision,) = shared.previous_revisions
    assert first_revision.number == 1
    assert first_revision.outcome == "rejected by AWS"
    assert "tax information" in first_revision.findings[0].problem
    assert first_revision.change_set_id != shared.change_set_id
    assert shared.revision == 2
    assert shared.require_terms().offer_name == "Another name"
    assert len(harness.world.aws.offers) == 1


async def test_cancel_while_waiting_for_approval(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    ended = await harness.advance_to_end()
    assert ended.attentions == ()
    assert not harness.world.aws.change_sets


async def test_exceptions_of_two_roles_need_both_approvals(harness: WorkflowHarness) -> None:
    harness.put_opportunity(**TWO_YEARS, Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.aws.storage.put("example-offers", "eula.pdf", one_page())
    record = await harness.start()
    assert sorted(str(f.role) for f in record.awaiting_approval) == ["deal-desk", "legal"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    remaining = await harness.settle()
    assert [finding.role for finding in remaining.awaiting_approval] == ["legal"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    await harness.advance_until(Stage.SHARED)
    (offer,) = harness.world.aws.offers.values()
    (legal,) = [term for term in offer.terms if term["Type"] == "LegalTerm"]
    assert legal["Documents"][0]["Type"] == "CustomEula"


async def test_eula_changed_after_approval_needs_a_new_approval(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.aws.storage.put("example-offers", "eula.pdf", one_page())
    await harness.start()
    harness.vendors.s3.answer(403, "PutObject", times=None)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    assert (await harness.advance(minutes=1)).attention_code == "credentials-rejected"
    harness.world.aws.storage.put("example-offers", "eula.pdf", one_page(width=300))
    harness.vendors.clear()
    await harness.client.resume(OPPORTUNITY)
    failed = await harness.advance_until(Stage.FAILED)
    assert "has changed since it was checked" in failed.findings[0].problem
    await harness.client.resume(OPPORTUNITY)
    # The contract is checked by a process of its own, which takes seconds on a busy machine.
    for _ in range(30):
        if (waiting := await harness.settle()).awaiting_approval:
            break
    assert [finding.code for finding in waiting.awaiting_approval] == ["custom-contract"]
    assert not harness.world.aws.offers


def one_page(width: int = 200) -> bytes:
    """A PDF."""
    buffer = BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(width=width, height=200)
    writer.write(buffer)
    return buffer.getvalue()


async def test_approval_does_not_hold_for_a_deal_that_is_worse(harness: WorkflowHarness) -> None:
    """What is worse: `tests/offers/lifecycle/test_deal.py`."""
    await start_draft(harness, **TWO_YEARS, Amount=191919.19)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)
    changes = TermChanges(terms={"price": "191919.18 USD"})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, changes)) as answer:
        drafted = await answer
    assert [each.code for each in drafted.awaiting_approval] == ["not-annual"]
    waiting = await harness.advance(days=1)
    assert waiting.attention_code == "approval-required"
    assert harness.count_acceptable_offers() == 0
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)
    assert harness.count_acceptable_offers() == 1


async def test_approval_holds_for_a_deal_that_is_better(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)
    higher = TermChanges(terms={"price": "130000 USD"})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, higher)) as answer:
        assert not (await answer).awaiting_approval
    assert (await harness.advance_until(Stage.SHARED)).revision == 2


async def test_refusal_holds_only_for_the_deal_that_was_shown(harness: WorkflowHarness) -> None:
    await start_draft(harness, **TWO_YEARS)
    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="too low"))
    assert not (await harness.record()).awaiting_approval
    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"price": "150000 USD"}))
    assert [each.code for each in revised.awaiting_approval] == ["not-annual"]


@pytest.mark.parametrize("who", ["owner", "who asked for it", "anybody, by the policy"])
async def test_nobody_approves_their_own_deal(tmp_path: Path, who: str) -> None:
    policy = tmp_path / "policy.toml"
    allowed = who == "anybody, by the policy"
    policy.write_text(
        f"approve_own_deals = {str(allowed).lower()}\n" + POLICY.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    async with open_harness(policy=policy) as harness:
        if who == "owner":
            harness.put_opportunity(**TWO_YEARS, Owner={"Name": "x", "Email": "Desk@Example.com"})
            await harness.start()
        else:
            harness.put_opportunity()
            as_desk = OfferClient(harness.temporal_client, by=DESK)
            await as_desk.start(OPPORTUNITY, {"duration_months": 24})
        decision = ApprovalDecision(by=DESK)
        if allowed:
            await harness.client.approve(OPPORTUNITY, decision)
        else:
            with pytest.raises(RequestRejected, match="cannot approve it") as rejected:
                await harness.client.approve(OPPORTUNITY, decision)
            assert "@" not in str(rejected.value)
            assert not (await harness.record()).decisions
            await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="second@example.com"))
        await harness.advance_until(Stage.SHARED)


async def test_who_asked_for_a_change_may_refuse_it(harness: WorkflowHarness) -> None:
    await start_draft(harness, Order_Form_Signed__c=False)
    harness.put_opportunity()
    as_desk = OfferClient(harness.temporal_client, by=DESK)
    await as_desk.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 24}))
    with pytest.raises(RequestRejected, match="cannot approve it"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK.upper()))
    record = await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="no"))
    assert not record.decisions[-1].approved
