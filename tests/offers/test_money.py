"""Money is exact to the minor unit, and rejects other amounts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.money import MINOR_DIGITS, Currency, Money
from tests.support.amounts import currencies, money


@pytest.mark.parametrize(
    ("amount", "currency", "remedy"),
    [
        (0.1, "USD", "Write the amount as text"),
        ("0.001", "USD", "at most 2 decimals"),
        ("100.5", "JPY", "at most 0 decimals"),
        ("NaN", "USD", "it is not an amount"),
        (Decimal("NaN"), "USD", "finite number"),
        (Decimal("Infinity"), "USD", "finite number"),
        ("1e15", "USD", "smaller amount"),
        ("ten", "USD", "it is not an amount"),
        ("1", "CHF", ""),
        ("1", "usd", ""),
    ],
)
def test_invalid_money_is_rejected(amount: Any, currency: str, remedy: str) -> None:
    with pytest.raises(ValidationError) as rejected:
        Money.of(amount, currency)
    assert remedy in str(rejected.value)


@pytest.mark.parametrize(("amount", "allowed"), [("999999999999999.99", True), ("1e15", False)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("form", [str, Decimal])
def test_largest_amount(
    form: Callable[[Decimal], Any], sign: int, amount: str, allowed: bool
) -> None:
    given_amount = form(sign * Decimal(amount))
    if allowed:
        assert Money.of(given_amount, "USD").amount == Decimal(amount) * sign
    else:
        with pytest.raises(ValidationError, match="smaller amount"):
            Money.of(given_amount, "USD")


@given(money())
def test_json_round_trip(amount: Money) -> None:
    assert Money.model_validate_json(amount.model_dump_json()) == amount
    assert '"amount":"' in amount.model_dump_json(), "the amount is not text in JSON"


def test_equal_amounts_have_the_same_json() -> None:
    assert Money.of("5", "USD").model_dump_json() == Money.of("5.00", "USD").model_dump_json()


@given(st.data(), currencies)
def test_addition_and_subtraction_are_exact(data: st.DataObject, currency: Currency) -> None:
    one, other = data.draw(money(currency)), data.draw(money(currency))
    assert one + other - other == one
    assert (one + other).amount == one.amount + other.amount


@given(money(), money())
def test_currencies_cannot_be_combined(one: Money, other: Money) -> None:
    if one.currency == other.currency:
        assert (one >= other) is not (one < other)
    else:
        for combine in (Money.__add__, Money.__sub__, Money.__lt__, Money.__ge__):
            with pytest.raises(ValueError, match="cannot be combined"):
                combine(one, other)


@given(st.decimals(-(10**9), 10**9, places=6), currencies)
def test_nearest_is_at_most_half_a_minor_unit_away(exact: Decimal, currency: Currency) -> None:
    half_a_unit = Decimal(1).scaleb(-MINOR_DIGITS[currency]) / 2
    assert abs(Money.nearest(exact, currency).amount - exact) <= half_a_unit


def test_text_form() -> None:
    assert str(Money.of("1234567.5", "USD")) == "USD 1,234,567.50"
    assert str(Money.of("1234567", "JPY")) == "JPY 1,234,567"
