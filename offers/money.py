"""Money: an exact decimal amount with its currency, never a float."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from offers.findings import illegal
from offers.model import FrozenModel

Currency = Literal["USD", "EUR", "GBP", "JPY", "AUD"]
"""The currencies AWS takes for a contract price (AWS: work-with-private-offers)."""

MINOR_DIGITS: dict[Currency, int] = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "AUD": 2}
"""Decimals of each currency's minor unit (ISO 4217)."""


def exact(value: Any) -> Any:
    """The value, unless it is a float."""
    if isinstance(value, float):
        raise illegal("a float cannot hold money exactly", 'Write the amount as text, "120000.00"')
    return value


class Money(FrozenModel, extra="forbid"):
    """An amount in a currency, exact to the minor unit (cents, or whole yen).

    JSON carries the amount as text.  Arithmetic between two currencies raises ValueError.
    """

    amount: Annotated[Decimal, BeforeValidator(exact)]
    currency: Currency

    @model_validator(mode="after")
    def _whole_minor_units(self) -> Self:
        digits = MINOR_DIGITS[self.currency]
        if not self.amount.is_finite():
            raise illegal("the amount is not a number", "Give a finite amount")
        if self.amount.copy_abs() >= Decimal("1e15"):
            raise illegal("the amount is beyond any contract", "Give a smaller amount")
        if self.amount != round(self.amount, digits):
            raise illegal(
                f"{self.amount} {self.currency} is finer than the smallest unit",
                f"Use at most {digits} decimals for {self.currency}",
            )
        # One form for equal amounts, so that JSON, tokens and comparisons agree: 5 becomes 5.00.
        object.__setattr__(self, "amount", self.amount.quantize(Decimal(1).scaleb(-digits)))
        return self

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> Self:
        """Money from an exact amount; raises pydantic.ValidationError if it is not legal."""
        return cls.model_validate({"amount": amount, "currency": currency})

    @classmethod
    def nearest(cls, amount: Decimal, currency: Currency) -> Self:
        """Money nearest to an amount that may be finer than the minor unit (half to even)."""
        with localcontext(prec=60):
            unit = Decimal(1).scaleb(-MINOR_DIGITS[currency])
            return cls(amount=amount.quantize(unit, rounding=ROUND_HALF_EVEN), currency=currency)

    def __add__(self, other: Self) -> Self:
        return type(self)(amount=self.amount + self._amount_of(other), currency=self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(amount=self.amount - self._amount_of(other), currency=self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._amount_of(other)

    def __ge__(self, other: Self) -> bool:
        return self.amount >= self._amount_of(other)

    def _amount_of(self, other: Self) -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be combined")
        return other.amount

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,}"


CURRENCIES: tuple[Currency, ...] = get_args(Currency)
