"""When a payout is expected, its next step, and when it is overdue."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.money import Money
from offers.payouts.forecast import (
    REMEDIES,
    ExpectedPayment,
    PaymentTerms,
    Step,
    charges,
    forecast,
)
from offers.payouts.listing_fee import expected_fee
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.policy.listing_fees import ListingFees
from offers.policy.payouts import PayoutRules, PayoutSource
from offers.terms.terms import OfferTerms
from offers.text import day_text
from tests.support.builders import terms

ACCEPTED = date(2026, 3, 4)
FROM_AWS = PayoutRules(source=PayoutSource.AWS)
DAILY = PayoutRules(source=PayoutSource.AWS, pays_on=())


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def invoice(**changes: Any) -> InvoicePayout:
    """An unpaid invoice of 120,000 issued at acceptance, due after thirty days."""
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


def payment_terms(offer_terms: OfferTerms) -> PaymentTerms:
    return PaymentTerms.of(
        offer_terms, expected_fee(offer_terms, ListingFees(), buyer_country="US")
    )


def forecast_for(
    *invoices: InvoicePayout,
    today: date = ACCEPTED,
    rules: PayoutRules = FROM_AWS,
    offer_terms: OfferTerms | None = None,
    **more: Any,
) -> tuple[ExpectedPayment, ...]:
    payment = payment_terms(offer_terms or terms())
    payout = Payout(offer_id="offer-1", invoices=invoices) if invoices else None
    return forecast(payment, ACCEPTED, payout, rules, today=today, **more)


def test_first_step_is_the_invoice() -> None:
    (expected,) = forecast_for()
    assert expected.invoice_id is None
    assert expected.amount == usd(116400), "the listing fee is not subtracted"
    assert expected.step is Step.INVOICE
    assert expected.overdue_on == date(2026, 3, 7), (
        "not a day after the acceptance, plus two days of delay of the data"
    )
    # Due on April 3rd; paid out from April 7th on, or collected as late as April 17th and paid out
    # by May 10th, a Sunday; then one to three working days.
    assert (expected.earliest, expected.latest) == (date(2026, 4, 8), date(2026, 5, 13))
    assert "assumed" in expected.reason


@pytest.mark.parametrize(
    ("today", "step"),
    [
        (date(2026, 4, 3), Step.DUE_DATE),
        (date(2026, 4, 4), Step.COLLECTION),
    ],
)
def test_invoice_waits_for_the_due_date_then_for_collection(today: date, step: Step) -> None:
    (expected,) = forecast_for(invoice(), today=today)
    assert expected.step is step
    assert expected.overdue_on == date(2026, 4, 20), (
        "not 14 days after it was due, plus the delay of the data"
    )


def test_unknown_collection_is_overdue_only_after_all_steps() -> None:
    (expected,) = forecast_for(invoice(), today=date(2026, 4, 20), rules=PayoutRules())
    assert expected.step is Step.COLLECTION
    assert expected.overdue_on == expected.latest + timedelta(days=3)
    assert "Clazar does not show when it is collected" in expected.reason


@pytest.mark.parametrize(
    ("collected", "today", "step", "earliest", "latest"),
    [
        pytest.param("2026-04-02", "2026-04-10", Step.PAYOUT_CYCLE, "2026-04-08", "2026-04-15",
                     id="in time for this month's payout"),
        pytest.param("2026-04-02", "2026-04-11", Step.BANK, "2026-04-08", "2026-04-15",
                     id="paid out, on its way"),
        pytest.param("2026-04-11", "2026-04-12", Step.PAYOUT_CYCLE, "2026-05-08", "2026-05-13",
                     id="too late for this month's payout"),
        pytest.param("2026-04-06", "2026-04-06", Step.PAYOUT_CYCLE, "2026-04-08", "2026-04-15",
                     id="the day before the first payout day"),
        pytest.param("2026-04-07", "2026-04-07", Step.PAYOUT_CYCLE, "2026-04-08", "2026-05-13",
                     id="on the first payout day"),
        pytest.param("2026-04-10", "2026-04-10", Step.PAYOUT_CYCLE, "2026-04-13", "2026-05-13",
                     id="on the last payout day"),
        pytest.param("2026-12-20", "2026-12-20", Step.PAYOUT_CYCLE, "2027-01-08", "2027-01-13",
                     id="over the end of the year"),
    ],
)  # fmt: skip
def test_collected_invoice_waits_for_the_payout_cycle_then_for_the_bank(
    collected: str, today: str, step: Step, earliest: str, latest: str
) -> None:
    (expected,) = forecast_for(
        invoice(collected_on=date.fromisoformat(collected)), today=date.fromisoformat(today)
    )
    assert expected.step is step
    assert (str(expected.earliest), str(expected.latest)) == (earliest, latest)
    assert expected.overdue_on == expected.latest + timedelta(days=3)


def test_daily_payouts_and_bank_holidays() -> None:
    on_friday = invoice(collected_on=date(2026, 4, 3))
    (expected,) = forecast_for(on_friday, rules=DAILY)
    assert (expected.earliest, expected.latest) == (date(2026, 4, 6), date(2026, 4, 8))
    easter_monday = DAILY.model_copy(update={"bank_holidays": (date(2026, 4, 6),)})
    (expected,) = forecast_for(on_friday, rules=easter_monday)
    assert (expected.earliest, expected.latest) == (date(2026, 4, 7), date(2026, 4, 9))


def test_payout_on_a_day_of_the_month() -> None:
    (expected,) = forecast_for(
        invoice(collected_on=date(2026, 4, 16)), rules=PayoutRules(source="aws", pays_on=(15,))
    )
    assert expected.earliest == date(2026, 5, 18), "May 15th is a Friday"


def test_due_date_follows_the_net_payment_days() -> None:
    (expected,) = forecast_for(offer_terms=terms(net_payment_days=60), rules=DAILY)
    assert expected.earliest == date(2026, 5, 4), "60 days: Sunday, May 3rd; a working day later"
    assert "assumed" not in expected.reason


@pytest.mark.parametrize(
    ("failed", "step", "message"),
    [
        (True, Step.BANK, "the bank refused the payout on 10 Apr 2026"),
        (False, Step.PAYOUT_CYCLE, "AWS took the payout back on 10 Apr 2026"),
    ],
)
def test_failed_or_reversed_payout_is_overdue_at_once(
    failed: bool, step: Step, message: str
) -> None:
    day = date(2026, 4, 10)
    reversal = paid(day, amount=usd(-116400), failed=failed)
    (expected,) = forecast_for(invoice(transfers=(paid(date(2026, 4, 8)), reversal)), today=day)
    assert expected.step is step
    assert expected.overdue_on == day
    assert message in expected.reason


def test_failure_is_not_taken_for_a_collection() -> None:
    unknown_day = Transfer(on=None, amount=usd(116400))
    failure = paid(date(2026, 4, 1), amount=usd(-116400), failed=True)
    (expected,) = forecast_for(
        invoice(transfers=(unknown_day, failure)), today=date(2026, 4, 2), rules=DAILY
    )
    # As of an invoice that is due on April 3rd, a Friday, and not collected.
    assert expected.earliest == date(2026, 4, 6)
    assert "not collected" in expected.reason


def test_transfer_of_nothing_is_not_taken_for_a_collection() -> None:
    """Such as a fee that was netted against a refund."""
    (expected,) = forecast_for(invoice(transfers=(paid(date(2026, 3, 20), amount=usd(0)),)))
    assert "not collected" in expected.reason


@pytest.mark.parametrize("cents", ["0.01", "0.99"])
def test_amounts_below_one_are_expected(cents: str) -> None:
    """A sum below 1.00 is not nothing."""
    arrived = paid(date(2026, 4, 10), amount=usd(cents))
    small: dict[str, Any] = {"gross": usd("2.00"), "listing_fee": usd(0)}
    left = usd("2.00") - usd(cents)
    expected, *_ = forecast_for(invoice(**small, undisbursed=left, transfers=(arrived,)))
    assert expected.amount == left
    assert expected.reason.startswith("Invoiced on 4 Mar 2026, due on 3 Apr 2026, collected, ")
    assert f"{usd(cents)} of USD 2.00 are paid" in expected.reason
    price = {"amount": cents, "currency": "USD"}
    (not_invoiced,) = forecast_for(offer_terms=terms(price=price))
    assert usd(0) < not_invoiced.amount
    assert not usd(cents) < not_invoiced.amount


def test_first_part_that_is_paid_shows_the_collection() -> None:
    first, second = (paid(date(2026, 4, day), amount=usd(50000)) for day in (8, 20))
    (expected,) = forecast_for(
        invoice(undisbursed=usd(16400), transfers=(first, second)),
        today=date(2026, 4, 21),
        rules=DAILY,
    )
    assert expected.amount == usd(16400)
    assert expected.earliest == date(2026, 4, 9)


def test_paused_payouts_are_the_reason() -> None:
    collected = invoice(collected_on=date(2026, 4, 2))
    (expected,) = forecast_for(collected, today=date(2026, 4, 12), paused_on=date(2026, 4, 8))
    assert expected.step is Step.PAUSED
    assert "AWS paused payouts on 8 Apr 2026" in expected.reason
    (not_due,) = forecast_for(invoice(), today=date(2026, 4, 1), paused_on=date(2026, 3, 20))
    assert not_due.step is Step.DUE_DATE, "it waits for a payout before its due date"
    (later,) = forecast_for(collected, today=date(2026, 4, 12), paused_on=date(2026, 3, 1))
    assert later.step is Step.BANK, "a pause before the invoice is the reason"


def test_disbursed_invoice_is_not_expected() -> None:
    settled = invoice(undisbursed=usd(0), transfers=(paid(date(2026, 4, 10)),))
    assert forecast_for(settled, today=date(2026, 6, 1)) == ()


SCHEDULE = [
    {"on": "2026-03-01", "amount": "60000"},
    {"on": "2026-09-01", "amount": "60000"},
]


def test_each_instalment_is_expected() -> None:
    offer_terms = terms(payment_schedule=SCHEDULE)
    assert charges(payment_terms(offer_terms), ACCEPTED) == [
        (ACCEPTED, usd(60000)),
        (date(2026, 9, 1), usd(60000)),
    ], "an instalment before acceptance is not charged at acceptance"
    first, second = forecast_for(offer_terms=offer_terms)
    assert (first.overdue_on, second.overdue_on) == (date(2026, 3, 7), date(2026, 9, 4))
    half = invoice(gross=usd(60000), listing_fee=usd(1800), undisbursed=usd(58200))
    invoiced, remaining = forecast_for(half, offer_terms=offer_terms, today=date(2026, 4, 1))
    assert (invoiced.invoice_id, remaining.invoice_id) == ("INV-1", None)
    assert remaining.amount == usd(58200)
    assert forecast_for(half, offer_terms=offer_terms, today=date(2026, 4, 1), ended=True) == (
        invoiced,
    )


def test_up_front_contract_is_charged_when_it_starts() -> None:
    later = terms(starts_on="2026-05-01")
    assert charges(payment_terms(later), ACCEPTED) == [(date(2026, 5, 1), usd(120000))]
    (expected,) = forecast_for(offer_terms=later, today=date(2026, 4, 20))
    assert expected.overdue_on == date(2026, 5, 4)
    over = terms(starts_on="2026-05-01", availability_end="2026-04-01")
    assert charges(payment_terms(over), date(2026, 5, 2)) == [(date(2026, 5, 2), usd(120000))]


def test_rest_of_the_price_is_expected() -> None:
    _, rest = forecast_for(invoice(gross=usd(119000), undisbursed=usd(115400)))
    assert rest.amount == usd(970)


@pytest.mark.parametrize(
    ("gross", "estimated", "rest"),
    [
        ("120000", False, False),
        ("119999.99", False, True),
        ("119880", True, False),
        ("119879.99", True, True),
        ("119880", False, True),
    ],
)
def test_estimate_may_be_a_thousandth_off(gross: str, estimated: bool, rest: bool) -> None:
    part: dict[str, Any] = {"gross": usd(gross), "undisbursed": usd(gross) - usd(3600)}
    expected = forecast_for(invoice(**part, estimated=estimated))
    assert [each.invoice_id for each in expected] == ["INV-1", None][: 1 + rest]


def test_price_of_zero_expects_nothing() -> None:
    assert (
        forecast_for(
            offer_terms=terms(price={"amount": "0", "currency": "USD"}, agreement_end="2027-03-01")
        )
        == ()
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
def test_overdue_date_is_after_the_expected_range(
    collected: date | None, today: date, pays_on: tuple[int, ...], source: PayoutSource
) -> None:
    rules = PayoutRules(source=source, pays_on=pays_on)
    (expected,) = forecast_for(invoice(collected_on=collected), today=today, rules=rules)
    assert expected.earliest <= expected.latest
    for day in (expected.earliest, expected.latest):
        assert day.weekday() < 5
    if collected:
        assert collected < expected.earliest
        assert expected.overdue_on > expected.latest
    else:
        assert expected.overdue_on > date(2026, 4, 3)


CLAZAR = PayoutRules(source=PayoutSource.CLAZAR, pays_on=())
UNPAID_IN_APRIL = invoice(invoiced_on=date(2026, 3, 4), due_on=date(2026, 4, 3))
PAID_IN_PART = invoice(
    undisbursed=usd(16400), transfers=(paid(date(2026, 4, 8), amount=usd(100000)),)
)
REVERSED = invoice(transfers=(paid(date(2026, 4, 8)), paid(date(2026, 4, 9), amount=usd(-116400))))


@pytest.mark.parametrize(
    ("late", "rules", "paused_on", "is_paused"),
    [
        pytest.param(invoice(collected_on=date(2026, 4, 5)), DAILY, "2026-04-06", True, id="cycle"),
        pytest.param(invoice(), DAILY, "2026-04-06", False, id="AWS would tell the collection"),
        pytest.param(invoice(), CLAZAR, "2026-04-06", True, id="collection is not known"),
        pytest.param(invoice(due_on=date(2026, 5, 3)), CLAZAR, "2026-04-06", False, id="not due"),
        pytest.param(invoice(), CLAZAR, "2026-03-04", True, id="paused on the invoice's day"),
        pytest.param(invoice(), CLAZAR, "2026-03-03", False, id="paused before the invoice"),
        pytest.param(PAID_IN_PART, CLAZAR, "2026-04-08", True, id="paused on the payout's day"),
        pytest.param(PAID_IN_PART, CLAZAR, "2026-04-07", False, id="paid after the pause"),
        pytest.param(REVERSED, CLAZAR, "2026-04-09", True, id="reversed"),
    ],
)
def test_what_a_pause_of_payouts_delays(
    late: InvoicePayout, rules: PayoutRules, paused_on: str, is_paused: bool
) -> None:
    (expected,) = forecast_for(
        late, today=date(2026, 4, 10), rules=rules, paused_on=date.fromisoformat(paused_on)
    )
    assert (expected.step is Step.PAUSED) is is_paused
    assert (
        f"AWS paused payouts on {day_text(date.fromisoformat(paused_on))}" in expected.reason
    ) is is_paused


INVOICED = "Invoiced on 4 Mar 2026, due on 3 Apr 2026"
DAILY_PAYOUTS = "AWS pays out daily, and the bank takes 1 to 3 working days"
MONTHLY_PAYOUTS = (
    "AWS pays out between the days 7 and 10 of a month, and the bank takes 1 to 3 working days"
)


@pytest.mark.parametrize(
    ("late", "rules", "reason"),
    [
        (invoice(), DAILY, f"{INVOICED}, not collected, {DAILY_PAYOUTS}"),
        (invoice(), FROM_AWS, f"{INVOICED}, not collected, {MONTHLY_PAYOUTS}"),
        (
            invoice(),
            CLAZAR,
            f"{INVOICED}, Clazar does not show when it is collected, {DAILY_PAYOUTS}",
        ),
        (
            invoice(collected_on=date(2026, 4, 5)),
            CLAZAR,
            f"{INVOICED}, collected on 5 Apr 2026, {DAILY_PAYOUTS}",
        ),
        (
            PAID_IN_PART,
            DAILY,
            f"{INVOICED}, collected, USD 100,000.00 of USD 116,400.00 are paid, {DAILY_PAYOUTS}",
        ),
        (
            REVERSED,
            DAILY,
            f"{INVOICED}, collected, AWS took the payout back on 9 Apr 2026, {DAILY_PAYOUTS}",
        ),
        (
            invoice(
                transfers=(
                    paid(date(2026, 4, 8)),
                    Transfer(on=None, amount=usd(-116400), failed=True),
                )
            ),
            DAILY,
            f"{INVOICED}, collected, the bank refused the payout, {DAILY_PAYOUTS}",
        ),
    ],
)
def test_reason_of_an_invoice(late: InvoicePayout, rules: PayoutRules, reason: str) -> None:
    (expected,) = forecast_for(late, today=date(2026, 4, 10), rules=rules)
    assert expected.reason == reason
    assert expected.problem == (
        f"{expected.amount} (invoice INV-1) is overdue: it waits for {expected.step}. {reason}"
    )


def test_reason_of_what_is_not_invoiced() -> None:
    (assumed,) = forecast_for(rules=DAILY)
    assert assumed.reason == (
        "To be invoiced on 4 Mar 2026, due 30 days later (assumed: AWS does not show the terms), "
        + DAILY_PAYOUTS
    )
    assert "(an invoice) is overdue: it waits for invoice." in assumed.problem
    (known,) = forecast_for(rules=DAILY, offer_terms=terms(net_payment_days=45))
    assert known.reason == f"To be invoiced on 4 Mar 2026, due 45 days later, {DAILY_PAYOUTS}"


def test_dates_that_the_data_lacks_are_those_of_the_terms() -> None:
    dateless = invoice(invoiced_on=None, due_on=None)
    (expected,) = forecast_for(dateless, rules=DAILY, offer_terms=terms(net_payment_days=45))
    assert expected.reason.startswith("Invoiced on 4 Mar 2026, due on 18 Apr 2026")
    without_day = Transfer(on=None, amount=usd(-116400), failed=True)
    failed = invoice(transfers=(paid(date(2026, 4, 1)), without_day))
    (expected,) = forecast_for(failed, rules=DAILY)
    assert expected.overdue_on == date(2026, 4, 3), "not from its due date on"


def test_invoices_in_another_currency_say_nothing_about_the_price() -> None:
    euros = {name: Money.of(0, "EUR") for name in ("refunded", "tax", "listing_fee")}
    other = invoice(gross=Money.of(5, "EUR"), undisbursed=Money.of(5, "EUR"), **euros)
    assert [each.invoice_id for each in forecast_for(other)] == ["INV-1"]


def test_invoices_cover_the_charges_in_their_order() -> None:
    three = "2026-03-04 20000; 2026-06-04 40000; 2026-09-04 60000"
    offer_terms = terms(payment_schedule=three)

    def left(gross: str) -> list[tuple[str, str]]:
        invoiced = invoice(gross=usd(gross), listing_fee=usd(0), undisbursed=usd(gross))
        expected = forecast_for(invoiced, offer_terms=offer_terms)[1:]
        return [(str(each.overdue_on), f"{each.amount.amount:.0f}") for each in expected]

    june, september = "2026-06-07", "2026-09-07"
    assert left("20000") == [(june, "38800"), (september, "58200")]
    assert left("30000") == [(june, "29100"), (september, "58200")]
    assert left("60000") == [(september, "58200")]
    assert left("119900") == [(september, "97")]
    assert left("120000") == left("130000") == []
