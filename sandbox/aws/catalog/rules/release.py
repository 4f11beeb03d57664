"""The rules of ReleaseOffer: an offer must be whole, and both sides able to trade."""

from collections.abc import Iterator

from sandbox.aws.catalog.rules.working_copy import Problem, WorkingCopy
from sandbox.marketplace.offer_terms import currency, pricing, term
from sandbox.world import Agreement, Offer


def check(offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
    """Why this draft cannot be released."""
    if offer.state == "Released":
        yield Problem(
            "INVALID_UPDATE_REQUEST",
            "ReleaseOffer can't be performed after the offer is released.",
        )
        return
    yield from _parts(offer, stage)
    yield from _terms(offer)
    if offer.replaces_agreement:
        yield from _replacement(offer, stage.world.agreements[offer.replaces_agreement])
    if stage.world.product_visibility not in ("Public", "Limited"):
        yield Problem("INCOMPATIBLE_PRODUCT", "First create a public offer for the product.")
    if offer.terms and currency(offer.terms) not in stage.world.payout_currencies:
        yield Problem(
            "INCOMPATIBLE_PAYMENT_SETTINGS",
            f"Add a payment setting for {currency(offer.terms)} to the seller account.",
        )


def _parts(offer: Offer, stage: WorkingCopy) -> Iterator[Problem]:
    if not offer.name:
        yield Problem("MISSING_NAME", "Add a Name to the offer.")
    if not offer.description:
        yield Problem("MISSING_DESCRIPTION", "Add a Description to the offer.")
    if not offer.buyer_accounts and not offer.country_codes:
        yield Problem("MISSING_BUYER_ACCOUNTS", "Add BuyerAccounts to the offer.")
    if offer.availability_end is None:
        yield Problem("MISSING_AVAILABILITY_END_DATE", "Add an AvailabilityEndDate to the offer.")
    elif offer.availability_end < stage.today:
        yield Problem("INVALID_AVAILABILITY_END_DATE", "Provide a future AvailabilityEndDate.")


def _terms(offer: Offer) -> Iterator[Problem]:
    fixed = term(offer.terms, "FixedUpfrontPricingTerm")
    scheduled = term(offer.terms, "PaymentScheduleTerm")
    wanted = []
    if not pricing(offer.terms):
        wanted.append("a pricing term")
    if not term(offer.terms, "LegalTerm"):
        wanted.append("LegalTerm")
    if fixed and not scheduled and not term(offer.terms, "ByolPricingTerm"):
        wanted.append("PaymentScheduleTerm")
    if scheduled and not fixed:
        wanted.append("FixedUpfrontPricingTerm")
    validity = term(offer.terms, "ValidityTerm")
    if fixed and "Duration" not in fixed and not validity and not offer.replaces_agreement:
        wanted.append("ValidityTerm")
    for each in wanted:
        yield Problem("MISSING_MANDATORY_TERMS", f"Add {each} to the offer.")
    if offer.replaces_agreement and "AgreementEndDate" not in (validity or {}):
        yield Problem("MISSING_AGREEMENT_END_DATE", "Add an AgreementEndDate to the offer.")


def _replacement(offer: Offer, agreement: Agreement) -> Iterator[Problem]:
    if agreement.status != "ACTIVE":
        yield Problem("INCOMPATIBLE_AGREEMENT", f"The agreement is {agreement.status}.")
    before, after = (_kinds_kept(each) for each in (agreement.terms, offer.terms))
    if pricing(offer.terms) and before != after:
        yield Problem(
            "INCOMPATIBLE_AGREEMENT",
            f"Term types can't be added or removed: {sorted(before ^ after)}.",
        )


def _kinds_kept(terms: list[dict[str, object]]) -> set[str]:
    """The types that an amendment must have just as the agreement has (ASSUMED: what is paid)."""
    kept = [*pricing(terms), term(terms, "PaymentScheduleTerm")]
    return {each["Type"] for each in kept if each}
