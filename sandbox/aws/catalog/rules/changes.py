"""What each change does to an offer, and what AWS finds wrong with it on its own.

Everything here works on the copy that the stage holds.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from pydantic import BaseModel

from sandbox.aws.catalog.rules import details as d
from sandbox.aws.catalog.rules import pricing
from sandbox.aws.catalog.rules.legal_documents import complaint
from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.marketplace.offer_terms import PRICING, Duration, schedule, term
from sandbox.world import Agreement, Offer, new_id

NEWEST_STANDARD_EULA = "2022-07-14"
DUE_PERIODS = ("P15D", "P30D", "P45D", "P60D", "P90D", "P120D")
MAX_BUYER_ACCOUNTS = 26
MAX_CHARGES = 60


def created_offer(change: d.CreateOffer) -> Offer:
    """The draft that CreateOffer makes."""
    return Offer(new_id("offer-", 13), product_id=change.product_id, name=change.name)


def replaceable(agreement: Agreement) -> Iterator[Problem]:
    """Why no offer can replace this agreement."""
    if agreement.status != "ACTIVE":
        yield Problem("INCOMPATIBLE_AGREEMENT", f"The agreement is {agreement.status}.")
    kinds = ("FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm")
    if not any(term(agreement.terms, kind) for kind in kinds):
        # ASSUMED code; that an amendment needs contract pricing is documented.
        yield Problem("INCOMPATIBLE_AGREEMENT", "The agreement has no contract pricing.")


def replacement_offer(change: d.CreateReplacementOffer, agreement: Agreement) -> Offer:
    """The draft that CreateReplacementOffer makes: its buyer is the agreement's."""
    return Offer(
        new_id("offer-", 13),
        product_id=agreement.product_id,
        name=change.name,
        buyer_accounts=[agreement.acceptor],
        replaces_agreement=agreement.id,
    )


