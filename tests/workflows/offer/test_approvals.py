"""A draft waits for those who may approve it, and for the correction of what nobody may."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfWriter

from cli.offer_client import RequestRejected
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.stage import Stage
from sandbox.faults import Fault
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness

ACTION_REQUIRED = ["Action required: the offer for Example Corp"]
DESK = "desk@example.com"
TWO_YEARS = {"Contract_Months__c": 24.0}


async def draft(harness: WorkflowHarness, **fields: Any) -> list[str]:
    """Start an offer; gives the codes of what stands in its way."""
    harness.put_opportunity(**fields)
    record = await harness.start()
    assert record.stage is Stage.DRAFT
    return [finding.code for finding in record.blocking_findings]


def written_to(harness: WorkflowHarness, address: str) -> list[str]:
    return [mail.subject for mail in harness.world.mails if address in mail.recipients]


async def test_an_exception_waits_for_its_role_and_then_goes_on(harness: WorkflowHarness) -> None:
    assert await draft(harness, **TWO_YEARS) == ["not-annual"]
    waiting = await harness.settle()
    assert waiting.attention_code == "approval-required"
    assert "deal-desk" in waiting.attentions[0].problem
    assert "deal-desk" in await harness.summary_card()
    assert not harness.world.change_sets
    assert "not-annual" not in harness.mail_subjects(), "codes are for the text"
    assert written_to(harness, DESK) == ["Approval required: the offer for Example Corp"]
    assert written_to(harness, "owner@example.com") == [
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


async def test_those_who_may_approve_are_reminded_until_they_decide(
    harness: WorkflowHarness,
) -> None:
    await draft(harness, **TWO_YEARS)
    await harness.advance(hours=23)
    assert len(written_to(harness, DESK)) == 1
    await harness.advance(hours=2)
    assert len(written_to(harness, DESK)) == 2
    await harness.advance(days=2)
    assert len(written_to(harness, DESK)) == 3
    assert (await harness.advance(days=30)).attention_code == "approval-required", (
        "it waits as long as it takes"
    )
    assert len(written_to(harness, DESK)) == 3
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (ApprovalDecision(by="owner@example.com"), "needs the role deal-desk"),
        (ApprovalDecision(by="legal@example.com"), "needs the role deal-desk"),
        (ApprovalDecision(by=DESK, finding="custom-contract"), "not-annual:.* does"),
    ],
)
async def test_an_approval_that_would_not_count_is_refused_at_once(
    harness: WorkflowHarness, verdict: ApprovalDecision, reason: str
) -> None:
    await draft(harness, **TWO_YEARS)
    with pytest.raises(RequestRejected, match=reason) as refusal:
        await harness.client.approve(OPPORTUNITY, verdict)
    assert "@" not in str(refusal.value), "nobody's address is told"
    assert not (await harness.record()).decisions


async def test_an_approval_of_what_was_seen_is_none_of_what_it_became(
    harness: WorkflowHarness,
) -> None:
    await draft(harness, **TWO_YEARS)
    (seen,) = (await harness.record()).awaiting_approval
    await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 60}))
    with pytest.raises(RequestRejected, match=f"{seen.reference} waits for no approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding=seen.reference))
    (now,) = (await harness.record()).awaiting_approval
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding=now.reference))
    assert (await harness.advance_until(Stage.SHARED)).require_terms().duration_months == 60


async def test_the_owner_hears_of_a_buyer_without_an_address(harness: WorkflowHarness) -> None:
    assert await draft(harness, Buyer_Email__c=None) == ["illegal"]
    await harness.settle()
    assert written_to(harness, "owner@example.com") == [
        "Action required: the offer for Example Corp"
    ]


async def test_each_mail_about_other_findings_is_another_mail(harness: WorkflowHarness) -> None:
    await draft(harness, **TWO_YEARS)
    await harness.client.revise(
        OPPORTUNITY, TermChanges(terms={"duration_months": 12, "net_payment_days": 31})
    )
    await harness.settle()
    ids = [mail.message_id for mail in harness.world.mails]
    assert len(ids) == 3
    assert len(set(ids)) == 3


async def test_a_cancel_reaches_a_contract_that_cannot_be_put_into_its_bucket(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.objects[("example-offers", "eula.pdf")] = one_page()
    await harness.start()
    harness.world.faults.waiting.append(Fault("s3", "status", "PutObject", status=403, times=None))
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    assert (await harness.advance(minutes=1)).attention_code == "credentials-rejected"
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    assert (await harness.advance_to_end()).attentions == ()
    assert not harness.world.change_sets


async def test_nothing_can_be_approved_that_does_not_wait(harness: WorkflowHarness) -> None:
    await harness.start()
    with pytest.raises(RequestRejected, match="nothing in it waits for approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))


async def test_a_mistake_is_nobody_s_to_approve(harness: WorkflowHarness) -> None:
    assert await draft(harness, Order_Form_Signed__c=False) == ["order-form-unsigned"]
    with pytest.raises(RequestRejected, match="waits for approval"):
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))


async def test_what_is_declined_must_be_revised(harness: WorkflowHarness) -> None:
    await draft(harness, **TWO_YEARS)
    with pytest.raises(RequestRejected, match="say why"):
        await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK))
    declined = await harness.client.decline(
        OPPORTUNITY, ApprovalDecision(by=DESK, reason="one year only")
    )
    assert declined.decisions[0].reason == "one year only"
    waiting = await harness.settle()
    assert waiting.attention_code == "terms-invalid"
    assert written_to(harness, "owner@example.com") == ACTION_REQUIRED * 2
    assert "one year only" in " ".join(harness.world.mails[-1].text.split())

    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 12}))
    assert revised.blocking_findings == ()
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.require_terms().duration_months == 12


async def test_whoever_declined_may_think_again(harness: WorkflowHarness) -> None:
    await draft(harness, **TWO_YEARS)
    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="no"))
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)


async def test_only_what_changed_needs_approval_again(harness: WorkflowHarness) -> None:
    assert await draft(harness, **TWO_YEARS, Amount=90000.0) == ["not-annual", "below-minimum"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding="not-annual"))
    revised = await harness.client.revise(
        OPPORTUNITY, TermChanges(terms={"price": {"amount": "95000", "currency": "USD"}})
    )
    assert [finding.code for finding in revised.awaiting_approval] == ["below-minimum"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK, finding="below-minimum"))
    await harness.advance_until(Stage.SHARED)


async def test_an_approval_holds_for_what_was_approved_and_no_other_price(
    harness: WorkflowHarness,
) -> None:
    assert await draft(harness, Amount=90000.0, Order_Form_Signed__c=False) == [
        "order-form-unsigned",
        "below-minimum",
    ]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    harness.put_opportunity(Amount=1000.0)
    await harness.client.resume(OPPORTUNITY)
    assert [f.code for f in (await harness.settle()).awaiting_approval] == ["below-minimum"]


async def test_preflight_runs_again_after_a_late_approval(harness: WorkflowHarness) -> None:
    await draft(harness, **TWO_YEARS, Offer_Expires_On__c=str(await days_from_now(harness, 3)))
    await harness.advance(days=5)
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    late = await harness.settle()
    assert late.stage is Stage.DRAFT
    assert [finding.code for finding in late.blocking_findings] == ["last-day-over"]


async def days_from_now(harness: WorkflowHarness, days: int) -> Any:
    return (await harness.server.get_current_time() + timedelta(days=days)).date()


async def test_a_revision_is_refused_where_it_comes_too_late(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    with pytest.raises(
        RequestRejected, match=f"no longer be revised; run offerflow amend {OPPORTUNITY}"
    ):
        await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": 12}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (TermChanges(terms={"discount": 5}), "discount: there is no such term"),
        (TermChanges(), "no change was given"),
    ],
)
async def test_a_senseless_revision_is_refused(
    harness: WorkflowHarness, changes: TermChanges, reason: str
) -> None:
    await draft(harness, Order_Form_Signed__c=False)
    with pytest.raises(RequestRejected, match=reason):
        await harness.client.revise(OPPORTUNITY, changes)


async def test_what_was_given_can_be_taken_back(harness: WorkflowHarness) -> None:
    record = await harness.start(duration_months=24)
    assert record.require_terms().duration_months == 24
    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"duration_months": None}))
    assert revised.require_terms().duration_months == 12
    await harness.advance_until(Stage.SHARED)


async def test_what_aws_refused_is_revised_and_stays_on_record(harness: WorkflowHarness) -> None:
    harness.world.change_set_processing.failures = ["INVALID_TAX_INFORMATION"]
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    await harness.client.revise(OPPORTUNITY, TermChanges(terms={"offer_name": "Another name"}))
    shared = await harness.advance_until(Stage.SHARED)
    (past,) = shared.previous_revisions
    assert past.number == 1
    assert past.outcome == "rejected by AWS"
    assert "tax information" in past.findings[0].problem
    assert past.change_set_id != shared.change_set_id
    assert shared.revision == 2
    assert shared.require_terms().offer_name == "Another name"
    assert len(harness.world.offers) == 1


async def test_a_draft_that_waits_can_be_cancelled(harness: WorkflowHarness) -> None:
    await draft(harness, **TWO_YEARS)
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    ended = await harness.advance_to_end()
    assert ended.attentions == ()
    assert not harness.world.change_sets


async def test_two_roles_decide_each_their_own(harness: WorkflowHarness) -> None:
    harness.put_opportunity(**TWO_YEARS, Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.objects[("example-offers", "eula.pdf")] = one_page()
    record = await harness.start()
    assert sorted(str(f.role) for f in record.awaiting_approval) == ["deal-desk", "legal"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    still = await harness.settle()
    assert [finding.role for finding in still.awaiting_approval] == ["legal"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    await harness.advance_until(Stage.SHARED)
    (offer,) = harness.world.offers.values()
    (legal,) = [term for term in offer.terms if term["Type"] == "LegalTerm"]
    assert legal["Documents"][0]["Type"] == "CustomEula"


async def test_a_contract_that_changed_since_its_approval_is_not_sent(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(Eula_Documents__c="s3://example-offers/eula.pdf")
    harness.world.objects[("example-offers", "eula.pdf")] = one_page()
    await harness.start()
    harness.world.faults.waiting.append(Fault("s3", "status", "PutObject", status=403, times=None))
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="legal@example.com"))
    assert (await harness.advance(minutes=1)).attention_code == "credentials-rejected"
    harness.world.objects[("example-offers", "eula.pdf")] = one_page(width=300)
    harness.world.faults.waiting.clear()
    await harness.client.resume(OPPORTUNITY)
    failed = await harness.advance_until(Stage.FAILED)
    assert "has changed since it was checked" in failed.findings[0].problem
    await harness.client.resume(OPPORTUNITY)
    waiting = await harness.settle()
    assert [finding.code for finding in waiting.awaiting_approval] == ["custom-contract"]
    assert not harness.world.offers


def one_page(width: int = 200) -> bytes:
    """A PDF."""
    buffer = BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(width=width, height=200)
    writer.write(buffer)
    return buffer.getvalue()
