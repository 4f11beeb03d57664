"""Amounts as people and programs write them: each text is one amount, or refused."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from offers.findings import findings_in
from offers.money import MINOR_DIGITS, Currency, GivenMoney, Money, number_text
from tests.support.amounts import currencies, money

GIVEN = TypeAdapter(GivenMoney)


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as refused:
        GIVEN.validate_python(text)
    (finding,) = findings_in(refused.value, {})
    return f"{finding.problem}. {finding.remedy}"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("30.000,00 USD", "USD 30,000.00"),
        ("110,000.00 USD", "USD 110,000.00"),
        ("110,000 USD", "USD 110,000.00"),
        ("120,00 EUR", "EUR 120.00"),
        ("120,5 EUR", "EUR 120.50"),
        ("1.234.567 EUR", "EUR 1,234,567.00"),
        ("1.234.567,8 eur", "EUR 1,234,567.80"),
        ("JPY 110,000", "JPY 110,000"),
        ("USD\u00a0110,000.00\u200b", "USD 110,000.00"),
        ("\uff11\uff12\uff10 USD", "USD 120.00"),
        ("USD \u22125.00", "USD -5.00"),
        ("USD120", "USD 120.00"),
    ],
)
def test_accepted_forms(text: str, amount: str) -> None:
    assert str(GIVEN.validate_python(text)) == amount


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("110.000 USD", "could be 110,000.00 or 110.00. Write it as 110000.00 or as 110.00"),
        ("1.234 USD", "could be 1,234.00, or 1.234, which is finer"),
        ("110.000 JPY", "could be 110,000 or 110. Write it as 110000 or as 110"),
        ("30000.000 USD", "at most 2 decimals for USD"),
        ("0,500 USD", "at most 2 decimals for USD"),
        ("12.00 JPY", "at most 0 decimals for JPY"),
        ("1,23,456 USD", "not an amount"),
        ("1,2345 USD", "at most 2 decimals"),
        ("1.234,567.89 USD", "not an amount"),
        ("60.000 70.000 USD", "not an amount"),
        ("110 000 USD", "not an amount"),
        ("\u0661\u0662 USD", "not an amount"),
        ("120000", "add the currency"),
        ("1" * 100_000 + " USD", "at most 40 characters"),
    ],
)
def test_refused_forms(text: str, why: str) -> None:
    assert why in refusal(text)


@given(money())
def test_what_is_printed_reads_back(amount: Money) -> None:
    assert GIVEN.validate_python(str(amount)) == amount
    assert GIVEN.validate_python(f"{amount.amount:f} {amount.currency}") == amount
    assert Money.of(f"{amount.amount:,}", amount.currency) == amount


@given(st.text(alphabet="0123456789.,", min_size=1, max_size=12), currencies)
def test_no_text_reads_as_two_amounts(text: str, currency: Currency) -> None:
    try:
        read = Money.of(text, currency).amount
    except ValidationError:
        return
    digits = text.replace(".", "").replace(",", "")
    # The digits stay in their order: only where the decimals begin is read.
    assert Decimal(digits) in (read, read.scaleb(1), read.scaleb(2))
    assert read.as_tuple().exponent == -MINOR_DIGITS[currency]


@pytest.mark.parametrize("text", ["1," * 50_000, "1" * 100_000, " " * 100_000, "1.000" * 20_000])
def test_long_text_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    refusal(text)
    assert time.perf_counter() - began < 0.1


@given(st.integers(0, 10**10), st.sampled_from([1e-11, -1e-11, 0.0]))
def test_noise_of_a_float_is_no_amount(cents: int, noise: float) -> None:
    exact = Decimal(cents).scaleb(-2)
    assert Decimal(number_text(float(exact) * (1 + noise * 1e-5))) == exact
