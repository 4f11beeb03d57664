"""When money should come, what it waits for, and when it is overdue."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.forecast import REMEDIES, ExpectedPayment, Step, charges, forecast
from offers.payouts.listing_fee import listing_fee, unexpected_fee_rates
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.policy.payouts import PayoutRules, PayoutSource
from offers.terms.terms import OfferTerms
from tests.support.builders import terms

ACCEPTED = date(2026, 3, 4)
FROM_AWS = PayoutRules(source=PayoutSource.AWS)
DAILY = PayoutRules(source=PayoutSource.AWS, pays_on=())


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def invoice(**changes: Any) -> InvoicePayout:
    """An invoice of 120,000 at acceptance, due after thirty days, of which nothing is paid."""
    known = {
        "invoice_id": "INV-1",
        "invoiced_on": ACCEPTED,
        "due_on": date(2026, 4, 3),
        "gross": usd(120000),
        "refunded": usd(0),
        "listing_fee": usd(3600),
        "tax": usd(0),
        "undisbursed": usd(116400),
    }
    return InvoicePayout.model_validate(known | changes)


def paid(on: date, **changes: Any) -> Transfer:
    return Transfer.model_validate({"on": on, "amount": usd(116400)} | changes)


def of(
    *invoices: InvoicePayout,
    today: date = ACCEPTED,
    rules: PayoutRules = FROM_AWS,
    sold: OfferTerms | None = None,
    **more: Any,
) -> tuple[ExpectedPayment, ...]:
    sold = sold or terms()
    payout = Payout(offer_id="offer-1", invoices=invoices) if invoices else None
    fee = listing_fee(sold.price)
    return forecast(sold, fee, ACCEPTED, payout, rules, today=today, **more)


def test_before_the_invoice_it_waits_on_the_invoice() -> None:
    (coming,) = of()
    assert coming.invoice_id is None
    assert coming.amount == usd(116400), "after the fee"
    assert coming.step is Step.INVOICE
    assert coming.overdue_on == date(2026, 3, 7), "the data is two days behind"
    # Due on April 3rd; paid out from April 7th on, or collected as late as April 17th and paid out
    # by May 10th, a Sunday; then one to three working days.
    assert (coming.earliest, coming.latest) == (date(2026, 4, 8), date(2026, 5, 13))
    assert "assumed" in coming.reason


@pytest.mark.parametrize(
    ("today", "step"),
    [
        (date(2026, 4, 3), Step.DUE_DATE),
        (date(2026, 4, 4), Step.COLLECTION),
    ],
)
def test_an_invoice_waits_until_it_is_due_and_then_to_be_collected(today: date, step: Step) -> None:
    (coming,) = of(invoice(), today=today)
    assert coming.step is step
    assert coming.overdue_on == date(2026, 4, 20), "14 days after it was due, and the data's lag"


def test_without_word_of_the_collection_it_is_late_only_when_all_steps_are_over() -> None:
    (coming,) = of(invoice(), today=date(2026, 4, 20), rules=PayoutRules())
    assert coming.step is Step.COLLECTION
    assert coming.overdue_on == coming.latest + timedelta(days=3)
    assert "Clazar does not show when it is collected" in coming.reason


@pytest.mark.parametrize(
    ("collected", "today", "step", "earliest", "latest"),
    [
        pytest.param("2026-04-02", "2026-04-10", Step.PAYOUT_CYCLE, "2026-04-08", "2026-04-15",
                     id="in time for this month's payout"),
        pytest.param("2026-04-02", "2026-04-11", Step.BANK, "2026-04-08", "2026-04-15",
                     id="paid out, on its way"),
        pytest.param("2026-04-11", "2026-04-12", Step.PAYOUT_CYCLE, "2026-05-08", "2026-05-13",
                     id="just too late: next month's"),
        pytest.param("2026-12-20", "2026-12-20", Step.PAYOUT_CYCLE, "2027-01-08", "2027-01-13",
                     id="over the end of the year"),
    ],
)  # fmt: skip
def test_what_is_collected_waits_on_the_payout_and_then_on_the_bank(
    collected: str, today: str, step: Step, earliest: str, latest: str
) -> None:
    (coming,) = of(
        invoice(collected_on=date.fromisoformat(collected)), today=date.fromisoformat(today)
    )
    assert coming.step is step
    assert (str(coming.earliest), str(coming.latest)) == (earliest, latest)
    assert coming.overdue_on == coming.latest + timedelta(days=3)


def test_daily_payouts_and_the_bank_s_days_off() -> None:
    on_friday = invoice(collected_on=date(2026, 4, 3))
    (coming,) = of(on_friday, rules=DAILY)
    assert (coming.earliest, coming.latest) == (date(2026, 4, 6), date(2026, 4, 8))
    easter_monday = DAILY.model_copy(update={"bank_holidays": (date(2026, 4, 6),)})
    (coming,) = of(on_friday, rules=easter_monday)
    assert (coming.earliest, coming.latest) == (date(2026, 4, 7), date(2026, 4, 9))


def test_a_set_day_of_the_month() -> None:
    (coming,) = of(
        invoice(collected_on=date(2026, 4, 16)), rules=PayoutRules(source="aws", pays_on=(15,))
    )
    assert coming.earliest == date(2026, 5, 18), "May 15th is a Friday"


def test_net_terms_of_the_offer_decide_when_it_is_due() -> None:
    (coming,) = of(sold=terms(net_payment_days=60), rules=DAILY)
    assert coming.earliest == date(2026, 5, 4), "60 days: Sunday, May 3rd; a working day later"
    assert "assumed" not in coming.reason


@pytest.mark.parametrize(
    ("failed", "step", "said"),
    [
        (True, Step.BANK, "the bank refused the payout on 2026-04-10"),
        (False, Step.PAYOUT_CYCLE, "AWS took the payout back on 2026-04-10"),
    ],
)
def test_what_did_not_stand_is_late_at_once(failed: bool, step: Step, said: str) -> None:
    day = date(2026, 4, 10)
    back = paid(day, amount=usd(-116400), failed=failed)
    (coming,) = of(invoice(transfers=(paid(date(2026, 4, 8)), back)), today=day)
    assert coming.step is step
    assert coming.overdue_on == day
    assert said in coming.reason


def test_paused_payouts_are_named_as_the_reason() -> None:
    collected = invoice(collected_on=date(2026, 4, 2))
    (coming,) = of(collected, today=date(2026, 4, 12), paused_on=date(2026, 4, 8))
    assert coming.step is Step.PAUSED
    assert "AWS paused payouts on 2026-04-08" in coming.reason
    (not_due,) = of(invoice(), today=date(2026, 4, 1), paused_on=date(2026, 3, 20))
    assert not_due.step is Step.DUE_DATE, "it does not wait on a payout yet"
    (later,) = of(collected, today=date(2026, 4, 12), paused_on=date(2026, 3, 1))
    assert later.step is Step.BANK, "that was before there was an invoice"


def test_what_is_paid_is_not_expected() -> None:
    settled = invoice(undisbursed=usd(0), transfers=(paid(date(2026, 4, 10)),))
    assert of(settled, today=date(2026, 6, 1)) == ()


SCHEDULE = [
    {"on": "2026-03-01", "amount": "60000"},
    {"on": "2026-09-01", "amount": "60000"},
]


def test_instalments_are_expected_one_by_one() -> None:
    sold = terms(payment_schedule=SCHEDULE)
    assert charges(sold, ACCEPTED) == [
        (ACCEPTED, usd(60000)),
        (date(2026, 9, 1), usd(60000)),
    ], "what was to be charged before acceptance is charged then"
    first, second = of(sold=sold)
    assert (first.overdue_on, second.overdue_on) == (date(2026, 3, 7), date(2026, 9, 4))
    half = invoice(gross=usd(60000), listing_fee=usd(1800), undisbursed=usd(58200))
    invoiced, to_come = of(half, sold=sold, today=date(2026, 4, 1))
    assert (invoiced.invoice_id, to_come.invoice_id) == ("INV-1", None)
    assert to_come.amount == usd(58200)
    assert of(half, sold=sold, today=date(2026, 4, 1), ended=True) == (invoiced,)


def test_an_invoice_below_the_price_leaves_the_rest_to_come() -> None:
    _, rest = of(invoice(gross=usd(119000), undisbursed=usd(115400)))
    assert rest.amount == usd(970)


def test_nothing_is_expected_for_nothing() -> None:
    assert (
        of(sold=terms(price={"amount": "0", "currency": "USD"}, agreement_end="2027-03-01")) == ()
    )


def test_every_step_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Step)


days = st.dates(date(2026, 3, 4), date(2027, 3, 4))


@given(
    collected=st.none() | days,
    today=days,
    pays_on=st.sampled_from([(), (1,), (28,), (7, 10), (1, 28)]),
    source=st.sampled_from(PayoutSource),
)
def test_the_range_is_one_and_lateness_comes_after_it(
    collected: date | None, today: date, pays_on: tuple[int, ...], source: PayoutSource
) -> None:
    rules = PayoutRules(source=source, pays_on=pays_on)
    (coming,) = of(invoice(collected_on=collected), today=today, rules=rules)
    assert coming.earliest <= coming.latest
    for day in (coming.earliest, coming.latest):
        assert day.weekday() < 5
    if collected:
        assert collected < coming.earliest
        assert coming.overdue_on > coming.latest
    else:
        assert coming.overdue_on > date(2026, 4, 3)


# The listing fee ------------------------------------------------------------------------------


def row(**changes: Any) -> ReportRow:
    known = {
        "offer_id": "offer-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "gross": "120000",
        "listing_fee": "-3600",
        "disbursed": "116400",
        "undisbursed": "0",
        "disbursed_on": "2026-04-10",
    }
    return ReportRow.model_validate(known | changes)


@pytest.mark.parametrize(
    ("charged", "renewal", "differs"),
    [
        ("3600", False, False),
        ("3600.01", False, False),
        ("3600.03", False, True),
        ("1800", False, True),
        ("3600", True, True),
        ("1800", True, False),
    ],
)
def test_another_fee_than_expected_is_found(charged: str, renewal: bool, differs: bool) -> None:
    net = 120000 - float(charged)
    payout = payout_from_report([row(listing_fee=f"-{charged}", disbursed=f"{net:.2f}")])
    found = unexpected_fee_rates(payout, listing_fee(usd(120000), renewal=renewal))
    assert bool(found) is differs
    if found:
        assert f"USD {float(charged):,.2f} of invoice INV-1" in found[0].problem


def test_the_fee_is_owed_on_what_was_not_refunded() -> None:
    half = row(refund="-60000", listing_fee="-1800", disbursed="58200")
    assert unexpected_fee_rates(payout_from_report([half]), listing_fee(usd(120000))) == ()
