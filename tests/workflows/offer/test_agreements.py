"""What becomes of an agreement: asked for by us, or done by AWS by itself; none for another."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cli.offer_client import RequestRejected
from offers.agreements.agreement import (
    CancellationReasonCode,
    CancellationRequestInput,
    CancellationStatus,
)
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.faults import Fault
from sandbox.marketplace.agreements import renew, roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.cancellations import answer
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

WISH = CancellationRequestInput(
    reason_code=CancellationReasonCode.OTHER, message="You asked us to."
)


async def accepted(harness: WorkflowHarness) -> OfferRecord:
    await harness.start()
    shared = await harness.advance_until(Stage.SHARED)
    accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_acceptance()
    return await harness.settle()


async def test_silence_of_seven_days_cancels_the_agreement(harness: WorkflowHarness) -> None:
    await accepted(harness)
    asked = await harness.client.request_cancellation(OPPORTUNITY, WISH)
    assert asked.stage is Stage.ACCEPTED
    assert asked.cancellation is not None
    assert asked.cancellation.status is CancellationStatus.PENDING_APPROVAL
    (request,) = harness.world.cancellation_requests.values()
    assert request.description == "You asked us to."
    await harness.advance(days=6)
    assert (await harness.record()).stage is Stage.ACCEPTED
    end = await harness.advance_to_end()
    assert end.stage is Stage.TERMINATED
    assert "Cancelled: the agreement with Example Corp" in harness.mail_subjects()
    shown = harness.salesforce_fields()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "CANCELLED")


async def test_a_buyer_who_says_no_keeps_the_agreement(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.client.request_cancellation(OPPORTUNITY, WISH)
    (request,) = harness.world.cancellation_requests.values()
    answer(harness.world, request, approve=False)
    record = await harness.advance(days=1)
    assert record.stage is Stage.ACCEPTED
    assert record.cancellation is not None
    assert record.cancellation.status is CancellationStatus.REJECTED
    assert "Not cancelled: the agreement with Example Corp" in harness.mail_subjects()
    again = await harness.client.request_cancellation(OPPORTUNITY, WISH)
    assert again.cancellation is not None
    assert again.cancellation.request_id != request.id, "asked anew"


async def test_the_request_is_sent_once_whatever_gets_lost(harness: WorkflowHarness) -> None:
    await accepted(harness)
    harness.world.faults.waiting.append(
        Fault("agreement", "drop_after", "SendAgreementCancellationRequest")
    )
    async with harness.advance_until_answered(
        harness.client.request_cancellation(OPPORTUNITY, WISH)
    ) as asked:
        await asked
    assert len(harness.world.cancellation_requests) == 1


async def test_a_plain_signal_asks_too(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.handle.signal(OfferWorkflow.request_cancellation_signal, WISH)
    await harness.settle()
    assert len(harness.world.cancellation_requests) == 1
    await harness.handle.signal(OfferWorkflow.request_cancellation_signal, WISH)
    assert (await harness.settle()).attention_code == "signal-rejected"
    assert len(harness.world.cancellation_requests) == 1


async def test_while_the_buyer_is_asked_nothing_is_amended(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.client.request_cancellation(OPPORTUNITY, WISH)
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await harness.client.amend(
            OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"})
        )
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await harness.client.request_cancellation(OPPORTUNITY, WISH)


async def test_a_payment_that_fails_terminates_it(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.end_agreement("TERMINATED")
    end = await harness.advance_to_end()
    assert end.stage is Stage.TERMINATED
    assert "Terminated by AWS: the agreement with Example Corp" in harness.mail_subjects()
    shown = harness.salesforce_fields()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "TERMINATED")


async def test_after_its_end_the_opportunity_can_have_a_new_offer(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.end_agreement("CANCELLED")
    await harness.advance_to_end()
    await harness.client.start(OPPORTUNITY, restart=True)
    again = await harness.advance_until(Stage.SHARED)
    assert again.revision == 2
    assert harness.count_acceptable_offers() == 1


async def test_an_acceptance_that_aws_undoes_leaves_the_offer_open(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    roll_back(harness.world, harness.agreement())
    await harness.report_acceptance()
    record = await harness.settle()
    assert record.stage is Stage.SHARED
    assert record.agreement is None
    assert any(
        subject.startswith("Not accepted yet: AWS rolled") for subject in harness.mail_subjects()
    )
    assert harness.salesforce_fields()["Offer_Stage__c"] == "shared"
    assert harness.salesforce_fields()["Agreement_Id__c"] is None
    again = accept(harness.world, record.require_offer_id(), BUYER)
    await harness.report_agreement(again)
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.agreement_id == again.id
    accepted_mails = [s for s in harness.mail_subjects() if s.startswith("Accepted: ")]
    ids = [mail.message_id for mail in harness.world.mails if mail.subject.startswith("Accepted: ")]
    assert len(accepted_mails) == len(set(ids)) == 2


async def test_one_undone_before_anybody_saw_it_is_told_once(harness: WorkflowHarness) -> None:
    await harness.start()
    shared = await harness.advance_until(Stage.SHARED)
    agreement = accept(harness.world, shared.require_offer_id(), BUYER)
    roll_back(harness.world, agreement)
    await harness.report_agreement(agreement)
    await harness.report_agreement(agreement)
    record = await harness.settle()
    assert record.stage is Stage.SHARED
    assert [event.description for event in record.agreement_events] == [
        f"AWS rolled {agreement.id} back"
    ]
    assert sum(subject.startswith("Not accepted yet") for subject in harness.mail_subjects()) == 1
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED


async def test_an_acceptance_undone_after_a_late_cancel_leaves_nothing_open(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    shared = await harness.advance_until(Stage.SHARED)
    harness.schedule_acceptance(harness.world.now() + timedelta(seconds=60))
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.advance(minutes=10)).stage is Stage.ACCEPTED
    assert not harness.world.acceptable(harness.world.offers[shared.require_offer_id()])
    roll_back(harness.world, harness.agreement())
    await harness.report_acceptance()
    record = await harness.settle()
    assert record.stage is Stage.EXPIRED
    assert harness.count_acceptable_offers() == 0


async def test_a_renewal_is_news_and_no_end(harness: WorkflowHarness) -> None:
    await accepted(harness)
    successor = renew(harness.world, harness.agreement())
    await harness.report_acceptance()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert (
        record.agreement_events[-1].description
        == f"the agreement is RENEWED, followed by {successor.id}"
    )
    assert "Changed: the agreement with Example Corp" in harness.mail_subjects()
    assert harness.salesforce_fields()["Agreement_Status__c"] == "RENEWED"
    await harness.report_acceptance()
    assert len((await harness.settle()).agreement_events) == 1, "once"


async def test_an_amendment_made_elsewhere_replaces_it(harness: WorkflowHarness) -> None:
    record = await accepted(harness)
    offer = create_amendment_in_portal(
        harness.world,
        agreement_id=harness.agreement().id,
        name="By hand",
        price=Decimal(5000),
        end=harness.agreement().end.date(),
    )
    successor = accept(harness.world, offer.id, BUYER)
    await harness.report_acceptance()
    record = await harness.settle()
    assert record.stage is Stage.REPLACED
    assert record.replaced_by == successor.id
    assert "Replaced: the agreement with Example Corp" in harness.mail_subjects()
    assert harness.salesforce_fields()["Offer_Stage__c"] == "replaced"


async def test_what_is_paid_is_followed_until_the_agreement_ends(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.advance(days=70)
    await harness.report_payout()
    assert (await harness.settle()).stage is Stage.DISBURSED
    await harness.advance(days=200)
    assert (await harness.client.request_cancellation(OPPORTUNITY, WISH)).stage is Stage.DISBURSED
    await harness.advance(days=8)
    record = await harness.record()
    assert record.stage is Stage.TERMINATED


async def test_and_no_longer(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.advance(days=70)
    await harness.report_payout()
    closed = await harness.advance_until_closed()
    assert closed.stage is Stage.DISBURSED
    assert harness.world.now() - closed.stage_since > timedelta(days=280)


async def test_what_aws_does_not_find_has_not_ended(harness: WorkflowHarness) -> None:
    before = await accepted(harness)
    harness.world.agreement_lag_minutes = 1000
    await harness.report_acceptance()
    after = await harness.settle()
    assert (after.stage, after.agreement) == (Stage.ACCEPTED, before.agreement)


async def test_before_acceptance_there_is_nothing_to_ask_the_buyer_for(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    with pytest.raises(
        RequestRejected, match=f"the offer is shared: .*; run offerflow cancel {OPPORTUNITY}"
    ):
        await harness.client.request_cancellation(OPPORTUNITY, WISH)
