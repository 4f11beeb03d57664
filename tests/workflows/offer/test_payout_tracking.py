"""Following the money: what is late and on which step, what is taken back, and what it cost."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import Payout, PayoutState
from offers.stage import Stage
from sandbox.billing import corrections
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.cancellations import answer
from sandbox.world import Mail
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, POLICY, WorkflowHarness, open_harness
from tests.workflows.offer.test_agreements import WISH
from workflows.offer.search_attributes import PAYOUT
from workflows.offer.workflow import OfferWorkflow


async def accepted(harness: WorkflowHarness) -> OfferRecord:
    await harness.start()
    shared = await harness.advance_until(Stage.SHARED)
    accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_acceptance()
    return await harness.settle()


async def paid(harness: WorkflowHarness) -> OfferRecord:
    await accepted(harness)
    await harness.advance(days=40)
    await harness.report_payout()
    record = await harness.settle()
    assert record.stage is Stage.DISBURSED
    return record


def to_finance(harness: WorkflowHarness) -> list[Mail]:
    return [mail for mail in harness.world.mails if mail.recipients == ["finance@example.com"]]


async def test_what_is_expected_is_known_from_acceptance_on(harness: WorkflowHarness) -> None:
    record = await accepted(harness)
    (coming,) = record.expected_payments
    assert coming.amount == Money.of("116400", "USD")
    assert coming.step == "invoice"
    assert harness.salesforce_fields()["Payout_Expected_On__c"] == coming.latest.isoformat()


async def test_a_missing_invoice_is_late_after_three_days_and_told_again(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    assert (await harness.advance(days=2)).attention_code is None
    late = await harness.advance(days=2)
    assert late.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert "it waits for invoice" in late.attentions[0].problem
    (mail,) = to_finance(harness)
    assert mail.subject == "Overdue: USD 116,400.00 from Example Corp"
    assert "it waits for invoice" in " ".join(mail.text.split())
    assert f"offerflow payouts --offer {OPPORTUNITY}" in mail.text
    assert harness.salesforce_fields()["Offer_Attention__c"].startswith(
        "USD 116,400.00 (an invoice)"
    )
    await harness.advance(days=4)
    assert len(to_finance(harness)) == 1
    await harness.advance(days=30)
    assert len(to_finance(harness)) == 4, "after 7, 14 and 30 days"
    await harness.advance(days=30)
    assert len(to_finance(harness)) == 4


async def test_news_ends_the_lateness_and_the_next_step_has_its_own_time(
    harness: WorkflowHarness,
) -> None:
    harness.world.payout_settings.never_collected = True
    await accepted(harness)
    await harness.advance(days=4)
    await harness.report_payout()
    record = await harness.settle()
    assert record.attention_code is None
    (coming,) = record.expected_payments
    assert coming.step == "due date"
    assert harness.salesforce_fields()["Payment_Due_On__c"] is not None
    late = await harness.advance(days=(coming.overdue_on - harness.time().date()).days + 1)
    assert late.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert "it waits for collection" in " ".join(to_finance(harness)[-1].text.split())
    said = " ".join(to_finance(harness)[-1].text.split())
    assert "Ask the buyer whether AWS's invoice has been paid" in said


async def test_who_has_seen_to_it_is_left_alone_until_the_next_reminder(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    await harness.advance(days=4)
    await harness.client.resume(OPPORTUNITY, AttentionCode.PAYOUT_OVERDUE)
    assert (await harness.advance(days=2)).attention_code is None
    await harness.advance(days=5)
    assert len(to_finance(harness)) == 2


async def test_paused_payouts_are_named_as_the_step(harness: WorkflowHarness) -> None:
    harness.world.payout_settings.disbursed_after_days = 300
    await accepted(harness)
    await harness.report_payout()
    await harness.advance(days=35)
    await harness.handle.signal(OfferWorkflow.payouts_paused, harness.time())
    record = await harness.settle()
    (coming,) = record.expected_payments
    assert coming.step == "paused payouts"
    assert "AWS paused payouts on" in coming.reason


async def test_a_payout_in_full_tells_owner_and_finance_and_writes_what_is_known(
    harness: WorkflowHarness,
) -> None:
    record = await paid(harness)
    (mail,) = [mail for mail in harness.world.mails if mail.subject == "Paid: Example Corp"]
    assert mail.recipients == ["owner@example.com", "finance@example.com"]
    (trace,) = record.require_payout().bank_trace_ids
    assert trace in mail.text
    shown = harness.salesforce_fields()
    assert shown["Payout_State__c"] == "disbursed"
    assert shown["Invoiced_Amount__c"] == 120000.0
    assert shown["Disbursed_Amount__c"] == 116400.0
    assert shown["Bank_Trace_Ids__c"] == trace
    assert shown["Payout_Expected_On__c"] is None
    assert record.attention_code is None


@pytest.mark.parametrize("outcome", ["failed", "reversed"])
async def test_a_payout_that_is_taken_back_is_told_and_followed_again(
    harness: WorkflowHarness, outcome: str
) -> None:
    habit = harness.world.payout_settings
    habit.outcome, habit.retried_after_days = outcome, 10
    await accepted(harness)
    await harness.advance(days=33.5)
    await harness.report_payout()
    assert (await harness.settle()).stage is Stage.DISBURSED
    await harness.advance(days=1)
    await harness.report_payout()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.require_payout().state is PayoutState[outcome.upper()]
    assert record.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert to_finance(harness)[-1].subject == "Payout failed or reversed: Example Corp"
    assert harness.salesforce_fields()["Payout_State__c"] == outcome
    if outcome == "failed":
        await harness.advance(days=10)
        await harness.report_payout()
        again = await harness.settle()
        assert again.stage is Stage.DISBURSED
        assert again.attention_code is None
        assert harness.mail_subjects().count("Paid: Example Corp") == 2


async def test_another_fee_than_expected_is_a_finding_for_finance_once(
    harness: WorkflowHarness,
) -> None:
    harness.world.payout_settings.listing_fee_percentage = Decimal("1.5")
    await accepted(harness)
    await harness.report_payout()
    record = await harness.settle()
    (finding,) = record.payout_findings
    assert "AWS kept USD 1,800.00" in finding.problem
    (mail,) = to_finance(harness)
    assert mail.subject == "Unexpected amounts: Example Corp"
    assert "AWS kept USD 1,800.00" in mail.text
    await harness.advance(days=40)
    await harness.report_payout()
    assert (await harness.settle()).stage is Stage.DISBURSED
    assert len(to_finance(harness)) == 1
    invoice = harness.world.invoices[0].id
    corrections.correct_listing_fee(harness.world, invoice_id=invoice, listing_fee=Decimal(-3000))
    await harness.report_payout()
    assert len((await harness.settle()).payout_findings) == 1
    assert len(to_finance(harness)) >= 2, "something else is not as expected now"


async def test_what_was_invoiced_before_the_agreement_ended_is_followed(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    await harness.report_payout()
    await harness.end_agreement("CANCELLED")
    assert (await harness.settle()).stage is Stage.TERMINATED
    await harness.advance(days=40)
    await harness.report_payout()
    record = await harness.settle()
    assert record.stage is Stage.TERMINATED
    assert str(record.require_payout().disbursed) == "USD 116,400.00"
    assert harness.salesforce_fields()["Payout_State__c"] == "disbursed"
    closed = await harness.advance_until_closed()
    assert harness.world.now() - closed.stage_since >= timedelta(days=210)


async def test_of_an_agreement_that_ended_nothing_more_is_expected(
    harness: WorkflowHarness,
) -> None:
    schedule = [
        {"on": harness.day(0).isoformat(), "amount": "60000.00"},
        {"on": harness.day(60).isoformat(), "amount": "60000.00"},
    ]
    await harness.start(payment_schedule=schedule)
    await harness.approve_all()
    shared = await harness.advance_until(Stage.SHARED)
    accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_acceptance()
    assert len((await harness.settle()).expected_payments) == 2
    await harness.report_payout()
    await harness.settle()
    await harness.end_agreement("CANCELLED")
    (coming,) = (await harness.settle()).expected_payments
    assert coming.invoice_id is not None


async def test_the_money_of_an_earlier_revision_is_not_the_next_one_s(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    await harness.report_payout()
    await harness.settle()
    roll_back(harness.world, harness.agreement())
    await harness.report_acceptance()
    assert (await harness.settle()).expected_payments == ()
    async with harness.advance_until_answered(
        harness.client.amend(
            OPPORTUNITY,
            TermChanges.model_validate({"terms": {"duration_months": 12}, "recreate": True}),
        )
    ):
        pass
    again = await harness.advance_until(Stage.SHARED)
    assert again.revision == 2
    await harness.report_agreement(accept(harness.world, again.require_offer_id(), BUYER))
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.payout is None
    assert record.expected_payments[0].step == "invoice"


async def test_an_answer_to_our_request_is_heard_at_once(harness: WorkflowHarness) -> None:
    await accepted(harness)
    asked = await harness.client.request_cancellation(OPPORTUNITY, WISH)
    assert asked.cancellation is not None
    await harness.settle()
    (request,) = harness.world.cancellation_requests.values()
    answer(harness.world, request, approve=True)
    assert (await harness.settle()).stage is Stage.ACCEPTED, "nobody has told yet"
    await harness.handle.signal(OfferWorkflow.cancellation_request_updated, "acr-another")
    await harness.handle.signal(OfferWorkflow.cancellation_request_updated, request.id)
    assert (await harness.settle()).stage is Stage.TERMINATED


async def test_money_that_is_told_of_too_early_wedges_nothing(harness: WorkflowHarness) -> None:
    await harness.start()
    shared = await harness.advance_until(Stage.SHARED)
    early = payout(shared.require_offer_id(), "1000.00")
    await harness.handle.signal(OfferWorkflow.payout_reported, early)
    await harness.handle.signal(OfferWorkflow.payouts_paused, harness.time())
    assert (await harness.advance(days=1)).stage is Stage.SHARED
    accept(harness.world, shared.require_offer_id(), BUYER)
    await harness.report_acceptance()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.payout == early


def payout(offer_id: str, *invoices: str, paid: bool = True, doubtful: bool = False) -> Payout:
    """Invoices of some amounts without a fee, all paid or none."""
    rows = [
        ReportRow(
            offer_id=offer_id,
            invoice_id=f"INV-{number}",
            currency="USD",
            gross=Decimal(amount),
            listing_fee=Decimal(0),
            disbursed=Decimal(amount if paid else 0),
            undisbursed=Decimal(0 if paid else amount),
            disbursed_on=date(2027, 1, 8) if paid else None,
        )
        for number, amount in enumerate(invoices)
        if amount != "0"
    ]
    return payout_from_report(rows).model_copy(update={"incomplete": doubtful})


async def test_data_that_shows_less_than_before_is_believed_when_it_says_so_twice(
    harness: WorkflowHarness,
) -> None:
    offer_id = (await accepted(harness)).require_offer_id()
    await harness.handle.signal(OfferWorkflow.payout_reported, payout(offer_id, "120000"))
    assert (await harness.settle()).stage is Stage.DISBURSED
    less = payout(offer_id, "120000", paid=False)
    for doubted in (less, less.model_copy(update={"incomplete": True}), less):
        await harness.handle.signal(OfferWorkflow.payout_reported, doubted)
        record = await harness.settle()
        assert record.stage is Stage.DISBURSED, "half a file un-pays nothing"
        assert record.require_payout().disbursed == Money.of(120000, "USD")
    await harness.handle.signal(OfferWorkflow.payout_reported, less)
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_what_is_older_than_the_data_stays_as_it_was_known(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.read_text() + '[payouts]\nsource = "aws"\nfeed_months = 1\n')
    async with open_harness(policy=policy) as harness:
        offer_id = (await accepted(harness)).require_offer_id()
        (last_month,) = payout(offer_id, "60000").invoices
        last_month = last_month.model_copy(update={"invoiced_on": harness.day(-32)})
        before = Payout(offer_id=offer_id, invoices=(last_month,))
        await harness.handle.signal(OfferWorkflow.payout_reported, before)
        await harness.settle()
        news = payout(offer_id, "0", "60000")
        await harness.handle.signal(OfferWorkflow.payout_reported, news)
        record = await harness.settle()
        assert record.stage is Stage.DISBURSED
        assert [invoice.invoice_id for invoice in record.require_payout().invoices] == [
            "INV-0",
            "INV-1",
        ]
        described = await harness.handle.describe()
        told = described.typed_search_attributes[PAYOUT]
        assert told == news.fingerprint, "what the data says is no news any more"


async def test_a_paid_invoice_that_gets_another_name_is_not_counted_twice(
    harness: WorkflowHarness,
) -> None:
    offer_id = (await accepted(harness)).require_offer_id()
    await harness.handle.signal(OfferWorkflow.payout_reported, payout(offer_id, "60000"))
    await harness.settle()
    for stage, invoice in ((Stage.ACCEPTED, "INV-0"), (Stage.ACCEPTED, "INV-1")):
        await harness.handle.signal(OfferWorkflow.payout_reported, payout(offer_id, "0", "60000"))
        record = await harness.settle()
        assert record.stage is stage
        assert [each.invoice_id for each in record.require_payout().invoices] == [invoice]


async def test_a_reminder_brings_an_answered_attention_back(harness: WorkflowHarness) -> None:
    await accepted(harness)
    await harness.advance(days=4)
    await harness.client.resume(OPPORTUNITY, AttentionCode.PAYOUT_OVERDUE)
    assert (await harness.advance(days=7)).attention_code == AttentionCode.PAYOUT_OVERDUE


async def test_what_is_never_paid_is_given_up_long_after_the_agreement(
    harness: WorkflowHarness,
) -> None:
    await accepted(harness)
    closed = await harness.advance_until_closed(within=timedelta(days=700))
    assert closed.stage is Stage.TERMINATED
    assert closed.agreement_events[-1].description == "its money has not come in full"
    assert harness.mail_subjects()[-1].startswith("Not paid in full: the agreement with")
