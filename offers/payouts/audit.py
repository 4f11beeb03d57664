"""What of a payout is not as it was expected, for those who follow the money."""

from offers.findings import Finding, Severity
from offers.money import Money
from offers.payouts.listing_fee import ListingFee, unexpected_fee_rates
from offers.payouts.model import Payout


def audit_payout(payout: Payout, fee: ListingFee, price: Money) -> tuple[Finding, ...]:
    """Findings about currency, refunds and AWS's listing fee."""
    if payout.gross.currency != price.currency:
        return (
            Finding(
                code="payout-currency",
                severity=Severity.WARN,
                field="currency",
                problem=f"the data shows it in {payout.gross.currency}, but the price is in"
                f" {price.currency}: whether all of it is paid is not known",
                remedy="Compare the payouts by hand",
                seen=payout.gross.currency,
            ),
        )
    refunds = tuple(
        Finding(
            code="payout-refunded",
            severity=Severity.WARN,
            field="refunded",
            problem=f"{each.refunded} of invoice {each.invoice_id} were given back to the buyer, or"
            " AWS has paid too much",
            remedy="See whether that was agreed",
            seen=str(each.refunded),
        )
        for each in payout.invoices
        if each.refunded.amount
    )
    return refunds + unexpected_fee_rates(payout, fee)
