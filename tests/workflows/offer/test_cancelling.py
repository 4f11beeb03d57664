"""Cancelling before acceptance leaves nothing that a buyer could accept; an acceptance wins."""

from datetime import timedelta

import pytest

from cli.offer_client import RequestRejected
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.faults import Fault
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.workflow import OfferWorkflow


async def end_of(life: Life) -> Stage:
    return (await life.end()).stage


async def test_while_salesforce_is_down_in_draft(life: Life) -> None:
    life.world.faults.waiting.append(Fault("salesforce", "status", status=503, times=3))
    await life.desk.start_without_waiting(OPPORTUNITY)
    await life.handle.signal(OfferWorkflow.cancel_signal, "not any more")
    assert await end_of(life) is Stage.CANCELLED
    assert not life.world.change_sets


async def test_while_aws_is_still_preparing_stops_it(life: Life) -> None:
    life.world.change_set_processing.preparing_minutes = 30
    await life.start()
    await life.reaches(Stage.GENERATING)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await end_of(life) is Stage.CANCELLED
    assert [change_set.status for change_set in life.world.change_sets.values()] == ["CANCELLED"]
    assert not life.world.offers
    assert life.mails() == [], "nobody had been told"
    assert (await life.record()).findings == (), "there is nothing to correct"


async def test_when_aws_cannot_be_stopped_the_offer_is_withdrawn_at_once(life: Life) -> None:
    await life.start()
    await life.passes(minutes=20)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await end_of(life) is Stage.CANCELLED
    (offer,) = life.world.offers.values()
    assert offer.state == "Released"
    assert not life.world.acceptable(offer)
    assert life.mails() == [], "nobody had been told"


async def test_after_sharing_the_buyer_is_told(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.handle.signal(OfferWorkflow.cancel_signal, "the customer signed elsewhere")
    end = await life.end()
    assert end.stage is Stage.CANCELLED
    assert end.cancel_reason == "the customer signed elsewhere"
    assert life.acceptable_offers() == 0
    assert life.mails()[-1] == "Your private offer for Example Product has been withdrawn"
    assert life.world.mails[-1].recipients == ["buyer@example.com"]


async def test_a_buyer_who_may_have_been_told_is_told_that_it_is_void(life: Life) -> None:
    life.world.faults.waiting.append(Fault("smtp", "drop_after", "DATA"))
    await life.start()
    await life.passes(hours=2)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await end_of(life) is Stage.CANCELLED
    assert life.mails()[-1] == "Your private offer for Example Product has been withdrawn"


async def test_a_letter_held_up_does_not_go_out_after_the_cancel(life: Life) -> None:
    life.world.faults.waiting.append(Fault("smtp", "status", "DATA", status=451, times=None))
    await life.start()
    await life.passes(minutes=50)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    life.world.faults.waiting.clear()
    assert await end_of(life) is Stage.CANCELLED
    assert not any(subject.endswith("is ready") for subject in life.mails())


async def test_what_was_late_is_no_longer_called_for_after_the_cancel(life: Life) -> None:
    life.world.faults.waiting.append(Fault("smtp", "status", "DATA", status=451, times=None))
    await life.start()
    assert (await life.passes(hours=6)).attention_code == "vendor-unresponsive"
    life.world.faults.waiting.clear()
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    end = await life.end()
    assert end.stage is Stage.CANCELLED
    assert end.attentions == ()


async def test_a_letter_sent_again_and_held_up_does_not_either(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    life.world.faults.waiting.append(Fault("smtp", "status", "DATA", status=451, times=None))
    await life.desk.resend(OPPORTUNITY)
    await life.passes(minutes=1)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    await life.passes(minutes=5)
    life.world.faults.waiting.clear()
    assert await end_of(life) is Stage.CANCELLED
    assert life.mails() == [
        "Your private offer for Example Product is ready",
        "Your private offer for Example Product has been withdrawn",
    ]


async def test_while_aws_refuses_our_credentials_nothing_has_been_made(life: Life) -> None:
    life.world.faults.waiting.append(
        Fault(
            "catalog",
            "status",
            "ListChangeSets",
            status=403,
            code="AccessDeniedException",
            times=None,
        )
    )
    await life.start()
    assert (await life.passes(minutes=1)).stage is Stage.SUBMITTED
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert await end_of(life) is Stage.CANCELLED
    assert not life.world.change_sets


async def test_a_cancel_after_a_doubtful_submission_waits_for_aws(life: Life) -> None:
    life.world.faults.waiting += [
        Fault("catalog", "drop_before", "ListChangeSets"),
        Fault(
            "catalog",
            "status",
            "ListChangeSets",
            status=403,
            code="AccessDeniedException",
            times=None,
        ),
    ]
    await life.start()
    await life.passes(minutes=1)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await life.passes(hours=1)).stage is Stage.SUBMITTED, "who knows?"
    life.world.faults.waiting.clear()
    await life.desk.resume(OPPORTUNITY)
    assert await end_of(life) is Stage.CANCELLED
    assert life.acceptable_offers() == 0


async def test_a_cancelled_offer_does_not_start_again_before_all_have_been_told(
    life: Life,
) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    life.world.faults.waiting.append(Fault("salesforce", "status", status=503, times=None))
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await life.passes(hours=2)).stage is Stage.CANCELLED
    with pytest.raises(
        RequestRejected, match="is cancelled: it has ended, but not all notifications"
    ):
        await life.desk.start(OPPORTUNITY, restart=True)


