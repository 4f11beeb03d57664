"""The terms of an agreement as the Agreement API gives them: the offer's, in other words."""

from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.marketplace.offer_terms import Term
from sandbox.world import Agreement

DAYS = {
    "ChargeDate": time(0),
    "AgreementStartDate": time(0),
    "AgreementEndDate": time(23, 59, 59, 999000),
}
"""The time of day meant by a term's dates, in UTC."""


def accepted_terms(agreement: Agreement) -> list[dict[str, Any]]:
    """Each term under its kind, member names in camel case, dates as instants."""
    return [_accepted(agreement, number, term) for number, term in enumerate(agreement.terms, 1)]


def _accepted(agreement: Agreement, number: int, term: Term) -> dict[str, Any]:
    accepted = _camel(term)
    accepted["id"] = f"term-{agreement.id.removeprefix('agmt-')}-{number}"
    if term["Type"] == "ConfigurableUpfrontPricingTerm":
        accepted["configuration"] = _bought(term)
    return {_lower(term["Type"]): accepted}


def _bought(term: Term) -> dict[str, Any]:
    """What the buyer chose: one of everything on the first rate card."""
    card = term["RateCards"][0]
    return {
        "selectorValue": card["Selector"]["Value"],
        "dimensions": [
            {"dimensionKey": rate["DimensionKey"], "dimensionValue": 1} for rate in card["RateCard"]
        ],
    }


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _lower(name): _seconds(each, DAYS[name]) if name in DAYS else _camel(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_camel(each) for each in value]
    return value


def _seconds(day: str, at: time) -> float:
    return datetime.combine(date.fromisoformat(day), at, UTC).timestamp()


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
