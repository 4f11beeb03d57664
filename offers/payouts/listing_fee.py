"""AWS's listing fee for a private offer, by the price list of `offers.policy.listing_fees`."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.money import MINOR_DIGITS, Money
from offers.payouts.model import InvoicePayout, Payout
from offers.policy.listing_fees import ListingFees, Sale
from offers.terms.terms import OfferTerms

ROUNDING_SHARE = Decimal("0.0000001")
"""What rounding may make of an invoice with many lines."""


class ListingFee(FrozenModel):
    """What AWS is expected to keep and what is left: an estimate, the payout data decides."""

    rates: tuple[Decimal, ...]
    """Each rate that may be right as far as is known here, the lowest first."""
    fee: Money
    """By the highest of them: the estimate never promises more than will come."""
    net: Money

    @property
    def rate(self) -> Decimal:
        """The rate of the estimate."""
        return self.rates[-1]

    @property
    def is_certain(self) -> bool:
        """Whether only one rate can be right."""
        return len(self.rates) == 1

    @property
    def rates_text(self) -> str:
        """The rates in words, such as `1.5% or 3%`."""
        return " or ".join(f"{rate.normalize():%}" for rate in self.rates)


def expected_fee(
    terms: OfferTerms,
    fees: ListingFees,
    *,
    buyer_country: str | None = None,
    accepted_on: date | None = None,
) -> ListingFee:
    """The fee on a contract's total value.

    More than one rate may be right: for a renewal from outside of AWS Marketplace that of a new
    sale, too (AWS's guide says renewal; whether it always is charged so is not known); for a tier
    in another currency than US dollars, in which alone AWS states them; for a buyer whose country
    is not known; and for an instalment that is invoiced after AWS has changed its list.
    """
    on = accepted_on or terms.availability_end
    rates = {
        rate + added
        for sale in _sales(terms, fees)
        for rate in _rates(fees, sale, terms.price, on)
        for added in _surcharges(fees, buyer_country, on)
    }
    fee = Money.nearest(terms.price.amount * max(rates), terms.price.currency)
    return ListingFee(rates=tuple(sorted(rates)), fee=fee, net=terms.price - fee)


def _sales(terms: OfferTerms, fees: ListingFees) -> tuple[Sale, ...]:
    """What the sale may count as."""
    if terms.product_id in fees.professional_services:
        return (Sale.PROFESSIONAL_SERVICES,)
    # An amendment is a sale to somebody who has bought before (AWS: listing fees).
    if terms.agreement_end is not None:
        return (Sale.RENEWAL,)
    if terms.renewal is None:
        return (Sale.PRIVATE_OFFER,)
    if terms.renewal.channel == "AwsMarketplace":
        return (Sale.RENEWAL,)
    return (Sale.RENEWAL, Sale.PRIVATE_OFFER)


def _rates(fees: ListingFees, sale: Sale, price: Money, on: date) -> Iterator[Decimal]:
    """By the list of a day, and by the later ones."""
    days = sorted({each.since for each in fees.rates if each.sale is sale})
    valid_since = max((day for day in days if day <= on), default=days[0])
    for since in days:
        if since < valid_since:
            continue
        tiers = sorted(
            (each for each in fees.rates if (each.sale, each.since) == (sale, since)),
            key=lambda each: each.from_usd,
        )
        if price.currency == "USD":
            tiers = [each for each in tiers if each.from_usd <= price.amount][-1:]
        yield from (each.rate for each in tiers)


def _surcharges(fees: ListingFees, buyer_country: str | None, on: date) -> set[Decimal]:
    """What may be added to a rate."""
    if buyer_country is None:
        return {Decimal(0), *(each.rate for each in fees.surcharges)}
    own = [each for each in fees.surcharges if each.buyer_country == buyer_country]
    not_yet = all(each.since > on for each in own)
    return {each.rate for each in own} | ({Decimal(0)} if not_yet else set())


def unexpected_fee_rates(payout: Payout, expected: ListingFee) -> tuple[Finding, ...]:
    """For each invoice whose fee AWS charged at a rate that is none of the expected, a finding.

    AWS rounds each line of an invoice and each payout of it: some minor units are no difference.
    What is an estimate is not held against anything.
    """
    return tuple(
        Finding(
            code="listing-fee",
            severity=Severity.WARN,
            field="listing_fee",
            problem=f"AWS kept {invoice.listing_fee} of invoice {invoice.invoice_id}, where"
            f" {_fees_text(invoice, expected)} was expected",
            remedy="Look at the renewal flag and the contract's tier, and ask AWS Marketplace",
            seen=str(invoice.listing_fee),
        )
        for invoice in payout.invoices
        if not invoice.estimated
        and not any(_is_about(invoice, _fee_of(invoice, rate)) for rate in expected.rates)
    )


def _fees_text(invoice: InvoicePayout, expected: ListingFee) -> str:
    return " or ".join(
        f"{_fee_of(invoice, rate)} ({rate.normalize():%})" for rate in expected.rates
    )


def _fee_of(invoice: InvoicePayout, rate: Decimal) -> Money:
    left = invoice.gross - invoice.refunded
    return Money.nearest(left.amount * rate, left.currency)


def _is_about(invoice: InvoicePayout, fee: Money) -> bool:
    unit = Decimal(1).scaleb(-MINOR_DIGITS[fee.currency])
    difference = (invoice.listing_fee - fee).amount.copy_abs()
    return difference <= max(
        unit * (1 + len(invoice.transfers)), invoice.gross.amount * ROUNDING_SHARE
    )
