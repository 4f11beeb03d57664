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
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.workflow import OfferWorkflow

WISH = CancellationRequestInput(
    reason_code=CancellationReasonCode.OTHER, message="You asked us to."
)


async def accepted(life: Life) -> OfferRecord:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_acceptance()
    return await life.quiet()


async def test_silence_of_seven_days_cancels_the_agreement(life: Life) -> None:
    await accepted(life)
    asked = await life.desk.request_cancellation(OPPORTUNITY, WISH)
    assert asked.stage is Stage.ACCEPTED
    assert asked.cancellation is not None
    assert asked.cancellation.status is CancellationStatus.PENDING_APPROVAL
    (request,) = life.world.cancellation_requests.values()
    assert request.description == "You asked us to."
    await life.passes(days=6)
    assert (await life.record()).stage is Stage.ACCEPTED
    end = await life.end()
    assert end.stage is Stage.TERMINATED
    assert "Cancelled: the agreement with Example Corp" in life.mails()
    shown = life.in_salesforce()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "CANCELLED")


async def test_a_buyer_who_says_no_keeps_the_agreement(life: Life) -> None:
    await accepted(life)
    await life.desk.request_cancellation(OPPORTUNITY, WISH)
    (request,) = life.world.cancellation_requests.values()
    answer(life.world, request, approve=False)
    record = await life.passes(days=1)
    assert record.stage is Stage.ACCEPTED
    assert record.cancellation is not None
    assert record.cancellation.status is CancellationStatus.REJECTED
    assert "Not cancelled: the agreement with Example Corp" in life.mails()
    again = await life.desk.request_cancellation(OPPORTUNITY, WISH)
    assert again.cancellation is not None
    assert again.cancellation.request_id != request.id, "asked anew"


async def test_the_request_is_sent_once_whatever_gets_lost(life: Life) -> None:
    await accepted(life)
    life.world.faults.waiting.append(
        Fault("agreement", "drop_after", "SendAgreementCancellationRequest")
    )
    async with life.asking(life.desk.request_cancellation(OPPORTUNITY, WISH)) as asked:
        await asked
    assert len(life.world.cancellation_requests) == 1


async def test_a_plain_signal_asks_too(life: Life) -> None:
    await accepted(life)
    await life.handle.signal(OfferWorkflow.request_cancellation_signal, WISH)
    await life.quiet()
    assert len(life.world.cancellation_requests) == 1
    await life.handle.signal(OfferWorkflow.request_cancellation_signal, WISH)
    assert (await life.quiet()).attention_code == "signal-rejected"
    assert len(life.world.cancellation_requests) == 1


async def test_while_the_buyer_is_asked_nothing_is_amended(life: Life) -> None:
    await accepted(life)
    await life.desk.request_cancellation(OPPORTUNITY, WISH)
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await life.desk.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    with pytest.raises(RequestRejected, match="the buyer was asked to let the agreement"):
        await life.desk.request_cancellation(OPPORTUNITY, WISH)


async def test_a_payment_that_fails_terminates_it(life: Life) -> None:
    await accepted(life)
    await life.ends_agreement("TERMINATED")
    end = await life.end()
    assert end.stage is Stage.TERMINATED
    assert "Terminated by AWS: the agreement with Example Corp" in life.mails()
    shown = life.in_salesforce()
    assert (shown["Offer_Stage__c"], shown["Agreement_Status__c"]) == ("terminated", "TERMINATED")


async def test_after_its_end_the_opportunity_can_have_a_new_offer(life: Life) -> None:
    await accepted(life)
    await life.ends_agreement("CANCELLED")
    await life.end()
    await life.desk.start(OPPORTUNITY, restart=True)
    again = await life.reaches(Stage.SHARED)
    assert again.revision == 2
    assert life.acceptable_offers() == 1


