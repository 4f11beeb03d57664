"""The rules of an offer as a whole: between its terms, and for its release."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace.offer_terms import (
    agreement_end,
    currency,
    find_term,
    installments,
    pricing_terms,
)

PRICING, VALIDITY = "UpdatePricingTerms", "UpdateValidityTerms"
SCHEDULE, AVAILABILITY = "UpdatePaymentScheduleTerms", "UpdateAvailability"


class Conflict(NamedTuple):
    """A problem between terms; the first of these change types in the change set gets the error."""

    code: str
    message: str
    changes: tuple[str, ...]


def conflicts(offer: Offer, today: date) -> Iterator[Conflict]:
    """Checked after all changes of a change set."""
    yield from _dates(offer, today)
    yield from _prices(offer)


def _dates(offer: Offer, today: date) -> Iterator[Conflict]:
    charges = [payment.charge_date for payment in installments(offer.terms)]
    validity = find_term(offer.terms, "ValidityTerm")
    if validity and charges:
        end = agreement_end(offer.terms, datetime.combine(today, time(0), UTC)).date()
        if charges[-1] >= end:
            message = "The last ChargeDate must be before the end."
            yield Conflict("INVALID_CHARGE_DATES", message, (SCHEDULE, VALIDITY))
    last_day = offer.availability_end
    if last_day is None:
        return
    if sum(day <= last_day for day in charges) > 1:
        message = "Provide up to 1 scheduled payment before AvailabilityEndDate."
        yield Conflict("TOO_MANY_BACKDATED_CHARGES", message, (SCHEDULE, AVAILABILITY))
    validity = validity or {}
    if str(last_day) >= validity.get("AgreementEndDate", "9999"):
        message = "AvailabilityEndDate must be before AgreementEndDate."
        yield Conflict("INVALID_AVAILABILITY_END_DATE", message, (AVAILABILITY,))
        yield Conflict("INCOMPATIBLE_AGREEMENT_END_DATE", message, (VALIDITY,))
    if str(last_day) >= validity.get("AgreementStartDate", "9999"):
        message = "AgreementStartDate must be after AvailabilityEndDate."
        code = "INCOMPATIBLE_AGREEMENT_START_DATE"
        yield Conflict(code, message, (VALIDITY, AVAILABILITY))


def _prices(offer: Offer) -> Iterator[Conflict]:
    upfront = find_term(offer.terms, "ConfigurableUpfrontPricingTerm")
    fixed = find_term(offer.terms, "FixedUpfrontPricingTerm")
    validity = find_term(offer.terms, "ValidityTerm")
    scheduled = find_term(offer.terms, "PaymentScheduleTerm")
    new_contract = upfront and not offer.replaces_agreement
    if new_contract and validity and "AgreementStartDate" not in validity:
        message = "Provide an AgreementStartDate."
        yield Conflict("MISSING_AGREEMENT_START_DATE", message, (VALIDITY, PRICING))
    if scheduled and upfront:
        message = "PaymentScheduleTerm can't be combined with ConfigurableUpfrontPricingTerm."
        yield Conflict("INCOMPATIBLE_TERMS", message, (SCHEDULE, PRICING))
    if scheduled and fixed and float(fixed["Price"]) != 0:
        message = "The Price of FixedUpfrontPricingTerm must be 0 with a PaymentScheduleTerm."
        yield Conflict("INCOMPATIBLE_TERMS", message, (PRICING, SCHEDULE))
    currencies = {each["CurrencyCode"] for each in pricing_terms(offer.terms)}
    if scheduled and currencies and currencies != {scheduled["CurrencyCode"]}:
        message = "Use the same CurrencyCode in all terms."
        yield Conflict("INCOMPATIBLE_CURRENCY_CODE", message, (SCHEDULE, PRICING))


def check_release(offer: Offer, working_copy: WorkingCopy) -> Iterator[Problem]:
    if offer.state == "Released":
        yield Problem("INVALID_UPDATE_REQUEST", "The offer is released already.")
        return
    aws, terms = working_copy.world.aws, offer.terms
    fixed, scheduled, validity, legal = (
        find_term(terms, f"{name}Term")
        for name in ("FixedUpfrontPricing", "PaymentSchedule", "Validity", "Legal")
    )
    mandatory = "MISSING_MANDATORY_TERMS"
    needed = [
        ("MISSING_NAME", "a Name", offer.name),
        ("MISSING_DESCRIPTION", "a Description", offer.description),
        ("MISSING_BUYER_ACCOUNTS", "BuyerAccounts", offer.buyer_accounts),
        ("MISSING_AVAILABILITY_END_DATE", "an AvailabilityEndDate", offer.availability_end),
        (mandatory, "a pricing term", pricing_terms(terms)),
        (mandatory, "a LegalTerm", legal),
        (mandatory, "a PaymentScheduleTerm", scheduled or not fixed),
        (mandatory, "a FixedUpfrontPricingTerm", fixed or not scheduled),
        (mandatory, "a ValidityTerm", validity or not fixed or offer.replaces_agreement),
    ]
    for code, name, is_given in needed:
        if not is_given:
            yield Problem(code, f"Add {name} to the offer.")
    if offer.availability_end and offer.availability_end < working_copy.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")
    if offer.replaces_agreement:
        if "AgreementEndDate" not in (validity or {}):
            yield Problem("MISSING_AGREEMENT_END_DATE", "Add an AgreementEndDate to the offer.")
        yield from _check_replacement(offer, aws.agreements[offer.replaces_agreement])
    if aws.product_visibility not in ("Public", "Limited"):
        yield Problem("INCOMPATIBLE_PRODUCT", "First create a public offer for the product.")
    if terms and currency(terms) not in working_copy.world.money.payout_currencies:
        message = f"Add a payment setting for {currency(terms)} to the seller account."
        yield Problem("INCOMPATIBLE_PAYMENT_SETTINGS", message)


def ended(agreement: Agreement) -> Problem:
    """Why no offer can replace an agreement that is not ACTIVE."""
    return Problem("INCOMPATIBLE_AGREEMENT", f"The agreement is {agreement.status}.")


def _check_replacement(offer: Offer, agreement: Agreement) -> Iterator[Problem]:
    if agreement.status != "ACTIVE":
        yield ended(agreement)
    before, after = (_fixed_term_types(each) for each in (agreement.terms, offer.terms))
    if pricing_terms(offer.terms) and before != after:
        message = f"Term types can't be added or removed: {sorted(before ^ after)}."
        yield Problem("INCOMPATIBLE_AGREEMENT", message)


def _fixed_term_types(terms: list[dict[str, object]]) -> set[str]:
    """The term types that an amendment cannot add or remove (ASSUMED: pricing and schedule)."""
    kept = [*pricing_terms(terms), find_term(terms, "PaymentScheduleTerm")]
    return {each["Type"] for each in kept if each}
