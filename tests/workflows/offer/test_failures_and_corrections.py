"""Rejections by AWS and invalid terms: the offer waits for a person and names the remedy."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateStage

from client.offer_client import RequestRejected
from offers.ids import parse_opportunity_id
from offers.lifecycle.commands import TermChanges
from offers.stage import Stage
from sandbox.aws.marketplace_state import Buyer, Offer
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness, opportunity_fields
from workflows.offer.workflow import OfferWorkflow

CORRECT_ACCOUNT = "444455556666"


async def test_rejected_account_is_corrected_in_salesforce(harness: WorkflowHarness) -> None:
    harness.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    await harness.start()
    failed = await harness.advance_until(Stage.FAILED)
    (finding,) = failed.findings
    assert finding.field == "buyer_accounts"
    assert "INVALID_BUYER_ACCOUNTS" in finding.problem
    assert "12-digit" in finding.remedy
    assert failed.attention_code == "offer-rejected"
    assert not harness.world.aws.offers, "an offer was created"
    await harness.settle()
    assert harness.mail_subjects() == ["Failed: the offer for Example Corp"]
    assert "INVALID_BUYER_ACCOUNTS" in harness.world.mail.messages[0].text
    assert "INVALID_BUYER_ACCOUNTS" in harness.salesforce_fields()["Offer_Attention__c"]

    harness.put_opportunity(AWS_Account_Id__c=CORRECT_ACCOUNT)
    await harness.client.resume(OPPORTUNITY)
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.revision == 2
    assert shared.terms is not None
    assert shared.terms.buyer_accounts == (CORRECT_ACCOUNT,)
    assert shared.attention_code is None
    assert shared.findings == ()
    assert harness.count_acceptable_offers() == 1


async def test_rejected_change_set_request_fails_with_the_aws_error(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.catalog.answer(422, "StartChangeSet", code="ValidationException")
    await harness.start()
    failed = await harness.advance_until(Stage.FAILED)
    assert "ValidationException" in failed.findings[0].problem
    cancelled = await harness.client.cancel(OPPORTUNITY, "")
    assert cancelled.stage is Stage.CANCELLED
    assert not harness.world.aws.offers


async def test_resume_after_an_aws_server_fault(harness: WorkflowHarness) -> None:
    harness.world.aws.change_set_processing.failures.append("SERVER_FAULT")
    await harness.start()
    failed = await harness.advance_until(Stage.FAILED)
    assert "resume to try again" in failed.findings[0].remedy
    await harness.client.resume(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)
    assert harness.count_acceptable_offers() == 1


async def test_invalid_terms_wait_in_draft_until_corrected(harness: WorkflowHarness) -> None:
    harness.put_opportunity(AWS_Account_Id__c="1111-2222-333", Amount=None)
    drafted = await harness.start()
    assert drafted.stage is Stage.DRAFT
    assert [finding.field for finding in drafted.findings] == ["buyer_accounts", "price"]
    assert drafted.findings[0].source == "AWS_Account_Id__c"
    assert drafted.attention_code == "terms-invalid"
    assert not harness.world.aws.change_sets

    harness.put_opportunity()
    await harness.client.resume(OPPORTUNITY)
    assert (await harness.advance_until(Stage.SHARED)).findings == ()


async def test_draft_with_invalid_terms_can_be_cancelled(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Amount=None)
    await harness.start()
    cancelled = await harness.client.cancel(OPPORTUNITY, "")
    assert cancelled.stage is Stage.CANCELLED
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "cancelled"


async def test_given_terms_override_the_opportunity(harness: WorkflowHarness) -> None:
    drafted = await harness.start(
        price={"amount": "99000.50", "currency": "EUR"}, net_payment_days=30, offer_name="Special"
    )
    assert drafted.terms is not None
    assert str(drafted.terms.price) == "EUR 99,000.50"
    shared = await harness.advance_until(Stage.SHARED)
    (offer,) = harness.world.aws.offers.values()
    assert offer.name == "Special"
    assert shared.terms == drafted.terms, "the terms read from AWS differ"


async def test_opportunity_that_is_already_disbursed_is_blocked(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Offer_Stage__c="disbursed")
    drafted = await harness.start()
    assert [finding.field for finding in drafted.findings] == ["stage"]
    assert drafted.findings[0].source == "Offer_Stage__c"
    harness.put_opportunity(Offer_Stage__c=None)
    await harness.client.resume(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)


async def test_invalid_given_terms_are_corrected_by_revise(harness: WorkflowHarness) -> None:
    drafted = await harness.start(buyer_accounts="1")
    assert drafted.findings[0].source == "given"
    assert "Revise the terms" in drafted.attentions[0].remedy
    revised = await harness.client.revise(OPPORTUNITY, TermChanges(terms={"buyer_accounts": BUYER}))
    assert revised.blocking_findings == ()
    await harness.advance_until(Stage.SHARED)


async def test_unknown_given_field_is_a_finding(harness: WorkflowHarness) -> None:
    drafted = await harness.start(discount="10")
    assert [finding.field for finding in drafted.findings] == ["discount"]
    assert "no such field" in drafted.findings[0].problem


async def test_start_of_a_missing_opportunity_is_rejected(harness: WorkflowHarness) -> None:
    harness.world.salesforce.opportunities.clear()
    with pytest.raises(RequestRejected, match=f"Salesforce has no opportunity {OPPORTUNITY}"):
        await harness.start()
    harness.put_opportunity()
    assert (await harness.start()).terms is not None, "the failed start prevents this one"


async def test_revise_of_a_missing_opportunity_fails_the_workflow(
    harness: WorkflowHarness,
) -> None:
    harness.world.salesforce.opportunities.clear()
    harness.vendors.salesforce.answer(503, "Query", times=2)
    handle = await harness.client.start_without_waiting(OPPORTUNITY)
    update = await handle.start_update(
        OfferWorkflow.revise,
        TermChanges(terms={"duration_months": 12}),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
    )
    await harness.sleep(timedelta(minutes=5))
    await update.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED
    harness.put_opportunity()
    assert (await harness.start()).terms is not None, "the failed workflow prevents this start"


async def test_cancel_of_a_missing_opportunity_completes_the_workflow(
    harness: WorkflowHarness,
) -> None:
    harness.world.salesforce.opportunities.clear()
    harness.vendors.salesforce.answer(503, "Query", times=2)
    handle = await harness.client.start_without_waiting(OPPORTUNITY)
    # Wait, without skipping time, until the first attempt has failed.
    async with asyncio.timeout(10):
        while not any(
            pending.attempt > 1
            for pending in (await handle.describe()).raw_description.pending_activities
        ):
            pass
    await handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.sleep(timedelta(minutes=5))
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_deleted_opportunity_needs_attention(
    harness: WorkflowHarness,
) -> None:
    harness.world.aws.change_set_processing.failures = ["INVALID_TAX_INFORMATION"]
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    kept = dict(harness.world.salesforce.opportunities)
    harness.world.salesforce.opportunities.clear()
    await harness.client.resume(OPPORTUNITY, "offer-rejected")
    waiting = await harness.advance(minutes=10)
    assert "vendor-rejected" in {attention.code for attention in waiting.attentions}
    harness.world.salesforce.opportunities.update(kept)
    for attention in (await harness.record()).attentions:
        await harness.client.resume(OPPORTUNITY, attention.code)
        break
    harness.put_opportunity()
    while (record := await harness.record()).attentions:
        await harness.client.resume(OPPORTUNITY, record.attentions[0].code)
        await harness.settle()
    await harness.advance_until(Stage.SHARED)


async def test_two_offers_for_one_account_are_never_both_acceptable(
    harness: WorkflowHarness,
) -> None:
    second = "0065g00000AbCdFAAV"
    second = parse_opportunity_id(second[:15])
    harness.world.salesforce.put_opportunity(opportunity_fields(second))
    await harness.client.start_without_waiting(OPPORTUNITY)
    await harness.client.start_without_waiting(second)
    for _ in range(30):
        await harness.sleep(timedelta(minutes=5))
    assert harness.count_acceptable_offers() <= 1
    failed = [
        record
        for record in (await harness.record(), await harness.client.record(second))
        if record.stage is Stage.FAILED
    ]
    assert failed
    assert "open-offer" in {finding.code for finding in failed[0].findings}


async def test_start_is_blocked_by_an_open_offer_in_salesforce(
    harness: WorkflowHarness,
) -> None:
    shared = await harness.share()
    await harness.handle.terminate("the workflow is lost")
    harness.put_opportunity(
        AWS_Account_Id__c="444455556666",
        Offer_Id__c=shared.offer_id,
        Offer_Stage__c="shared",
    )
    again = await harness.client.start(OPPORTUNITY, restart=True)
    assert [(finding.code, finding.seen) for finding in again.blocking_findings] == [
        ("open-offer", shared.offer_id)
    ]


async def test_published_offer_that_differs_is_withdrawn(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.GENERATING)

    def change(offer: Offer) -> None:
        for term in offer.terms:
            if term["Type"] == "ConfigurableUpfrontPricingTerm":
                term["RateCards"][0]["RateCard"][0]["Price"] = "12000.00"

    harness.change_before_read_back(change)
    failed = await harness.advance_until(Stage.FAILED)
    (finding,) = failed.findings
    assert finding.field == "price.amount"
    assert finding.seen == "USD 12,000.00"
    assert harness.count_acceptable_offers() == 0
    await harness.settle()
    assert harness.mail_subjects() == ["Failed: the offer for Example Corp"], "the buyer got a mail"


async def test_accepted_offer_that_differs_needs_attention(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance_until(Stage.GENERATING)

    def change(offer: Offer) -> None:
        offer.name = "Another name"
        accept(harness.world, offer.id, BUYER)

    harness.change_before_read_back(change)
    accepted = await harness.advance_until(Stage.ACCEPTED)
    assert accepted.attention_code == "accepted-with-differences"
    assert accepted.findings[0].field == "offer_name"
    await harness.settle()
    assert "Not cancelled: Example Corp has accepted" not in harness.mail_subjects()
