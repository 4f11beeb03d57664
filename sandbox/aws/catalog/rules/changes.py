"""The effect of each change on an offer, and the errors of a single change.

All functions change the offer of a working copy, never the world's.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import BaseModel

from sandbox.aws.catalog.rules import details as d
from sandbox.aws.catalog.rules.legal_documents import why_unusable
from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace.offer_terms import PRICING, Duration, find_term, installments
from sandbox.random_ids import new_id

NEWEST_STANDARD_EULA = "2022-07-14"
CURRENCIES = ("USD", "AUD", "EUR", "GBP", "JPY", "INR")
DUE_PERIODS = ("P15D", "P30D", "P45D", "P60D", "P90D", "P120D")
MAX_BUYER_ACCOUNTS = 26
MAX_CHARGES = 86
"""As vendors report (Tackle, Clazar); AWS's guide says 60."""
MAX_GRANTS = 200
MAX_MONTHS = 144
"""As vendors report (Tackle, Clazar); AWS's guide says 60."""
MAX_DAYS = 4383


def new_offer(change: d.CreateOffer) -> Offer:
    return Offer(new_id("offer-", 13), product_id=change.product_id, name=change.name)


def replacement_offer(change: d.CreateReplacementOffer, agreement: Agreement) -> Offer:
    return Offer(
        new_id("offer-", 13),
        product_id=agreement.product_id,
        name=change.name,
        buyer_accounts=[agreement.acceptor],
        replaces_agreement=agreement.id,
    )


def apply(change: BaseModel, offer: Offer, working_copy: WorkingCopy) -> Iterator[Problem]:
    """Apply one change to an offer of a working copy, and yield its problems."""
    match change:
        case d.UpdateInformation():
            yield from _information(change, offer)
        case d.UpdateTargeting():
            yield from _targeting(change, offer, working_copy)
        case d.UpdateAvailability():
            yield from _availability(change, offer, working_copy)
        case d.UpdateValidityTerms():
            yield from _validity(change.terms[0], offer, working_copy.today)
        case _ if offer.state == "Released":
            yield _not_after_release("This change")
        case d.UpdatePricingTerms():
            yield from _pricing(change.terms, working_copy.world.aws.dimensions)
            _replace_terms(offer, PRICING, *change.terms)
        case d.UpdatePaymentScheduleTerms():
            yield from _schedule(change.terms[0], offer, working_copy.today)
        case d.UpdateNetPaymentTerms():
            if change.terms[0].payment_due_period not in DUE_PERIODS:
                yield Problem("INVALID_PAYMENT_DUE_PERIOD", f"Use one of {', '.join(DUE_PERIODS)}.")
            _replace_terms(offer, ("NetPaymentTerm",), change.terms[0])
        case d.UpdateLegalTerms():
            yield from _legal(change.terms[0].documents[0], working_copy)
            _replace_terms(offer, ("LegalTerm",), change.terms[0])


def _information(change: d.UpdateInformation, offer: Offer) -> Iterator[Problem]:
    offer.name = change.name or offer.name
    offer.description = change.description or offer.description
    if change.pre_existing_agreement:
        if offer.state == "Released":
            yield _not_after_release("PreExistingAgreement")
        offer.pre_existing_agreement = _as_document(change.pre_existing_agreement)


