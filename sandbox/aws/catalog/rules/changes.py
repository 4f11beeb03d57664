"""The effect of each change on an offer, and the errors of a single change.

All functions change the offer of a working copy, never the world's.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from pydantic import BaseModel

from sandbox.aws.catalog.rules import details as d
from sandbox.aws.catalog.rules import pricing
from sandbox.aws.catalog.rules.legal_documents import why_unusable
from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace.offer_terms import PRICING, Duration, find_term, installments
from sandbox.random_ids import new_id

NEWEST_STANDARD_EULA = "2022-07-14"
DUE_PERIODS = ("P15D", "P30D", "P45D", "P60D", "P90D", "P120D")
MAX_BUYER_ACCOUNTS = 26
MAX_CHARGES = 60


def new_offer(change: d.CreateOffer) -> Offer:
    """The draft that CreateOffer creates."""
    return Offer(new_id("offer-", 13), product_id=change.product_id, name=change.name)


def check_replaceable(agreement: Agreement) -> Iterator[Problem]:
    """Why no offer can replace this agreement."""
    if agreement.status != "ACTIVE":
        yield Problem("INCOMPATIBLE_AGREEMENT", f"The agreement is {agreement.status}.")
    kinds = ("FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm")
    if not any(find_term(agreement.terms, kind) for kind in kinds):
        # The rule is documented, the code is ASSUMED.
        yield Problem("INCOMPATIBLE_AGREEMENT", "The agreement has no contract pricing.")


def replacement_offer(change: d.CreateReplacementOffer, agreement: Agreement) -> Offer:
    """The draft that CreateReplacementOffer creates, for the agreement's buyer."""
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
            yield from _validity(change, offer, working_copy)
        case _ if offer.state == "Released":
            yield _not_after_release("This change")
        case d.UpdatePricingTerms():
            yield from pricing.check(change, working_copy.dimensions)
            _replace_terms(offer, [_as_document(term) for term in change.terms], PRICING)
        case d.UpdatePaymentScheduleTerms():
            yield from _schedule(change, offer, working_copy)
        case d.UpdateNetPaymentTerms():
            yield from _net_payment(change, offer)
        case d.UpdateLegalTerms():
            yield from _legal(change, offer, working_copy)
        case d.UpdateSupportTerms():
            # The message is documented, the code is ASSUMED.
            yield Problem(
                "INCOMPATIBLE_TERMS",
                "SupportTerm isn't supported in private offers for the product.",
            )


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
    if offer.replaces_agreement:
        yield Problem(
            "INCOMPATIBLE_TARGETING", "Targeting can't be updated on a replacement offer."
        )
        return
    if offer.state == "Released":
        yield Problem("INCOMPATIBLE_TARGETING", "Targeting can't be updated on a released offer.")
        return
    accounts = change.positive_targeting.buyer_accounts or []
    if len(accounts) > MAX_BUYER_ACCOUNTS:
        yield Problem(
            "TOO_MANY_BUYER_ACCOUNTS", f"Provide up to {MAX_BUYER_ACCOUNTS} buyer accounts."
        )
    if invalid := [account for account in accounts if not _can_buy(account, working_copy)]:
        yield Problem("INVALID_BUYER_ACCOUNTS", f"Invalid accounts: {invalid}")
    countries = change.positive_targeting.country_codes or []
    if wrong := [code for code in countries if len(code) != 2 or not code.isupper()]:
        yield Problem("INVALID_COUNTRY_CODES", f"Invalid country codes: {wrong}")
    offer.buyer_accounts = accounts
    offer.country_codes = countries


def _can_buy(account: str, working_copy: WorkingCopy) -> bool:
    # ASSUMED: the seller's own account is rejected.
    buyer = working_copy.world.aws.buyers.get(account)
    return account != working_copy.world.aws.seller_account and (buyer is None or buyer.exists)


