"""The rules between the terms of an offer, checked after all changes of a change set."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sandbox.aws.catalog.rules.working_copy import Problem
from sandbox.aws.marketplace_state import Offer
from sandbox.marketplace.offer_terms import agreement_end, find_term, installments, pricing_terms


class Conflict(NamedTuple):
    """A problem between terms; the first of these change types in the change set gets the error."""

    changes: tuple[str, ...]
    problem: Problem


def conflicts(offer: Offer, today: date) -> Iterator[Conflict]:
    """The contradictions between the terms of an offer."""
    yield from _check_charges(offer, today)
    yield from _check_dates(offer)
    yield from _check_prices(offer)


def _check_charges(offer: Offer, today: date) -> Iterator[Conflict]:
    days = [payment.charge_date for payment in installments(offer.terms)]
    if not days:
        return
    early = [day for day in days if offer.availability_end and day <= offer.availability_end]
    if len(early) > 1:
        yield Conflict(
            ("UpdatePaymentScheduleTerms", "UpdateAvailability"),
            Problem(
                "TOO_MANY_BACKDATED_CHARGES",
                "Provide up to 1 scheduled payment before AvailabilityEndDate.",
            ),
        )
    if find_term(offer.terms, "ValidityTerm"):
        end = agreement_end(offer.terms, datetime.combine(today, time(0), UTC)).date()
        if days[-1] >= end:
            yield Conflict(
                ("UpdatePaymentScheduleTerms", "UpdateValidityTerms"),
                Problem("INVALID_CHARGE_DATES", "The last ChargeDate must be before the end."),
            )


def _check_dates(offer: Offer) -> Iterator[Conflict]:
    validity = find_term(offer.terms, "ValidityTerm") or {}
    start, end = (validity.get(name) for name in ("AgreementStartDate", "AgreementEndDate"))
    if offer.availability_end is None:
        return
    last_day = offer.availability_end.isoformat()
    if end and last_day >= end:
        yield Conflict(
            ("UpdateAvailability",),
            Problem(
                "INVALID_AVAILABILITY_END_DATE",
                "AvailabilityEndDate must be before AgreementEndDate.",
            ),
        )
        yield Conflict(
            ("UpdateValidityTerms",),
            Problem(
                "INCOMPATIBLE_AGREEMENT_END_DATE",
                "AgreementEndDate must be after AvailabilityEndDate.",
            ),
        )
    if start and last_day >= start:
        yield Conflict(
            ("UpdateValidityTerms", "UpdateAvailability"),
            Problem(
                "INCOMPATIBLE_AGREEMENT_START_DATE",
                "AgreementStartDate must be after AvailabilityEndDate.",
            ),
        )


def _check_prices(offer: Offer) -> Iterator[Conflict]:
    upfront = find_term(offer.terms, "ConfigurableUpfrontPricingTerm")
    fixed = find_term(offer.terms, "FixedUpfrontPricingTerm")
    validity = find_term(offer.terms, "ValidityTerm")
    scheduled = find_term(offer.terms, "PaymentScheduleTerm")
    new_contract = upfront and not offer.replaces_agreement
    if new_contract and validity and "AgreementStartDate" not in validity:
        yield Conflict(
            ("UpdateValidityTerms", "UpdatePricingTerms"),
            Problem("MISSING_AGREEMENT_START_DATE", "Provide an AgreementStartDate."),
        )
    if scheduled and upfront:
        yield Conflict(
            ("UpdatePaymentScheduleTerms", "UpdatePricingTerms"),
            Problem(
                "INCOMPATIBLE_TERMS",
                "PaymentScheduleTerm can't be combined with ConfigurableUpfrontPricingTerm.",
            ),
        )
    if scheduled and fixed and float(fixed["Price"]) != 0:
        yield Conflict(
            ("UpdatePricingTerms", "UpdatePaymentScheduleTerms"),
            Problem(
                "INCOMPATIBLE_TERMS",
                "The Price of FixedUpfrontPricingTerm must be 0 with a PaymentScheduleTerm.",
            ),
        )
    currencies = {each.get("CurrencyCode") for each in pricing_terms(offer.terms)} - {None}
    if scheduled and currencies and currencies != {scheduled["CurrencyCode"]}:
        yield Conflict(
            ("UpdatePaymentScheduleTerms", "UpdatePricingTerms"),
            Problem("INCOMPATIBLE_CURRENCY_CODE", "Use the same CurrencyCode in all terms."),
        )