def apply(change: BaseModel, offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
    """Make one change to an offer.  Problems are yielded; the copy is then of no use."""
    match change:
        case d.UpdateInformation():
            yield from _information(change, offer)
        case d.UpdateTargeting():
            yield from _targeting(change, offer, stage)
        case d.UpdateAvailability():
            yield from _availability(change, offer, stage)
        case d.UpdateValidityTerms():
            yield from _validity(change, offer, stage)
        case _ if offer.state == "Released":
            yield _too_late("This change")
        case d.UpdatePricingTerms():
            yield from pricing.check(change, stage.dimensions)
            _put(offer, [_document(term) for term in change.terms], PRICING)
        case d.UpdatePaymentScheduleTerms():
            yield from _schedule(change, offer, stage)
        case d.UpdateNetPaymentTerms():
            yield from _net_payment(change, offer)
        case d.UpdateLegalTerms():
            yield from _legal(change, offer, stage)
        case d.UpdateSupportTerms():
            # ASSUMED code; the message is documented.
            yield Problem(
                "INCOMPATIBLE_TERMS",
                "SupportTerm isn't supported in private offers for the product.",
            )


def _information(change: d.UpdateInformation, offer: Offer) -> Iterator[Problem]:
    offer.name = change.name or offer.name
    offer.description = change.description or offer.description
    if change.pre_existing_agreement:
        if offer.state == "Released":
            yield _too_late("PreExistingAgreement")
        offer.pre_existing_agreement = _document(change.pre_existing_agreement)


def _targeting(change: d.UpdateTargeting, offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
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
    if strangers := [account for account in accounts if not _can_buy(account, stage)]:
        yield Problem("INVALID_BUYER_ACCOUNTS", f"Invalid accounts: {strangers}")
    countries = change.positive_targeting.country_codes or []
    if wrong := [code for code in countries if len(code) != 2 or not code.isupper()]:
        yield Problem("INVALID_COUNTRY_CODES", f"Invalid country codes: {wrong}")
    offer.buyer_accounts = accounts
    offer.country_codes = countries


def _can_buy(account: str, stage: WorkingCopy) -> bool:
    # That the seller's own account is refused is ASSUMED.
    buyer = stage.world.buyers.get(account)
    return account != stage.world.seller_account and (buyer is None or buyer.exists)


def _availability(
    change: d.UpdateAvailability, offer: Offer, stage: WorkingCopy
) -> Iterator[Problem]:
    if change.availability_end_date is None:
        yield Problem("MISSING_AVAILABILITY_END_DATE", "Provide an AvailabilityEndDate.")
        return
    # A past day is how a released offer is withdrawn.
    if offer.state == "Draft" and change.availability_end_date < stage.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")
    offer.availability_end = change.availability_end_date


def _validity(change: d.UpdateValidityTerms, offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
    validity = change.terms[0]
    start, end = validity.agreement_start_date, validity.agreement_end_date
    if offer.state == "Released":
        before = term(offer.terms, "ValidityTerm") or {}
        if start or end:
            yield _too_late("AgreementStartDate and AgreementEndDate")
            return
        # ASSUMED: a duration in the place of dates would change these.
        if "AgreementDuration" not in before:
            yield _too_late("An AgreementDuration where there was none")
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
    elif end < stage.today:
        yield Problem("INVALID_AGREEMENT_END_DATE", "Provide a future AgreementEndDate.")
    elif offer.replaces_agreement and start:
        yield Problem(
            "INCOMPATIBLE_AGREEMENT_START_DATE", "A replacement offer starts when it is accepted."
        )
    elif not offer.replaces_agreement and start is None:
        yield Problem("MISSING_AGREEMENT_START_DATE", "Provide an AgreementStartDate.")
    elif start and start < stage.today:
        yield Problem("INVALID_AGREEMENT_START_DATE", "Provide a future AgreementStartDate.")
    elif start and not start < end <= _longest_after(start):
        yield Problem(
            "INVALID_AGREEMENT_TIME_INTERVAL",
            f"The agreement must be between 1 day and {pricing.MAX_MONTHS} months long.",
        )
    _put(offer, [_document(validity)], ("ValidityTerm",))


def _duration(text: str) -> Iterator[Problem]:
    duration = Duration.parse(text)
    if duration is None or duration.months > pricing.MAX_MONTHS or duration.days > 1826:
        yield Problem(
            "INVALID_AGREEMENT_DURATION",
            f"Provide a duration between P1M and P{pricing.MAX_MONTHS}M, not {text}.",
        )


def _longest_after(start: Any) -> Any:
    first = datetime.combine(start, time(0), UTC)
    return Duration(months=pricing.MAX_MONTHS).after(first).date()


def _schedule(
    change: d.UpdatePaymentScheduleTerms, offer: Offer, stage: WorkingCopy
) -> Iterator[Problem]:
    if change.terms[0].currency_code not in pricing.CURRENCIES:
        yield Problem("INVALID_CURRENCY_CODE", "Provide a supported CurrencyCode.")
    _put(offer, [_document(change.terms[0])], ("PaymentScheduleTerm",))
    days = [payment.on for payment in schedule(offer.terms)]
    if len(days) > MAX_CHARGES:
        yield Problem("TOO_MANY_CHARGES", f"Provide up to {MAX_CHARGES} charges.")
    if len(set(days)) < len(days):
        yield Problem("DUPLICATE_CHARGE_DATES", "Use each ChargeDate once.")
    if days[0] < stage.today:
        yield Problem("INVALID_CHARGE_DATES", "The first ChargeDate can't be in the past.")


def _net_payment(change: d.UpdateNetPaymentTerms, offer: Offer) -> Iterator[Problem]:
    if change.terms[0].payment_due_period not in DUE_PERIODS:
        yield Problem(
            "INVALID_PAYMENT_DUE_PERIOD",
            f"Provide a PaymentDuePeriod of {', '.join(DUE_PERIODS)}.",
        )
    _put(offer, [_document(change.terms[0])], ("NetPaymentTerm",))


def _legal(change: d.UpdateLegalTerms, offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
    eula = change.terms[0].documents[0]
    if isinstance(eula, d.CustomEula):
        if reason := complaint(eula.url, stage.world):
            yield Problem("INVALID_LEGAL_DOCUMENTS", f"The document {reason}.")
    elif eula.version != NEWEST_STANDARD_EULA:
        yield Problem(
            "INVALID_LEGAL_DOCUMENTS",
            "Only the most recent version of StandardEula is supported for new offers.",
        )
    _put(offer, [_document(change.terms[0])], ("LegalTerm",))


def _too_late(what: str) -> Problem:
    return Problem(
        "INVALID_UPDATE_REQUEST", f"{what} can't be performed after the offer is released."
    )


def _put(offer: Offer, terms: list[dict[str, Any]], kinds: tuple[str, ...]) -> None:
    """Replace the terms of these types."""
    offer.terms = [term for term in offer.terms if term["Type"] not in kinds] + terms


def _document(part: d.Part) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
