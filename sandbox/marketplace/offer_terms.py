"""What the terms of an offer or agreement amount to: how long, how much, when to pay."""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Term = dict[str, Any]

PRICING = (
    "FixedUpfrontPricingTerm",
    "ConfigurableUpfrontPricingTerm",
    "UsageBasedPricingTerm",
    "ByolPricingTerm",
)
"""The types of term that UpdatePricingTerms sets."""


@dataclass(frozen=True)
class Duration:
    """An ISO 8601 duration of whole months or whole days, such as `P12M`."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> "Duration | None":
        """None if it is not of that form, or is nothing at all."""
        found = re.fullmatch(r"P(\d{1,4})([MD])", text)
        if found is None or int(found[1]) == 0:
            return None
        number = int(found[1])
        return cls(months=number) if found[2] == "M" else cls(days=number)

    def after(self, start: datetime) -> datetime:
        """The instant this long after another; a month's last day where it has no such day."""
        if self.days:
            return start + timedelta(days=self.days)
        months = start.month - 1 + self.months
        year, month = start.year + months // 12, months % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        return start.replace(year=year, month=month, day=day)


@dataclass(frozen=True)
class Installment:
    """One instalment of a payment schedule."""

    on: date
    amount: Decimal


def term(terms: Sequence[Term], kind: str) -> Term | None:
    """The term of this type; an offer has at most one."""
    return next((each for each in terms if each["Type"] == kind), None)


def pricing(terms: Sequence[Term]) -> list[Term]:
    """The terms that set prices."""
    return [each for each in terms if each["Type"] in PRICING]


def currency(terms: Sequence[Term]) -> str:
    """The one currency of an offer's prices."""
    return next((each["CurrencyCode"] for each in terms if "CurrencyCode" in each), "USD")


def schedule(terms: Sequence[Term]) -> list[Installment]:
    """The instalments in order of date; none if the price is due at acceptance."""
    scheduled = term(terms, "PaymentScheduleTerm") or {"Schedule": []}
    payments = [
        Installment(date.fromisoformat(each["ChargeDate"]), Decimal(each["ChargeAmount"]))
        for each in scheduled["Schedule"]
    ]
    return sorted(payments, key=lambda payment: payment.on)


def value(terms: Sequence[Term]) -> Decimal:
    """The total contract value.  Of a rate card, one of everything on the first card is bought."""
    if payments := schedule(terms):
        return sum((payment.amount for payment in payments), Decimal(0))
    if upfront := term(terms, "ConfigurableUpfrontPricingTerm"):
        rates = upfront["RateCards"][0]["RateCard"]
        return sum((Decimal(rate["Price"]) for rate in rates), Decimal(0))
    return Decimal(0)


def agreement_end(terms: Sequence[Term], start: datetime) -> datetime:
    """When an agreement that starts then ends; after a year if nothing says."""
    validity = term(terms, "ValidityTerm") or {}
    if last_day := validity.get("AgreementEndDate"):
        return datetime.combine(date.fromisoformat(last_day), time(23, 59, 59, 999000), UTC)
    duration = validity.get("AgreementDuration")
    if duration is None and (upfront := term(terms, "ConfigurableUpfrontPricingTerm")):
        duration = upfront["RateCards"][0]["Selector"]["Value"]
    return (Duration.parse(duration or "") or Duration(months=12)).after(start)


def agreement_start(terms: Sequence[Term], accepted: datetime) -> datetime:
    """When an agreement that was accepted then starts: at once, unless a later day is set."""
    validity = term(terms, "ValidityTerm") or {}
    if first_day := validity.get("AgreementStartDate"):
        return datetime.combine(date.fromisoformat(first_day), time(0), UTC)
    return accepted
