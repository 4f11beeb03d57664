"""Changes after acceptance: an agreement-based offer, as a child with a life of its own."""

from decimal import Decimal

import pytest

from cli.offer_client import RequestRejected
from offers.ids import offer_path
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life

FIRST, SECOND = offer_path(OPPORTUNITY, 1), offer_path(OPPORTUNITY, 2)
ADDED = TermChanges(terms={"additional_amount": "30000 USD"})


async def accepted(life: Life, **given: str) -> OfferRecord:
    await life.start(**given)
    await life.approve()
    shared = await life.reaches(Stage.SHARED)
    accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_acceptance()
    return await life.quiet()


def first_of(record: OfferRecord) -> str:
    assert record.agreement is not None
    return record.agreement.agreement_id


async def amended(life: Life, changes: TermChanges = ADDED, *, path: str = FIRST) -> OfferRecord:
    """An amendment that the buyer can accept."""
    await life.desk.amend(OPPORTUNITY, changes)
    await life.approve(path)
    return await life.reaches(Stage.SHARED, path=path)


async def test_the_buyer_accepts_and_it_takes_the_place_of_the_original(life: Life) -> None:
    original = await accepted(life)
    draft = await life.desk.amend(OPPORTUNITY, ADDED)
    assert draft.pricing is not None
    assert str(draft.pricing.total) == "USD 30,000.00"
    assert [finding.code for finding in draft.awaiting_approval] == ["amendment"]
    await life.approve(FIRST)
    shared = await life.reaches(Stage.SHARED, path=FIRST)
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted", "the agreement stands"
    assert life.in_salesforce()["Amendment_Stage__c"] == "shared"
    assert life.acceptable_offers() == 1
    agreement = accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_agreement(agreement, FIRST)
    await life.passes(minutes=5)
    record = await life.desk.record(FIRST)
    assert record.stage is Stage.ACCEPTED
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == first_of(original)
    replaced = await life.record()
    assert replaced.stage is Stage.REPLACED
    assert replaced.replaced_by == agreement.id
    assert [(a.number, a.stage, a.agreement_id) for a in replaced.amendments] == [
        (1, Stage.ACCEPTED, agreement.id)
    ]
    shown = life.in_salesforce()
    assert shown["Offer_Stage__c"] == "accepted"
    assert shown["Agreement_Id__c"] == agreement.id
    assert shown["Initial_Agreement_Id__c"] == first_of(original)
    assert shown["Offer_Amount__c"] == 30000.0
    assert (await life.closes()).stage is Stage.REPLACED


async def test_the_amendment_lives_on_until_it_is_paid(life: Life) -> None:
    await accepted(life)
    shared = await amended(life)
    await life.report_agreement(accept(life.world, shared.require_offer_id(), BUYER), FIRST)
    await life.passes(days=70)
    await life.report_payout(FIRST, shared.require_offer_id())
    await life.quiet()
    assert (await life.desk.record(FIRST)).stage is Stage.DISBURSED
    assert life.in_salesforce()["Offer_Stage__c"] == "disbursed"


async def test_what_nobody_accepts_leaves_the_original_as_it_was(life: Life) -> None:
    before = await accepted(life)
    await amended(life)
    await life.passes(days=40)
    assert (await life.desk.record(FIRST)).stage is Stage.EXPIRED
    original = await life.record()
    assert original.stage is Stage.ACCEPTED
    assert original.agreement == before.agreement
    assert original.amendments[0].stage is Stage.EXPIRED
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted"
    assert "Expired: Example Corp (amendment 1)" in life.mails()
    second = await amended(life, path=SECOND)
    assert second.amendment == 2
    assert life.acceptable_offers() == 1


async def test_there_is_one_at_a_time(life: Life) -> None:
    await accepted(life)
    await life.desk.amend(OPPORTUNITY, ADDED)
    with pytest.raises(
        RequestRejected,
        match=f"amendment 1 is in progress .*: finish or cancel it first; run .*{FIRST}",
    ):
        await life.desk.amend(OPPORTUNITY, ADDED)
    await life.desk.cancel(FIRST, "not that")
    await life.quiet()
    assert (await life.desk.amend(OPPORTUNITY, ADDED)).amendment == 2


async def test_silence_about_unpaid_instalments_is_refused(life: Life) -> None:
    days = f"{life.day(0)} 60000; {life.day(100)} 30000; {life.day(200)} 30000"
    await accepted(life, payment_schedule=days)
    silent = await life.desk.amend(OPPORTUNITY, ADDED)
    assert "unpaid-instalments" in {finding.code for finding in silent.blocking_findings}
    await life.approve(FIRST)
    assert (await life.desk.record(FIRST)).stage is Stage.DRAFT
    revised = await life.desk.revise(FIRST, TermChanges(terms={"unpaid_installments": "carry"}))
    assert str(revised.require_terms().price) == "USD 90,000.00"
    await life.approve(FIRST)
    shared = await life.reaches(Stage.SHARED, path=FIRST)
    await life.report_agreement(accept(life.world, shared.require_offer_id(), BUYER), FIRST)
    await life.passes(days=300)
    invoiced = sorted(row.gross for row in life.world.disbursements if row.disbursed)
    assert [f"{gross:.0f}" for gross in invoiced] == ["30000", "30000", "30000", "60000"]


