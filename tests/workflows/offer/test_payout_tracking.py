"""Payout tracking: overdue steps, failed and reversed payouts, and listing fees."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import Payout, PayoutReading, PayoutReport, PayoutState
from offers.stage import Stage
from runtime import clients
from sandbox.billing import corrections
from sandbox.mail.mailbox_state import Mail
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.cancellations import answer
from tests.support.builders import CANCELLATION_REQUEST
from tests.support.workflow_harness import OPPORTUNITY, POLICY, WorkflowHarness, open_harness
from workflows.offer.workflow import OfferWorkflow

SIGNALED = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"


async def disburse(harness: WorkflowHarness) -> OfferRecord:
    await harness.sell()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.stage is Stage.DISBURSED
    return record


def mails_to_finance(harness: WorkflowHarness) -> list[Mail]:
    return [
        mail for mail in harness.world.mail.messages if mail.recipients == ["finance@example.com"]
    ]


async def test_expected_payment_is_forecast_at_acceptance(harness: WorkflowHarness) -> None:
    record = await harness.sell()
    (expected,) = record.expected_payments
    assert expected.amount == Money.of("116400", "USD")
    assert expected.step == "invoice"
    assert harness.salesforce_fields()["Payout_Expected_On__c"] == expected.latest.isoformat()


async def test_missing_invoice_is_overdue_after_three_days_with_reminders(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    assert (await harness.advance(days=2)).attention_code is None
    late = await harness.advance(days=2)
    assert late.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert "it waits for invoice" in late.attentions[0].problem
    (mail,) = mails_to_finance(harness)
    assert mail.subject == "Overdue: USD 116,400.00 from Example Corp"
    assert "it waits for invoice" in " ".join(mail.text.split())
    assert f"offerflow payouts --offer {OPPORTUNITY}" in mail.text
    assert harness.salesforce_fields()["Offer_Attention__c"].startswith(
        "USD 116,400.00 (an invoice)"
    )
    await harness.advance(days=4)
    assert len(mails_to_finance(harness)) == 1
    await harness.advance(days=30)
    assert len(mails_to_finance(harness)) == 4, "not one mail more after 7, 14 and 30 days each"
    await harness.advance(days=30)
    assert len(mails_to_finance(harness)) == 4


async def test_next_payout_step_has_its_own_overdue_date(
    harness: WorkflowHarness,
) -> None:
    harness.world.money.payout_settings.never_collected = True
    await harness.sell()
    await harness.advance(days=4)
    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.attention_code is None
    (expected,) = record.expected_payments
    assert expected.step == "due date"
    assert harness.salesforce_fields()["Payment_Due_On__c"] is not None
    late = await harness.advance(days=(expected.overdue_on - harness.time().date()).days + 1)
    assert late.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert "it waits for collection" in " ".join(mails_to_finance(harness)[-1].text.split())
    text = " ".join(mails_to_finance(harness)[-1].text.split())
    assert "Ask the buyer whether AWS's invoice has been paid" in text


async def test_resolved_overdue_attention_is_quiet_until_the_next_reminder(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.advance(days=4)
    await harness.client.resume(OPPORTUNITY, AttentionCode.PAYOUT_OVERDUE)
    assert (await harness.advance(days=2)).attention_code is None
    await harness.advance(days=5)
    assert len(mails_to_finance(harness)) == 2


async def test_paused_payouts_are_the_expected_step(harness: WorkflowHarness) -> None:
    harness.world.money.payout_settings.disbursed_after_days = 300
    await harness.sell()
    await harness.sweep_payouts()
    await harness.advance(days=35)
    await harness.handle.signal(OfferWorkflow.payouts_paused, harness.time())
    record = await harness.settle()
    (expected,) = record.expected_payments
    assert expected.step == "paused payouts"
    assert "AWS paused payouts on" in expected.reason


async def test_full_payout_notifies_and_writes_to_salesforce(
    harness: WorkflowHarness,
) -> None:
    record = await disburse(harness)
    (mail,) = [mail for mail in harness.world.mail.messages if mail.subject == "Paid: Example Corp"]
    assert mail.recipients == ["owner@example.com", "finance@example.com"]
    payout = record.require_payout()
    (trace,) = payout.bank_trace_ids
    assert trace in mail.text
    shown = harness.salesforce_fields()
    assert shown["Payout_State__c"] == "disbursed"
    assert shown["Invoiced_Amount__c"] == 120000.0
    assert shown["Invoiced_On__c"] == str(payout.invoiced_on) == str(harness.day(0))
    assert shown["Disbursed_Amount__c"] == 116400.0
    assert shown["Bank_Trace_Ids__c"] == trace
    assert shown["Payout_Expected_On__c"] is None
    assert record.attention_code is None


@pytest.mark.parametrize("outcome", ["failed", "reversed"])
async def test_failed_or_reversed_payout_returns_to_accepted(
    harness: WorkflowHarness, outcome: str
) -> None:
    settings = harness.world.money.payout_settings
    settings.outcome, settings.retried_after_days = outcome, 10
    await harness.sell()
    await harness.advance(days=33.5)
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    await harness.advance(days=1)
    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.require_payout().state is PayoutState[outcome.upper()]
    assert record.attention_code == AttentionCode.PAYOUT_OVERDUE
    assert mails_to_finance(harness)[-1].subject == "Payout failed or reversed: Example Corp"
    assert harness.salesforce_fields()["Payout_State__c"] == outcome
    if outcome == "failed":
        await harness.advance(days=10)
        await harness.sweep_payouts()
        again = await harness.settle()
        assert again.stage is Stage.DISBURSED
        assert again.attention_code is None
        assert harness.mail_subjects().count("Paid: Example Corp") == 2


async def test_unexpected_listing_fee_is_notified_once(
    harness: WorkflowHarness,
) -> None:
    harness.world.money.payout_settings.listing_fee_percentage = Decimal("1.5")
    await harness.sell()
    await harness.sweep_payouts()
    record = await harness.settle()
    (finding,) = record.payout_findings
    assert "AWS kept USD 1,800.00" in finding.problem
    (mail,) = mails_to_finance(harness)
    assert mail.subject == "Unexpected amounts: Example Corp"
    assert "AWS kept USD 1,800.00" in mail.text
    await harness.advance(days=40)
    await harness.sweep_payouts()
    assert (await harness.settle()).stage is Stage.DISBURSED
    assert len(mails_to_finance(harness)) == 1
    invoice = harness.world.money.invoices[0].id
    corrections.correct_listing_fee(harness.world, invoice_id=invoice, listing_fee=Decimal(-3000))
    await harness.sweep_payouts()
    assert len((await harness.settle()).payout_findings) == 1
    assert len(mails_to_finance(harness)) >= 2, "the changed finding was not mailed"


async def test_invoice_of_a_cancelled_agreement_is_followed_to_payout(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.sweep_payouts()
    harness.end_agreement("CANCELLED")
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.TERMINATED
    await harness.advance(days=40)
    await harness.sweep_payouts()
    record = await harness.settle()
    assert record.stage is Stage.TERMINATED
    assert str(record.require_payout().disbursed) == "USD 116,400.00"
    assert harness.salesforce_fields()["Payout_State__c"] == "disbursed"
    closed = await harness.advance_until_closed()
    assert harness.world.now() - closed.stage_since >= timedelta(days=210)


async def test_cancelled_agreement_expects_only_issued_invoices(
    harness: WorkflowHarness,
) -> None:
    schedule = [
        {"on": harness.day(0).isoformat(), "amount": "60000.00"},
        {"on": harness.day(60).isoformat(), "amount": "60000.00"},
    ]
    shared = await harness.share(payment_schedule=schedule)
    harness.accept(shared)
    await harness.watch_agreements()
    assert len((await harness.settle()).expected_payments) == 2
    await harness.sweep_payouts()
    await harness.settle()
    harness.end_agreement("CANCELLED")
    await harness.watch_agreements()
    (expected,) = (await harness.settle()).expected_payments
    assert expected.invoice_id is not None


async def test_payout_of_an_earlier_revision_is_not_carried_over(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    await harness.sweep_payouts()
    await harness.settle()
    roll_back(harness.world, harness.agreement())
    await harness.watch_agreements()
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
    harness.accept(again)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.payout is None
    assert record.expected_payments[0].step == "invoice"


async def test_cancellation_answer_by_signal_is_applied_at_once(harness: WorkflowHarness) -> None:
    await harness.sell()
    requested = await harness.client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST)
    assert requested.cancellation is not None
    await harness.settle()
    (request,) = harness.world.aws.cancellation_requests.values()
    answer(harness.world, request, approve=True)
    assert (await harness.settle()).stage is Stage.ACCEPTED, (
        "the answer was applied without a signal"
    )
    await harness.handle.signal(OfferWorkflow.cancellation_request_updated, "acr-another")
    await harness.handle.signal(OfferWorkflow.cancellation_request_updated, request.id)
    assert (await harness.settle()).stage is Stage.TERMINATED


class ShownPayouts:
    """A source of payout data that shows what a test says: not every reading can be billed."""

    def __init__(self) -> None:
        self.readings: list[Payout] = []

    async def read(self, _offer_ids: object, _today: date) -> PayoutReading:
        """The newest."""
        last = self.readings[-1]
        incomplete = frozenset({last.offer_id} if last.incomplete else ())
        return PayoutReading(payouts={last.offer_id: last}, incomplete=incomplete)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> ShownPayouts:
    """The payout data of the workers that a test starts after it."""
    shown = ShownPayouts()
    monkeypatch.setattr(clients, "payout_data", lambda *_: shown)
    return shown


async def read(harness: WorkflowHarness, source: ShownPayouts, shown: Payout) -> OfferRecord:
    """The record after the source has shown something and was swept."""
    source.readings.append(shown)
    await harness.sweep_payouts()
    return await harness.settle()


async def test_payout_reported_before_acceptance_is_kept(
    source: ShownPayouts, harness: WorkflowHarness
) -> None:
    shared = await harness.share()
    early = payout(shared.require_offer_id(), "1000.00")
    source.readings.append(early)
    await harness.handle.signal(OfferWorkflow.payout_reported, PayoutReport())
    await harness.handle.signal(OfferWorkflow.payouts_paused, harness.time())
    assert (await harness.advance(days=1)).stage is Stage.SHARED
    harness.accept(shared)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    assert record.payout == early


def payout(offer_id: str, *invoices: str, paid: bool = True, incomplete: bool = False) -> Payout:
    """A payout with invoices of these amounts without a fee, all paid out or none."""
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
    return payout_from_report(rows).model_copy(update={"incomplete": incomplete})


async def test_lower_payout_is_applied_after_two_equal_reports(
    source: ShownPayouts, harness: WorkflowHarness
) -> None:
    offer_id = (await harness.sell()).require_offer_id()
    paid = await read(harness, source, payout(offer_id, "120000"))
    assert paid.stage is Stage.DISBURSED
    less = payout(offer_id, "120000", paid=False)
    for shown in (less, less.model_copy(update={"incomplete": True}), less):
        record = await read(harness, source, shown)
        assert record.stage is Stage.DISBURSED, "an incomplete report changed the payout"
        assert record.require_payout().disbursed == Money.of(120000, "USD")
    assert (await read(harness, source, less)).stage is Stage.ACCEPTED


async def test_invoice_older_than_the_data_is_kept(source: ShownPayouts, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        POLICY.read_text(encoding="utf-8") + '[payouts]\nsource = "aws"\nfeed_months = 1\n',
        encoding="utf-8",
    )
    async with open_harness(policy=policy) as harness:
        offer_id = (await harness.sell()).require_offer_id()
        (last_month,) = payout(offer_id, "60000").invoices
        last_month = last_month.model_copy(update={"invoiced_on": harness.day(-32)})
        before = Payout(offer_id=offer_id, invoices=(last_month,))
        await read(harness, source, before)
        report = payout(offer_id, "0", "60000")
        record = await read(harness, source, report)
        assert record.stage is Stage.DISBURSED
        assert [invoice.invoice_id for invoice in record.require_payout().invoices] == [
            "INV-0",
            "INV-1",
        ]
        signals = (await harness.history_events()).count(SIGNALED)
        await read(harness, source, report)
        assert (await harness.history_events()).count(SIGNALED) == signals
        # A sweep compares fingerprints, and the same money may have another one.
        newest = Payout(offer_id=offer_id, invoices=record.require_payout().invoices)
        assert newest.fingerprint != report.fingerprint
        for _ in range(2):
            await read(harness, source, newest)
            assert (await harness.history_events()).count(SIGNALED) == signals + 1


async def test_paid_invoice_with_a_new_id_is_not_counted_twice(
    source: ShownPayouts, harness: WorkflowHarness
) -> None:
    offer_id = (await harness.sell()).require_offer_id()
    await read(harness, source, payout(offer_id, "60000"))
    for stage, invoice in ((Stage.ACCEPTED, "INV-0"), (Stage.ACCEPTED, "INV-1")):
        record = await read(harness, source, payout(offer_id, "0", "60000"))
        assert record.stage is stage
        assert [each.invoice_id for each in record.require_payout().invoices] == [invoice]


async def test_overdue_reminder_raises_a_resolved_attention_again(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.advance(days=4)
    await harness.client.resume(OPPORTUNITY, AttentionCode.PAYOUT_OVERDUE)
    assert (await harness.advance(days=7)).attention_code == AttentionCode.PAYOUT_OVERDUE


async def test_unpaid_offer_is_terminated_long_after_the_agreement(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    closed = await harness.advance_until_closed(within=timedelta(days=700))
    assert closed.stage is Stage.TERMINATED
    assert closed.agreement_events[-1].description == "its money has not come in full"
    assert harness.mail_subjects()[-1].startswith("Not paid in full: the agreement with")


async def test_owner_gets_finance_mails_if_nobody_holds_that_role(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        POLICY.read_text(encoding="utf-8").replace("finance =", "accounting ="), encoding="utf-8"
    )
    async with open_harness(policy=policy) as harness:
        await disburse(harness)
        paid = [mail for mail in harness.world.mail.messages if mail.subject.startswith("Paid")]
        assert [mail.recipients for mail in paid] == [["owner@example.com"]]


async def test_reports_are_not_believed(harness: WorkflowHarness) -> None:
    """Whoever can signal can say that there is something new, and nothing else."""
    offer_id = (await harness.sell()).require_offer_id()
    await harness.sweep_payouts()
    before = await harness.settle()
    assert before.payout is not None
    forged = payout(offer_id, "120000").model_dump(mode="json")
    for argument in (forged, {"invoice_id": "INV-FORGED"}, {"invoice_id": "INV-FORGED"}, {}):
        await harness.handle.signal("payout_reported", argument)
    after = await harness.settle()
    assert after.payout == before.payout
    assert after.stage is Stage.ACCEPTED
    (attention,) = after.attentions
    assert attention.code == AttentionCode.SIGNAL_REJECTED
    assert "the payout data has no invoice 'INV-FORGED' of this offer" in attention.problem
    assert attention.count == 2
    assert mails_to_finance(harness) == []


async def test_many_reports_are_one_reading(harness: WorkflowHarness) -> None:
    await harness.sell()
    await harness.sweep_payouts()
    calls = harness.world.calls.total()
    for _ in range(20):
        await harness.handle.signal(OfferWorkflow.payout_reported, PayoutReport())
    await harness.settle()
    assert harness.world.calls.total() == calls


async def test_report_is_followed_by_the_next_sweep_if_the_source_is_down(
    harness: WorkflowHarness,
) -> None:
    await harness.sell()
    harness.vendors.clazar.answer(503, "GetDisbursements")
    await harness.handle.signal(OfferWorkflow.payout_reported, PayoutReport())
    assert (await harness.settle()).payout is None
    await harness.sweep_payouts()
    assert (await harness.settle()).payout is not None
