"""Races, as docs/races.md decides them: the agreement wins, and nothing is acceptable twice."""

import asyncio
from datetime import timedelta

import pytest

from cli.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.clock import end_of_day
from offers.ids import offer_path
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.agreements import end
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.race_injection import accept_when
from sandbox.world import Agreement, RacePoint
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.workflow import OfferWorkflow

CHEAPER = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
FIRST = offer_path(OPPORTUNITY, 1)


async def shared(life: Life) -> OfferRecord:
    await life.start()
    return await life.reaches(Stage.SHARED)


async def last_evening(life: Life, record: OfferRecord) -> None:
    """The last minute in which the buyer can accept."""
    left = end_of_day(record.require_terms().availability_end) - life.world.now()
    await life.sleep(left - timedelta(seconds=30))


def comes_to_light(life: Life) -> Agreement:
    """AWS lists the agreement at last."""
    life.world.agreement_lag_minutes = 0
    return life.agreement()


# Accept against cancel ----------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["submitted", "applying"])
async def test_accept_against_cancel(life: Life, moment: RacePoint) -> None:
    first = await shared(life)
    accept_when(life.world, BUYER, moment)
    async with life.asking(life.desk.cancel(OPPORTUNITY, "")) as asked:
        record = await asked
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    await life.quiet()
    assert "Not cancelled: Example Corp has accepted" in life.mails()
    assert not any("withdrawn" in subject for subject in life.mails())


async def test_accept_against_cancel_while_aws_builds_it(life: Life) -> None:
    accept_when(life.world, BUYER, "released")
    await life.start()
    await life.passes(minutes=20)
    async with life.asking(life.desk.cancel(OPPORTUNITY, "")) as asked:
        record = await asked
    assert record.stage is Stage.ACCEPTED
    await life.quiet()
    assert "Not cancelled: Example Corp has accepted" in life.mails()


# Accept against amend -----------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["submitted", "applying"])
async def test_accept_against_amend(life: Life, moment: RacePoint) -> None:
    first = await shared(life)
    accept_when(life.world, BUYER, moment)
    with pytest.raises(
        RequestRejected, match="too late: the buyer has accepted the offer as it was"
    ):
        async with life.asking(life.desk.amend(OPPORTUNITY, CHEAPER)) as asked:
            await asked
    record = await life.quiet()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert len(life.world.offers) == 1
    assert "Not changed: Example Corp has accepted" in life.mails()


async def test_accept_against_amend_seen_before_the_new_one_is_made(life: Life) -> None:
    first = await shared(life)
    life.opportunity(Order_Form_Signed__c=False)  # so that the new one waits as a draft
    accept_when(life.world, BUYER, "applying")
    life.world.agreement_lag_minutes = 10_000
    async with life.asking(life.desk.amend(OPPORTUNITY, CHEAPER)) as asked:
        assert (await asked).stage is Stage.DRAFT
    comes_to_light(life)
    await life.desk.resume(OPPORTUNITY)
    record = await life.quiet()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert len(life.world.offers) == 1


async def test_accept_against_amend_seen_when_the_new_one_is_made(life: Life) -> None:
    first = await shared(life)
    accept_when(life.world, BUYER, "applying")
    life.world.agreement_lag_minutes = 10_000
    async with life.asking(life.desk.amend(OPPORTUNITY, CHEAPER)) as asked:
        await asked
    await life.reaches(Stage.GENERATING)
    await life.passes(minutes=20)
    comes_to_light(life)
    record = await life.reaches(Stage.ACCEPTED)
    assert record.offer_id == first.offer_id
    assert str(record.require_terms().price) == "USD 120,000.00"
    await life.quiet()
    assert life.acceptable_offers() == 0
    assert len(life.world.offers) == 2
    assert sum(s.endswith("is ready") for s in life.mails()) == 1


# Accept against expiry ----------------------------------------------------------------------------