async def test_an_amendment_of_an_amendment_is_one_chain(life: Life) -> None:
    original = await accepted(life)
    first = await amended(life)
    await life.report_agreement(accept(life.world, first.require_offer_id(), BUYER), FIRST)
    await life.passes(minutes=5)
    with pytest.raises(
        RequestRejected, match=f"the offer is replaced: amendment 1 replaced it .*show {FIRST}"
    ):
        await life.desk.amend(OPPORTUNITY, ADDED)
    await life.desk.amend(FIRST, ADDED)
    await life.approve(SECOND)
    second = await life.reaches(Stage.SHARED, path=SECOND)
    agreement = accept(life.world, second.require_offer_id(), BUYER)
    await life.report_agreement(agreement, SECOND)
    await life.passes(minutes=5)
    record = await life.desk.record(SECOND)
    assert record.agreement is not None
    assert record.agreement.initial_agreement_id == first_of(original)
    assert (await life.desk.record(FIRST)).stage is Stage.REPLACED
    assert life.in_salesforce()["Agreement_Id__c"] == agreement.id


async def test_a_paid_offer_can_be_amended_too(life: Life) -> None:
    await accepted(life)
    await life.passes(days=70)
    await life.report_payout()
    assert (await life.quiet()).stage is Stage.DISBURSED
    shared = await amended(life)
    await life.report_agreement(accept(life.world, shared.require_offer_id(), BUYER), FIRST)
    await life.passes(minutes=5)
    assert (await life.record()).stage is Stage.REPLACED


async def test_when_aws_rolls_the_amendment_back_the_original_stands_again(life: Life) -> None:
    await accepted(life)
    shared = await amended(life)
    agreement = accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_agreement(agreement, FIRST)
    await life.passes(minutes=5)
    assert (await life.record()).stage is Stage.REPLACED
    roll_back(life.world, agreement)
    await life.report_agreement(agreement, FIRST)
    await life.passes(minutes=5)
    assert (await life.desk.record(FIRST)).stage is Stage.SHARED
    assert (await life.record()).stage is Stage.ACCEPTED
    assert life.in_salesforce()["Offer_Stage__c"] == "accepted"
    again = accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_agreement(again, FIRST)
    await life.passes(minutes=5)
    assert (await life.desk.record(FIRST)).stage is Stage.ACCEPTED
    assert (await life.record()).stage is Stage.REPLACED


async def test_an_agreement_that_ends_calls_its_amendment_off(life: Life) -> None:
    await accepted(life)
    await amended(life)
    await life.ends_agreement("TERMINATED")
    await life.passes(minutes=10)
    assert (await life.record()).stage is Stage.TERMINATED
    assert (await life.desk.record(FIRST)).stage is Stage.CANCELLED
    assert life.acceptable_offers() == 0


async def test_one_made_elsewhere_calls_it_off_too(life: Life) -> None:
    await accepted(life)
    await amended(life)
    agreement = life.agreement()
    offer = create_amendment_in_portal(
        life.world,
        agreement_id=agreement.id,
        name="By hand",
        price=Decimal(5000),
        end=agreement.end.date(),
    )
    accept(life.world, offer.id, BUYER)
    await life.report_acceptance()
    await life.passes(minutes=10)
    assert (await life.record()).stage is Stage.REPLACED
    assert (await life.desk.record(FIRST)).stage is Stage.CANCELLED


async def test_an_amendment_that_expired_is_begun_anew_and_not_revived(life: Life) -> None:
    await accepted(life)
    await amended(life)
    await life.passes(days=32)
    with pytest.raises(
        RequestRejected, match="the offer is expired: amend the original offer again"
    ):
        await life.desk.extend(FIRST, Extension(until=life.day(60)))
    assert (await life.desk.amend(OPPORTUNITY, ADDED)).amendment == 2


async def test_the_amendment_is_amended_before_its_acceptance(life: Life) -> None:
    await accepted(life)
    first = await amended(life)
    async with life.asking(
        life.desk.amend(FIRST, TermChanges(terms={"additional_amount": "20000 USD"}))
    ) as asked:
        await asked
    assert life.acceptable_offers() == 0
    await life.approve(FIRST)
    second = await life.reaches(Stage.SHARED, path=FIRST)
    assert second.offer_id != first.offer_id
    assert str(second.require_terms().price) == "USD 20,000.00"
    assert life.acceptable_offers() == 1


async def test_a_declined_amendment_is_revised(life: Life) -> None:
    await accepted(life)
    await life.desk.amend(OPPORTUNITY, ADDED)
    verdict = ApprovalDecision(by="desk@example.com", reason="the customer signed 20,000")
    await life.desk.decline(FIRST, verdict)
    revised = await life.desk.revise(FIRST, TermChanges(terms={"additional_amount": "20000 USD"}))
    assert [finding.code for finding in revised.awaiting_approval] == ["amendment"]
