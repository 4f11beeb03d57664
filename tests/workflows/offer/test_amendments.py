"""Changes after acceptance: an agreement-based offer, which is a child workflow."""

from datetime import timedelta
from decimal import Decimal

import pytest

from client.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.ids import offer_path
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.fault_injection import FOR_GOOD, FaultInjection
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness, open_harness
from workflows.offer.workflow import OfferWorkflow

FIRST, SECOND = offer_path(OPPORTUNITY, 1), offer_path(OPPORTUNITY, 2)
ADDITIONAL = TermChanges(terms={"additional_amount": "30000 USD"})


def agreement_id_of(record: OfferRecord) -> str:
    assert record.agreement is not None
    return record.agreement.agreement_id


async def test_accepted_amendment_replaces_the_original(
    harness: WorkflowHarness,
) -> None:
    original = await harness.sell()
    draft = await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    assert draft.pricing is not None
    assert str(draft.pricing.total) == "USD 30,000.00"
    assert [finding.code for finding in draft.awaiting_approval] == ["amendment"]
    await harness.approve_all(FIRST)
    shared = await harness.advance_until(Stage.SHARED, path=FIRST)
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted", (
        "the amendment changed it before its acceptance"
    )
    assert harness.salesforce_fields()["Amendment_Stage__c"] == "shared"
    assert harness.count_acceptable_offers() == 1
    agreement = harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    record = await harness.client.record(FIRST)
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == agreement_id_of(original)
    replaced = await harness.record()
    assert replaced.stage is Stage.REPLACED
    assert replaced.replaced_by == agreement.id
    assert [(a.number, a.stage, a.agreement_id) for a in replaced.amendments] == [
        (1, Stage.ACCEPTED, agreement.id)
    ]
    shown = harness.salesforce_fields()
    assert shown["Offer_Stage__c"] == "accepted"
    assert shown["Agreement_Id__c"] == agreement.id
    assert shown["Initial_Agreement_Id__c"] == agreement_id_of(original)
    assert shown["Offer_Amount__c"] == 30000.0
    assert (await harness.advance_until_closed()).stage is Stage.REPLACED


async def test_replaced_original_writes_nothing_while_its_successor_is_not_known() -> None:
    """Else it could overwrite what the accepted amendment has written to the opportunity."""
    injection = FaultInjection({"find_successor": FOR_GOOD})
    async with open_harness(injection=injection) as harness:
        original = await harness.sell()
        await harness.client.amend(OPPORTUNITY, ADDITIONAL)
        await harness.approve_all(FIRST)
        agreement = harness.accept(await harness.advance_until(Stage.SHARED, path=FIRST))
        await harness.settle()
        written = len(harness.salesforce_fields()["_history"])
        report = AgreementReport(
            agreement_id=agreement_id_of(original),
            offer_id=original.require_offer_id(),
            changed_at=harness.time(),
        )
        await harness.handle.signal(OfferWorkflow.agreement_reported, report)
        waiting = await harness.advance(minutes=5)
        assert [attention.code for attention in waiting.attentions] == ["credentials-rejected"]
        assert len(harness.salesforce_fields()["_history"]) == written
        injection.plan = {}
        await harness.watch_agreements()
        await harness.client.resume(OPPORTUNITY)
        await harness.advance(minutes=5)
        assert (await harness.record()).stage is Stage.REPLACED
        assert harness.salesforce_fields()["Agreement_Id__c"] == agreement.id


async def test_amendment_is_followed_until_it_is_disbursed(harness: WorkflowHarness) -> None:
    await harness.sell()
    shared = await harness.share_amendment(ADDITIONAL)
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    await harness.settle()
    assert (await harness.client.record(FIRST)).stage is Stage.DISBURSED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "disbursed"


async def test_expired_amendment_leaves_the_original_unchanged(harness: WorkflowHarness) -> None:
    before = await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    await harness.advance(days=40)
    assert (await harness.client.record(FIRST)).stage is Stage.EXPIRED
    original = await harness.record()
    assert original.stage is Stage.ACCEPTED
    assert original.agreement == before.agreement
    assert original.amendments[0].stage is Stage.EXPIRED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"
    assert "Expired: Example Corp (amendment 1)" in harness.mail_subjects()
    second = await harness.share_amendment(ADDITIONAL, path=SECOND)
    assert second.amendment == 2
    assert harness.count_acceptable_offers() == 1
    assert [(each.number, each.stage) for each in (await harness.record()).amendments] == [
        (1, Stage.EXPIRED),
        (2, Stage.SHARED),
    ]


