"""Money: an exact decimal amount with its currency, never a float."""

import re
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, model_validator

from offers.findings import illegal
from offers.model import FrozenModel
from offers.text import clean_code, within

Currency = Literal["USD", "EUR", "GBP", "JPY", "AUD", "INR"]
"""The currencies AWS takes for a contract price (AWS: work-with-private-offers)."""

MINOR_DIGITS: dict[Currency, int] = {
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "JPY": 0,
    "AUD": 2,
    "INR": 2,
}
"""Decimals of each currency's minor unit (ISO 4217)."""

MOST_DECIMALS = max(MINOR_DIGITS.values())

LONGEST_AMOUNT = 40
"""Characters of an amount with its currency."""

TOO_HIGH = Decimal("1e15")
"""Beyond any contract, and beyond what a float of a vendor can carry exactly to the cent."""

FLOAT_DIGITS = 15
"""Significant digits that a float carries for certain (IEEE 754 double)."""

_PLAIN = re.compile(r"-?(?P<whole>[0-9]+)(?:[.,](?P<decimals>[0-9]+))?")
_GROUPED = re.compile(
    r"-?(?P<whole>[1-9][0-9]{0,2}(?P<mark>[.,])[0-9]{3}(?:(?P=mark)[0-9]{3})*)"
    r"(?:(?!(?P=mark))[.,](?P<decimals>[0-9]+))?"
)
_SCIENTIFIC = re.compile(r"-?[0-9](?:\.[0-9]{1,20})?[eE]\+?[0-9]{1,2}")
"""As programs write large numbers in JSON."""
_CURRENCY = "[A-Za-z]{3}"
_AMOUNT = "[^A-Za-z ]+"
_WITH_CURRENCY = re.compile(
    f"(?P<before>{_CURRENCY}) *(?P<amount>{_AMOUNT})|(?P<same>{_AMOUNT}) *(?P<after>{_CURRENCY})"
)


def parse_amount(text: str, currency: str | None = None) -> Decimal:
    """An amount such as `110000.00`, `110,000.00` or `110.000,00`.

    A comma before three digits separates thousands, as it does in all that we print.  A point there
    is refused: people write thousands so, and programs decimals.  `currency` None: not known.
    """
    amount = _read(text, currency)
    if amount is None:
        raise illegal(
            "it is not an amount", f"Write it as {round(Decimal(120000), _digits(currency)):f}"
        )
    return amount


def _read(text: str, currency: str | None) -> Decimal | None:
    """The amount; None if it is none."""
    cleaned = clean_code(within(text, LONGEST_AMOUNT))
    digits = _digits(currency)
    unit = Decimal(1).scaleb(-digits)
    sign = "-" if cleaned.startswith("-") else ""
    if grouped := _GROUPED.fullmatch(cleaned):
        whole = re.sub("[.,]", "", grouped["whole"])
        amount = _exact(sign, whole, grouped["decimals"] or "", digits, currency)
        if grouped["whole"].count(".") == 1 and grouped["decimals"] is None:
            raise _ambiguous(amount.quantize(unit), Decimal(cleaned), digits, currency)
        return amount
    if plain := _PLAIN.fullmatch(cleaned):
        return _exact(sign, plain["whole"], plain["decimals"] or "", digits, currency)
    if _SCIENTIFIC.fullmatch(cleaned):
        whole, _, decimals = f"{Decimal(cleaned.lstrip('-')):f}".partition(".")
        return _exact(sign, whole, decimals, digits, currency)
    return None


def _digits(currency: str | None) -> int:
    return next((n for known, n in MINOR_DIGITS.items() if known == currency), MOST_DECIMALS)


def _exact(sign: str, whole: str, decimals: str, digits: int, currency: str | None) -> Decimal:
    if len(decimals) > digits:
        raise _too_fine(f"{sign}{whole}.{decimals}", digits, currency)
    amount = Decimal(f"{sign}{whole}" + (f".{decimals}" if decimals else ""))
    if amount.copy_abs() >= TOO_HIGH:
        raise illegal("the amount is beyond any contract", "Give a smaller amount")
    return amount


def _ambiguous(
    thousands: Decimal, decimal: Decimal, digits: int, currency: str | None
) -> Exception:
    limit = f"use at most {digits} decimals" + (f" for {currency}" if currency else "")
    if decimal != round(decimal, digits):
        return illegal(
            f"it could be {thousands:,}, or {decimal:f}, which is finer than the smallest unit",
            f"Write {thousands:,} as {thousands:f}; {limit}",
        )
    fewer = decimal.quantize(thousands)
    return illegal(
        f"it could be {thousands:,} or {fewer:,}",
        f"Write it as {thousands:f} or as {fewer:f}; {limit}",
    )


