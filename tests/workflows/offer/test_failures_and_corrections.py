"""What AWS or the terms refuse waits for a person, says what to do, and loses nothing."""

import asyncio
from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateStage

from cli.offer_client import RequestRejected
from offers.ids import parse_opportunity_id
from offers.lifecycle.commands import TermChanges
from offers.stage import Stage
from sandbox.faults import Fault
from sandbox.marketplace.buyers import accept
from sandbox.salesforce.records import put_opportunity
from sandbox.world import Buyer
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life, opportunity_fields
from workflows.offer.workflow import OfferWorkflow

RIGHT_ACCOUNT = "444455556666"


async def test_a_wrong_account_is_refused_corrected_and_sold(life: Life) -> None:
    life.world.buyers[BUYER] = Buyer(BUYER, exists=False)
    await life.start()
    failed = await life.reaches(Stage.FAILED)
    (finding,) = failed.findings
    assert finding.field == "buyer_accounts"
    assert "INVALID_BUYER_ACCOUNTS" in finding.problem
    assert "12-digit" in finding.remedy
    assert failed.attention_code == "offer-rejected"
    assert not life.world.offers, "a set fails as a whole"
    await life.quiet()
    assert life.mails() == ["Failed: the offer for Example Corp"]
    assert "INVALID_BUYER_ACCOUNTS" in life.world.mails[0].text
    assert "INVALID_BUYER_ACCOUNTS" in life.in_salesforce()["Offer_Attention__c"]

    life.opportunity(AWS_Account_Id__c=RIGHT_ACCOUNT)
    await life.desk.resume(OPPORTUNITY)
    shared = await life.reaches(Stage.SHARED)
    assert shared.revision == 2
    assert shared.terms is not None
    assert shared.terms.buyer_accounts == (RIGHT_ACCOUNT,)
    assert shared.attention_code is None
    assert shared.findings == ()
    assert life.acceptable_offers() == 1


async def test_a_refused_request_fails_with_aws_s_words(life: Life) -> None:
    life.world.faults.waiting.append(
        Fault("catalog", "status", "StartChangeSet", status=422, code="ValidationException")
    )
    await life.start()
    failed = await life.reaches(Stage.FAILED)
    assert "ValidationException" in failed.findings[0].problem
    cancelled = await life.desk.cancel(OPPORTUNITY, "")
    assert cancelled.stage is Stage.CANCELLED
    assert not life.world.offers


async def test_a_fault_of_aws_s_own_can_be_tried_again(life: Life) -> None:
    life.world.change_set_processing.failures.append("SERVER_FAULT")
    await life.start()
    failed = await life.reaches(Stage.FAILED)
    assert "resume to try again" in failed.findings[0].remedy
    await life.desk.resume(OPPORTUNITY)
    await life.reaches(Stage.SHARED)
    assert life.acceptable_offers() == 1


async def test_illegal_terms_wait_in_draft_until_corrected(life: Life) -> None:
    life.opportunity(AWS_Account_Id__c="1111-2222-333", Amount=None)
    drafted = await life.start()
    assert drafted.stage is Stage.DRAFT
    assert [finding.field for finding in drafted.findings] == ["buyer_accounts", "price"]
    assert drafted.findings[0].source == "AWS_Account_Id__c"
    assert drafted.attention_code == "terms-invalid"
    assert not life.world.change_sets

    life.opportunity()
    await life.desk.resume(OPPORTUNITY)
    assert (await life.reaches(Stage.SHARED)).findings == ()


async def test_illegal_terms_can_be_given_up(life: Life) -> None:
    life.opportunity(Amount=None)
    await life.start()
    cancelled = await life.desk.cancel(OPPORTUNITY, "")
    assert cancelled.stage is Stage.CANCELLED
    assert (await life.end()).stage is Stage.CANCELLED
    assert life.in_salesforce()["Offer_Stage__c"] == "cancelled"


async def test_given_terms_overrule_the_opportunity_s(life: Life) -> None:
    drafted = await life.start(
        price={"amount": "99000.50", "currency": "EUR"}, net_payment_days=30, offer_name="Special"
    )
    assert drafted.terms is not None
    assert str(drafted.terms.price) == "EUR 99,000.50"
    shared = await life.reaches(Stage.SHARED)
    (offer,) = life.world.offers.values()
    assert offer.name == "Special"
    assert shared.terms == drafted.terms, "read back from AWS as asked"


async def test_what_salesforce_shows_as_sold_is_not_sold_again(life: Life) -> None:
    life.opportunity(Offer_Stage__c="disbursed")
    drafted = await life.start()
    assert [finding.field for finding in drafted.findings] == ["stage"]
    assert drafted.findings[0].source == "Offer_Stage__c"
    life.opportunity(Offer_Stage__c=None)
    await life.desk.resume(OPPORTUNITY)
    await life.reaches(Stage.SHARED)


async def test_given_terms_are_corrected_where_they_were_given(life: Life) -> None:
    drafted = await life.start(buyer_accounts="1")
    assert drafted.findings[0].source == "given"
    assert "Revise the terms" in drafted.attentions[0].remedy
    revised = await life.desk.revise(OPPORTUNITY, TermChanges(terms={"buyer_accounts": BUYER}))
    assert revised.blocking_findings == ()
    await life.reaches(Stage.SHARED)


