"""Change requests during another change, a vendor failure, or the end of an offer."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from client.offer_client import RequestRejected
from offers.ids import offer_path
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.faults import Fault
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.race_injection import accept_when
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

FIRST = offer_path(OPPORTUNITY, 1)
LOWER_PRICE = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
ADDITIONAL = TermChanges(terms={"additional_amount": "1000 USD"})
NO_MAIL = Fault("smtp", "status", "DATA", status=451, times=None)
NO_RIGHTS = Fault(
    "catalog", "status", "StartChangeSet", status=403, code="AccessDeniedException", times=None
)


async def request(harness: WorkflowHarness, call: Awaitable[Any]) -> Any:
    async with harness.advance_until_answered(call) as pending:
        answer = await pending
    await harness.settle()
    return answer


def create_in_clazar(harness: WorkflowHarness, record: OfferRecord) -> None:
    terms = record.require_terms()
    create_manual_offer(
        harness.world,
        name=terms.offer_name,
        buyer_accounts=list(terms.buyer_accounts),
        price=terms.price.amount,
        availability_end=terms.availability_end,
    )


async def test_late_listed_acceptance_of_a_cancelled_offer_is_found(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10
    assert (await request(harness, harness.client.cancel(OPPORTUNITY, ""))).stage is Stage.CANCELLED
    assert (await harness.advance(hours=2)).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"


async def test_offer_created_from_an_outdated_field_sheet_is_a_duplicate(
    harness: WorkflowHarness,
) -> None:
    await harness.client.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    first = await harness.advance(minutes=1)
    await request(harness, harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    create_in_clazar(harness, first)
    create_in_clazar(harness, await harness.record())
    record = await harness.advance(days=1)
    assert record.attention_code == "duplicate-offer"
    assert not any("is ready (" in subject for subject in harness.mail_subjects())


async def test_cancel_during_extension_of_expired_offer_wins(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.advance_to_end()
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await harness.advance(minutes=20)
    assert record.stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_workflow_cancellation_during_extension_of_expired_offer(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    await harness.advance_to_end()
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    await harness.handle.cancel()
    await harness.advance_until_closed()
    assert harness.count_acceptable_offers() == 0


async def test_workflow_cancellation_after_disbursement_cancels_the_amendment(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    await harness.settle()
    await harness.share_amendment(ADDITIONAL)
    await harness.handle.cancel()
    await harness.advance(minutes=10)
    assert harness.count_acceptable_offers() == 0


async def test_extend_after_the_extension_period_is_rejected(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.advance_to_end()
    harness.vendors.salesforce.down()
    await harness.advance(days=13)
    harness.put_opportunity()
    await harness.advance(days=3)
    harness.vendors.clear()
    with pytest.raises(
        RequestRejected,
        match="is expired: start a new one",
        check=lambda error: error.actions[0].kind is ActionKind.START_AGAIN,
    ):
        await harness.client.extend(OPPORTUNITY, Extension(until=harness.day(70)))


async def test_mails_about_an_amended_offer_name_only_the_shared_one(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    await request(harness, harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    await harness.advance(minutes=20)
    await request(harness, harness.client.cancel(OPPORTUNITY, ""))
    first, changed, withdrawn = harness.world.mail.messages
    assert "is being changed" in changed.subject
    assert "has been withdrawn" in withdrawn.subject
    (offer_id,) = {line for line in first.text.split() if line.startswith("offer-")}
    assert offer_id in withdrawn.text, "it names an offer that was not shared"


async def test_amendment_after_restart_creates_a_new_offer(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    first = await harness.share_amendment(ADDITIONAL)
    harness.end_agreement("TERMINATED")
    await harness.watch_agreements()
    await harness.advance(hours=2)
    await harness.client.start(OPPORTUNITY, restart=True)
    again = await harness.advance_until(Stage.SHARED)
    harness.accept(again)
    await harness.watch_agreements()
    await harness.settle()
    draft = await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    assert draft.amendment == 2
    await harness.approve_all(draft.path)
    second = await harness.advance_until(Stage.SHARED, path=draft.path)
    assert second.offer_id != first.offer_id


async def test_rollback_cancels_the_amendment(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    roll_back(harness.world, harness.agreement())
    await harness.watch_agreements()
    await harness.advance(minutes=10)
    assert (await harness.record()).stage is Stage.SHARED
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 1


async def test_expired_agreement_cancels_the_amendment(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.advance(days=70)
    await harness.sweep_payouts()
    await harness.settle()
    await harness.advance(days=280)
    await harness.client.amend(OPPORTUNITY, ADDITIONAL)
    await harness.advance(days=20)
    assert (await harness.client.record(FIRST)).stage is Stage.CANCELLED
    assert (await harness.record()).agreement_events[-1].description == "the agreement is EXPIRED"


async def test_delayed_offer_mail_has_the_current_terms(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance(minutes=20)
    harness.vendors.waiting.append(NO_MAIL)
    await harness.advance_until(Stage.LIVE)
    correction = TermChanges(terms={"buyer_email": "right@example.com"})
    await request(harness, harness.client.amend(OPPORTUNITY, correction))
    await request(harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50))))
    harness.vendors.clear()
    await harness.advance_until(Stage.SHARED)
    (mail,) = [m for m in harness.world.mail.messages if "is ready (" in m.subject]
    assert mail.recipients == ["right@example.com"]
    assert f"{harness.day(50).day} {harness.day(50):%B %Y}, 23:59 UTC" in mail.text


async def test_in_place_changes_survive_a_new_revision(harness: WorkflowHarness) -> None:
    await harness.share()
    terms = {"offer_name": "As agreed", "buyer_email": "right@example.com"}
    await request(harness, harness.client.amend(OPPORTUNITY, TermChanges(terms=terms)))
    await request(harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50))))
    await request(harness, harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    record = await harness.advance_until(Stage.SHARED)
    assert (record.require_terms().offer_name, record.require_terms().availability_end) == (
        "As agreed",
        harness.day(50),
    )
    assert harness.world.mail.messages[-1].recipients == ["right@example.com"]


async def test_extend_succeeds_despite_a_name_changed_in_the_portal(
    harness: WorkflowHarness,
) -> None:
    record = await harness.share()
    harness.world.aws.offers[record.require_offer_id()].name = "Renamed in the portal"
    extended = await request(
        harness, harness.client.extend(OPPORTUNITY, Extension(until=harness.day(50)))
    )
    assert extended.require_terms().availability_end == harness.day(50)


async def test_acceptance_is_found_while_an_edit_is_paused(harness: WorkflowHarness) -> None:
    record = await harness.share()
    harness.vendors.waiting.append(NO_RIGHTS)
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(50)))
    assert (await harness.settle()).attention_code == "credentials-rejected"
    harness.accept(record)
    await harness.watch_agreements()
    after = await harness.settle()
    assert after.stage is Stage.ACCEPTED
    assert "credentials-rejected" not in {attention.code for attention in after.attentions}


async def test_amendment_without_a_price_is_disbursed_at_acceptance(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    longer = TermChanges(terms={"agreement_end": f"{harness.day(400)}"})
    shared = await harness.share_amendment(longer)
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.advance(minutes=1)
    assert (await harness.client.record(FIRST)).stage is Stage.DISBURSED
    assert not any(subject.startswith("Paid") for subject in harness.mail_subjects())


async def test_amend_signal_without_valid_terms_does_not_withdraw(harness: WorkflowHarness) -> None:
    record = await harness.share()
    without: list[Any] = [{}, {"price": "1 USD"}, {"term": {}}, {"terms": {"colour": ""}}]
    for terms in without:
        await harness.handle.signal("amend", terms)
        await harness.advance(minutes=10)
        assert (await harness.record()).offer_id == record.offer_id, terms
        assert harness.count_acceptable_offers() == 1, terms


async def test_last_mail_after_amend_and_cancel_says_withdrawn(harness: WorkflowHarness) -> None:
    await harness.share()
    harness.put_opportunity(Order_Form_Signed__c=False)
    await request(harness, harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    await request(harness, harness.client.cancel(OPPORTUNITY, ""))
    assert "is being changed" in harness.mail_subjects()[1]
    to_buyer = [m for m in harness.world.mail.messages if m.recipients == ["buyer@example.com"]]
    assert "has been withdrawn" in to_buyer[-1].subject


async def test_same_finding_in_a_new_revision_is_notified_again(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Order_Form_Signed__c=False)
    await harness.start()
    harness.put_opportunity()
    await harness.client.resume(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)
    harness.put_opportunity(Order_Form_Signed__c=False)
    await request(harness, harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    ids = [
        m.message_id for m in harness.world.mail.messages if m.subject.startswith("Action required")
    ]
    assert len(ids) == len(set(ids)) == 2


async def test_cancelled_amendment_mail_says_the_agreement_continues(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.share_amendment(ADDITIONAL)
    text = " ".join(harness.world.mail.messages[-1].text.split())
    assert "Already invoiced, unchanged" in text
    await request(harness, harness.client.cancel(FIRST, ""))
    await harness.sleep(timedelta(seconds=5))
    assert f"Your agreement {harness.agreement().id} continues unchanged" in " ".join(
        harness.world.mail.messages[-1].text.split()
    )


async def test_many_rejected_signals_are_one_attention(harness: WorkflowHarness) -> None:
    await harness.share()
    late = Extension(until=harness.day(-5))
    for _ in range(5):
        await harness.handle.signal(OfferWorkflow.extend_signal, late)
    record = await harness.settle()
    (attention,) = record.attentions
    assert (attention.code, attention.count) == ("signal-rejected", 5)
    assert "(and 4 more before)" in attention.problem
    await harness.client.resume(OPPORTUNITY)
    assert not (await harness.record()).attentions


async def test_offer_is_extended_many_times(harness: WorkflowHarness) -> None:
    await harness.share()
    for number in range(1, 11):
        async with harness.advance_until_answered(
            harness.client.extend(OPPORTUNITY, Extension(until=harness.day(31 + number)))
        ) as extended:
            record = await extended
    assert record.require_terms().availability_end == harness.day(41)
    assert harness.count_acceptable_offers() == 1
