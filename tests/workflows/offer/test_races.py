"""The races of docs/races.md: the agreement decides, and never two offers are acceptable."""

import asyncio
from datetime import timedelta

import pytest

from client.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.clock import end_of_day
from offers.ids import offer_path
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.aws.marketplace_state import Agreement, Offer, RacePoint
from sandbox.marketplace.agreements import end
from sandbox.marketplace.race_injection import accept_when
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.search_attributes import OFFER_ID, values
from workflows.offer.workflow import OfferWorkflow

LOWER_PRICE = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
FIRST = offer_path(OPPORTUNITY, 1)


async def advance_to_the_last_minute(harness: WorkflowHarness, record: OfferRecord) -> None:
    """Skip time until 30 seconds before the end of the last day to accept."""
    left = end_of_day(record.require_terms().availability_end) - harness.world.now()
    await harness.sleep(left - timedelta(seconds=30))


def list_agreement(harness: WorkflowHarness) -> None:
    """Let AWS list the agreement."""
    harness.world.aws.agreement_lag_minutes = 0


# Accept and cancel --------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["submitted", "applying"])
async def test_accept_and_cancel(harness: WorkflowHarness, moment: RacePoint) -> None:
    first = await harness.share()
    accept_when(harness.world, BUYER, moment)
    async with harness.advance_until_answered(harness.client.cancel(OPPORTUNITY, "")) as answer:
        record = await answer
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    await harness.settle()
    assert "Not cancelled: Example Corp has accepted" in harness.mail_subjects()
    assert not any("withdrawn" in subject for subject in harness.mail_subjects())


async def test_accept_and_cancel_while_generating(harness: WorkflowHarness) -> None:
    accept_when(harness.world, BUYER, "released")
    await harness.start()
    await harness.advance(minutes=20)
    async with harness.advance_until_answered(harness.client.cancel(OPPORTUNITY, "")) as answer:
        record = await answer
    assert record.stage is Stage.ACCEPTED
    await harness.settle()
    assert "Not cancelled: Example Corp has accepted" in harness.mail_subjects()


# Accept and amend ---------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["submitted", "applying"])
async def test_accept_and_amend(harness: WorkflowHarness, moment: RacePoint) -> None:
    first = await harness.share()
    accept_when(harness.world, BUYER, moment)
    with pytest.raises(
        RequestRejected, match="too late: the buyer has accepted the offer as it was"
    ):
        async with harness.advance_until_answered(
            harness.client.amend(OPPORTUNITY, LOWER_PRICE)
        ) as answer:
            await answer
    record = await harness.settle()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert len(harness.world.aws.offers) == 1
    assert "Not changed: Example Corp has accepted" in harness.mail_subjects()


async def test_accept_and_amend_listed_before_the_new_revision(
    harness: WorkflowHarness,
) -> None:
    first = await harness.share()
    harness.put_opportunity(Order_Form_Signed__c=False)  # the new revision waits in draft
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10_000
    async with harness.advance_until_answered(
        harness.client.amend(OPPORTUNITY, LOWER_PRICE)
    ) as answer:
        assert (await answer).stage is Stage.DRAFT
    list_agreement(harness)
    await harness.client.resume(OPPORTUNITY)
    record = await harness.settle()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert len(harness.world.aws.offers) == 1


@pytest.mark.parametrize("waiting", [Stage.DRAFT, Stage.SUBMITTED, Stage.FAILED])
async def test_accept_and_amend_reported_while_the_new_revision_waits_for_a_person(
    harness: WorkflowHarness, waiting: Stage
) -> None:
    """Nobody has to resume or revise anything for it."""
    first = await harness.share()
    method = CreationMethod.CLAZAR if waiting is Stage.SUBMITTED else None
    if waiting is Stage.DRAFT:
        harness.put_opportunity(Order_Form_Signed__c=False)
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10_000
    changes = LOWER_PRICE.model_copy(update={"method": method})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, changes)) as answer:
        await answer
    if waiting is Stage.FAILED:
        harness.world.aws.change_set_processing.failures.append("INVALID_TAX_INFORMATION")
    await harness.advance_until(waiting)
    found_by = values(await harness.settle())[OFFER_ID]
    assert found_by == first.offer_id, "the watch does not find the workflow"
    list_agreement(harness)
    await harness.watch_agreements()
    record = await harness.settle()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert not record.attentions
    assert harness.count_acceptable_offers() == 0


async def test_accept_and_amend_listed_while_generating_the_new_revision(
    harness: WorkflowHarness,
) -> None:
    first = await harness.share()
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10_000
    async with harness.advance_until_answered(
        harness.client.amend(OPPORTUNITY, LOWER_PRICE)
    ) as answer:
        await answer
    await harness.advance_until(Stage.GENERATING)
    await harness.advance(minutes=20)
    list_agreement(harness)
    record = await harness.advance_until(Stage.ACCEPTED)
    assert record.offer_id == first.offer_id
    assert str(record.require_terms().price) == "USD 120,000.00"
    await harness.settle()
    assert harness.count_acceptable_offers() == 0
    assert len(harness.world.aws.offers) == 2
    assert sum("is ready (" in s for s in harness.mail_subjects()) == 1