def _targeting(
    change: d.UpdateTargeting, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    if offer.replaces_agreement or offer.state == "Released":
        kind = "replacement" if offer.replaces_agreement else "released"
        yield Problem("INCOMPATIBLE_TARGETING", f"Targeting can't be updated on a {kind} offer.")
        return
    accounts = offer.buyer_accounts = change.positive_targeting.buyer_accounts
    if len(accounts) > MAX_BUYER_ACCOUNTS:
        yield Problem("TOO_MANY_BUYER_ACCOUNTS", f"Provide up to {MAX_BUYER_ACCOUNTS} accounts.")
    # ASSUMED: the seller's own account is rejected.
    aws = working_copy.world.aws
    unknown = {each.account for each in aws.buyers.values() if not each.exists}
    if invalid := [each for each in accounts if each in unknown | {aws.seller_account}]:
        yield Problem("INVALID_BUYER_ACCOUNTS", f"Invalid accounts: {invalid}")


def _availability(
    change: d.UpdateAvailability, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    last_day = change.availability_end_date
    if last_day is None:
        yield Problem("MISSING_AVAILABILITY_END_DATE", "Provide an AvailabilityEndDate.")
    # For a released offer a past date is allowed: it withdraws the offer.
    elif offer.state == "Draft" and last_day < working_copy.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")
    offer.availability_end = last_day or offer.availability_end


def _pricing(terms: Sequence[d.PricingTerm], dimensions: Sequence[str]) -> Iterator[Problem]:
    if len(terms) > 1:
        are_equal = terms[0].type == terms[1].type
        code = "DUPLICATE_TERM_TYPES" if are_equal else "INCOMPATIBLE_TERMS"
        yield Problem(code, "Use only one of the upfront pricing terms.")
    for term in terms:
        if term.currency_code not in CURRENCIES:
            yield Problem("INVALID_CURRENCY_CODE", f"Provide one of {', '.join(CURRENCIES)}.")
        if isinstance(term, d.FixedUpfrontPricingTerm):
            code, keys = "INVALID_GRANTS", [grant.dimension_key for grant in term.grants]
            if len(keys) > MAX_GRANTS:
                yield Problem("TOO_MANY_GRANTS", f"Provide up to {MAX_GRANTS} grants.")
        else:
            card = term.rate_cards[0]
            code, keys = "INVALID_RATE_CARD", [rate.dimension_key for rate in card.rate_card]
            duration = Duration.parse(card.selector.value)
            if duration is None or duration.days or duration.months > MAX_MONTHS:
                message = f"{card.selector.value} isn't P1M to P{MAX_MONTHS}M."
                yield Problem("INVALID_SELECTOR_DURATION_VALUE", message)
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            yield Problem("DUPLICATE_DIMENSION_KEYS", f"Use each dimension once: {repeated}.")
        if unknown := sorted(set(keys) - set(dimensions)):
            yield Problem(code, f"The product has no dimensions {unknown}.")


def _validity(validity: d.ValidityTerm, offer: Offer, today: date) -> Iterator[Problem]:
    dates = validity.agreement_start_date or validity.agreement_end_date
    if offer.state == "Released":
        current = find_term(offer.terms, "ValidityTerm") or {}
        # ASSUMED: dates cannot be replaced by a duration.
        if dates or "AgreementDuration" not in current:
            yield _not_after_release("This change of the agreement's dates")
            return
    if validity.agreement_duration is None:
        yield from _validity_dates(validity, offer, today)
    else:
        if dates:
            message = "Provide either AgreementDuration or AgreementEndDate."
            yield Problem("INVALID_AGREEMENT_TIME_INTERVAL", message)
        duration = Duration.parse(validity.agreement_duration)
        if duration is None or duration.months > MAX_MONTHS or duration.days > MAX_DAYS:
            message = f"Provide a duration between P1M and P{MAX_MONTHS}M."
            yield Problem("INVALID_AGREEMENT_DURATION", message)
    _replace_terms(offer, ("ValidityTerm",), validity)


def _validity_dates(validity: d.ValidityTerm, offer: Offer, today: date) -> Iterator[Problem]:
    start, end = validity.agreement_start_date, validity.agreement_end_date
    if end is None:
        yield Problem("MISSING_AGREEMENT_END_DATE", "Provide an AgreementEndDate.")
    elif end < today:
        yield Problem("INVALID_AGREEMENT_END_DATE", "Provide a future AgreementEndDate.")
    elif offer.replaces_agreement and start:
        message = "A replacement offer starts when it is accepted."
        yield Problem("INCOMPATIBLE_AGREEMENT_START_DATE", message)
    elif not offer.replaces_agreement and start is None:
        yield Problem("MISSING_AGREEMENT_START_DATE", "Provide an AgreementStartDate.")
    elif start and start < today:
        yield Problem("INVALID_AGREEMENT_START_DATE", "Provide a future AgreementStartDate.")
    elif start and not start < end <= _latest_end(start):
        message = f"The agreement must be between 1 day and {MAX_MONTHS} months long."
        yield Problem("INVALID_AGREEMENT_TIME_INTERVAL", message)


def _latest_end(start: date) -> date:
    return Duration(months=MAX_MONTHS).after(datetime.combine(start, time(0), UTC)).date()


def _schedule(term: d.PaymentScheduleTerm, offer: Offer, today: date) -> Iterator[Problem]:
    if term.currency_code not in CURRENCIES:
        yield Problem("INVALID_CURRENCY_CODE", "Provide a supported CurrencyCode.")
    _replace_terms(offer, ("PaymentScheduleTerm",), term)
    days = [payment.charge_date for payment in installments(offer.terms)]
    if len(days) > MAX_CHARGES:
        yield Problem("TOO_MANY_CHARGES", f"Provide up to {MAX_CHARGES} charges.")
    if len(set(days)) < len(days):
        yield Problem("DUPLICATE_CHARGE_DATES", "Use each ChargeDate once.")
    if days[0] < today:
        yield Problem("INVALID_CHARGE_DATES", "The first ChargeDate can't be in the past.")


def _legal(eula: d.StandardEula | d.CustomEula, working_copy: WorkingCopy) -> Iterator[Problem]:
    if isinstance(eula, d.CustomEula):
        if reason := why_unusable(eula.url, working_copy.world):
            yield Problem("INVALID_LEGAL_DOCUMENTS", f"The document {reason}.")
    elif eula.version != NEWEST_STANDARD_EULA:
        message = "Only the most recent version of StandardEula is supported for new offers."
        yield Problem("INVALID_LEGAL_DOCUMENTS", message)


def _not_after_release(what: str) -> Problem:
    message = f"{what} can't be performed after the offer is released."
    return Problem("INVALID_UPDATE_REQUEST", message)


def _replace_terms(offer: Offer, kinds: tuple[str, ...], *terms: d.Details) -> None:
    kept = [term for term in offer.terms if term["Type"] not in kinds]
    offer.terms = [*kept, *map(_as_document, terms)]


def _as_document(part: d.Details) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
