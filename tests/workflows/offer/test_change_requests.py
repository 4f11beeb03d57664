"""Changes of mind that meet another change, a vendor out of order, or an end."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from cli.offer_client import RequestRejected
from offers.ids import offer_path
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.guards import Reason, ReasonCode
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.faults import Fault
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.race_injection import accept_when
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

FIRST = offer_path(OPPORTUNITY, 1)
CHEAPER = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
ADDED = TermChanges(terms={"additional_amount": "1000 USD"})
NO_MAIL = Fault("smtp", "status", "DATA", status=451, times=None)
NO_RIGHTS = Fault(
    "catalog", "status", "StartChangeSet", status=403, code="AccessDeniedException", times=None
)


async def shared(harness: WorkflowHarness) -> OfferRecord:
    await harness.start()
    return await harness.advance_until(Stage.SHARED)


async def accepted(harness: WorkflowHarness) -> OfferRecord:
    record = await shared(harness)
    accept(harness.world, record.require_offer_id(), BUYER)
    await harness.report_acceptance()
    return await harness.settle()


async def amending(harness: WorkflowHarness, changes: TermChanges = ADDED) -> OfferRecord:
    await harness.client.amend(OPPORTUNITY, changes)
    await harness.approve_all(FIRST)
    return await harness.advance_until(Stage.SHARED, path=FIRST)


async def ask(harness: WorkflowHarness, wish: Awaitable[Any]) -> Any:
    async with harness.advance_until_answered(wish) as asked:
        answer = await asked
    await harness.settle()
    return answer


def by_hand(harness: WorkflowHarness, record: OfferRecord) -> None:
    terms = record.require_terms()
    create_manual_offer(
        harness.world,
        name=terms.offer_name,
        buyer_accounts=list(terms.buyer_accounts),
        price=terms.price.amount,
        availability_end=terms.availability_end,
    )


async def test_an_acceptance_listed_late_is_found_though_it_was_cancelled(
    harness: WorkflowHarness,
) -> None:
    await shared(harness)
    accept_when(harness.world, BUYER, "applying")
    harness.world.agreement_lag_minutes = 10
    assert (await ask(harness, harness.client.cancel(OPPORTUNITY, ""))).stage is Stage.CANCELLED
    assert (await harness.advance(hours=2)).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"


async def test_a_field_sheet_of_before_that_is_followed_all_the_same_is_seen(
    harness: WorkflowHarness,
) -> None:
    await harness.client.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    first = await harness.advance(minutes=1)
    await ask(harness, harness.client.amend(OPPORTUNITY, CHEAPER))
    by_hand(harness, first)
    by_hand(harness, await harness.record())
    record = await harness.advance(days=1)
    assert record.attention_code == "duplicate-offer"
    assert not any(subject.endswith("is ready") for subject in harness.mail_subjects())


async def test_a_wish_to_cancel_what_is_being_revived_stands(harness: WorkflowHarness) -> None:
    await shared(harness)
    await harness.advance_to_end()
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await harness.advance(minutes=20)
    assert record.stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_a_workflow_that_is_closed_while_it_revives_leaves_nothing_open(
    harness: WorkflowHarness,
) -> None:
    await shared(harness)
    await harness.advance_to_end()
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    await harness.handle.cancel()
    await harness.advance_until_closed()
    assert harness.count_acceptable_offers() == 0


async def test_one_that_is_closed_after_it_was_paid_calls_its_amendment_off(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    await harness.advance(days=70)
    await harness.report_payout()
    await harness.settle()
    await amending(harness)
    await harness.handle.cancel()
    await harness.advance(minutes=10)
    assert harness.count_acceptable_offers() == 0


async def test_a_wish_that_comes_when_all_is_over_is_refused(harness: WorkflowHarness) -> None:
    await shared(harness)
    await harness.advance_to_end()
    harness.world.faults.waiting.append(Fault("salesforce", "status", status=503, times=None))
    await harness.advance(days=13)
    harness.put_opportunity()
    await harness.advance(days=3)
    harness.world.faults.waiting.clear()
    with pytest.raises(
        RequestRejected, match=r"is expired: start a new one; run offerflow start \S+ --restart"
    ):
        await harness.client.extend(OPPORTUNITY, Extension(until=harness.day(70)))


async def test_of_an_offer_that_was_never_shown_nobody_is_told_anything(
    harness: WorkflowHarness,
) -> None:
    await shared(harness)
    await ask(harness, harness.client.amend(OPPORTUNITY, CHEAPER))
    await harness.advance(minutes=20)
    await ask(harness, harness.client.cancel(OPPORTUNITY, ""))
    first, changing, void = harness.world.mails
    assert "is being changed" in changing.subject
    assert "has been withdrawn" in void.subject
    (named,) = {line for line in first.text.split() if line.startswith("offer-")}
    assert named in void.text, "what it says is of the offer that the buyer knows"


async def test_a_second_sale_s_amendment_is_another_request_to_aws(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    first = await amending(harness)
    await harness.end_agreement("TERMINATED")
    await harness.advance(hours=2)
    await harness.client.start(OPPORTUNITY, restart=True)
    again = await harness.advance_until(Stage.SHARED)
    await harness.report_agreement(accept(harness.world, again.require_offer_id(), BUYER))
    await harness.settle()
    draft = await harness.client.amend(OPPORTUNITY, ADDED)
    assert draft.amendment == 2
    await harness.approve_all(draft.path)
    second = await harness.advance_until(Stage.SHARED, path=draft.path)
    assert second.offer_id != first.offer_id


async def test_a_rollback_calls_the_amendment_off(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await amending(harness)
    roll_back(harness.world, harness.agreement())
    await harness.report_acceptance()
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.SHARED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 1


async def test_the_end_of_the_agreement_calls_it_off_too(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.advance(days=70)
    await harness.report_payout()
    await harness.settle()
    await harness.advance(days=280)
    await harness.client.amend(OPPORTUNITY, ADDED)
    await harness.advance(days=20)
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert (await harness.record()).agreement_events[-1].description == "the agreement is EXPIRED"


async def test_a_letter_that_is_held_up_says_what_is_so_when_it_goes(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance(minutes=20)
    harness.world.faults.waiting.append(NO_MAIL)
    await harness.advance_until(Stage.LIVE)
    wrong = TermChanges(terms={"buyer_email": "right@example.com"})
    await ask(harness, harness.client.amend(OPPORTUNITY, wrong))
    await ask(harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50))))
    harness.world.faults.waiting.clear()
    await harness.advance_until(Stage.SHARED)
    (mail,) = [m for m in harness.world.mails if m.subject.endswith("is ready")]
    assert mail.recipients == ["right@example.com"]
    assert f"{harness.day(50).day} {harness.day(50):%B %Y}, 23:59 UTC" in mail.text


async def test_what_was_changed_in_place_stays_changed(harness: WorkflowHarness) -> None:
    await shared(harness)
    named = {"offer_name": "As agreed", "buyer_email": "right@example.com"}
    await ask(harness, harness.client.amend(OPPORTUNITY, TermChanges(terms=named)))
    await ask(harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50))))
    await ask(harness, harness.client.amend(OPPORTUNITY, CHEAPER))
    record = await harness.advance_until(Stage.SHARED)
    assert (record.require_terms().offer_name, record.require_terms().availability_end) == (
        "As agreed",
        harness.day(50),
    )
    assert harness.world.mails[-1].recipients == ["right@example.com"]


async def test_a_difference_that_somebody_else_made_does_not_undo_a_change(
    harness: WorkflowHarness,
) -> None:
    record = await shared(harness)
    harness.world.offers[record.require_offer_id()].name = "Renamed in the portal"
    extended = await ask(
        harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50)))
    )
    assert extended.require_terms().availability_end == harness.day(50)


async def test_a_change_that_is_held_up_hides_no_acceptance(harness: WorkflowHarness) -> None:
    record = await shared(harness)
    harness.world.faults.waiting.append(NO_RIGHTS)
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    assert (await harness.settle()).attention_code == "credentials-rejected"
    accept(harness.world, record.require_offer_id(), BUYER)
    await harness.report_acceptance()
    after = await harness.settle()
    assert after.stage is Stage.ACCEPTED
    assert "credentials-rejected" not in {attention.code for attention in after.attentions}


async def test_what_costs_nothing_is_paid(harness: WorkflowHarness) -> None:
    await accepted(harness)
    longer = TermChanges(terms={"agreement_end": f"{harness.day(400)}"})
    shared = await amending(harness, longer)
    await harness.report_agreement(accept(harness.world, shared.require_offer_id(), BUYER), FIRST)
    await harness.advance(minutes=1)
    assert (await harness.client.record(FIRST)).stage is Stage.DISBURSED
    assert not any(subject.startswith("Paid") for subject in harness.mail_subjects())


@pytest.mark.parametrize("wrong", [{}, {"price": "1 USD"}, {"term": {}}, {"terms": {"colour": ""}}])
async def test_a_wish_that_says_nothing_withdraws_nothing(
    harness: WorkflowHarness, wrong: Any
) -> None:
    record = await shared(harness)
    await harness.handle.signal("amend", wrong)
    await harness.advance(minutes=10)
    assert (await harness.record()).offer_id == record.offer_id
    assert harness.count_acceptable_offers() == 1


async def test_the_buyer_s_last_word_is_that_it_is_withdrawn(harness: WorkflowHarness) -> None:
    await shared(harness)
    harness.put_opportunity(Order_Form_Signed__c=False)
    await ask(harness, harness.client.amend(OPPORTUNITY, CHEAPER))
    await ask(harness, harness.client.cancel(OPPORTUNITY, ""))
    assert "is being changed" in harness.mail_subjects()[1]
    to_buyer = [m for m in harness.world.mails if m.recipients == ["buyer@example.com"]]
    assert "has been withdrawn" in to_buyer[-1].subject


async def test_what_stands_in_the_way_again_is_told_again(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Order_Form_Signed__c=False)
    await harness.start()
    harness.put_opportunity()
    await harness.client.resume(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)
    harness.put_opportunity(Order_Form_Signed__c=False)
    await ask(harness, harness.client.amend(OPPORTUNITY, CHEAPER))
    ids = [m.message_id for m in harness.world.mails if m.subject.startswith("Action required")]
    assert len(ids) == len(set(ids)) == 2


async def test_a_mail_says_that_the_agreement_goes_on(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await amending(harness)
    text = " ".join(harness.world.mails[-1].text.split())
    assert "Already invoiced, unchanged" in text
    await ask(harness, harness.client.cancel(FIRST, ""))
    await harness.sleep(timedelta(seconds=5))
    assert f"Your agreement {harness.agreement().id} continues unchanged" in " ".join(
        harness.world.mails[-1].text.split()
    )


async def test_a_rejected_update_carries_its_reason(harness: WorkflowHarness) -> None:
    await shared(harness)
    with pytest.raises(WorkflowUpdateFailedError) as rejected:
        await harness.handle.execute_update(OfferWorkflow.revise, CHEAPER)
    cause = rejected.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == (ReasonCode.TERMS_NOT_REVISABLE, True)
    (details,) = cause.details
    reason = Reason.model_validate(details)
    assert (
        cause.message == reason.problem == "the offer is shared: its terms can no longer be revised"
    )
    assert reason.data == {"stage": "shared"}
    assert reason.actions == (Action(kind=ActionKind.AMEND, offer=OPPORTUNITY),)