def _too_fine(amount: object, digits: int, currency: str | None) -> Exception:
    return illegal(
        f"{amount} {currency or ''}".strip() + " is finer than the smallest unit",
        f"Use at most {digits} decimals" + (f" for {currency}" if currency else "") + ROUNDED,
    )


ROUNDED = "; Salesforce shows such a number rounded and keeps its decimals"
"""Salesforce: help article 000385689."""


def parse_money(value: Any) -> Any:
    """An amount with its currency: `30000.00 USD`, or `USD 30,000.00`.

    What is not text is left to `Money`.
    """
    if not isinstance(value, str):
        return value
    text = clean_code(within(value, LONGEST_AMOUNT))
    found = _WITH_CURRENCY.fullmatch(text)
    if found is None and _read(text, None) is not None:
        raise illegal("it has no currency", "Write it as 30000.00 USD: add the currency")
    if found is None:
        raise illegal("it is not an amount with its currency", "Write it as 30000.00 USD")
    currency = (found["before"] or found["after"]).upper()
    amount = parse_amount(found["amount"] or found["same"], currency)
    return {"amount": amount, "currency": currency}


def number_text(number: float) -> str:
    """A vendor's JSON number as the text of an amount, without what is noise of a float."""
    if isinstance(number, int):
        return str(number)
    return f"{Decimal(f'{number:.{FLOAT_DIGITS}g}'):f}"


def exact(value: Any) -> Any:
    """An amount of any currency, unless it is a float or no number at all."""
    if isinstance(value, bool):
        raise illegal("it is not an amount", 'Write the amount as text, "120000.00"')
    if isinstance(value, float):
        raise illegal("a float cannot hold money exactly", 'Write the amount as text, "120000.00"')
    return parse_amount(value) if isinstance(value, str) else value


class Money(FrozenModel, extra="forbid"):
    """An amount in a currency, exact to the minor unit (cents, or whole yen).

    JSON carries the amount as text.  Arithmetic between two currencies raises ValueError.
    """

    amount: Annotated[Decimal, BeforeValidator(exact)]
    currency: Currency

    @model_validator(mode="before")
    @classmethod
    def _as_its_currency_is_written(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(text := given.get("amount"), str):
            currency = given.get("currency")
            known = currency if isinstance(currency, str) else None
            amount = _read(text, known)
            return given if amount is None else given | {"amount": amount}
        return given

    @model_validator(mode="after")
    def _whole_minor_units(self) -> Self:
        digits = MINOR_DIGITS[self.currency]
        if self.amount.copy_abs() >= TOO_HIGH:
            raise illegal("the amount is beyond any contract", "Give a smaller amount")
        if self.amount.as_tuple().exponent == -digits:
            return self
        if self.amount != round(self.amount, digits):
            raise _too_fine(self.amount, digits, self.currency)
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
        return cls._rounded(amount, currency, ROUND_HALF_EVEN)

    @classmethod
    def at_most(cls, amount: Decimal, currency: Currency) -> Self:
        """The most money that is not above an amount, which may be finer than the minor unit."""
        return cls._rounded(amount, currency, ROUND_FLOOR)

    @classmethod
    def _rounded(cls, amount: Decimal, currency: Currency, rounding: str) -> Self:
        with localcontext(prec=60):
            unit = Decimal(1).scaleb(-MINOR_DIGITS[currency])
            return cls(amount=amount.quantize(unit, rounding=rounding), currency=currency)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            amount=self.amount + other.amount_in(self.currency), currency=self.currency
        )

    def __sub__(self, other: Self) -> Self:
        return type(self)(
            amount=self.amount - other.amount_in(self.currency), currency=self.currency
        )

    def __lt__(self, other: Self) -> bool:
        return self.amount < other.amount_in(self.currency)

    def __ge__(self, other: Self) -> bool:
        return self.amount >= other.amount_in(self.currency)

    def amount_in(self, currency: Currency) -> Decimal:
        """The amount; raises ValueError if it is in another currency."""
        if self.currency != currency:
            raise ValueError(f"{currency} and {self.currency} cannot be combined")
        return self.amount

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,}"


GivenMoney = Annotated[Money, BeforeValidator(parse_money)]
"""Money that people may also write as text."""

CURRENCIES: tuple[Currency, ...] = get_args(Currency)