def _availability(
    change: d.UpdateAvailability, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    if change.availability_end_date is None:
        yield Problem("MISSING_AVAILABILITY_END_DATE", "Provide an AvailabilityEndDate.")
        return
    # For a released offer a past date is allowed: it withdraws the offer.
    if offer.state == "Draft" and change.availability_end_date < working_copy.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")
    offer.availability_end = change.availability_end_date


def _validity(
    change: d.UpdateValidityTerms, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    validity = change.terms[0]
    start, end = validity.agreement_start_date, validity.agreement_end_date
    if offer.state == "Released":
        current = find_term(offer.terms, "ValidityTerm") or {}
        if start or end:
            yield _not_after_release("AgreementStartDate and AgreementEndDate")
            return
        # ASSUMED: dates cannot be replaced by a duration.
        if "AgreementDuration" not in current:
            yield _not_after_release("An AgreementDuration where there was none")
            return
    if validity.agreement_duration is not None:
        if start or end:
            yield Problem(
                "INVALID_AGREEMENT_TIME_INTERVAL",
                "Provide either AgreementDuration or AgreementStartDate and AgreementEndDate.",
            )
        yield from _duration(validity.agreement_duration)
    elif end is None:
        yield Problem("MISSING_AGREEMENT_END_DATE", "Provide an AgreementEndDate.")
    elif end < working_copy.today:
        yield Problem("INVALID_AGREEMENT_END_DATE", "Provide a future AgreementEndDate.")
    elif offer.replaces_agreement and start:
        yield Problem(
            "INCOMPATIBLE_AGREEMENT_START_DATE", "A replacement offer starts when it is accepted."
        )
    elif not offer.replaces_agreement and start is None:
        yield Problem("MISSING_AGREEMENT_START_DATE", "Provide an AgreementStartDate.")
    elif start and start < working_copy.today:
        yield Problem("INVALID_AGREEMENT_START_DATE", "Provide a future AgreementStartDate.")
    elif start and not start < end <= _latest_end(start):
        yield Problem(
            "INVALID_AGREEMENT_TIME_INTERVAL",
            f"The agreement must be between 1 day and {pricing.MAX_MONTHS} months long.",
        )
    _replace_terms(offer, [_as_document(validity)], ("ValidityTerm",))


def _duration(text: str) -> Iterator[Problem]:
    duration = Duration.parse(text)
    if duration is None or duration.months > pricing.MAX_MONTHS or duration.days > 1826:
        yield Problem(
            "INVALID_AGREEMENT_DURATION",
            f"Provide a duration between P1M and P{pricing.MAX_MONTHS}M, not {text}.",
        )


def _latest_end(start: Any) -> Any:
    first = datetime.combine(start, time(0), UTC)
    return Duration(months=pricing.MAX_MONTHS).after(first).date()


def _schedule(
    change: d.UpdatePaymentScheduleTerms, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    if change.terms[0].currency_code not in pricing.CURRENCIES:
        yield Problem("INVALID_CURRENCY_CODE", "Provide a supported CurrencyCode.")
    _replace_terms(offer, [_as_document(change.terms[0])], ("PaymentScheduleTerm",))
    days = [payment.charge_date for payment in installments(offer.terms)]
    if len(days) > MAX_CHARGES:
        yield Problem("TOO_MANY_CHARGES", f"Provide up to {MAX_CHARGES} charges.")
    if len(set(days)) < len(days):
        yield Problem("DUPLICATE_CHARGE_DATES", "Use each ChargeDate once.")
    if days[0] < working_copy.today:
        yield Problem("INVALID_CHARGE_DATES", "The first ChargeDate can't be in the past.")


def _net_payment(change: d.UpdateNetPaymentTerms, offer: Offer) -> Iterator[Problem]:
    if change.terms[0].payment_due_period not in DUE_PERIODS:
        yield Problem(
            "INVALID_PAYMENT_DUE_PERIOD",
            f"Provide a PaymentDuePeriod of {', '.join(DUE_PERIODS)}.",
        )
    _replace_terms(offer, [_as_document(change.terms[0])], ("NetPaymentTerm",))


def _legal(
    change: d.UpdateLegalTerms, offer: Offer, working_copy: WorkingCopy
) -> Iterator[Problem]:
    eula = change.terms[0].documents[0]
    if isinstance(eula, d.CustomEula):
        if reason := why_unusable(eula.url, working_copy.world):
            yield Problem("INVALID_LEGAL_DOCUMENTS", f"The document {reason}.")
    elif eula.version != NEWEST_STANDARD_EULA:
        yield Problem(
            "INVALID_LEGAL_DOCUMENTS",
            "Only the most recent version of StandardEula is supported for new offers.",
        )
    _replace_terms(offer, [_as_document(change.terms[0])], ("LegalTerm",))


def _not_after_release(what: str) -> Problem:
    return Problem(
        "INVALID_UPDATE_REQUEST", f"{what} can't be performed after the offer is released."
    )


def _replace_terms(offer: Offer, terms: list[dict[str, Any]], kinds: tuple[str, ...]) -> None:
    """Replace the terms of these types."""
    offer.terms = [term for term in offer.terms if term["Type"] not in kinds] + terms


def _as_document(part: d.Details) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
