"""What of a payout is not as it was expected, for those who follow the money."""

from offers.findings import Finding, Severity
from offers.money import Money
from offers.payouts.listing_fee import ListingFee, unexpected_fee_rates
from offers.payouts.model import Payout


def audit_payout(payout: Payout, fee: ListingFee, price: Money) -> tuple[Finding, ...]:
    """Findings about currency, refunds and AWS's listing fee."""
    if payout.gross.currency != price.currency:
        return (
            _finding(
                "currency",
                f"the data shows it in {payout.gross.currency}, but the price is in"
                f" {price.currency}: whether"
                " all of it is paid is not known",
                "Compare the payouts by hand",
                payout.gross.currency,
            ),
        )
    refunds = tuple(
        _finding(
            "refunded",
            f"{each.refunded} of invoice {each.invoice_id} were given back to the buyer, or AWS has"
            " paid too much",
            "See whether that was agreed",
            str(each.refunded),
        )
        for each in payout.invoices
        if each.refunded.amount
    )
    return refunds + unexpected_fee_rates(payout, fee)


def _finding(field: str, problem: str, remedy: str, seen: str) -> Finding:
    return Finding(
        code=f"payout-{field}",
        severity=Severity.WARN,
        field=field,
        problem=problem,
        remedy=remedy,
        seen=seen,
    )