# Accept and expiry --------------------------------------------------------------------------------


async def test_accept_and_expiry_in_the_last_second(harness: WorkflowHarness) -> None:
    accept_when(harness.world, BUYER, "last-second")
    await advance_to_the_last_minute(harness, await harness.share())
    record = await harness.advance(hours=2)
    assert record.stage is Stage.ACCEPTED
    assert harness.agreement().accepted_at.time().isoformat() == "23:59:59"
    await harness.settle()
    assert not any(subject.startswith("Expired") for subject in harness.mail_subjects())
    assert record.agreement is not None


async def test_accept_and_expiry_listed_after_expiry(harness: WorkflowHarness) -> None:
    record = await harness.share()
    await advance_to_the_last_minute(harness, record)
    harness.accept(record)
    harness.world.aws.agreement_lag_minutes = 10_000
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED
    list_agreement(harness)
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"


# Extend and expiry --------------------------------------------------------------------------------


async def test_extend_and_expiry_in_the_last_minute(harness: WorkflowHarness) -> None:
    record = await harness.share()
    await advance_to_the_last_minute(harness, record)
    async with harness.advance_until_answered(
        harness.client.extend(OPPORTUNITY, Extension(until=harness.day(40)))
    ) as answer:
        await answer
    await harness.advance(hours=3)
    assert (await harness.record()).stage is Stage.SHARED
    assert harness.count_acceptable_offers() == 1
    assert not any(subject.startswith("Expired") for subject in harness.mail_subjects())


async def test_extend_in_the_portal_and_expiry(harness: WorkflowHarness) -> None:
    record = await harness.share()
    harness.world.aws.offers[record.require_offer_id()].availability_end = harness.day(40)
    await advance_to_the_last_minute(harness, record)
    await harness.advance(hours=3)
    extended = await harness.record()
    assert (extended.stage, extended.require_terms().availability_end) == (
        Stage.SHARED,
        harness.day(40),
    )


async def test_extend_and_accept(harness: WorkflowHarness) -> None:
    await harness.share()
    accept_when(harness.world, BUYER, "applying")
    async with harness.advance_until_answered(
        harness.client.extend(OPPORTUNITY, Extension(until=harness.day(40)))
    ) as answer:
        await answer
    # The time-skipping server stops when a call is cancelled that was just answered, and an
    # acceptance cancels the mail about the new last day.
    await harness.settle()
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_extend_after_expiry_and_accept(harness: WorkflowHarness) -> None:
    record = await harness.share()
    await advance_to_the_last_minute(harness, record)
    harness.accept(record)
    harness.world.aws.agreement_lag_minutes = 10_000
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED
    list_agreement(harness)
    with pytest.raises(RequestRejected, match="the buyer has accepted the offer after all"):
        await harness.client.extend(OPPORTUNITY, Extension(until=harness.day(60)))
    assert harness.count_acceptable_offers() == 0


# Two requests -------------------------------------------------------------------------------------


async def test_amend_and_amend(harness: WorkflowHarness) -> None:
    await harness.share()
    first = asyncio.create_task(harness.client.amend(OPPORTUNITY, LOWER_PRICE))
    await harness.settle()
    other = TermChanges(terms={"price": {"amount": "105000", "currency": "USD"}})
    with pytest.raises(
        RequestRejected, match="the offer is being withdrawn: wait until that is done"
    ):
        await harness.client.amend(OPPORTUNITY, other)
    async with harness.advance_until_answered(first) as answer:
        await answer
    record = await harness.advance_until(Stage.SHARED)
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert harness.count_acceptable_offers() == 1


async def test_amend_and_amend_after_acceptance(harness: WorkflowHarness) -> None:
    record = await harness.share()
    harness.accept(record)
    await harness.watch_agreements()
    await harness.settle()
    added = TermChanges(terms={"additional_amount": "1000 USD"})
    both = await asyncio.gather(
        harness.client.amend(OPPORTUNITY, added),
        harness.client.amend(OPPORTUNITY, added),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in both) == ["OfferRecord", "RequestRejected"]
    assert len((await harness.settle()).amendments) == 1


async def test_amend_and_cancel(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.handle.signal(OfferWorkflow.amend_signal, LOWER_PRICE)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await harness.advance_to_end()
    assert record.stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0
    assert len(harness.world.aws.offers) == 1
    assert "has been withdrawn" in harness.mail_subjects()[-1]


async def test_cancel_and_extend(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=harness.day(40)))
    await harness.settle()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0
    assert len(harness.world.aws.change_sets) == 3, "AWS was not asked for the extension"
    assert not [each for each in harness.mail_subjects() if "can be accepted until" in each]


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_cancel_and_approve(harness: WorkflowHarness, *, cancel_first: bool) -> None:
    await harness.start(duration_months=24)
    decision = ApprovalDecision(by="desk@example.com")
    cancel = harness.handle.signal(OfferWorkflow.cancel_signal, "")
    approve = harness.client.approve(OPPORTUNITY, decision)
    if cancel_first:
        await cancel
        with pytest.raises(RequestRejected):
            await approve
    else:
        await asyncio.gather(approve, cancel, return_exceptions=True)
    assert (await harness.advance_to_end()).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


