"""The summary of an offer: small, complete, and the same after it was written and read again."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from offers.agreements.agreement import Agreement, AgreementStatus
from offers.clock import start_of_day
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.expected_payments import update_expected_payments
from offers.lifecycle.record import Amendment, OfferRecord, StageEntry
from offers.lifecycle.summary import LONGEST_TEXT, OfferSummary, Wait
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.builders import CONTACTS, NOW, terms

SINCE = NOW
ENDS = datetime(2027, 3, 2, 9, tzinfo=UTC)
OWNER = Owner(
    owner_email="account.executive@example.com",
    owner_name="Example Account Executive",
    owner_time_zone="America/Los_Angeles",
)


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def invoice(number: int = 1, *transfers: Transfer, **changes: Any) -> InvoicePayout:
    paid = sum((each.amount for each in transfers), usd(0))
    known = {
        "invoice_id": f"E2E2E20000{number}",
        "agreement_id": "agmt-1234567890123456789012345",
        "invoiced_on": "2026-03-04",
        "due_on": "2026-04-03",
        "gross": usd(120000),
        "refunded": usd(0),
        "listing_fee": usd(3600),
        "tax": usd(0),
        "undisbursed": usd(116400) - paid,
        "transfers": transfers,
    }
    return InvoicePayout.model_validate(known | changes)


def record(stage: Stage, **changes: Any) -> OfferRecord:
    known: dict[str, Any] = {
        "opportunity_id": "0065g00000AbCdEAAV",
        "company": "Example Corporation of America Inc",
        "owner": OWNER,
        "terms": terms(),
        "contacts": CONTACTS,
        "stage": stage,
        "offer_id": "offer-1234567890123",
        "history": [StageEntry(stage=stage, at=SINCE)],
    }
    if stage in (Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED):
        known["agreement"] = Agreement(
            agreement_id="agmt-1234567890123456789012345",
            offer_id="offer-1234567890123",
            buyer_account="111122223333",
            status=AgreementStatus.ACTIVE,
            accepted_at=SINCE,
            starts_at=SINCE,
            ends_at=ENDS,
        )
    return OfferRecord.model_validate(known | changes)


def stored(summary: OfferSummary) -> OfferSummary:
    """The summary after its memo was written as JSON and read again."""
    return OfferSummary.from_memo(json.loads(json.dumps(summary.memo())))


@pytest.mark.parametrize("stage", Stage)
def test_summary_is_the_same_after_it_was_stored(stage: Stage) -> None:
    summary = OfferSummary.of(record(stage))
    assert stored(summary) == summary


def test_invoices_and_transfers_are_the_same_after_they_were_stored() -> None:
    payouts = Payout(
        offer_id="offer-1234567890123",
        invoices=(
            invoice(
                1,
                Transfer(on=date(2026, 4, 8), amount=usd(116400), bank_trace_id="T1"),
                Transfer(on=date(2026, 4, 9), amount=usd(-116400), failed=True),
            ),
            invoice(2, collected_on="2026-04-04", estimated=True),
            invoice(3, refunded=usd(20), tax=usd(3), undisbursed=usd(116383)),
        ),
    )
    summary = stored(OfferSummary.of(record(Stage.ACCEPTED, payout=payouts)))
    assert summary.payout == payouts
    assert summary.invoiced == payouts.gross
    assert summary.paid_out == payouts.disbursed


def test_stored_memo_is_read_as_it_was_meant() -> None:
    """What was written without a value stands for the same in every later version."""
    memo = {
        "deal": {"path": "0065g00000AbCdEAAV"},
        "progress": {"stage": "accepted", "waits_for": "invoice", "offer_id": "offer-1"},
        "money": {"currency": "USD", "invoices": [{"invoice_id": "INV-1", "gross": "0"}]},
    }
    summary = OfferSummary.from_memo(memo)
    assert (summary.expected, summary.overdue, summary.invoiced) == (usd(0), usd(0), usd(0))
    assert summary.payout is not None
    (read,) = summary.payout.invoices
    assert (read.refunded, read.listing_fee, read.tax, read.undisbursed) == (usd(0),) * 4
    assert (read.estimated, read.transfers, read.invoiced_on) == (False, (), None)


def test_accepted_offer_without_an_invoice_has_no_payout() -> None:
    summary = OfferSummary.of(record(Stage.ACCEPTED))
    assert summary.payout is None
    assert summary.paid_out == usd(0)


def test_typical_summary_takes_a_kilobyte_at_most() -> None:
    paid = Transfer(on=date(2026, 4, 8), amount=usd(116400), bank_trace_id="AB123456789C")
    payouts = Payout(offer_id="offer-1234567890123", invoices=(invoice(1, paid),))
    largest = record(
        Stage.DISBURSED,
        payout=payouts,
        history=[StageEntry(stage=each, at=SINCE) for each in (Stage.ACCEPTED, Stage.DISBURSED)],
    )
    memo = json.dumps(OfferSummary.of(largest).memo(), separators=(",", ":"))
    assert len(memo) <= 1000
    assert "null" not in memo, "a value that is not known takes room"


def test_texts_of_attentions_are_shortened() -> None:
    long = Attention(
        code=AttentionCode.VENDOR_REJECTED, problem="x" * 2000, remedy="y" * 2000, since=SINCE
    )
    (attention,) = OfferSummary.of(record(Stage.SHARED, attentions=[long])).progress.attentions
    assert len(attention.problem) == len(attention.remedy) == LONGEST_TEXT
    assert attention.problem.endswith("…")


def test_amendments_are_listed() -> None:
    amendment = Amendment(number=1, stage=Stage.SHARED, offer_id="offer-2")
    summary = stored(OfferSummary.of(record(Stage.ACCEPTED, amendments=[amendment])))
    assert summary.progress.amendments == (amendment,)


def attention(code: AttentionCode) -> Attention:
    return Attention(code=code, problem="", remedy="", since=SINCE)


LAST_SECOND = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)
DAYS = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("stage", "changes", "waits_for", "until"),
    [
        (Stage.DRAFT, {}, Wait.PREFLIGHT, None),
        (
            Stage.DRAFT,
            {"attentions": [attention(AttentionCode.TERMS_INVALID)]},
            Wait.ACTION,
            None,
        ),
        (Stage.SUBMITTED, {}, Wait.SUBMISSION, None),
        (Stage.GENERATING, {}, Wait.RELEASE, SINCE + 2 * HOUR),
        (Stage.GENERATING, {"method": CreationMethod.CLAZAR}, Wait.RELEASE, None),
        (
            Stage.GENERATING,
            {"attentions": [attention(AttentionCode.PUBLICATION_DELAYED)]},
            Wait.RELEASE,
            SINCE + 2 * HOUR,
        ),
        (Stage.FAILED, {}, Wait.ACTION, None),
        (Stage.LIVE, {}, Wait.BUYER_EMAIL, None),
        (Stage.SHARED, {}, Wait.ACCEPTANCE, LAST_SECOND),
        (
            Stage.SHARED,
            {"attentions": [attention(AttentionCode.NOTIFICATION_FAILED)]},
            Wait.ACCEPTANCE,
            LAST_SECOND,
        ),
        (Stage.EXPIRED, {}, Wait.EXTENSION, LAST_SECOND + HOUR + 14 * DAYS),
        (Stage.CANCELLED, {}, Wait.CLOSE, SINCE + HOUR),
        (Stage.DISBURSED, {}, Wait.AGREEMENT_END, ENDS),
        (Stage.REPLACED, {}, Wait.CLOSE, SINCE + 210 * DAYS),
        (Stage.TERMINATED, {}, Wait.CLOSE, SINCE + 210 * DAYS),
        (Stage.ACCEPTED, {}, Wait.PAYOUT, ENDS + 210 * DAYS),
    ],
)
def test_what_it_waits_for(
    stage: Stage, changes: dict[str, Any], waits_for: Wait, until: datetime | None
) -> None:
    progress = OfferSummary.of(record(stage, **changes)).progress
    assert (progress.waits_for, progress.waits_until) == (waits_for, until)


def test_accepted_offer_waits_for_its_next_payment() -> None:
    offer = record(Stage.ACCEPTED)
    update_expected_payments(offer, SINCE.date())
    first = OfferSummary.of(offer)
    assert first.progress.waits_for is Wait.INVOICE
    assert first.progress.waits_until == start_of_day(offer.expected_payments[0].overdue_on)
    assert (first.expected, first.overdue) == (usd(116400), usd(0))

    offer.payout = Payout(offer_id="offer-1234567890123", invoices=(invoice(),))
    update_expected_payments(offer, SINCE.date())
    second = OfferSummary.of(offer)
    assert second.progress.waits_for is Wait.PAYOUT
    assert second.progress.waits_until == start_of_day(offer.expected_payments[0].overdue_on)

    update_expected_payments(offer, date(2026, 9, 1))
    assert OfferSummary.of(offer).overdue == usd(116400)
