"""The rules between the terms of an offer, checked once all changes of a set are made."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sandbox.aws.catalog.rules.working_copy import Problem
from sandbox.marketplace.offer_terms import agreement_end, pricing, schedule, term
from sandbox.world import Offer


class Conflict(NamedTuple):
    """A problem between terms, and the changes it can be put down to: the first one in the set."""

    changes: tuple[str, ...]
    problem: Problem


def conflicts(offer: Offer, today: date) -> Iterator[Conflict]:
    """Where the terms of an offer contradict each other."""
    yield from _charges(offer, today)
    yield from _days(offer)
    yield from _prices(offer)


def _charges(offer: Offer, today: date) -> Iterator[Conflict]:
    days = [payment.on for payment in schedule(offer.terms)]
    if not days:
        return
    by_then = [day for day in days if offer.availability_end and day <= offer.availability_end]
    if len(by_then) > 1:
        yield Conflict(
            ("UpdatePaymentScheduleTerms", "UpdateAvailability"),
            Problem(
                "TOO_MANY_BACKDATED_CHARGES",
                "Provide up to 1 scheduled payment before AvailabilityEndDate.",
            ),
        )
    if term(offer.terms, "ValidityTerm"):
        end = agreement_end(offer.terms, datetime.combine(today, time(0), UTC)).date()
        if days[-1] >= end:
            yield Conflict(
                ("UpdatePaymentScheduleTerms", "UpdateValidityTerms"),
                Problem("INVALID_CHARGE_DATES", "The last ChargeDate must be before the end."),
            )


def _days(offer: Offer) -> Iterator[Conflict]:
    validity = term(offer.terms, "ValidityTerm") or {}
    start, end = (validity.get(name) for name in ("AgreementStartDate", "AgreementEndDate"))
    if offer.availability_end is None:
        return
    last_chance = offer.availability_end.isoformat()
    if end and last_chance >= end:
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
    if start and last_chance >= start:
        yield Conflict(
            ("UpdateValidityTerms", "UpdateAvailability"),
            Problem(
                "INCOMPATIBLE_AGREEMENT_START_DATE",
                "AgreementStartDate must be after AvailabilityEndDate.",
            ),
        )


def _prices(offer: Offer) -> Iterator[Conflict]:
    upfront = term(offer.terms, "ConfigurableUpfrontPricingTerm")
    fixed = term(offer.terms, "FixedUpfrontPricingTerm")
    validity = term(offer.terms, "ValidityTerm")
    scheduled = term(offer.terms, "PaymentScheduleTerm")
    alone = upfront and not offer.replaces_agreement
    if alone and validity and "AgreementStartDate" not in validity:
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
    currencies = {each.get("CurrencyCode") for each in pricing(offer.terms)} - {None}
    if scheduled and currencies and currencies != {scheduled["CurrencyCode"]}:
        yield Conflict(
            ("UpdatePaymentScheduleTerms", "UpdatePricingTerms"),
            Problem("INCOMPATIBLE_CURRENCY_CODE", "Use the same CurrencyCode in all terms."),
        )
