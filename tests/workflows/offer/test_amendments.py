"""Changes after acceptance: an agreement-based offer, as a child with a life of its own."""

from decimal import Decimal

import pytest

from cli.offer_client import RequestRejected
from offers.ids import offer_path
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness

FIRST, SECOND = offer_path(OPPORTUNITY, 1), offer_path(OPPORTUNITY, 2)
ADDED = TermChanges(terms={"additional_amount": "30000 USD"})


async def accepted(harness: WorkflowHarness, **given: str) -> OfferRecord:
    await harness.start(**given)
    await harness.approve_all()
    shared = await harness.advance_until(Stage.SHARED)
    accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_acceptance()
    return await harness.settle()


def first_of(record: OfferRecord) -> str:
    assert record.agreement is not None
    return record.agreement.agreement_id


async def amended(
    harness: WorkflowHarness, changes: TermChanges = ADDED, *, path: str = FIRST
) -> OfferRecord:
    """An amendment that the buyer can accept."""
    await harness.client.amend(OPPORTUNITY, changes)
    await harness.approve_all(path)
    return await harness.advance_until(Stage.SHARED, path=path)


async def test_the_buyer_accepts_and_it_takes_the_place_of_the_original(
    harness: WorkflowHarness,
) -> None:
    original = await accepted(harness)
    draft = await harness.client.amend(OPPORTUNITY, ADDED)
    assert draft.pricing is not None
    assert str(draft.pricing.total) == "USD 30,000.00"
    assert [finding.code for finding in draft.awaiting_approval] == ["amendment"]
    await harness.approve_all(FIRST)
    shared = await harness.advance_until(Stage.SHARED, path=FIRST)
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted", "the agreement stands"
    assert harness.salesforce_fields()["Amendment_Stage__c"] == "shared"
    assert harness.count_acceptable_offers() == 1
    agreement = accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_agreement(agreement, FIRST)
    await harness.advance(minutes=5)
    record = await harness.client.record(FIRST)
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == first_of(original)
    replaced = await harness.record()
    assert replaced.stage is Stage.REPLACED
    assert replaced.replaced_by == agreement.id
    assert [(a.number, a.stage, a.agreement_id) for a in replaced.amendments] == [
        (1, Stage.ACCEPTED, agreement.id)
    ]
    shown = harness.salesforce_fields()
    assert shown["Offer_Stage__c"] == "accepted"
    assert shown["Agreement_Id__c"] == agreement.id
    assert shown["Initial_Agreement_Id__c"] == first_of(original)
    assert shown["Offer_Amount__c"] == 30000.0
    assert (await harness.advance_until_closed()).stage is Stage.REPLACED


async def test_the_amendment_lives_on_until_it_is_paid(harness: WorkflowHarness) -> None:
    await accepted(harness)
    shared = await amended(harness)
    await harness.report_agreement(accept(harness.world, shared.require_offer_id(), BUYER), FIRST)
    await harness.advance(days=70)
    await harness.report_payout(FIRST, shared.require_offer_id())
    await harness.settle()
    assert (await harness.client.record(FIRST)).stage is Stage.DISBURSED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "disbursed"


async def test_what_nobody_accepts_leaves_the_original_as_it_was(harness: WorkflowHarness) -> None:
    before = await accepted(harness)
    await amended(harness)
    await harness.advance(days=40)
    assert (await harness.client.record(FIRST)).stage is Stage.EXPIRED
    original = await harness.record()
    assert original.stage is Stage.ACCEPTED
    assert original.agreement == before.agreement
    assert original.amendments[0].stage is Stage.EXPIRED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"
    assert "Expired: Example Corp (amendment 1)" in harness.mail_subjects()
    second = await amended(harness, path=SECOND)
    assert second.amendment == 2
    assert harness.count_acceptable_offers() == 1


