"""A cancel before acceptance leaves no acceptable offer; an acceptance wins."""

import pytest

from client.offer_client import RequestRejected
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow


async def last_stage(harness: WorkflowHarness) -> Stage:
    return (await harness.advance_to_end()).stage


async def test_cancel_in_draft_while_salesforce_is_down(harness: WorkflowHarness) -> None:
    harness.vendors.salesforce.answer(503, times=3)
    await harness.client.start_without_waiting(OPPORTUNITY)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "not any more")
    assert await last_stage(harness) is Stage.CANCELLED
    assert not harness.world.aws.change_sets


async def test_cancel_while_preparing_cancels_the_change_set(harness: WorkflowHarness) -> None:
    harness.world.aws.change_set_processing.preparing_minutes = 30
    await harness.start()
    await harness.advance_until(Stage.GENERATING)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await last_stage(harness) is Stage.CANCELLED
    assert [change_set.status for change_set in harness.world.aws.change_sets.values()] == [
        "CANCELLED"
    ]
    assert not harness.world.aws.offers
    assert harness.mail_subjects() == [], "a mail was sent"
    assert (await harness.record()).findings == (), "a finding remains"


async def test_cancel_after_preparing_withdraws_the_new_offer(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance(minutes=20)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await last_stage(harness) is Stage.CANCELLED
    (offer,) = harness.world.aws.offers.values()
    assert offer.state == "Released"
    assert not harness.world.aws.acceptable(offer)
    assert harness.mail_subjects() == [], "a mail was sent"


async def test_cancel_after_sharing_notifies_the_buyer(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "the customer signed elsewhere")
    end = await harness.advance_to_end()
    assert end.stage is Stage.CANCELLED
    assert end.cancel_reason == "the customer signed elsewhere"
    assert harness.count_acceptable_offers() == 0
    assert (
        harness.mail_subjects()[-1]
        == "Your private offer for Example Product has been withdrawn (Example Corp)"
    )
    assert harness.world.mail.messages[-1].recipients == ["buyer@example.com"]


async def test_cancel_notifies_the_buyer_if_the_offer_mail_may_have_arrived(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.smtp.lose_answer("DATA")
    await harness.start()
    await harness.advance(hours=2)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await last_stage(harness) is Stage.CANCELLED
    assert (
        harness.mail_subjects()[-1]
        == "Your private offer for Example Product has been withdrawn (Example Corp)"
    )


async def test_delayed_offer_mail_is_not_sent_after_cancel(harness: WorkflowHarness) -> None:
    harness.vendors.smtp.answer(451, "DATA", times=None)
    await harness.start()
    await harness.advance(minutes=50)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    harness.vendors.clear()
    assert await last_stage(harness) is Stage.CANCELLED
    assert not any("is ready (" in subject for subject in harness.mail_subjects())


async def test_cancel_clears_the_unresponsive_vendor_attention(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.smtp.answer(451, "DATA", times=None)
    await harness.start()
    assert (await harness.advance(hours=6)).attention_code == "vendor-unresponsive"
    harness.vendors.clear()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    end = await harness.advance_to_end()
    assert end.stage is Stage.CANCELLED
    assert end.attentions == ()


async def test_delayed_resend_is_not_sent_after_cancel(harness: WorkflowHarness) -> None:
    await harness.share()
    harness.vendors.smtp.answer(451, "DATA", times=None)
    await harness.client.resend(OPPORTUNITY)
    await harness.advance(minutes=1)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance(minutes=5)
    harness.vendors.clear()
    assert await last_stage(harness) is Stage.CANCELLED
    assert harness.mail_subjects() == [
        "Your private offer for Example Product is ready (Example Corp)",
        "Your private offer for Example Product has been withdrawn (Example Corp)",
    ]


async def test_cancel_while_credentials_are_rejected(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.catalog.answer(403, "ListChangeSets", code="AccessDeniedException", times=None)
    await harness.start()
    assert (await harness.advance(minutes=1)).stage is Stage.SUBMITTED
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await last_stage(harness) is Stage.CANCELLED
    assert not harness.world.aws.change_sets


async def test_cancel_after_an_unknown_submission_waits_for_aws(harness: WorkflowHarness) -> None:
    harness.vendors.catalog.lose_request("ListChangeSets")
    harness.vendors.catalog.answer(403, "ListChangeSets", code="AccessDeniedException", times=None)
    await harness.start()
    await harness.advance(minutes=1)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.advance(hours=1)).stage is Stage.SUBMITTED, (
        "it was cancelled without an answer of AWS"
    )
    harness.vendors.clear()
    await harness.client.resume(OPPORTUNITY)
    assert await last_stage(harness) is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_restart_waits_for_notifications_of_the_cancel(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    harness.vendors.salesforce.down()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.advance(hours=2)).stage is Stage.CANCELLED
    with pytest.raises(
        RequestRejected, match="is cancelled: it has ended, but not all notifications"
    ):
        await harness.client.start(OPPORTUNITY, restart=True)


async def test_cancel_after_acceptance_is_rejected(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=1)
    await harness.share()
    await harness.advance(days=2)
    await harness.watch_agreements()
    await harness.settle()
    with pytest.raises(
        RequestRejected, match="the offer is accepted: it can no longer be cancelled"
    ):
        await harness.client.cancel(OPPORTUNITY, "")
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_workflow_cancellation_leaves_no_acceptable_offer(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    await harness.handle.cancel()
    assert await last_stage(harness) is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_failed_withdrawal_needs_attention(harness: WorkflowHarness) -> None:
    await harness.share()
    harness.world.aws.change_set_processing.failures.append("SERVER_FAULT")
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    blocked = await harness.advance(minutes=10)
    assert blocked.stage is Stage.SHARED
    assert blocked.attention_code == "withdrawal-failed"
    assert harness.count_acceptable_offers() == 1
    await harness.client.resume(OPPORTUNITY)
    assert await last_stage(harness) is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_restart_of_a_cancelled_offer_creates_a_new_revision(
    harness: WorkflowHarness,
) -> None:
    first = await harness.share()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance_to_end()
    with pytest.raises(
        RequestRejected,
        match="the offer is cancelled: start a new one",
        check=lambda error: error.actions[0].kind is ActionKind.START_AGAIN,
    ):
        await harness.start()
    await harness.client.start(OPPORTUNITY, restart=True)
    second = await harness.advance_until(Stage.SHARED)
    assert second.revision == 2
    assert second.offer_id != first.offer_id
    assert harness.count_acceptable_offers() == 1


async def accept_on_the_last_day(harness: WorkflowHarness) -> OfferRecord:
    """Accept an expired offer as if on its last day; AWS lists the agreement only now."""
    shared = await harness.record()
    now = harness.world.now()
    harness.world.aws.offers[shared.require_offer_id()].availability_end = now.date()
    harness.accept(shared)
    harness.world.aws.offers[
        shared.require_offer_id()
    ].availability_end = shared.require_terms().availability_end
    return shared


async def test_restart_finds_a_late_acceptance_of_the_expired_offer(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    await harness.advance_to_end()
    expired = await accept_on_the_last_day(harness)
    with pytest.raises(RequestRejected, match="the buyer has accepted the offer as it was"):
        await harness.client.start(OPPORTUNITY, restart=True)
    accepted = await harness.settle()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.offer_id == expired.offer_id
    assert len(harness.world.aws.offers) == 1


async def test_restart_finds_a_late_acceptance_after_the_workflow_closed(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    await harness.advance_to_end()
    await harness.advance_until_closed()
    expired = await accept_on_the_last_day(harness)
    again = await harness.client.start(OPPORTUNITY, restart=True)
    assert again.stage is Stage.ACCEPTED
    assert again.offer_id == expired.offer_id
    assert len(harness.world.aws.offers) == 1