async def test_accept_against_expiry_in_the_last_second(life: Life) -> None:
    accept_when(life.world, BUYER, "last-second")
    await last_evening(life, await shared(life))
    record = await life.passes(hours=2)
    assert record.stage is Stage.ACCEPTED
    assert life.agreement().accepted_at.time().isoformat() == "23:59:59"
    await life.quiet()
    assert not any(subject.startswith("Expired") for subject in life.mails())
    assert record.agreement is not None


async def test_accept_against_expiry_seen_after_it(life: Life) -> None:
    record = await shared(life)
    await last_evening(life, record)
    accept(life.world, record.require_offer_id(), BUYER)
    life.world.agreement_lag_minutes = 10_000
    assert (await life.end()).stage is Stage.EXPIRED
    await life.report_agreement(comes_to_light(life))
    assert (await life.quiet()).stage is Stage.ACCEPTED
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted"


# Extend against expiry ----------------------------------------------------------------------------


async def test_extend_against_expiry_in_the_last_minute(life: Life) -> None:
    record = await shared(life)
    await last_evening(life, record)
    async with life.asking(life.desk.extend(OPPORTUNITY, Extension(until=life.day(40)))) as asked:
        await asked
    await life.passes(hours=3)
    assert (await life.record()).stage is Stage.SHARED
    assert life.acceptable_offers() == 1
    assert not any(subject.startswith("Expired") for subject in life.mails())


async def test_extend_against_expiry_made_elsewhere(life: Life) -> None:
    record = await shared(life)
    life.world.offers[record.require_offer_id()].availability_end = life.day(40)
    await last_evening(life, record)
    await life.passes(hours=3)
    extended = await life.record()
    assert (extended.stage, extended.require_terms().availability_end) == (
        Stage.SHARED,
        life.day(40),
    )


async def test_extend_against_accept(life: Life) -> None:
    await shared(life)
    accept_when(life.world, BUYER, "applying")
    async with life.asking(life.desk.extend(OPPORTUNITY, Extension(until=life.day(40)))) as asked:
        await asked
    # The time-skipping server stands still when a call is cancelled that was just answered, and
    # acceptance calls the mail about the new day back.
    await life.quiet()
    await life.report_acceptance()
    assert (await life.quiet()).stage is Stage.ACCEPTED


async def test_extend_after_expiry_against_accept(life: Life) -> None:
    record = await shared(life)
    await last_evening(life, record)
    accept(life.world, record.require_offer_id(), BUYER)
    life.world.agreement_lag_minutes = 10_000
    assert (await life.end()).stage is Stage.EXPIRED
    comes_to_light(life)
    with pytest.raises(RequestRejected, match="the buyer has accepted the offer after all"):
        await life.desk.extend(OPPORTUNITY, Extension(until=life.day(60)))
    assert life.acceptable_offers() == 0


# Wishes against wishes ----------------------------------------------------------------------------


async def test_amend_against_amend(life: Life) -> None:
    await shared(life)
    first = asyncio.create_task(life.desk.amend(OPPORTUNITY, CHEAPER))
    await life.quiet()
    other = TermChanges(terms={"price": {"amount": "105000", "currency": "USD"}})
    with pytest.raises(
        RequestRejected, match="the offer is being withdrawn: wait until that is done"
    ):
        await life.desk.amend(OPPORTUNITY, other)
    async with life.asking(first) as asked:
        await asked
    record = await life.reaches(Stage.SHARED)
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert life.acceptable_offers() == 1


