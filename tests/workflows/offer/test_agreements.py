"""Cancellation requests, rollbacks, renewals and ends of an agreement."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from client.offer_client import RequestRejected
from offers.agreements.agreement import AgreementStatus, CancellationStatus
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.stage import Stage
from sandbox.aws.agreement_api import AgreementApi
from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.agreements import renew, roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.cancellations import answer
from tests.support.builders import BUYER, CANCELLATION_REQUEST
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow


async def test_no_answer_for_seven_days_cancels_the_agreement(harness: WorkflowHarness) -> None:
    await harness.sell()
    requested = await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    assert requested.stage is Stage.ACCEPTED
    assert requested.cancellation is not None
    assert requested.cancellation.status is CancellationStatus.PENDING_APPROVAL
    (request,) = harness.world.aws.cancellation_requests.values()
    assert request.description == "You asked us to."
    await harness.advance(days=6)
    assert (await harness.record()).stage is Stage.ACCEPTED
    end = await harness.advance_to_end()
    assert end.stage is Stage.TERMINATED
    assert "Cancelled: the agreement with Example Corp" in harness.mail_subjects()
    shown = harness.salesforce_fields()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "CANCELLED")


async def test_rejected_cancellation_request_keeps_the_agreement(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    (request,) = harness.world.aws.cancellation_requests.values()
    answer(harness.world, request, approve=False)
    record = await harness.advance(days=1)
    assert record.stage is Stage.ACCEPTED
    assert record.cancellation is not None
    assert record.cancellation.status is CancellationStatus.REJECTED
    assert "Not cancelled: the agreement with Example Corp" in harness.mail_subjects()
    again = await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    assert again.cancellation is not None
    assert again.cancellation.request_id != request.id, "no new request"


async def test_cancellation_request_is_sent_once_despite_a_lost_response(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    harness.vendors.agreement.lose_answer("SendAgreementCancellationRequest")
    async with harness.advance_until_answered(
        harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    ) as answer:
        await answer
    assert len(harness.world.aws.cancellation_requests) == 1


async def test_cancellation_request_by_signal(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.handle.signal(OfferWorkflow.request_cancellation_signal, CANCELLATION_REQUEST)
    await harness.settle()
    assert len(harness.world.aws.cancellation_requests) == 1
    await harness.handle.signal(OfferWorkflow.request_cancellation_signal, CANCELLATION_REQUEST)
    assert (await harness.settle()).attention_code == "signal-rejected"
    assert len(harness.world.aws.cancellation_requests) == 1


async def test_amend_is_rejected_during_a_cancellation_request(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await harness.client.amend(
            OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"})
        )
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)


async def test_agreement_terminated_by_aws(harness: WorkflowHarness) -> None:
    await harness.sell()
    harness.end_agreement("TERMINATED")
    await harness.watch_agreements()
    end = await harness.advance_to_end()
    assert end.stage is Stage.TERMINATED
    assert "Terminated by AWS: the agreement with Example Corp" in harness.mail_subjects()
    shown = harness.salesforce_fields()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "TERMINATED")


async def test_restart_after_the_agreement_was_cancelled(harness: WorkflowHarness) -> None:
    await harness.sell()
    harness.end_agreement("CANCELLED")
    await harness.watch_agreements()
    await harness.advance_to_end()
    await harness.client.start(OPPORTUNITY, restart=True)
    again = await harness.advance_until(Stage.SHARED)
    assert again.revision == 2
    assert harness.count_acceptable_offers() == 1


async def test_rolled_back_acceptance_leaves_the_offer_shared(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    roll_back(harness.world, harness.agreement())
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.SHARED
    assert record.agreement is None
    assert any(
        subject.startswith("Not accepted yet: AWS rolled") for subject in harness.mail_subjects()
    )
    assert harness.salesforce_fields()["Offer_Stage__c"] == "shared"
    assert harness.salesforce_fields()["Agreement_Id__c"] is None
    again = harness.accept(record)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.agreement_id == again.id
    accepted_mails = [s for s in harness.mail_subjects() if s.startswith("Accepted: ")]
    ids = [
        mail.message_id
        for mail in harness.world.mail.messages
        if mail.subject.startswith("Accepted: ")
    ]
    assert len(accepted_mails) == len(set(ids)) == 2


async def test_rollback_before_the_first_report_is_notified_once(harness: WorkflowHarness) -> None:
    shared = await harness.share()
    agreement = harness.accept(shared)
    roll_back(harness.world, agreement)
    await harness.watch_agreements()
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.SHARED
    assert [event.description for event in record.agreement_events] == [
        f"AWS rolled {agreement.id} back"
    ]
    assert sum(subject.startswith("Not accepted yet") for subject in harness.mail_subjects()) == 1
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED


async def test_rollback_after_a_late_cancel_leaves_no_acceptable_offer(
    harness: WorkflowHarness,
) -> None:
    shared = await harness.share()
    harness.schedule_acceptance(harness.world.now() + timedelta(seconds=60))
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.advance(minutes=10)).stage is Stage.ACCEPTED
    assert not harness.world.aws.acceptable(harness.world.aws.offers[shared.require_offer_id()])
    roll_back(harness.world, harness.agreement())
    await harness.watch_agreements()
    # Its last day may have ended just now, and AWS may still list an acceptance of that day.
    record = await harness.advance(hours=3)
    assert record.stage is Stage.EXPIRED
    assert harness.count_acceptable_offers() == 0


async def test_renewal_does_not_end_the_offer(harness: WorkflowHarness) -> None:
    await harness.sell()
    successor = renew(harness.world, harness.agreement())
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert (
        record.agreement_events[-1].description
        == f"the agreement is RENEWED, followed by {successor.id}"
    )
    assert "Changed: the agreement with Example Corp" in harness.mail_subjects()
    assert harness.salesforce_fields()["Agreement_Status__c"] == "RENEWED"
    await harness.watch_agreements()
    assert len((await harness.settle()).agreement_events) == 1, "reported twice"


async def test_amendment_created_in_the_portal_replaces_the_offer(harness: WorkflowHarness) -> None:
    record = await harness.sell()
    offer = create_amendment_in_portal(
        harness.world,
        agreement_id=harness.agreement().id,
        name="By hand",
        price=Decimal(5000),
        end=harness.agreement().end.date(),
    )
    successor = accept(harness.world, offer.id, BUYER)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.REPLACED
    assert record.replaced_by == successor.id
    assert "Replaced: the agreement with Example Corp" in harness.mail_subjects()
    assert harness.salesforce_fields()["Offer_Stage__c"] == "replaced"
    original = harness.agreement()
    original.status, original.last_update = "TERMINATED", harness.world.now()
    await harness.watch_agreements()
    after = await harness.settle()
    assert after.agreement is not None
    assert after.agreement.status is AgreementStatus.TERMINATED
    assert (after.stage, after.replaced_by) == (Stage.REPLACED, successor.id)


async def test_disbursed_offer_is_followed_until_the_agreement_ends(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    await harness.advance(days=200)
    assert (
        await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    ).stage is Stage.DISBURSED
    await harness.advance(days=8)
    record = await harness.record()
    assert record.stage is Stage.TERMINATED


async def test_disbursed_offer_closes_after_the_agreement_has_ended(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    closed = await harness.advance_until_closed()
    assert closed.stage is Stage.DISBURSED
    assert harness.world.now() - closed.stage_since > timedelta(days=280)


async def test_agreement_that_aws_does_not_list_has_not_ended(harness: WorkflowHarness) -> None:
    before = await harness.sell()
    harness.world.aws.agreement_lag_minutes = 1000
    await harness.watch_agreements()
    after = await harness.settle()
    assert (after.stage, after.agreement) == (Stage.ACCEPTED, before.agreement)


async def test_second_account_may_still_accept_after_the_first_agreement_ended(
    harness: WorkflowHarness,
) -> None:
    harness.put_opportunity(AWS_Account_Id__c=f"{BUYER}, 444455556666")
    await harness.sell()
    harness.end_agreement("TERMINATED")
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.TERMINATED
    assert record.attention_code == AttentionCode.OFFER_STILL_OPEN
    assert accept(harness.world, record.require_offer_id(), "444455556666")


async def test_acceptance_again_before_the_rollback_was_read(harness: WorkflowHarness) -> None:
    record = await harness.sell()
    roll_back(harness.world, harness.agreement())
    again = harness.accept(record)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.agreement_id == again.id
    assert record.agreement_events[-1].description == f"accepted again as {again.id}"
    assert harness.mail_subjects()[-1] == "Changed: the agreement with Example Corp"


async def test_open_request_to_cancel_does_not_keep_the_workflow_open(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    harness.agreement().status = "TERMINATED"
    harness.agreement().last_update = harness.world.now()
    await harness.watch_agreements()
    assert (await harness.advance_until_closed()).stage is Stage.TERMINATED


async def test_request_to_cancel_that_aws_refuses(harness: WorkflowHarness) -> None:
    await harness.sell()
    harness.vendors.agreement.answer(
        400, "SendAgreementCancellationRequest", code="ValidationException"
    )
    with pytest.raises(RequestRejected, match="ValidationException"):
        await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    record = await harness.settle()
    assert (record.stage, record.cancellation) == (Stage.ACCEPTED, None)
    requested = await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    assert requested.cancellation is not None


async def test_agreement_without_an_end_is_followed(
    harness: WorkflowHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS may leave the end out of an agreement that has none."""
    common = AgreementApi._common

    def without_end(agreements: AgreementApi, agreement: Agreement) -> dict[str, Any]:
        described = common(agreements, agreement)
        return {name: value for name, value in described.items() if name != "endTime"}

    monkeypatch.setattr(AgreementApi, "_common", without_end)
    record = await harness.sell()
    assert record.agreement is not None
    assert record.agreement.ends_at is None
    await harness.advance(days=70)
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    assert (await harness.advance_until_closed()).stage is Stage.DISBURSED


async def test_offer_that_is_paid_after_its_renewal_closes(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.advance(days=60)
    renew(harness.world, harness.agreement())
    await harness.watch_agreements()
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    assert (await harness.advance_until_closed(within=timedelta(days=7))).stage is Stage.DISBURSED