# Reports of the agreement watch -------------------------------------------------------------------


async def test_repeated_and_out_of_order_reports_change_nothing(harness: WorkflowHarness) -> None:
    record = await harness.share()
    agreement = harness.accept(record)
    created = report_of(agreement)
    end(harness.world, agreement, "CANCELLED")
    ended = report_of(agreement)
    for report in (ended, created, ended, created):
        await harness.handle.signal(OfferWorkflow.agreement_reported, report)
    await harness.settle()
    last = await harness.advance_to_end()
    assert last.stage is Stage.TERMINATED
    assert [entry.stage for entry in last.history][-2:] == [Stage.ACCEPTED, Stage.TERMINATED]
    assert sum(subject.startswith("Accepted: ") for subject in harness.mail_subjects()) == 1
    assert sum(subject.startswith("Cancelled: ") for subject in harness.mail_subjects()) == 1


async def test_report_without_an_agreement_in_aws_is_no_acceptance(
    harness: WorkflowHarness,
) -> None:
    record = await harness.share()
    other = AgreementReport(
        agreement_id="agmt-1",
        offer_id=record.require_offer_id(),
        changed_at=harness.world.now(),
    )
    await harness.handle.signal(OfferWorkflow.agreement_reported, other)
    assert (await harness.settle()).stage is Stage.SHARED


def report_of(agreement: Agreement) -> AgreementReport:
    return AgreementReport(
        agreement_id=agreement.id,
        offer_id=agreement.offer_id,
        changed_at=agreement.last_update or agreement.accepted_at,
    )


# Amendments ---------------------------------------------------------------------------------------


async def test_accept_and_cancel_of_an_amendment(harness: WorkflowHarness) -> None:
    record = await harness.share()
    harness.accept(record)
    await harness.watch_agreements()
    await harness.settle()
    await harness.client.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await harness.approve_all(FIRST)
    amendment = await harness.advance_until(Stage.SHARED, path=FIRST)
    accept_when(harness.world, BUYER, "applying", amendment.require_offer_id())
    async with harness.advance_until_answered(harness.client.cancel(FIRST, "")) as answer:
        assert (await answer).stage is Stage.ACCEPTED
    await harness.settle()
    assert (await harness.record()).stage is Stage.REPLACED


async def test_acceptance_of_an_amendment_reported_to_the_original_first(
    harness: WorkflowHarness,
) -> None:
    record = await harness.share()
    harness.accept(record)
    await harness.watch_agreements()
    await harness.settle()
    await harness.client.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await harness.approve_all(FIRST)
    amendment = await harness.advance_until(Stage.SHARED, path=FIRST)
    agreement = harness.accept(amendment)
    await harness.watch_agreements()
    replaced = await harness.settle()
    assert (replaced.stage, replaced.replaced_by) == (Stage.REPLACED, agreement.id)
    assert "Replaced: the agreement with Example Corp" not in harness.mail_subjects()
    await harness.watch_agreements()
    await harness.settle()
    assert (await harness.client.record(FIRST)).stage is Stage.ACCEPTED
    assert harness.salesforce_fields()["Offer_Stage__c"] == "accepted"


async def test_report_of_an_acceptance_during_the_withdrawal(harness: WorkflowHarness) -> None:
    """AWS lists it after the offer is cancelled, and the watch reports it at once."""
    await harness.share()
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 60
    async with harness.advance_until_answered(harness.client.cancel(OPPORTUNITY, "")) as answer:
        assert (await answer).stage is Stage.CANCELLED
    list_agreement(harness)
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_report_without_an_agreement_leaves_an_expired_offer_expired(
    harness: WorkflowHarness,
) -> None:
    record = await harness.share()
    await harness.advance_to_end()
    asked = harness.world.calls["agreement", "SearchAgreements"]
    report = AgreementReport(
        offer_id=record.require_offer_id(), agreement_id="agmt-1", changed_at=harness.world.now()
    )
    await harness.handle.signal(OfferWorkflow.agreement_reported, report)
    assert (await harness.settle()).stage is Stage.EXPIRED
    assert harness.world.calls["agreement", "SearchAgreements"] > asked


async def test_acceptance_of_an_offer_that_was_withdrawn_for_its_differences(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance_until(Stage.GENERATING)

    def change(offer: Offer) -> None:
        offer.name = "Another name"

    harness.change_before_read_back(change)
    accept_when(harness.world, BUYER, "applying")
    harness.world.aws.agreement_lag_minutes = 10_000
    await harness.advance_until(Stage.FAILED)
    list_agreement(harness)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.attention_code == AttentionCode.ACCEPTED_WITH_DIFFERENCES
