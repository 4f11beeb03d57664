"""Durations, amounts and due dates in the terms of an offer or agreement."""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Term = dict[str, Any]

PRICING = ("FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm", "UsageBasedPricingTerm")
"""The term types that UpdatePricingTerms sets."""


@dataclass(frozen=True)
class Duration:
    """An ISO 8601 duration of whole months or whole days, such as `P12M`."""

    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, text: str) -> "Duration | None":
        """None if the text has another form, or the duration is 0."""
        found = re.fullmatch(r"P(\d{1,4})([MD])", text)
        if found is None or int(found[1]) == 0:
            return None
        number = int(found[1])
        return cls(months=number) if found[2] == "M" else cls(days=number)

    def after(self, start: datetime) -> datetime:
        """The instant this long after another; the last day of a month that is too short."""
        if self.days:
            return start + timedelta(days=self.days)
        months = start.month - 1 + self.months
        year, month = start.year + months // 12, months % 12 + 1
        day = min(start.day, calendar.monthrange(year, month)[1])
        return start.replace(year=year, month=month, day=day)


@dataclass(frozen=True)
class Installment:
    charge_date: date
    amount: Decimal


def find_term(terms: Sequence[Term], kind: str) -> Term | None:
    """The term of this type; an offer has at most one."""
    return next((each for each in terms if each["Type"] == kind), None)


def pricing_terms(terms: Sequence[Term]) -> list[Term]:
    return [each for each in terms if each["Type"] in PRICING]


def currency(terms: Sequence[Term]) -> str:
    """The currency of an offer's prices; USD if it has none."""
    return next((each["CurrencyCode"] for each in terms if "CurrencyCode" in each), "USD")


def installments(terms: Sequence[Term]) -> list[Installment]:
    """The installments in order of date; none if the price is due at acceptance."""
    scheduled = find_term(terms, "PaymentScheduleTerm") or {"Schedule": []}
    payments = [
        Installment(date.fromisoformat(each["ChargeDate"]), Decimal(each["ChargeAmount"]))
        for each in scheduled["Schedule"]
    ]
    return sorted(payments, key=lambda payment: payment.charge_date)


def contract_value(terms: Sequence[Term]) -> Decimal:
    """The total contract value; for rate cards, each dimension of the first card once."""
    if payments := installments(terms):
        return sum((payment.amount for payment in payments), Decimal(0))
    if upfront := find_term(terms, "ConfigurableUpfrontPricingTerm"):
        rates = upfront["RateCards"][0]["RateCard"]
        return sum((Decimal(rate["Price"]) for rate in rates), Decimal(0))
    return Decimal(0)


def agreement_end(terms: Sequence[Term], start: datetime) -> datetime:
    """The end of an agreement with this start; after 12 months if the terms have no end."""
    validity = find_term(terms, "ValidityTerm") or {}
    if last_day := validity.get("AgreementEndDate"):
        return datetime.combine(date.fromisoformat(last_day), time(23, 59, 59, 999000), UTC)
    duration = validity.get("AgreementDuration")
    if duration is None and (upfront := find_term(terms, "ConfigurableUpfrontPricingTerm")):
        duration = upfront["RateCards"][0]["Selector"]["Value"]
    return (Duration.parse(duration or "") or Duration(months=12)).after(start)


def agreement_start(terms: Sequence[Term], accepted: datetime) -> datetime:
    """The start of an agreement with this acceptance: at once, unless the terms set a date."""
    validity = find_term(terms, "ValidityTerm") or {}
    if first_day := validity.get("AgreementStartDate"):
        return datetime.combine(date.fromisoformat(first_day), time(0), UTC)
    return accepted
