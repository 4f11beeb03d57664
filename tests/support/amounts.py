"""Strategies of hypothesis for money."""

from decimal import Decimal

from hypothesis import strategies as st

from offers.money import CURRENCIES, MINOR_DIGITS, Currency, Money

currencies = st.sampled_from(CURRENCIES)


@st.composite
def money(draw: st.DrawFn, currency: Currency | None = None) -> Money:
    """Any valid amount, small enough that sums of a few are valid."""
    chosen = draw(currencies) if currency is None else currency
    units = draw(st.integers(-(10**14), 10**14))
    return Money(amount=Decimal(units).scaleb(-MINOR_DIGITS[chosen]), currency=chosen)
