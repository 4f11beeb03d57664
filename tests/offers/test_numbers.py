"""Fees, payouts, clock, reminders, checks: the domain's arithmetic."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.clock import Clock, end_of_day
from offers.lifecycle.reminders import reminder_times
from offers.money import Money
from offers.payouts.listing_fee import listing_fee
from offers.policy.policy import Policy, PublicationPolling


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
        elapsed += PublicationPolling().next_check(elapsed)
        looks.append(elapsed // timedelta(minutes=1))
    assert looks == [10, 46, 51, 56, 61, 66]


def test_the_name_pattern_is_checked_with_the_remedy() -> None:
    with pytest.raises(
        ValidationError, match=re.escape("Use only {product}, {company}, {month}, {year}")
    ):
        Policy(offer_name="{customer} - {year}")
    with pytest.raises(ValidationError, match="Close every brace"):
        Policy(offer_name="{company")
