"""What AWS Marketplace knows of the product and the buyer, held against the terms."""

from collections.abc import Iterator
from datetime import date, datetime

from pydantic import AwareDatetime

from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.terms.terms import OfferTerms
from offers.text import day_text

SELLABLE = frozenset({"Limited", "Public"})
"""Visibilities of a product that private offers can be made for (AWS: CreateOffer)."""


class Product(FrozenModel):
    """The product as AWS shows it."""

    seller_account: str
    visibility: str | None
    dimensions: tuple[str, ...]
    """The keys of its dimensions."""


class HeldAgreement(FrozenModel):
    """An agreement that a buyer account has, or has had, with us for the product."""

    agreement_id: str
    offer_id: str
    account_id: str
    active: bool
    ends_at: AwareDatetime | None = None


class OpenOffer(FrozenModel):
    """A released offer that a buyer account can still accept."""

    offer_id: str
    buyer_accounts: tuple[str, ...]
    availability_end: date | None


class ObservedOffer(FrozenModel):
    """What a feed or an event shows of an offer: a reason to ask AWS, not yet the evidence."""

    offer_id: str
    """AWS's."""
    name: str | None = None
    clazar_id: str | None = None
    """Clazar's id of it; None: AWS showed it."""
    linked_to: str | None = None
    """The Salesforce record that it belongs to in Clazar."""


class Marketplace(FrozenModel):
    """What AWS shows before anything is created there."""

    product: Product | None = None
    """None if the seller has no such product."""
    agreements: tuple[HeldAgreement, ...] = ()
    open_offers: tuple[OpenOffer, ...] = ()
    known_offer: OpenOffer | None = None
    """The offer that Salesforce shows for the opportunity, if it is still open."""
    renewed_agreement_id: str | None = None
    """The agreement that the deal renews: that the two do not overlap is a check of its own."""


def _product(terms: OfferTerms, aws: Marketplace, _: Policy) -> Iterator[Finding]:
    if aws.product is None:
        yield Finding(
            code="no-such-product",
            field="product_id",
            seen=terms.product_id,
            problem="AWS shows us no such product",
            remedy="Copy the product id from the AWS Marketplace Management Portal",
        )
    elif aws.product.visibility not in SELLABLE:
        yield Finding(
            code="product-not-listed",
            field="product_id",
            seen=f"{terms.product_id} is {aws.product.visibility}",
            problem="private offers need a product that is listed (Limited or Public)",
            remedy="Have the product listed in the AWS Marketplace Management Portal",
        )


def _dimensions(terms: OfferTerms, aws: Marketplace, _: Policy) -> Iterator[Finding]:
    known = aws.product.dimensions if aws.product else ()
    for dimension in terms.dimensions:
        if known and dimension.key not in known:
            yield Finding(
                code="no-such-dimension",
                field="dimensions",
                seen=dimension.key,
                problem="the product has no such dimension",
                remedy=f"Use {', '.join(known)}",
            )


def _own_account(terms: OfferTerms, aws: Marketplace, _: Policy) -> Iterator[Finding]:
    if aws.product and aws.product.seller_account in terms.buyer_accounts:
        yield Finding(
            code="own-account",
            field="buyer_accounts",
            seen=aws.product.seller_account,
            problem="this is our own seller account",
            remedy="Ask the buyer for the id of their management account",
        )


def _active_agreement(terms: OfferTerms, aws: Marketplace, policy: Policy) -> Iterator[Finding]:
    for agreement in aws.agreements:
        if agreement.agreement_id == aws.renewed_agreement_id:
            continue
        if agreement.active and agreement.account_id in terms.buyer_accounts:
            yield from policy.rules.active_agreement.violation(
                "active-agreement",
                "buyer_accounts",
                f"the account has an active agreement for the product ({agreement.agreement_id}"
                f"{_until(agreement.ends_at)}), and AWS refuses a second one",
                "Amend that agreement by an agreement-based offer (ABO) instead, from the"
                " opportunity that it was sold by; or use another account of the buyer",
                seen=agreement.account_id,
            )


def _open_offer(terms: OfferTerms, aws: Marketplace, policy: Policy) -> Iterator[Finding]:
    for offer in aws.open_offers:
        if shared := sorted(set(offer.buyer_accounts) & set(terms.buyer_accounts)):
            yield from policy.rules.open_offer.violation(
                "open-offer",
                "buyer_accounts",
                f"the buyer can still accept another offer of ours ({offer.offer_id},"
                f" until {offer.availability_end})",
                "Cancel that offer, or wait until it has been accepted or has expired; then resume",
                seen=", ".join(shared),
            )


def conflicting_offers(
    terms: OfferTerms, others: tuple[OpenOffer, ...], policy: Policy
) -> tuple[Finding, ...]:
    """Findings about other open offers that were created at the same time."""
    found = _open_offer(terms, Marketplace(open_offers=others), policy)
    return tuple(finding for finding in found if finding.severity is Severity.REFUSE)


def _known_offer(_: OfferTerms, aws: Marketplace, policy: Policy) -> Iterator[Finding]:
    if offer := aws.known_offer:
        yield from policy.rules.open_offer.violation(
            "open-offer",
            "opportunity",
            f"the offer that Salesforce shows for this opportunity is still open (until"
            f" {offer.availability_end})",
            "Cancel that offer first, or wait until it has been accepted or has expired",
            seen=offer.offer_id,
        )


def _renewal(terms: OfferTerms, aws: Marketplace, policy: Policy) -> Iterator[Finding]:
    had = sorted(a.agreement_id for a in aws.agreements if a.account_id in terms.buyer_accounts)
    flag = terms.renewal
    if flag and flag.channel == "AwsMarketplace" and not had:
        yield from policy.rules.renewal_flag.violation(
            "renewal-without-agreement",
            "renewal",
            "AWS shows no earlier agreement of these accounts for the product",
            "Remove the flag unless the customer really bought it through AWS Marketplace before",
            seen=flag.channel,
        )
    if not flag and had:
        yield from policy.rules.renewal_flag.violation(
            "renewal-not-flagged",
            "renewal",
            f"these accounts have bought the product before ({', '.join(had)})",
            "Flag the offer as a renewal if it is one: AWS's fee is lower",
        )


def _until(instant: datetime | None) -> str:
    return f", until {day_text(instant)}" if instant else ""


CHECKS = (
    Check({"product_id"}, _product),
    Check({"dimensions", "product_id"}, _dimensions),
    Check({"buyer_accounts"}, _own_account),
    Check({"buyer_accounts"}, _open_offer),
    Check((), _known_offer),
)

FIRST_SALE = (
    Check({"buyer_accounts"}, _active_agreement),
    Check({"buyer_accounts", "renewal"}, _renewal),
)
"""What an amendment is not held against: it needs an active agreement."""
