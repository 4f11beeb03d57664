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
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.workflow import OfferWorkflow

FIRST = offer_path(OPPORTUNITY, 1)
CHEAPER = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
ADDED = TermChanges(terms={"additional_amount": "1000 USD"})
NO_MAIL = Fault("smtp", "status", "DATA", status=451, times=None)
NO_RIGHTS = Fault(
    "catalog", "status", "StartChangeSet", status=403, code="AccessDeniedException", times=None
)


async def shared(life: Life) -> OfferRecord:
    await life.start()
    return await life.reaches(Stage.SHARED)


async def accepted(life: Life) -> OfferRecord:
    record = await shared(life)
    accept(life.world, record.require_offer_id(), BUYER)
    await life.report_acceptance()
    return await life.quiet()


async def amending(life: Life, changes: TermChanges = ADDED) -> OfferRecord:
    await life.desk.amend(OPPORTUNITY, changes)
    await life.approve(FIRST)
    return await life.reaches(Stage.SHARED, path=FIRST)


async def ask(life: Life, wish: Awaitable[Any]) -> Any:
    async with life.asking(wish) as asked:
        answer = await asked
    await life.quiet()
    return answer


def by_hand(life: Life, record: OfferRecord) -> None:
    terms = record.require_terms()
    create_manual_offer(
        life.world,
        name=terms.offer_name,
        buyer_accounts=list(terms.buyer_accounts),
        price=terms.price.amount,
        availability_end=terms.availability_end,
    )


async def test_an_acceptance_listed_late_is_found_though_it_was_cancelled(life: Life) -> None:
    await shared(life)
    accept_when(life.world, BUYER, "applying")
    life.world.agreement_lag_minutes = 10
    assert (await ask(life, life.desk.cancel(OPPORTUNITY, ""))).stage is Stage.CANCELLED
    assert (await life.passes(hours=2)).stage is Stage.ACCEPTED
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted"


async def test_a_field_sheet_of_before_that_is_followed_all_the_same_is_seen(life: Life) -> None:
    await life.desk.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    first = await life.passes(minutes=1)
    await ask(life, life.desk.amend(OPPORTUNITY, CHEAPER))
    by_hand(life, first)
    by_hand(life, await life.record())
    record = await life.passes(days=1)
    assert record.attention_code == "duplicate-offer"
    assert not any(subject.endswith("is ready") for subject in life.mails())


async def test_a_wish_to_cancel_what_is_being_revived_stands(life: Life) -> None:
    await shared(life)
    await life.end()
    await life.handle.signal(OfferWorkflow.extend_signal, Extension(until=life.day(50)))
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await life.passes(minutes=20)
    assert record.stage is Stage.CANCELLED
    assert life.acceptable_offers() == 0


async def test_a_workflow_that_is_closed_while_it_revives_leaves_nothing_open(life: Life) -> None:
    await shared(life)
    await life.end()
    await life.handle.signal(OfferWorkflow.extend_signal, Extension(until=life.day(50)))
    await life.handle.cancel()
    await life.closes()
    assert life.acceptable_offers() == 0


async def test_one_that_is_closed_after_it_was_paid_calls_its_amendment_off(life: Life) -> None:
    await accepted(life)
    await life.passes(days=70)
    await life.report_payout()
    await life.quiet()
    await amending(life)
    await life.handle.cancel()
    await life.passes(minutes=10)
    assert life.acceptable_offers() == 0


async def test_a_wish_that_comes_when_all_is_over_is_refused(life: Life) -> None:
    await shared(life)
    await life.end()
    life.world.faults.waiting.append(Fault("salesforce", "status", status=503, times=None))
    await life.passes(days=13)
    life.opportunity()
    await life.passes(days=3)
    life.world.faults.waiting.clear()
    with pytest.raises(RequestRejected, match="the offer is expired: start a new one"):
        await life.desk.extend(OPPORTUNITY, Extension(until=life.day(70)))


async def test_of_an_offer_that_was_never_shown_nobody_is_told_anything(life: Life) -> None:
    await shared(life)
    await ask(life, life.desk.amend(OPPORTUNITY, CHEAPER))
    await life.passes(minutes=20)
    await ask(life, life.desk.cancel(OPPORTUNITY, ""))
    first, changing, void = life.world.mails
    assert "is being changed" in changing.subject
    assert "has been withdrawn" in void.subject
    (named,) = {line for line in first.text.split() if line.startswith("offer-")}
    assert named in void.text, "what it says is of the offer that the buyer knows"


async def test_a_second_sale_s_amendment_is_another_request_to_aws(life: Life) -> None:
    await accepted(life)
    first = await amending(life)
    await life.ends_agreement("TERMINATED")
    await life.passes(hours=2)
    await life.desk.start(OPPORTUNITY, restart=True)
    again = await life.reaches(Stage.SHARED)
    await life.report_agreement(accept(life.world, again.require_offer_id(), BUYER))
    await life.quiet()
    draft = await life.desk.amend(OPPORTUNITY, ADDED)
    assert draft.amendment == 2
    await life.approve(draft.path)
    second = await life.reaches(Stage.SHARED, path=draft.path)
    assert second.offer_id != first.offer_id


async def test_a_rollback_calls_the_amendment_off(life: Life) -> None:
    await accepted(life)
    await amending(life)
    roll_back(life.world, life.agreement())
    await life.report_acceptance()
    await life.passes(minutes=10)
    assert (await life.record()).stage is Stage.SHARED
    assert (await life.desk.record(FIRST)).stage is Stage.CANCELLED
    assert life.acceptable_offers() == 1


