"""Money between buyers, AWS and the seller: invoices, payouts of them, and AWS's habits."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

MINOR_UNITS = {"JPY": Decimal(1)}
"""The smallest amount of a currency, where it is not a hundredth."""


def rounded(amount: Decimal, currency: str) -> Decimal:
    """In whole units of a currency."""
    return amount.quantize(MINOR_UNITS.get(currency, Decimal("0.01")), ROUND_HALF_UP)


@dataclass
class Invoice:
    """What AWS has invoiced for an agreement, before tax."""

    id: str
    agreement_id: str
    amount: Decimal
    currency: str
    issued_at: datetime


@dataclass
class Disbursement:
    """One row of AWS's disbursement report: an invoice line and one payout of it (or none yet).

    Amounts on a row are that payout's; `undisbursed` is the line's whole remainder and is repeated
    on each row (AWS: collections and disbursements report).
    """

    offer_id: str
    offer_name: str
    agreement_id: str
    acceptor: str
    agreement_accepted_at: datetime
    agreement_start: datetime
    agreement_end: datetime
    invoice_id: str
    invoice_date: datetime
    payment_due: datetime
    currency: str
    gross: Decimal
    listing_fee: Decimal
    """Negative: AWS keeps it."""
    listing_fee_percentage: Decimal
    """Such as 3."""
    disbursed: Decimal
    undisbursed: Decimal
    status: str
    """`Not disbursed`, `Partially disbursed`, `Disbursed`, `Failed`, `Disbursement reversed`."""
    disbursed_at: datetime | None = None
    bank_trace_id: str | None = None
    gross_refund: Decimal = Decimal(0)
    """Negative: refunds and credit memos."""
    listing_fee_refund: Decimal = Decimal(0)
    """Positive: of the fee, what AWS gives back with them."""
    seller_tax_share: Decimal = Decimal(0)
    """Tax that the seller gets, and owes to its tax authority."""
    seller_tax_share_refund: Decimal = Decimal(0)
    transaction_reference_id: str | None = None

    @property
    def net(self) -> Decimal:
        """What comes to the seller."""
        return (
            self.gross
            + self.gross_refund
            + self.listing_fee
            + self.listing_fee_refund
            + self.seller_tax_share
            + self.seller_tax_share_refund
        )


@dataclass
class PayoutSettings:
    """How and when AWS pays out an accepted offer.  Days are counted from the invoice."""

    collected_after_days: float = 30
    disbursed_after_days: float = 33
    """Days to the payout; none comes before AWS has collected from the buyer."""
    parts: list[Decimal] = field(default_factory=lambda: [Decimal(1)])
    """Shares of the net amount, paid a day apart or on successive paydays; they sum to 1."""
    outcome: str = "paid"
    """`paid`, `failed` (the bank refuses the last part) or `reversed` (paid, then taken back)."""
    retried_after_days: float | None = None
    """Days from a failed payout to its repetition, which succeeds; None: never."""
    never_collected: bool = False
    """The buyer does not pay, so nothing is paid out."""
    payout_schedule: Literal["daily", "monthly"] | None = None
    """Paydays at 00:00 UTC, the first of them after collection; `disbursed_after_days` then counts
    for nothing.  What falls due together goes in one transfer."""
    payout_day: int = 1
    """Of the month, 1 to 28, if the schedule is monthly."""
    bank_days: int = 0
    """Business days (Monday to Friday) from a payday to the payout (ASSUMED: dated by the bank)."""
    listing_fee_percentage: Decimal | None = None
    """What AWS charges whatever its rules say; None: by its rules."""
    seller_tax_percentage: Decimal = Decimal(0)
    """Tax on the invoice that AWS hands on to the seller."""
    aws_tax_percentage: Decimal = Decimal(0)
    """Tax on the invoice that AWS remits itself; the seller only sees it."""
    refund: Decimal = Decimal(0)
    """Share of the invoice that the buyer gets back, with the same share of fee and taxes."""
    refund_after_days: float = 40
    credit: Decimal = Decimal(0)
    """Share of the invoice that a credit memo gives the buyer."""
    credit_after_days: float = 40
    forgiven: Decimal = Decimal(0)
    """Share of the invoice that AWS no longer asks for."""
    forgiven_after_days: float = 20
    overpaid: Decimal = Decimal(0)
    """Share of the invoice that AWS pays out with the last part although nobody owes it."""