async def test_an_acceptance_before_the_withdrawal_wins(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    life.accepts_at(await life.temporal.get_current_time())
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await life.passes(minutes=10)
    assert record.stage is Stage.ACCEPTED
    assert record.offer_id == shared.offer_id
    assert "Not cancelled: Example Corp has accepted" in life.mails()
    assert not any("withdrawn" in subject for subject in life.mails())


async def test_an_acceptance_during_the_withdrawal_wins(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    now = await life.temporal.get_current_time()
    life.accepts_at(now + timedelta(seconds=60))
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await life.passes(minutes=10)
    assert record.stage is Stage.ACCEPTED
    assert "Not cancelled: Example Corp has accepted" in life.mails()


async def test_after_acceptance_it_is_refused(life: Life) -> None:
    life.buyer(accepts_after=1)
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.passes(days=2)
    await life.report_acceptance()
    await life.quiet()
    with pytest.raises(
        RequestRejected, match="the offer is accepted: it can no longer be cancelled"
    ):
        await life.desk.cancel(OPPORTUNITY, "")
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await life.quiet()).stage is Stage.ACCEPTED


async def test_temporal_s_own_cancellation_leaves_no_acceptable_offer(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.handle.cancel()
    assert await end_of(life) is Stage.CANCELLED
    assert life.acceptable_offers() == 0


async def test_aws_that_does_not_withdraw_is_not_believed(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    life.world.change_set_processing.failures.append("SERVER_FAULT")
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    stuck = await life.passes(minutes=10)
    assert stuck.stage is Stage.SHARED
    assert stuck.attention_code == "withdrawal-failed"
    assert life.acceptable_offers() == 1
    await life.desk.resume(OPPORTUNITY)
    assert await end_of(life) is Stage.CANCELLED
    assert life.acceptable_offers() == 0


async def test_a_cancelled_offer_can_be_started_again_as_another(life: Life) -> None:
    await life.start()
    first = await life.reaches(Stage.SHARED)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    await life.end()
    with pytest.raises(
        RequestRejected,
        match=r"the offer is cancelled: start a new one; run offerflow start .* --restart",
    ):
        await life.start()
    await life.desk.start(OPPORTUNITY, restart=True)
    second = await life.reaches(Stage.SHARED)
    assert second.revision == 2
    assert second.offer_id != first.offer_id
    assert life.acceptable_offers() == 1


async def accepted_unseen(life: Life) -> OfferRecord:
    """The offer was accepted in time, and comes to light only after its end."""
    shared = await life.record()
    now = life.world.now()
    life.world.offers[shared.require_offer_id()].availability_end = now.date()
    accept(life.world, shared.require_offer_id(), BUYER)
    life.world.offers[
        shared.require_offer_id()
    ].availability_end = shared.require_terms().availability_end
    return shared


async def test_an_offer_accepted_too_late_to_be_seen_is_not_sold_again(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.end()
    expired = await accepted_unseen(life)
    with pytest.raises(RequestRejected, match="the buyer has accepted the offer as it was"):
        await life.desk.start(OPPORTUNITY, restart=True)
    accepted = await life.quiet()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.offer_id == expired.offer_id
    assert len(life.world.offers) == 1


async def test_nor_when_its_workflow_is_over(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.end()
    await life.closes()
    expired = await accepted_unseen(life)
    again = await life.desk.start(OPPORTUNITY, restart=True)
    assert again.stage is Stage.ACCEPTED
    assert again.offer_id == expired.offer_id
    assert len(life.world.offers) == 1
