"""The payout report: its lines and totals."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.agreements.agreement import Agreement, AgreementStatus
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import OfferSummary
from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import PayoutReading
from offers.policy.payouts import PayoutRules, PayoutSource
from offers.reports.payouts import by_month, lines, totals
from offers.stage import Stage
from tests.support.builders import CONTACTS, terms

TODAY = date(2026, 6, 1)
OPPORTUNITY = "0065g00000AbCdEAAV"


def offer(offer_id: str = "offer-1", **changes: Any) -> OfferSummary:
    """An offer of 120,000 that was accepted on March 4th."""
    accepted = datetime(2026, 3, 4, 8, tzinfo=UTC)
    agreement = Agreement(
        agreement_id="agmt-1",
        offer_id=offer_id,
        buyer_account="111122223333",
        status=AgreementStatus.ACTIVE,
        accepted_at=accepted,
        starts_at=accepted,
    )
    known: dict[str, Any] = {
        "opportunity_id": OPPORTUNITY,
        "stage": Stage.ACCEPTED,
        "terms": terms(),
        "contacts": CONTACTS,
        "company": "Example Corp",
        "offer_id": offer_id,
        "agreement": agreement,
    }
    record = OfferRecord.model_validate(known | changes)
    return OfferSummary.from_memo(OfferSummary.of(record).memo())


def row(offer_id: str = "offer-1", **changes: Any) -> ReportRow:
    known = {
        "offer_id": offer_id,
        "invoice_id": "INV-1",
        "currency": "USD",
        "invoiced_on": "2026-03-04",
        "due_on": "2026-04-03",
        "gross": "120000",
        "listing_fee": "-3600",
        "disbursed": "116400",
        "undisbursed": "0",
        "disbursed_on": "2026-04-08",
    }
    return ReportRow.model_validate(known | changes)


UNPAID: dict[str, Any] = {"disbursed": "0", "undisbursed": "116400", "disbursed_on": None}


def reading(*rows: ReportRow) -> PayoutReading:
    offers = {each.offer_id for each in rows}
    return PayoutReading(
        payouts={
            o: payout_from_report([r for r in rows if r.offer_id == o]) for o in sorted(offers)
        }
    )


def test_missing_invoice_is_an_overdue_line() -> None:
    (line,) = lines([offer()], reading(), PayoutRules(), TODAY)
    assert line.invoice is None
    assert line.overdue
    assert line.expected is not None
    assert totals([line])["USD"].overdue == Money.of("116400", "USD")


def test_line_is_overdue_from_the_day_on() -> None:
    (line,) = lines([offer()], reading(), PayoutRules(), TODAY)
    assert line.expected is not None
    day = line.expected.overdue_on
    (before,) = lines([offer()], reading(), PayoutRules(), day - timedelta(days=1))
    (then,) = lines([offer()], reading(), PayoutRules(), day)
    assert (before.overdue, then.overdue) == (False, True)


def test_invoiced_line_is_expected_and_paid_line_is_not() -> None:
    (waiting,) = lines([offer()], reading(row(**UNPAID)), PayoutRules(), date(2026, 4, 1))
    assert not waiting.overdue
    assert waiting.expected is not None
    (paid,) = lines([offer()], reading(row()), PayoutRules(), TODAY)
    assert paid.expected is None
    assert not paid.overdue


def test_invoice_older_than_the_data_is_not_overdue() -> None:
    rules = PayoutRules(source=PayoutSource.AWS, feed_months=1)
    paid = offer(payout=payout_from_report([row()]))
    (line,) = lines([paid], reading(), rules, TODAY)
    assert line.invoice == payout_from_report([row()]).invoices[0]
    assert not line.overdue
    (line,) = lines([paid], reading(), PayoutRules(), TODAY)
    assert line.overdue, "an invoice that is missing in complete data is not overdue"


def test_lines_without_agreements_and_of_other_offers() -> None:
    found = lines([offer(agreement=None)], reading(row("offer-9")), PayoutRules(), TODAY)
    assert [(line.offer, line.offer_id) for line in found] == [(None, "offer-9")]


@pytest.mark.parametrize("lacks", ["offer_id", "agreement_id"])
def test_offer_without_an_agreement_has_no_line(lacks: str) -> None:
    known = offer()
    progress = known.progress.model_copy(update={lacks: None})
    unknown = known.model_copy(update={"progress": progress})
    assert lines([unknown], reading(), PayoutRules(), TODAY) == []


def test_line_names_its_offer() -> None:
    (line,) = lines([offer()], reading(row()), PayoutRules(), TODAY)
    assert (line.offer, line.company) == (OPPORTUNITY, "Example Corp")
    assert (line.offer_id, line.agreement_id) == ("offer-1", "agmt-1")
    assert line.currency == "USD"
    other, *_ = lines([], reading(row("offer-9")), PayoutRules(), TODAY)
    assert (other.offer, other.agreement_id, other.overdue) == (None, None, False)


def test_offer_without_a_readable_summary_is_named() -> None:
    data = reading(row("offer-9"))
    (line,) = lines([], data, PayoutRules(), TODAY, {"offer-9": OPPORTUNITY})
    assert (line.offer, line.company, line.expected) == (OPPORTUNITY, None, None)


def test_ended_agreement_expects_no_further_invoice_but_did_at_its_acceptance() -> None:
    ended = offer(
        stage=Stage.TERMINATED, history=[{"stage": "terminated", "at": "2026-05-01T00:00:00Z"}]
    )
    assert lines([ended], reading(), PayoutRules(), TODAY) == []
    (months,) = by_month([ended], reading(), PayoutRules()).values()
    assert [each.expected for each in months.values()] == [Money.of("116400", "USD")]


def test_totals_of_a_month() -> None:
    found = lines([offer()], reading(row()), PayoutRules(), TODAY)
    march, april, may = (date(2026, month, 1) for month in (3, 4, 5))
    assert [found[0].concerns(month) for month in (march, april, may)] == [True, True, False]
    assert totals(found, march)["USD"].invoiced == Money.of("120000", "USD")
    assert totals(found, march)["USD"].disbursed == Money.of(0, "USD")
    assert totals(found, april)["USD"].disbursed == Money.of("116400", "USD")


def test_totals_of_a_month_are_of_what_happened_in_it() -> None:
    ledger = reading(
        row(refund="-20000", tax="100", disbursed="96500"),
        row(
            invoice_id="INV-2",
            invoiced_on="2026-04-20",
            due_on="2026-05-20",
            gross="60000",
            listing_fee="-1800",
            disbursed="0",
            undisbursed="58200",
            disbursed_on=None,
        ),
    )
    (payout,) = ledger.payouts.values()
    first, second = payout.invoices
    collected = payout.model_copy(
        update={
            "invoices": (first.model_copy(update={"collected_on": date(2026, 5, 2)}), second),
        }
    )
    sold = offer(
        terms=terms(
            price={"amount": "180000", "currency": "USD"},
            payment_schedule="2026-03-04 USD 120,000.00; 2026-04-20 USD 60,000.00",
        )
    )
    found = lines([sold], PayoutReading(payouts={"offer-1": collected}), PayoutRules(), TODAY)
    assert {
        month: {name: f"{amount.amount:.0f}" for name, amount in sums if amount.amount}
        for month in range(3, 8)
        for sums in totals(found, date(2026, month, 1)).values()
    } == {
        3: {
            "invoiced": "120000",
            "refunded": "20000",
            "listing_fee": "3600",
            "tax": "100",
            "net": "96500",
        },
        4: {
            "invoiced": "60000",
            "listing_fee": "1800",
            "net": "58200",
            "disbursed": "96500",
            "undisbursed": "58200",
        },
        5: {"collected": "120000"},
        6: {"expected": "58200"},
        7: {},
    }
    assert totals(found)["USD"].collected == Money.of("120000", "USD"), "the second is not"


def test_totals_and_months_of_two_currencies() -> None:
    ledger = reading(row(), row("offer-9", currency="EUR", disbursed_on="2026-05-08"))
    sums = totals(lines([], ledger, PayoutRules(), TODAY))
    assert {currency: each.invoiced for currency, each in sums.items()} == {
        "EUR": Money.of("120000", "EUR"),
        "USD": Money.of("120000", "USD"),
    }
    months = by_month([], ledger, PayoutRules())
    assert {currency: list(each) for currency, each in months.items()} == {
        "EUR": [date(2026, 5, 1)],
        "USD": [date(2026, 4, 1)],
    }


def test_transfer_without_a_day_is_in_no_month() -> None:
    ledger = reading(row(disbursed_on=None))
    found = lines([offer()], ledger, PayoutRules(), TODAY)
    assert totals(found)["USD"].disbursed == Money.of("116400", "USD")
    months = [date(2026, month, 1) for month in range(1, 13)]
    assert [month.month for month in months if found[0].concerns(month)] == [3, 4]
    assert not any(totals(found, month)["USD"].disbursed.amount for month in months)
    (received,) = by_month([offer()], ledger, PayoutRules()).values()
    assert not any(each.received.amount for each in received.values())


@pytest.mark.parametrize(
    ("changes", "months"),
    [
        ({}, [3, 4]),
        ({"invoiced_on": None}, [4]),
        ({"due_on": None, "disbursed_on": None}, [3]),
        ({"due_on": "2026-06-30"}, [3, 4, 6]),
        (UNPAID, [3, 4, 5]),
    ],
)
def test_line_concerns_the_months_of_its_days(changes: dict[str, Any], months: list[int]) -> None:
    found = lines([offer()], reading(row(**changes)), PayoutRules(), date(2026, 4, 1))
    concerned = [m for m in range(1, 13) if found[0].concerns(date(2026, m, 1))]
    assert concerned == months


def test_by_month_has_every_month() -> None:
    late = row(disbursed_on="2026-08-08")
    (months,) = by_month([offer()], reading(late), PayoutRules()).values()
    assert list(months) == [date(2026, month, 1) for month in (5, 6, 7, 8)]
    assert months[date(2026, 5, 1)].expected == Money.of("116400", "USD")
    assert months[date(2026, 8, 1)].received == Money.of("116400", "USD")
    assert months[date(2026, 6, 1)].received == Money.of(0, "USD")


cents = st.integers(0, 10**8).map(lambda units: f"{units / 100:.2f}")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["offer-1", "offer-2", "offer-9"]),
            st.sampled_from("AB"),
            cents,
            st.booleans(),
        ),
        unique_by=lambda row: row[:2],
    )
)
def test_totals_equal_those_of_the_data(given_rows: list[tuple[str, str, str, bool]]) -> None:
    rows = [
        row(
            offer_id,
            invoice_id=f"{offer_id}-{invoice}",
            gross=gross,
            listing_fee="0",
            disbursed=gross if paid else "0",
            undisbursed="0" if paid else gross,
            disbursed_on="2026-04-08" if paid else None,
        )
        for offer_id, invoice, gross, paid in given_rows
    ]
    found = lines([offer(), offer("offer-2")], reading(*rows), PayoutRules(), TODAY)
    sums = totals(found)["USD"]
    assert sums.invoiced.amount == sum(each.gross for each in rows)
    assert sums.disbursed.amount == sum(each.disbursed for each in rows)
    assert sums.undisbursed.amount == sum(each.undisbursed for each in rows)
    assert sums.net == sums.disbursed + sums.undisbursed
