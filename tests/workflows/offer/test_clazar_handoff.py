"""The method clazar: a person creates the offer; it is recognised, compared and followed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from client.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from offers.text import day_text
from sandbox.aws.marketplace_state import Offer
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.offer_terms import Installment
from sandbox.marketplace.race_injection import accept_when
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

DESK = "desk@example.com"
OTHER = "444455556666"


async def start_handoff(harness: WorkflowHarness, **fields: Any) -> OfferRecord:
    """Start an offer with the method clazar; returns its record when it waits for a person."""
    harness.put_opportunity(**fields)
    await harness.client.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    record = await harness.settle()
    assert record.stage is Stage.SUBMITTED
    assert record.attention_code == AttentionCode.AWAITING_CLAZAR_OFFER
    return record


def create_in_clazar(harness: WorkflowHarness, record: OfferRecord, **differences: Any) -> None:
    """Create the offer in Clazar from the field sheet, with some differences."""
    terms = record.require_terms()
    correct: dict[str, Any] = {
        "name": terms.offer_name,
        "buyer_accounts": list(terms.buyer_accounts),
        "price": terms.price.amount,
        "currency": terms.price.currency,
        "months": terms.duration_months,
        "availability_end": terms.availability_end,
    }
    create_manual_offer(harness.world, **correct | differences)


async def test_offer_created_in_clazar_runs_to_disbursement(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    assert f"{OPPORTUNITY}-1" in record.require_terms().offer_name
    (mail,) = harness.world.mail.messages
    assert mail.recipients == ["owner@example.com"]
    for value in (record.require_terms().offer_name, BUYER, "120000.00", "12 months", "non-FPS"):
        assert value in mail.text
    (task,) = harness.world.salesforce.tasks.values()
    assert task["WhatId"] == OPPORTUNITY
    assert record.require_terms().offer_name in task["Description"]
    assert not harness.world.aws.change_sets, "the product created an offer"

    create_in_clazar(harness, record)
    harness.set_buyer(accepts_after=2)
    shared = await harness.advance_until(Stage.SHARED)
    assert (task["Status"], shared.attentions) == ("Completed", ())
    assert "is ready (" in harness.mail_subjects()[-1]
    await harness.advance(days=3)
    await harness.watch_agreements()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    assert (await harness.advance_to_end()).stage is Stage.DISBURSED
    assert harness.stages_in_salesforce() == [
        "submitted",
        "generating",
        "shared",
        "accepted",
        "disbursed",
    ]


async def test_owner_is_reminded_until_the_offer_is_created(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    await harness.advance(days=8)
    subjects = [mail.subject for mail in harness.world.mail.messages]
    assert subjects == ["Please create in Clazar: the private offer for Example Corp"] * 4
    assert (await harness.advance(days=7)).attention_code == AttentionCode.AWAITING_CLAZAR_OFFER
    assert len(harness.world.mail.messages) == 4
    create_in_clazar(harness, record)
    await harness.advance_until(Stage.SHARED)


@pytest.mark.parametrize(
    ("difference", "field"),
    [
        ({"buyer_accounts": [OTHER]}, "buyer_accounts"),
        ({"price": Decimal(12000)}, "price.amount"),
    ],
)
async def test_declined_difference_voids_the_offer_and_hands_off_again(
    harness: WorkflowHarness, difference: dict[str, Any], field: str
) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record, **difference)
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != "approval-required":
        waiting = await harness.advance(minutes=10)
    assert [finding.field for finding in waiting.blocking_findings] == [field]
    assert harness.count_acceptable_offers() == 1, "it was withdrawn without a decision"
    assert not [m for m in harness.world.mail.messages if "buyer@example.com" in m.recipients]

    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="as signed, please"))
    again = await harness.advance_until(Stage.SUBMITTED)
    await harness.settle()
    assert harness.count_acceptable_offers() == 0
    assert again.revision == 2
    assert f"{OPPORTUNITY}-2" in again.require_terms().offer_name
    assert again.previous_revisions[0].findings[-1].field == field
    assert field in harness.world.mail.messages[-1].text

    create_in_clazar(harness, again)
    await harness.advance_until(Stage.SHARED)
    assert harness.count_acceptable_offers() == 1


async def test_approved_difference_becomes_the_terms(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    later = record.require_terms().availability_end + timedelta(days=10)
    create_in_clazar(harness, record, price=Decimal(110000), availability_end=later)
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != "approval-required":
        waiting = await harness.advance(minutes=10)
    assert {finding.field for finding in waiting.blocking_findings} == {
        "price.amount",
        "availability_end",
    }
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    shared = await harness.advance_until(Stage.SHARED)
    assert str(shared.require_terms().price) == "USD 110,000.00"
    assert shared.require_terms().availability_end == later
    (mail,) = [m for m in harness.world.mail.messages if "buyer@example.com" in m.recipients]
    assert "110,000.00" in mail.text, "the mail has another price than the offer"


async def test_unrecognised_offer_can_be_linked(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record, name="Something else")
    await harness.advance(hours=3)
    (offer,) = harness.world.aws.offers.values()
    with pytest.raises(RequestRejected, match="no id of an offer"):
        await harness.client.link_offer(OPPORTUNITY, "agmt-1")
    await harness.client.link_offer(OPPORTUNITY, offer.id)
    waiting = await harness.settle()
    assert [finding.field for finding in waiting.blocking_findings] == ["offer_name"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.require_terms().offer_name == "Something else"


async def test_wrong_linked_id_can_be_corrected(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    await harness.client.link_offer(OPPORTUNITY, "offer-nothing000000")
    assert (await harness.advance(minutes=30)).stage is Stage.GENERATING
    create_in_clazar(harness, record)
    await harness.advance(hours=2)
    (offer,) = harness.world.aws.offers.values()
    await harness.client.link_offer(OPPORTUNITY, offer.id)
    await harness.advance_until(Stage.SHARED)


async def test_two_created_offers_need_attention(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record)
    create_in_clazar(harness, record)
    waiting = record
    for _ in range(40):
        if "duplicate-offer" in {a.code for a in waiting.attentions}:
            break
        waiting = await harness.advance(minutes=10)
    first, second = harness.world.aws.offers.values()
    attention = waiting.attentions[-1]
    assert first.id in attention.problem
    assert second.id in attention.problem
    first.availability_end = harness.world.now().date() - timedelta(days=1)
    await harness.client.link_offer(OPPORTUNITY, second.id)
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.offer_id == second.id
    assert harness.count_acceptable_offers() == 1


async def test_cancel_of_a_handoff_notifies_and_completes_the_task(
    harness: WorkflowHarness,
) -> None:
    await start_handoff(harness)
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    await harness.advance_to_end()
    assert harness.mail_subjects()[-1].startswith("Please do not create in Clazar")
    (task,) = harness.world.salesforce.tasks.values()
    assert task["Status"] == "Completed"


async def test_cancel_withdraws_an_offer_created_meanwhile(
    harness: WorkflowHarness,
) -> None:
    record = await start_handoff(harness)
    await harness.advance(minutes=50)
    create_in_clazar(harness, record)
    await harness.sleep(timedelta(minutes=5))
    harness.world.aws.change_set_processing.publish_minutes = 0
    await harness.sleep(timedelta(minutes=54))
    await harness.handle.signal("cancel", "")
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert len(harness.world.aws.offers) == 1
    assert harness.count_acceptable_offers() == 0


async def test_offer_of_another_deal_is_not_withdrawn(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record, name="An offer of another deal", buyer_accounts=[OTHER])
    await harness.sleep(timedelta(hours=2))
    (other_offer,) = harness.world.aws.offers.values()
    await harness.client.link_offer(OPPORTUNITY, other_offer.id)
    waiting = await harness.settle()
    assert waiting.attention_code == "approval-required"
    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="this is not ours"))
    again = await harness.advance_until(Stage.SUBMITTED)
    assert harness.world.aws.acceptable(other_offer), "it was withdrawn"
    assert "unmatched-offer" in {attention.code for attention in again.attentions}
    await harness.client.link_offer(OPPORTUNITY, other_offer.id)
    await harness.settle()
    await harness.client.cancel(OPPORTUNITY, "")
    assert harness.world.aws.acceptable(other_offer)


async def test_link_of_another_offer_while_a_difference_waits(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record, price=Decimal(110000))
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != "approval-required":
        waiting = await harness.advance(minutes=10)
    (wrong,) = harness.world.aws.offers.values()
    create_in_clazar(harness, record)
    await harness.sleep(timedelta(hours=2))
    (correct,) = [offer for offer in harness.world.aws.offers.values() if offer is not wrong]
    await harness.client.link_offer(OPPORTUNITY, correct.id)
    both = await harness.settle()
    assert both.stage is Stage.GENERATING, "it was shared while another offer could be accepted"
    assert "duplicate-offer" in {attention.code for attention in both.attentions}
    wrong.availability_end = harness.world.now().date() - timedelta(days=1)
    await harness.client.resume(OPPORTUNITY, "duplicate-offer")
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.offer_id == correct.id
    assert str(shared.require_terms().price) == "USD 120,000.00"
    assert harness.count_acceptable_offers() == 1


async def test_acceptance_before_recognition_is_found(
    harness: WorkflowHarness,
) -> None:
    record = await start_handoff(harness)
    harness.world.clazar.delay_minutes = 3 * 24 * 60
    harness.set_buyer(accepts_after=1)
    create_in_clazar(harness, record)
    await harness.advance(days=2)
    accepted = await harness.advance(days=3)
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.agreement is not None
    assert not [m for m in harness.world.mail.messages if "buyer@example.com" in m.recipients]


async def test_cancel_after_linking_an_unknown_id(
    harness: WorkflowHarness,
) -> None:
    await start_handoff(harness)
    await harness.client.link_offer(OPPORTUNITY, "offer-mistyped00000")
    await harness.advance(hours=1)
    assert (await harness.client.cancel(OPPORTUNITY, "")).stage is Stage.CANCELLED
    await harness.advance_to_end()


async def test_rejected_salesforce_task_does_not_block_the_handoff(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.salesforce.answer(403, "CreateTask", code="INSUFFICIENT_ACCESS", times=None)
    harness.put_opportunity()
    await harness.client.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    record = await harness.settle()
    assert harness.mail_subjects() == [
        "Please create in Clazar: the private offer for Example Corp"
    ]
    create_in_clazar(harness, record)
    await harness.advance_until(Stage.SHARED)


async def test_offer_with_late_instalment_is_not_upfront(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    day = record.require_terms().availability_end + timedelta(days=90)
    create_in_clazar(
        harness, record, schedule=[Installment(day, Decimal(120000))], dimensions={"platform": 1}
    )
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != "approval-required":
        waiting = await harness.advance(minutes=10)
    assert [finding.field for finding in waiting.blocking_findings] == ["payment_schedule"]
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    await harness.advance_until(Stage.SHARED)
    (mail,) = [m for m in harness.world.mail.messages if "buyer@example.com" in m.recipients]
    assert day_text(day) in mail.text
    assert "up front" not in mail.text


async def test_acceptance_of_a_differing_offer_wins(harness: WorkflowHarness) -> None:
    record = await start_handoff(harness)
    create_in_clazar(harness, record, price=Decimal(110000))
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != "approval-required":
        waiting = await harness.advance(minutes=10)
    (offer,) = harness.world.aws.offers.values()
    accept(harness.world, offer.id, BUYER)
    await harness.client.decline(OPPORTUNITY, ApprovalDecision(by=DESK, reason="wrong price"))
    accepted = await harness.advance_until(Stage.ACCEPTED)
    assert "accepted-with-differences" in {attention.code for attention in accepted.attentions}
    assert accepted.agreement is not None


async def test_link_without_a_handoff_is_rejected(harness: WorkflowHarness) -> None:
    await harness.start()
    with pytest.raises(RequestRejected, match="is not waited for in Clazar"):
        await harness.client.link_offer(OPPORTUNITY, "offer-x")


async def wait_for_decision(harness: WorkflowHarness) -> OfferRecord:
    """Skip time until a difference waits for approval."""
    waiting = await harness.advance_until(Stage.GENERATING)
    while waiting.attention_code != AttentionCode.APPROVAL_REQUIRED:
        waiting = await harness.advance(minutes=10)
    return waiting


async def hand_off_again(harness: WorkflowHarness) -> OfferRecord:
    """A second revision waits to be created; AWS lists the acceptance of the first one later."""
    create_in_clazar(harness, await start_handoff(harness))
    await harness.advance_until(Stage.SHARED)
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10_000
    lower = TermChanges(terms={"price": "110000 USD"})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, lower)) as answer:
        await answer
    await harness.approve_all()
    return await harness.advance_until(Stage.SUBMITTED)


async def test_acceptance_while_a_difference_waits_for_approval(harness: WorkflowHarness) -> None:
    create_in_clazar(harness, await start_handoff(harness), price=Decimal(110000))
    waiting = await wait_for_decision(harness)
    harness.accept(waiting)
    await harness.watch_agreements()
    accepted = await harness.settle()
    assert accepted.stage is Stage.ACCEPTED
    assert AttentionCode.ACCEPTED_WITH_DIFFERENCES in {each.code for each in accepted.attentions}


async def test_earlier_revision_was_accepted_before_the_next_is_recognised(
    harness: WorkflowHarness,
) -> None:
    again = await hand_off_again(harness)
    harness.world.aws.agreement_lag_minutes = 0
    create_in_clazar(harness, again)
    accepted = await harness.advance_until(Stage.ACCEPTED)
    assert accepted.offer_id == again.previous_revisions[0].offer_id
    assert harness.count_acceptable_offers() == 0


@pytest.mark.parametrize("is_reported", [True, False])
async def test_earlier_revision_was_accepted_while_a_difference_of_the_next_waits(
    harness: WorkflowHarness, is_reported: bool
) -> None:
    """It is reported, or found when the difference is approved."""
    again = await hand_off_again(harness)
    first = again.previous_revisions[0]
    create_in_clazar(harness, again, price=Decimal(99000))
    await wait_for_decision(harness)
    harness.world.aws.agreement_lag_minutes = 0
    if is_reported:
        await report(harness, first.offer_id)
    else:
        await harness.client.approve(OPPORTUNITY, ApprovalDecision(by=DESK))
    accepted = await harness.advance_until(Stage.ACCEPTED)
    assert accepted.offer_id == first.offer_id
    assert harness.count_acceptable_offers() == 0


async def report(harness: WorkflowHarness, offer_id: str | None) -> None:
    agreement = harness.agreement()
    assert agreement.offer_id == offer_id
    found = AgreementReport(
        offer_id=agreement.offer_id, agreement_id=agreement.id, changed_at=agreement.last_update
    )
    await harness.handle.signal(OfferWorkflow.agreement_reported, found)


async def test_cancel_while_clazar_does_not_say_whether_there_are_other_offers(
    harness: WorkflowHarness,
) -> None:
    harness.clazar_watched = False
    create_in_clazar(harness, await start_handoff(harness))
    await harness.advance(hours=3)
    harness.vendors.clazar.down()
    (offer,) = harness.world.aws.offers.values()
    await harness.client.link_offer(OPPORTUNITY, offer.id)
    assert (await harness.advance(hours=1)).stage is Stage.GENERATING
    await harness.handle.signal("cancel", "")
    await harness.settle()
    harness.vendors.clear()
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_cancel_of_an_offer_that_aws_has_not_released_yet(harness: WorkflowHarness) -> None:
    create_in_clazar(harness, await start_handoff(harness), name="Something else")
    await harness.advance(hours=3)
    (offer,) = harness.world.aws.offers.values()
    offer.state = "Draft"
    await harness.client.link_offer(OPPORTUNITY, offer.id)
    await harness.settle()
    await harness.handle.signal("cancel", "")
    assert (await harness.advance(minutes=20)).stage is Stage.GENERATING
    offer.state = "Released"
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert harness.world.aws.acceptable(offer), "an offer without our reference was withdrawn"


async def test_offer_with_terms_that_ours_cannot_be_is_withdrawn(harness: WorkflowHarness) -> None:
    create_in_clazar(harness, await start_handoff(harness))
    await harness.advance(minutes=30)

    def change(offer: Offer) -> None:
        for term in offer.terms:
            if term["Type"] == "ConfigurableUpfrontPricingTerm":
                term["RateCards"][0]["Selector"]["Value"] = "P400D"

    harness.change_before_read_back(change)
    await harness.advance_until(Stage.GENERATING)
    again = await harness.advance_until(Stage.SUBMITTED)
    assert (again.stage, again.revision) == (Stage.SUBMITTED, 2)
    assert [each.field for each in again.previous_revisions[0].findings] == ["duration_months"]
    assert harness.count_acceptable_offers() == 0
