"""AWS's listing fee for a private offer (AWS: listing-fees)."""

from decimal import Decimal

from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.money import MINOR_DIGITS, Money
from offers.payouts.model import InvoicePayout, Payout
from offers.terms.terms import OfferTerms

RENEWAL_RATE = Decimal("0.015")
RATES_BELOW_USD: tuple[tuple[Decimal, Decimal], ...] = (
    (Decimal(1_000_000), Decimal("0.03")),
    (Decimal(10_000_000), Decimal("0.02")),
)
"""The rate for a total contract value below each amount of US dollars, before tax."""
HIGHEST_TIER_RATE = Decimal("0.015")
ALL_RATES = (*(rate for _, rate in RATES_BELOW_USD), HIGHEST_TIER_RATE)
ROUNDING_SHARE = Decimal("0.0000001")
"""What rounding may make of an invoice with many lines."""


class ListingFee(FrozenModel):
    """What AWS is expected to keep and what is left: an estimate, the payout data decides."""

    rate: Decimal
    fee: Money
    net: Money


def listing_fee(price: Money, *, renewal: bool = False) -> ListingFee:
    """The fee on a contract's total value: 3 % below 1M USD, 2 % below 10M, 1.5 % above or renewed.

    AWS states its tiers in US dollars only.  For another currency the highest rate is assumed, so
    that the estimate never promises more than will come.
    """
    rate = RENEWAL_RATE if renewal else _rate(price)
    fee = Money.nearest(price.amount * rate, price.currency)
    return ListingFee(rate=rate, fee=fee, net=price - fee)


def _rate(price: Money) -> Decimal:
    if price.currency != "USD":
        return RATES_BELOW_USD[0][1]
    for limit, rate in RATES_BELOW_USD:
        if price.amount < limit:
            return rate
    return HIGHEST_TIER_RATE


def unexpected_fee_rates(payout: Payout, expected: ListingFee) -> tuple[Finding, ...]:
    """For each invoice whose fee AWS charged at another rate than expected, a finding.

    AWS rounds each line of an invoice and each payout of it: some minor units are no difference.
    What is an estimate is not held against anything.
    """
    return tuple(
        Finding(
            code="listing-fee",
            severity=Severity.WARN,
            field="listing_fee",
            problem=f"AWS kept {invoice.listing_fee} of invoice {invoice.invoice_id}, where {fee}"
            f" ({expected.rate.normalize():%}) was expected",
            remedy="Look at the renewal flag and the contract's tier, and ask AWS Marketplace",
            seen=str(invoice.listing_fee),
        )
        for invoice in payout.invoices
        if not invoice.estimated
        and not _is_about(invoice, fee := _fee_of(invoice, expected.rate))
        # The tiers are in US dollars: in another currency any rate may be right.
        and (
            invoice.gross.currency == "USD"
            or not any(_is_about(invoice, _fee_of(invoice, rate)) for rate in ALL_RATES)
        )
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


def expected_fee(terms: OfferTerms) -> ListingFee:
    """The listing fee that AWS is expected to keep.

    That the lower rate for renewals holds for those from outside of AWS Marketplace is not sure.
    """
    # An amendment is a sale to somebody who has bought before (AWS: listing fees).
    renewal = terms.agreement_end is not None or (
        terms.renewal is not None and terms.renewal.channel == "AwsMarketplace"
    )
    return listing_fee(terms.price, renewal=renewal)