async def test_the_end_of_the_agreement_calls_it_off_too(life: Life) -> None:
    await accepted(life)
    await life.passes(days=70)
    await life.report_payout()
    await life.quiet()
    await life.passes(days=280)
    await life.desk.amend(OPPORTUNITY, ADDED)
    await life.passes(days=20)
    assert (await life.desk.record(FIRST)).stage is Stage.CANCELLED
    assert (await life.record()).agreement_events[-1].description == "the agreement is EXPIRED"


async def test_a_letter_that_is_held_up_says_what_is_so_when_it_goes(life: Life) -> None:
    await life.start()
    await life.passes(minutes=20)
    life.world.faults.waiting.append(NO_MAIL)
    await life.reaches(Stage.LIVE)
    wrong = TermChanges(terms={"buyer_email": "right@example.com"})
    await ask(life, life.desk.amend(OPPORTUNITY, wrong))
    await ask(life, life.desk.extend(OPPORTUNITY, Extension(until=life.day(50))))
    life.world.faults.waiting.clear()
    await life.reaches(Stage.SHARED)
    (mail,) = [m for m in life.world.mails if m.subject.endswith("is ready")]
    assert mail.recipients == ["right@example.com"]
    assert f"{life.day(50).day} {life.day(50):%B %Y}, 23:59 UTC" in mail.text


async def test_what_was_changed_in_place_stays_changed(life: Life) -> None:
    await shared(life)
    named = {"offer_name": "As agreed", "buyer_email": "right@example.com"}
    await ask(life, life.desk.amend(OPPORTUNITY, TermChanges(terms=named)))
    await ask(life, life.desk.extend(OPPORTUNITY, Extension(until=life.day(50))))
    await ask(life, life.desk.amend(OPPORTUNITY, CHEAPER))
    record = await life.reaches(Stage.SHARED)
    assert (record.require_terms().offer_name, record.require_terms().availability_end) == (
        "As agreed",
        life.day(50),
    )
    assert life.world.mails[-1].recipients == ["right@example.com"]


async def test_a_difference_that_somebody_else_made_does_not_undo_a_change(life: Life) -> None:
    record = await shared(life)
    life.world.offers[record.require_offer_id()].name = "Renamed in the portal"
    extended = await ask(life, life.desk.extend(OPPORTUNITY, Extension(until=life.day(50))))
    assert extended.require_terms().availability_end == life.day(50)


async def test_a_change_that_is_held_up_hides_no_acceptance(life: Life) -> None:
    record = await shared(life)
    life.world.faults.waiting.append(NO_RIGHTS)
    await life.handle.signal(OfferWorkflow.extend_signal, Extension(until=life.day(50)))
    assert (await life.quiet()).attention_code == "credentials-rejected"
    accept(life.world, record.require_offer_id(), BUYER)
    await life.report_acceptance()
    after = await life.quiet()
    assert after.stage is Stage.ACCEPTED
    assert "credentials-rejected" not in {attention.code for attention in after.attentions}


async def test_what_costs_nothing_is_paid(life: Life) -> None:
    await accepted(life)
    longer = TermChanges(terms={"agreement_end": f"{life.day(400)}"})
    shared = await amending(life, longer)
    await life.report_agreement(accept(life.world, shared.require_offer_id(), BUYER), FIRST)
    await life.passes(minutes=1)
    assert (await life.desk.record(FIRST)).stage is Stage.DISBURSED
    assert not any(subject.startswith("Paid") for subject in life.mails())


@pytest.mark.parametrize("wrong", [{}, {"price": "1 USD"}, {"term": {}}, {"terms": {"colour": ""}}])
async def test_a_wish_that_says_nothing_withdraws_nothing(life: Life, wrong: Any) -> None:
    record = await shared(life)
    await life.handle.signal("amend", wrong)
    await life.passes(minutes=10)
    assert (await life.record()).offer_id == record.offer_id
    assert life.acceptable_offers() == 1


async def test_the_buyer_s_last_word_is_that_it_is_withdrawn(life: Life) -> None:
    await shared(life)
    life.opportunity(Order_Form_Signed__c=False)
    await ask(life, life.desk.amend(OPPORTUNITY, CHEAPER))
    await ask(life, life.desk.cancel(OPPORTUNITY, ""))
    assert "is being changed" in life.mails()[1]
    to_buyer = [m for m in life.world.mails if m.recipients == ["buyer@example.com"]]
    assert "has been withdrawn" in to_buyer[-1].subject


async def test_what_stands_in_the_way_again_is_told_again(life: Life) -> None:
    life.opportunity(Order_Form_Signed__c=False)
    await life.start()
    life.opportunity()
    await life.desk.resume(OPPORTUNITY)
    await life.reaches(Stage.SHARED)
    life.opportunity(Order_Form_Signed__c=False)
    await ask(life, life.desk.amend(OPPORTUNITY, CHEAPER))
    ids = [m.message_id for m in life.world.mails if m.subject.startswith("Action required")]
    assert len(ids) == len(set(ids)) == 2


async def test_a_mail_says_that_the_agreement_goes_on(life: Life) -> None:
    await accepted(life)
    await amending(life)
    text = " ".join(life.world.mails[-1].text.split())
    assert "Already invoiced, unchanged" in text
    await ask(life, life.desk.cancel(FIRST, ""))
    await life.sleep(timedelta(seconds=5))
    assert f"Your agreement {life.agreement().id} continues unchanged" in " ".join(
        life.world.mails[-1].text.split()
    )


async def test_a_rejected_update_carries_its_reason(life: Life) -> None:
    await shared(life)
    with pytest.raises(WorkflowUpdateFailedError) as rejected:
        await life.handle.execute_update(OfferWorkflow.revise, CHEAPER)
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