async def test_an_unknown_field_in_given_terms_is_named(life: Life) -> None:
    drafted = await life.start(discount="10")
    assert [finding.field for finding in drafted.findings] == ["discount"]
    assert "no such field" in drafted.findings[0].problem


async def test_an_opportunity_that_does_not_exist(life: Life) -> None:
    life.world.opportunities.clear()
    with pytest.raises(RequestRejected, match=f"Salesforce has no opportunity {OPPORTUNITY}"):
        await life.start()
    life.opportunity()
    assert (await life.start()).terms is not None, "nothing was begun, so it can be started now"


async def test_revising_what_does_not_exist_leaves_nothing_waiting(life: Life) -> None:
    life.world.opportunities.clear()
    life.world.faults.waiting.append(Fault("salesforce", "status", "Query", status=503, times=2))
    handle = await life.desk.start_without_waiting(OPPORTUNITY)
    asked = await handle.start_update(
        OfferWorkflow.revise,
        TermChanges(terms={"duration_months": 12}),
        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
    )
    await life.sleep(timedelta(minutes=5))
    await asked.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED
    life.opportunity()
    assert (await life.start()).terms is not None, "the id is free again"


async def test_cancelling_what_does_not_exist_ends(life: Life) -> None:
    life.world.opportunities.clear()
    life.world.faults.waiting.append(Fault("salesforce", "status", "Query", status=503, times=2))
    handle = await life.desk.start_without_waiting(OPPORTUNITY)
    # Time stands still until the first try has failed and the second is waited for.
    async with asyncio.timeout(10):
        while not any(
            call.attempt > 1
            for call in (await handle.describe()).raw_description.pending_activities
        ):
            pass
    await handle.signal(OfferWorkflow.cancel_signal, "")
    await life.sleep(timedelta(minutes=5))
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_an_opportunity_that_is_deleted_later_waits_for_a_person(life: Life) -> None:
    life.world.change_set_processing.failures = ["INVALID_TAX_INFORMATION"]
    await life.start()
    await life.reaches(Stage.FAILED)
    kept = dict(life.world.opportunities)
    life.world.opportunities.clear()
    await life.desk.resume(OPPORTUNITY, "offer-rejected")
    waiting = await life.passes(minutes=10)
    assert "vendor-rejected" in {attention.code for attention in waiting.attentions}
    life.world.opportunities.update(kept)
    for attention in (await life.record()).attentions:
        await life.desk.resume(OPPORTUNITY, attention.code)
        break
    life.opportunity()
    while (record := await life.record()).attentions:
        await life.desk.resume(OPPORTUNITY, record.attentions[0].code)
        await life.quiet()
    await life.reaches(Stage.SHARED)


async def test_two_offers_for_one_account_at_the_same_time_are_not_both_open(life: Life) -> None:
    second = "0065g00000AbCdFAAV"
    second = parse_opportunity_id(second[:15])
    put_opportunity(life.world, opportunity_fields(second))
    await life.desk.start_without_waiting(OPPORTUNITY)
    await life.desk.start_without_waiting(second)
    for _ in range(30):
        await life.sleep(timedelta(minutes=5))
    assert life.acceptable_offers() <= 1
    failed = [
        record
        for record in (await life.record(), await life.desk.record(second))
        if record.stage is Stage.FAILED
    ]
    assert failed
    assert "open-offer" in {finding.code for finding in failed[0].findings}


async def test_an_offer_that_salesforce_shows_is_not_made_a_second_time(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    await life.handle.terminate("as if it had been forgotten")
    life.opportunity(
        AWS_Account_Id__c="444455556666",
        Offer_Id__c=shared.offer_id,
        Offer_Stage__c="shared",
    )
    again = await life.desk.start(OPPORTUNITY, restart=True)
    assert [(finding.code, finding.seen) for finding in again.blocking_findings] == [
        ("open-offer", shared.offer_id)
    ]


async def test_an_offer_that_came_out_otherwise_is_withdrawn(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.GENERATING)

    def build_it_wrong(_: datetime) -> None:
        (offer,) = life.world.offers.values()
        for term in offer.terms:
            if term["Type"] == "ConfigurableUpfrontPricingTerm":
                term["RateCards"][0]["RateCard"][0]["Price"] = "12000.00"

    (change_set,) = life.world.change_sets.values()
    life.world.schedule(change_set.started_at + timedelta(minutes=45, seconds=30), build_it_wrong)
    failed = await life.reaches(Stage.FAILED)
    (finding,) = failed.findings
    assert finding.field == "price.amount"
    assert finding.seen == "12000.00"
    assert life.acceptable_offers() == 0
    await life.quiet()
    assert life.mails() == ["Failed: the offer for Example Corp"], "the buyer was not told"


async def test_people_hear_when_a_buyer_accepted_what_came_out_otherwise(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.GENERATING)

    def build_it_wrong(_: datetime) -> None:
        (offer,) = life.world.offers.values()
        offer.name = "Another name"
        accept(life.world, offer.id, BUYER)

    (change_set,) = life.world.change_sets.values()
    life.world.schedule(change_set.started_at + timedelta(minutes=45, seconds=30), build_it_wrong)
    accepted = await life.reaches(Stage.ACCEPTED)
    assert accepted.attention_code == "accepted-with-differences"
    assert accepted.findings[0].field == "offer_name"
    await life.quiet()
    assert "Not cancelled: Example Corp has accepted" not in life.mails()
