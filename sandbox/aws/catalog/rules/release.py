"""The rules of ReleaseOffer: required fields and terms, the product, and the seller's account."""

from collections.abc import Iterator

from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace.offer_terms import currency, find_term, pricing_terms


def check(offer: Offer, working_copy: WorkingCopy) -> Iterator[Problem]:
    """The problems that prevent the release of an offer."""
    if offer.state == "Released":
        yield Problem(
            "INVALID_UPDATE_REQUEST",
            "ReleaseOffer can't be performed after the offer is released.",
        )
        return
    yield from _check_fields(offer, working_copy)
    yield from _check_terms(offer)
    if offer.replaces_agreement:
        yield from _check_replacement(
            offer, working_copy.world.aws.agreements[offer.replaces_agreement]
        )
    if working_copy.world.aws.product_visibility not in ("Public", "Limited"):
        yield Problem("INCOMPATIBLE_PRODUCT", "First create a public offer for the product.")
    if offer.terms and currency(offer.terms) not in working_copy.world.money.payout_currencies:
        yield Problem(
            "INCOMPATIBLE_PAYMENT_SETTINGS",
            f"Add a payment setting for {currency(offer.terms)} to the seller account.",
        )


def _check_fields(offer: Offer, working_copy: WorkingCopy) -> Iterator[Problem]:
    if not offer.name:
        yield Problem("MISSING_NAME", "Add a Name to the offer.")
    if not offer.description:
        yield Problem("MISSING_DESCRIPTION", "Add a Description to the offer.")
    if not offer.buyer_accounts and not offer.country_codes:
        yield Problem("MISSING_BUYER_ACCOUNTS", "Add BuyerAccounts to the offer.")
    if offer.availability_end is None:
        yield Problem("MISSING_AVAILABILITY_END_DATE", "Add an AvailabilityEndDate to the offer.")
    elif offer.availability_end < working_copy.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")


def _check_terms(offer: Offer) -> Iterator[Problem]:
    fixed = find_term(offer.terms, "FixedUpfrontPricingTerm")
    scheduled = find_term(offer.terms, "PaymentScheduleTerm")
    missing = []
    if not pricing_terms(offer.terms):
        missing.append("a pricing term")
    if not find_term(offer.terms, "LegalTerm"):
        missing.append("LegalTerm")
    if fixed and not scheduled and not find_term(offer.terms, "ByolPricingTerm"):
        missing.append("PaymentScheduleTerm")
    if scheduled and not fixed:
        missing.append("FixedUpfrontPricingTerm")
    validity = find_term(offer.terms, "ValidityTerm")
    if fixed and "Duration" not in fixed and not validity and not offer.replaces_agreement:
        missing.append("ValidityTerm")
    for each in missing:
        yield Problem("MISSING_MANDATORY_TERMS", f"Add {each} to the offer.")
    if offer.replaces_agreement and "AgreementEndDate" not in (validity or {}):
        yield Problem("MISSING_AGREEMENT_END_DATE", "Add an AgreementEndDate to the offer.")


def _check_replacement(offer: Offer, agreement: Agreement) -> Iterator[Problem]:
    if agreement.status != "ACTIVE":
        yield Problem("INCOMPATIBLE_AGREEMENT", f"The agreement is {agreement.status}.")
    before, after = (_fixed_term_types(each) for each in (agreement.terms, offer.terms))
    if pricing_terms(offer.terms) and before != after:
        yield Problem(
            "INCOMPATIBLE_AGREEMENT",
            f"Term types can't be added or removed: {sorted(before ^ after)}.",
        )


def _fixed_term_types(terms: list[dict[str, object]]) -> set[str]:
    """The term types that an amendment cannot add or remove (ASSUMED: pricing and schedule)."""
    kept = [*pricing_terms(terms), find_term(terms, "PaymentScheduleTerm")]
    return {each["Type"] for each in kept if each}