async def test_only_one_amendment_at_a_time(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    with pytest.raises(
        RequestRejected,
        match=r"amendment 1 is in progress .*: finish or cancel it first",
        check=lambda error: error.actions[0].offer == FIRST,
    ):
        await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    await harness.client.cancel(FIRST, "not that")
    await harness.settle()
    assert (await harness.client.amend(OPPORTUNITY, ADDITIONAL)).amendment == 2


async def test_amendment_must_say_what_happens_to_unpaid_instalments(
    harness: WorkflowHarness,
) -> None:
    days = f"{harness.day(0)} 60000; {harness.day(100)} 30000; {harness.day(200)} 30000"
    await harness.sell(payment_schedule=days)
    undecided = await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    assert "unpaid-instalments" in {finding.code for finding in undecided.blocking_findings}
    await harness.approve_all(FIRST)
    assert (await harness.client.record(FIRST)).stage is Stage.DRAFT
    revised = await harness.client.revise(
        FIRST, TermChanges(terms={"unpaid_installments": "carry"})
    )
    assert str(revised.require_terms().price) == "USD 90,000.00"
    await harness.approve_all(FIRST)
    shared = await harness.advance_until(Stage.SHARED, path=FIRST)
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(days=300)
    invoiced = sorted(row.gross for row in harness.world.money.disbursements if row.disbursed)
    assert [f"{gross:.0f}" for gross in invoiced] == ["30000", "30000", "30000", "60000"]


async def test_amendment_of_an_amendment(harness: WorkflowHarness) -> None:
    original = await harness.sell()
    first = await harness.share_amendment(ADDITIONAL)
    harness.accept(first)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    with pytest.raises(
        RequestRejected,
        match="the offer is replaced: amendment 1 replaced it",
        check=lambda error: error.actions[0].offer == FIRST,
    ):
        await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    await harness.client.amend(FIRST, ADDITIONAL)
    await harness.approve_all(SECOND)
    second = await harness.advance_until(Stage.SHARED, path=SECOND)
    agreement = harness.accept(second)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    record = await harness.client.record(SECOND)
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == agreement_id_of(original)
    assert (await harness.client.record(FIRST)).stage is Stage.REPLACED
    assert harness.salesforce_fields()["Agreement_Id__c"] == agreement.id


async def test_disbursed_offer_can_be_amended(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    shared = await harness.share_amendment(ADDITIONAL)
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    assert (await harness.record()).stage is Stage.REPLACED


async def test_rolled_back_amendment_restores_the_original(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    shared = await harness.share_amendment(ADDITIONAL)
    agreement = harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    assert (await harness.record()).stage is Stage.REPLACED
    roll_back(harness.world, agreement)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    assert (await harness.client.record(FIRST)).stage is Stage.SHARED
    assert (await harness.record()).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=5)
    assert (await harness.client.record(FIRST)).stage is Stage.ACCEPTED
    assert (await harness.record()).stage is Stage.REPLACED


async def test_terminated_agreement_cancels_its_amendment(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    harness.end_agreement("TERMINATED")
    await harness.watch_agreements()
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.TERMINATED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_amendment_created_in_the_portal_cancels_the_open_one(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    agreement = harness.agreement()
    offer = create_amendment_in_portal(
        harness.world,
        agreement_id=agreement.id,
        name="By hand",
        price=Decimal(5000),
        end=agreement.end.date(),
    )
    accept(harness.world, offer.id, BUYER)
    await harness.watch_agreements()
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.REPLACED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED


async def test_expired_amendment_cannot_be_extended(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    await harness.advance(days=32)
    with pytest.raises(
        RequestRejected, match="the offer is expired: amend the original offer again"
    ):
        await harness.client.extend(FIRST, Extension(until=harness.day(60)))
    assert (await harness.client.amend(OPPORTUNITY, ADDITIONAL)).amendment == 2


async def test_amend_of_a_shared_amendment_creates_a_new_offer(harness: WorkflowHarness) -> None:
    await harness.sell()
    first = await harness.share_amendment(ADDITIONAL)
    async with harness.advance_until_answered(
        harness.client.amend(FIRST, TermChanges(terms={"additional_amount": "20000 USD"}))
    ) as answer:
        await answer
    assert harness.count_acceptable_offers() == 0
    await harness.approve_all(FIRST)
    second = await harness.advance_until(Stage.SHARED, path=FIRST)
    assert second.offer_id != first.offer_id
    assert str(second.require_terms().price) == "USD 20,000.00"
    assert harness.count_acceptable_offers() == 1


async def test_declined_amendment_can_be_revised(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    decision = ApprovalDecision(by="desk@example.com", reason="the customer signed 20,000")
    await harness.client.decline(FIRST, decision)
    revised = await harness.client.revise(
        FIRST, TermChanges(terms={"additional_amount": "20000 USD"})
    )
    assert [finding.code for finding in revised.awaiting_approval] == ["amendment"]


async def test_original_closes_though_an_older_amendment_closes_after_the_cancelled_one(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    async with harness.advance_until_answered(harness.client.cancel(FIRST, "")) as answer:
        await answer  # its workflow stays open for a while: an acceptance may be shown late
    await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    harness.end_agreement("CANCELLED")
    await harness.watch_agreements()
    assert (await harness.advance_until_closed()).stage is Stage.TERMINATED


async def test_amendment_is_accepted_after_the_original_was_terminated(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    shared = await harness.share_amendment(ADDITIONAL)
    await harness.handle.terminate()
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.sleep(timedelta(minutes=5))
    assert (await harness.record(FIRST)).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Amount__c"] == 30000.0


async def test_write_of_the_original_does_not_follow_that_of_its_amendment(
    harness: WorkflowHarness,
) -> None:
    """The original's write is being repeated when the amendment takes its place."""
    await harness.sell()
    await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    await harness.approve_all(FIRST)
    harness.vendors.salesforce.down()
    shared = await harness.advance_until(Stage.SHARED, path=FIRST)
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=20)
    assert (await harness.record()).stage is Stage.REPLACED
    harness.vendors.clear()
    await harness.advance(hours=2)
    shown = harness.salesforce_fields()
    assert (shown["Offer_Stage__c"], shown["Offer_Amount__c"]) == ("accepted", 30000.0)