async def test_an_acceptance_that_aws_undoes_leaves_the_offer_open(life: Life) -> None:
    await accepted(life)
    roll_back(life.world, life.agreement())
    await life.report_acceptance()
    record = await life.quiet()
    assert record.stage is Stage.SHARED
    assert record.agreement is None
    assert any(subject.startswith("Not accepted yet: AWS rolled") for subject in life.mails())
    assert life.in_salesforce()["Offer_Stage__c"] == "shared"
    assert life.in_salesforce()["Agreement_Id__c"] is None
    again = accept(life.world, record.require_offer_id(), BUYER)
    await life.report_agreement(again)
    record = await life.quiet()
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.agreement_id == again.id
    accepted_mails = [s for s in life.mails() if s.startswith("Accepted: ")]
    ids = [mail.message_id for mail in life.world.mails if mail.subject.startswith("Accepted: ")]
    assert len(accepted_mails) == len(set(ids)) == 2


async def test_one_undone_before_anybody_saw_it_is_told_once(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    agreement = accept(life.world, shared.require_offer_id(), BUYER)
    roll_back(life.world, agreement)
    await life.report_agreement(agreement)
    await life.report_agreement(agreement)
    record = await life.quiet()
    assert record.stage is Stage.SHARED
    assert [event.description for event in record.agreement_events] == [
        f"AWS rolled {agreement.id} back"
    ]
    assert sum(subject.startswith("Not accepted yet") for subject in life.mails()) == 1
    assert (await life.end()).stage is Stage.EXPIRED


async def test_an_acceptance_undone_after_a_late_cancel_leaves_nothing_open(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    life.accepts_at(life.world.now() + timedelta(seconds=60))
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await life.passes(minutes=10)).stage is Stage.ACCEPTED
    assert not life.world.acceptable(life.world.offers[shared.require_offer_id()])
    roll_back(life.world, life.agreement())
    await life.report_acceptance()
    record = await life.quiet()
    assert record.stage is Stage.EXPIRED
    assert life.acceptable_offers() == 0


async def test_a_renewal_is_news_and_no_end(life: Life) -> None:
    await accepted(life)
    successor = renew(life.world, life.agreement())
    await life.report_acceptance()
    record = await life.quiet()
    assert record.stage is Stage.ACCEPTED
    assert (
        record.agreement_events[-1].description
        == f"the agreement is RENEWED, followed by {successor.id}"
    )
    assert "Changed: the agreement with Example Corp" in life.mails()
    assert life.in_salesforce()["Agreement_Status__c"] == "RENEWED"
    await life.report_acceptance()
    assert len((await life.quiet()).agreement_events) == 1, "once"


async def test_an_amendment_made_elsewhere_replaces_it(life: Life) -> None:
    record = await accepted(life)
    offer = create_amendment_in_portal(
        life.world,
        agreement_id=life.agreement().id,
        name="By hand",
        price=Decimal(5000),
        end=life.agreement().end.date(),
    )
    successor = accept(life.world, offer.id, BUYER)
    await life.report_acceptance()
    record = await life.quiet()
    assert record.stage is Stage.REPLACED
    assert record.replaced_by == successor.id
    assert "Replaced: the agreement with Example Corp" in life.mails()
    assert life.in_salesforce()["Offer_Stage__c"] == "replaced"


async def test_what_is_paid_is_followed_until_the_agreement_ends(life: Life) -> None:
    await accepted(life)
    await life.passes(days=70)
    await life.report_payout()
    assert (await life.quiet()).stage is Stage.DISBURSED
    await life.passes(days=200)
    assert (await life.desk.request_cancellation(OPPORTUNITY, WISH)).stage is Stage.DISBURSED
    await life.passes(days=8)
    record = await life.record()
    assert record.stage is Stage.TERMINATED


async def test_and_no_longer(life: Life) -> None:
    await accepted(life)
    await life.passes(days=70)
    await life.report_payout()
    closed = await life.closes()
    assert closed.stage is Stage.DISBURSED
    assert life.world.now() - closed.stage_since > timedelta(days=280)


async def test_what_aws_does_not_find_has_not_ended(life: Life) -> None:
    before = await accepted(life)
    life.world.agreement_lag_minutes = 1000
    await life.report_acceptance()
    after = await life.quiet()
    assert (after.stage, after.agreement) == (Stage.ACCEPTED, before.agreement)


async def test_before_acceptance_there_is_nothing_to_ask_the_buyer_for(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    with pytest.raises(
        RequestRejected, match=f"the offer is shared: .*; run offerflow cancel {OPPORTUNITY}"
    ):
        await life.desk.request_cancellation(OPPORTUNITY, WISH)
