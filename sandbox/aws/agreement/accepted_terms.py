"""The terms of an agreement in the form of the Agreement API, converted from the offer's terms."""

from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.offer_terms import Term

TIME_OF_DAY = {
    "ChargeDate": time(0),
    "AgreementStartDate": time(0),
    "AgreementEndDate": time(23, 59, 59, 999000),
}
"""The time of day of a term's dates, in UTC."""


def accepted_terms(agreement: Agreement) -> list[dict[str, Any]]:
    """Each term under its type, with member names in camel case and dates as epoch seconds."""
    return [
        _accepted_term(agreement, number, term) for number, term in enumerate(agreement.terms, 1)
    ]


def _accepted_term(agreement: Agreement, number: int, term: Term) -> dict[str, Any]:
    accepted = _camel_case(term)
    accepted["id"] = f"term-{agreement.id.removeprefix('agmt-')}-{number}"
    if term["Type"] == "ConfigurableUpfrontPricingTerm":
        accepted["configuration"] = _configuration(term)
    return {_lower_first(term["Type"]): accepted}


def _configuration(term: Term) -> dict[str, Any]:
    """The buyer's selection: each dimension of the first rate card once."""
    card = term["RateCards"][0]
    return {
        "selectorValue": card["Selector"]["Value"],
        "dimensions": [
            {"dimensionKey": rate["DimensionKey"], "dimensionValue": 1} for rate in card["RateCard"]
        ],
    }


def _camel_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _lower_first(name): _seconds(each, TIME_OF_DAY[name])
            if name in TIME_OF_DAY
            else _camel_case(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_camel_case(each) for each in value]
    return value


def _seconds(day: str, at: time) -> float:
    return datetime.combine(date.fromisoformat(day), at, UTC).timestamp()


def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]
