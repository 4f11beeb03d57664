"""The rules between the terms of an offer, checked after all changes of a change set."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sandbox.aws.catalog.rules.working_copy import Problem
from sandbox.aws.marketplace_state import Offer
from sandbox.marketplace.offer_terms import agreement_end, find_term, installments, pricing_terms

PRICING, VALIDITY = "UpdatePricingTerms", "UpdateValidityTerms"
SCHEDULE, AVAILABILITY = "UpdatePaymentScheduleTerms", "UpdateAvailability"


class Conflict(NamedTuple):
    """A problem between terms; the first of these change types in the change set gets the error."""

    changes: tuple[str, ...]
    problem: Problem


def conflicts(offer: Offer, today: date) -> Iterator[Conflict]:
    yield from _check_charges(offer, today)
    yield from _check_dates(offer)
    yield from _check_prices(offer)


def _conflict(code: str, message: str, *changes: str) -> Conflict:
    return Conflict(changes, Problem(code, message))


def _check_charges(offer: Offer, today: date) -> Iterator[Conflict]:
    days = [payment.charge_date for payment in installments(offer.terms)]
    early = [day for day in days if offer.availability_end and day <= offer.availability_end]
    if len(early) > 1:
        message = "Provide up to 1 scheduled payment before AvailabilityEndDate."
        yield _conflict("TOO_MANY_BACKDATED_CHARGES", message, SCHEDULE, AVAILABILITY)
    if days and find_term(offer.terms, "ValidityTerm"):
        end = agreement_end(offer.terms, datetime.combine(today, time(0), UTC)).date()
        if days[-1] >= end:
            message = "The last ChargeDate must be before the end."
            yield _conflict("INVALID_CHARGE_DATES", message, SCHEDULE, VALIDITY)


def _check_dates(offer: Offer) -> Iterator[Conflict]:
    validity = find_term(offer.terms, "ValidityTerm") or {}
    start, end = (validity.get(name) for name in ("AgreementStartDate", "AgreementEndDate"))
    last_day = offer.availability_end.isoformat() if offer.availability_end else ""
    if end and last_day >= end:
        message = "AvailabilityEndDate must be before AgreementEndDate."
        yield _conflict("INVALID_AVAILABILITY_END_DATE", message, AVAILABILITY)
        message = "AgreementEndDate must be after AvailabilityEndDate."
        yield _conflict("INCOMPATIBLE_AGREEMENT_END_DATE", message, VALIDITY)
    if start and last_day >= start:
        message = "AgreementStartDate must be after AvailabilityEndDate."
        yield _conflict("INCOMPATIBLE_AGREEMENT_START_DATE", message, VALIDITY, AVAILABILITY)


def _check_prices(offer: Offer) -> Iterator[Conflict]:
    upfront = find_term(offer.terms, "ConfigurableUpfrontPricingTerm")
    fixed = find_term(offer.terms, "FixedUpfrontPricingTerm")
    validity = find_term(offer.terms, "ValidityTerm")
    scheduled = find_term(offer.terms, "PaymentScheduleTerm")
    new_contract = upfront and not offer.replaces_agreement
    if new_contract and validity and "AgreementStartDate" not in validity:
        message = "Provide an AgreementStartDate."
        yield _conflict("MISSING_AGREEMENT_START_DATE", message, VALIDITY, PRICING)
    if scheduled and upfront:
        message = "PaymentScheduleTerm can't be combined with ConfigurableUpfrontPricingTerm."
        yield _conflict("INCOMPATIBLE_TERMS", message, SCHEDULE, PRICING)
    if scheduled and fixed and float(fixed["Price"]) != 0:
        message = "The Price of FixedUpfrontPricingTerm must be 0 with a PaymentScheduleTerm."
        yield _conflict("INCOMPATIBLE_TERMS", message, PRICING, SCHEDULE)
    currencies = {each["CurrencyCode"] for each in pricing_terms(offer.terms)}
    if scheduled and currencies and currencies != {scheduled["CurrencyCode"]}:
        message = "Use the same CurrencyCode in all terms."
        yield _conflict("INCOMPATIBLE_CURRENCY_CODE", message, SCHEDULE, PRICING)