async def test_amend_against_amend_of_an_agreement(life: Life) -> None:
    record = await shared(life)
    accept(life.world, record.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    added = TermChanges(terms={"additional_amount": "1000 USD"})
    both = await asyncio.gather(
        life.desk.amend(OPPORTUNITY, added),
        life.desk.amend(OPPORTUNITY, added),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in both) == ["OfferRecord", "RequestRejected"]
    assert len((await life.quiet()).amendments) == 1


async def test_cancel_against_amend(life: Life) -> None:
    await shared(life)
    await life.handle.signal(OfferWorkflow.amend_signal, CHEAPER)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    record = await life.end()
    assert record.stage is Stage.CANCELLED
    assert life.acceptable_offers() == 0
    assert len(life.world.offers) == 1
    assert "has been withdrawn" in life.mails()[-1]


async def test_cancel_against_extend(life: Life) -> None:
    await shared(life)
    await life.handle.signal(OfferWorkflow.extend_signal, Extension(until=life.day(40)))
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    assert (await life.end()).stage is Stage.CANCELLED
    assert life.acceptable_offers() == 0


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_cancel_against_approve(life: Life, *, cancel_first: bool) -> None:
    await life.start(duration_months=24)
    verdict = ApprovalDecision(by="desk@example.com")
    cancel = life.handle.signal(OfferWorkflow.cancel_signal, "")
    approve = life.desk.approve(OPPORTUNITY, verdict)
    if cancel_first:
        await cancel
        with pytest.raises(RequestRejected):
            await approve
    else:
        await asyncio.gather(approve, cancel, return_exceptions=True)
    assert (await life.end()).stage is Stage.CANCELLED
    assert life.acceptable_offers() == 0


# Reports of the watch -----------------------------------------------------------------------------


async def test_reports_twice_late_and_out_of_order_change_nothing(life: Life) -> None:
    record = await shared(life)
    agreement = accept(life.world, record.require_offer_id(), BUYER)
    made = report_of(agreement)
    end(life.world, agreement, "CANCELLED")
    ended = report_of(agreement)
    for report in (ended, made, ended, made):
        await life.handle.signal(OfferWorkflow.agreement_reported, report)
    await life.quiet()
    last = await life.end()
    assert last.stage is Stage.TERMINATED
    assert [entry.stage for entry in last.history][-2:] == [Stage.ACCEPTED, Stage.TERMINATED]
    assert sum(subject.startswith("Accepted: ") for subject in life.mails()) == 1
    assert sum(subject.startswith("Cancelled: ") for subject in life.mails()) == 1


async def test_a_report_of_another_s_agreement_is_no_acceptance(life: Life) -> None:
    record = await shared(life)
    other = AgreementReport(
        agreement_id="agmt-1",
        offer_id=record.require_offer_id(),
        status="ACTIVE",
        updated_at=life.world.now(),
    )
    await life.handle.signal(OfferWorkflow.agreement_reported, other)
    assert (await life.quiet()).stage is Stage.SHARED


def report_of(agreement: Agreement) -> AgreementReport:
    return AgreementReport(
        agreement_id=agreement.id,
        offer_id=agreement.offer_id,
        status=agreement.status,
        updated_at=agreement.last_update or agreement.accepted_at,
    )


# Amendments ---------------------------------------------------------------------------------------


async def test_an_amendment_accepted_while_it_is_cancelled(life: Life) -> None:
    record = await shared(life)
    accept(life.world, record.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    await life.desk.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await life.approve(FIRST)
    amendment = await life.reaches(Stage.SHARED, path=FIRST)
    accept_when(life.world, BUYER, "applying", amendment.require_offer_id())
    async with life.asking(life.desk.cancel(FIRST, "")) as asked:
        assert (await asked).stage is Stage.ACCEPTED
    await life.quiet()
    assert (await life.record()).stage is Stage.REPLACED


async def test_the_original_hears_of_its_replacement_from_the_watch_first(life: Life) -> None:
    record = await shared(life)
    accept(life.world, record.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    await life.desk.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await life.approve(FIRST)
    amendment = await life.reaches(Stage.SHARED, path=FIRST)
    agreement = accept(life.world, amendment.require_offer_id(), BUYER)
    await life.report_acceptance()
    replaced = await life.quiet()
    assert (replaced.stage, replaced.replaced_by) == (Stage.REPLACED, agreement.id)
    assert "Replaced: the agreement with Example Corp" not in life.mails()
    await life.report_agreement(agreement, FIRST)
    await life.quiet()
    assert (await life.desk.record(FIRST)).stage is Stage.ACCEPTED
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted"
