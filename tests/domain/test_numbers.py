"""Fees, payouts, clock, reminders, checks: the domain's arithmetic."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.clock import Clock, end_of_day
from offers.fees import listing_fee
from offers.money import Money
from offers.payouts import Payout, PayoutRow, payout_of
from offers.policy import Generation, Policy
from offers.reminders import reminder_times


@pytest.mark.parametrize(
    ("price", "currency", "renewal", "fee"),
    [
        ("999999.99", "USD", False, "30000.00"),
        ("1000000.00", "USD", False, "20000.00"),
        ("9999999.99", "USD", False, "200000.00"),
        ("10000000.00", "USD", False, "150000.00"),
        ("100000.00", "USD", True, "1500.00"),
        ("20000000.00", "USD", True, "300000.00"),
        ("2000000.00", "EUR", False, "60000.00"),
        ("15000001", "JPY", False, "450000"),
    ],
)
def test_the_listing_fee_by_tier(price: str, currency: str, renewal: bool, fee: str) -> None:
    expected = listing_fee(Money.of(price, currency), renewal=renewal)
    assert expected.fee == Money.of(fee, currency)
    assert expected.fee + expected.net == Money.of(price, currency)


def row(**changes: object) -> PayoutRow:
    """A payout in full of an invoice of 1000, less 30."""
    known: dict[str, object] = {
        "offer_id": "offer-1",
        "agreement_id": "agmt-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "gross": Decimal(1000),
        "listing_fee": Decimal(30),
        "disbursed": Decimal(970),
        "undisbursed": Decimal(0),
        "disbursed_on": date(2026, 5, 1),
        "bank_trace_id": "trace-1",
    }
    return PayoutRow.model_validate(known | changes)


PRICE = Money.of("1000", "USD")


def the_payout(*rows: PayoutRow) -> Payout:
    return payout_of(rows)


def test_paid_in_full() -> None:
    payout = the_payout(row())
    assert payout.covers(PRICE)
    assert payout.disbursed == Money.of("970", "USD")
    assert payout.listing_fee == Money.of("30", "USD")
    assert payout.disbursed_on == date(2026, 5, 1)
    assert payout.mark == "970.00/970.00 USD"


def test_one_invoice_paid_and_one_open_is_not_paid() -> None:
    first = row(gross=500, listing_fee=15, disbursed=485)
    second = row(invoice_id="INV-2", gross=500, listing_fee=15, disbursed=0, undisbursed=485)
    assert not the_payout(first, second).covers(PRICE)


def test_nothing_paid_and_nothing_left_is_not_paid() -> None:
    assert not the_payout(row(disbursed=0, undisbursed=0)).covers(PRICE)


def test_invoiced_but_not_paid() -> None:
    unpaid = row(disbursed=0, undisbursed=970, disbursed_on=None, bank_trace_id=None)
    payout = the_payout(unpaid)
    assert not payout.covers(PRICE)
    assert payout.disbursed_on is None
    assert payout.mark == "0.00/970.00 USD"


def test_in_parts_the_remainder_is_the_newest_row_s_and_is_not_summed() -> None:
    first = row(gross=400, listing_fee=12, disbursed=388, undisbursed=582, bank_trace_id="t1")
    second = row(gross=600, listing_fee=18, disbursed=582, undisbursed=0, bank_trace_id="t2")
    assert the_payout(first).undisbursed == Money.of("582", "USD")
    assert not the_payout(first).covers(PRICE)
    both = the_payout(first, second)
    assert both.covers(PRICE)
    assert both.disbursed == Money.of("970", "USD")
    assert both.invoices[0].bank_trace_ids == ("t1", "t2")


def test_a_payout_that_fails_is_taken_back_and_may_come_again() -> None:
    paid = row()
    failed = row(gross=-1000, listing_fee=-30, disbursed=-970, undisbursed=970, bank_trace_id=None)
    assert not the_payout(paid, failed).covers(PRICE)
    again = the_payout(paid, failed, row(bank_trace_id="trace-2"))
    assert again.covers(PRICE)
    assert again.listing_fee == Money.of("30", "USD")


def test_an_invoice_still_to_come_is_not_forgotten() -> None:
    half = row(gross=500, listing_fee=15, disbursed=485)
    assert not the_payout(half).covers(PRICE)
    assert the_payout(half, row(invoice_id="INV-2", gross=500, disbursed=485)).covers(PRICE)


def test_another_currency_covers_nothing() -> None:
    assert not the_payout(row(currency="EUR")).covers(PRICE)


def test_a_payout_without_invoices_or_in_two_currencies_is_none() -> None:
    with pytest.raises(ValidationError):
        Payout(offer_id="offer-1", invoices=())
    with pytest.raises(ValidationError, match="several currencies"):
        the_payout(row(), row(invoice_id="INV-2", currency="EUR"))


cents = st.integers(0, 10**9).map(lambda units: Decimal(units) / 100)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), cents, cents),
        min_size=1,
        max_size=20,
    )
)
def test_sums_over_invoices_equal_the_feed_s(feed: list[tuple[str, Decimal, Decimal]]) -> None:
    payout = payout_of(
        row(invoice_id=invoice, gross=gross, disbursed=disbursed)
        for invoice, gross, disbursed in feed
    )
    assert payout.disbursed.amount == sum(line[2] for line in feed)
    assert payout.gross.amount == sum(line[1] for line in feed)


def test_real_time_in_production() -> None:
    now = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    assert Clock().business_time(now) == now
    assert Clock().real_duration(timedelta(days=30)) == timedelta(days=30)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=60)),
    st.sampled_from([10.0, 3600.0, 86400.0]),
)
def test_a_fast_clock_and_its_durations_agree(
    start: datetime, business: timedelta, scale: float
) -> None:
    clock = Clock(scale=scale, origin=datetime(2026, 1, 1, tzinfo=UTC))
    real = start.replace(tzinfo=UTC)
    later = clock.business_time(real + clock.real_duration(business))
    assert abs(later - clock.business_time(real) - business) < timedelta(seconds=scale * 1e-5)


def test_an_offer_ends_with_the_last_second_of_its_day() -> None:
    assert end_of_day(date(2026, 4, 1)) == datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def test_reminders_still_to_come_in_order() -> None:
    end = date(2026, 4, 1)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert reminder_times(end, (2, 7), since) == [
        datetime(2026, 3, 25, 14, tzinfo=UTC),
        datetime(2026, 3, 30, 14, tzinfo=UTC),
    ]
    assert reminder_times(end, (2, 7), datetime(2026, 3, 25, 14, tzinfo=UTC)) == [
        datetime(2026, 3, 30, 14, tzinfo=UTC)
    ]


def test_aws_is_asked_when_it_is_likely_to_have_finished() -> None:
    looks, elapsed = [], timedelta()
    for _ in range(6):
        elapsed += Generation().next_check(elapsed)
        looks.append(elapsed // timedelta(minutes=1))
    assert looks == [10, 30, 46, 51, 56, 61]


def test_the_name_pattern_is_checked_with_the_remedy() -> None:
    with pytest.raises(
        ValidationError, match=re.escape("Use only {product}, {company}, {month}, {year}")
    ):
        Policy(offer_name="{customer} - {year}")
    with pytest.raises(ValidationError, match="Close every brace"):
        Policy(offer_name="{company")