async def test_there_is_one_at_a_time(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.client.amend(OPPORTUNITY, ADDED)
    with pytest.raises(
        RequestRejected,
        match=f"amendment 1 is in progress .*: finish or cancel it first; run .*{FIRST}",
    ):
        await harness.client.amend(OPPORTUNITY, ADDED)
    await harness.client.cancel(FIRST, "not that")
    await harness.settle()
    assert (await harness.client.amend(OPPORTUNITY, ADDED)).amendment == 2


async def test_silence_about_unpaid_instalments_is_refused(harness: WorkflowHarness) -> None:
    days = f"{harness.day(0)} 60000; {harness.day(100)} 30000; {harness.day(200)} 30000"
    await accepted(harness, payment_schedule=days)
    silent = await harness.client.amend(OPPORTUNITY, ADDED)
    assert "unpaid-instalments" in {finding.code for finding in silent.blocking_findings}
    await harness.approve_all(FIRST)
    assert (await harness.client.record(FIRST)).stage is Stage.DRAFT
    revised = await harness.client.revise(
        FIRST, TermChanges(terms={"unpaid_installments": "carry"})
    )
    assert str(revised.require_terms().price) == "USD 90,000.00"
    await harness.approve_all(FIRST)
    shared = await harness.advance_until(Stage.SHARED, path=FIRST)
    await harness.report_agreement(accept(harness.world, shared.require_offer_id(), BUYER), FIRST)
    await harness.advance(days=300)
    invoiced = sorted(row.gross for row in harness.world.disbursements if row.disbursed)
    assert [f"{gross:.0f}" for gross in invoiced] == ["30000", "30000", "30000", "60000"]


async def test_an_amendment_of_an_amendment_is_one_chain(harness: WorkflowHarness) -> None:
    original = await accepted(harness)
    first = await amended(harness)
    await harness.report_agreement(accept(harness.world, first.require_offer_id(), BUYER), FIRST)
    await harness.advance(minutes=5)
    with pytest.raises(
        RequestRejected, match=f"the offer is replaced: amendment 1 replaced it .*show {FIRST}"
    ):
        await harness.client.amend(OPPORTUNITY, ADDED)
    await harness.client.amend(FIRST, ADDED)
    await harness.approve_all(SECOND)
    second = await harness.advance_until(Stage.SHARED, path=SECOND)
    agreement = accept(harness.world, second.require_offer_id(), BUYER)
    await harness.report_agreement(agreement, SECOND)
    await harness.advance(minutes=5)
    record = await harness.client.record(SECOND)
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == first_of(original)
    assert (await harness.client.record(FIRST)).stage is Stage.REPLACED
    assert harness.salesforce_fields()["Agreement_Id__c"] == agreement.id


async def test_a_paid_offer_can_be_amended_too(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.advance(days=70)
    await harness.report_payout()
    assert (await harness.settle()).stage is Stage.DISBURSED
    shared = await amended(harness)
    await harness.report_agreement(accept(harness.world, shared.require_offer_id(), BUYER), FIRST)
    await harness.advance(minutes=5)
    assert (await harness.record()).stage is Stage.REPLACED


async def test_when_aws_rolls_the_amendment_back_the_original_stands_again(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    shared = await amended(harness)
    agreement = accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_agreement(agreement, FIRST)
    await harness.advance(minutes=5)
    assert (await harness.record()).stage is Stage.REPLACED
    roll_back(harness.world, agreement)
    await harness.report_agreement(agreement, FIRST)
    await harness.advance(minutes=5)
    assert (await harness.client.record(FIRST)).stage is Stage.SHARED
    assert (await harness.record()).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"
    again = accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_agreement(again, FIRST)
    await harness.advance(minutes=5)
    assert (await harness.client.record(FIRST)).stage is Stage.ACCEPTED
    assert (await harness.record()).stage is Stage.REPLACED


async def test_an_agreement_that_ends_calls_its_amendment_off(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await amended(harness)
    await harness.end_agreement("TERMINATED")
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.TERMINATED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_one_made_elsewhere_calls_it_off_too(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await amended(harness)
    agreement = harness.agreement()
    offer = create_amendment_in_portal(
        harness.world,
        agreement_id=agreement.id,
        name="By hand",
        price=Decimal(5000),
        end=agreement.end.date(),
    )
    accept(harness.world, offer.id, BUYER)
    await harness.report_acceptance()
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.REPLACED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED


async def test_an_amendment_that_expired_is_begun_anew_and_not_revived(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    await amended(harness)
    await harness.advance(days=32)
    with pytest.raises(
        RequestRejected, match="the offer is expired: amend the original offer again"
    ):
        await harness.client.extend(FIRST, Extension(until=harness.day(60)))
    assert (await harness.client.amend(OPPORTUNITY, ADDED)).amendment == 2


async def test_the_amendment_is_amended_before_its_acceptance(harness: WorkflowHarness) -> None:
    await accepted(harness)
    first = await amended(harness)
    async with harness.advance_until_answered(
        harness.client.amend(FIRST, TermChanges(terms={"additional_amount": "20000 USD"}))
    ) as asked:
        await asked
    assert harness.count_acceptable_offers() == 0
    await harness.approve_all(FIRST)
    second = await harness.advance_until(Stage.SHARED, path=FIRST)
    assert second.offer_id != first.offer_id
    assert str(second.require_terms().price) == "USD 20,000.00"
    assert harness.count_acceptable_offers() == 1


async def test_a_declined_amendment_is_revised(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.client.amend(OPPORTUNITY, ADDED)
    verdict = ApprovalDecision(by="desk@example.com", reason="the customer signed 20,000")
    await harness.client.decline(FIRST, verdict)
    revised = await harness.client.revise(
        FIRST, TermChanges(terms={"additional_amount": "20000 USD"})
    )
    assert [finding.code for finding in revised.awaiting_approval] == ["amendment"]
