"""Invoices, rows of the disbursement report, and the settings of payments and payouts."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

MINOR_UNITS = {"JPY": Decimal(1)}
"""The minor unit of a currency, where it is not 0.01."""


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """Rounded half up to the currency's minor unit."""
    return amount.quantize(MINOR_UNITS.get(currency, Decimal("0.01")), ROUND_HALF_UP)


@dataclass
class Invoice:
    id: str
    agreement_id: str
    amount: Decimal
    currency: str
    issued_at: datetime


@dataclass
class Adjustment:
    """A billing adjustment that the seller requested."""

    agreement_id: str
    invoice_id: str
    amount: Decimal
    currency: str
    reason: str
    description: str | None
    token: str
    id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    status: str = "PENDING"
    """Or `COMPLETED`, `VALIDATION_FAILED`."""
    message: str | None = None

    @property
    def as_requested(self) -> "Adjustment":
        """The same as it was asked for."""
        return replace(self, created_at=None, updated_at=None, status="PENDING", message=None)


@dataclass
class AdjustmentProcessing:
    """How AWS processes billing adjustments."""

    pending_hours: float = 0.25
    """Business hours until an adjustment is completed, or has failed.  Sellers report minutes to
    three days."""
    failure: str | None = None
    """The message with which AWS fails those that are due from now on; None: it completes them."""


@dataclass
class Disbursement:
    """One row of AWS's disbursement report: an invoice line and one payout of it (or none yet).

    Amounts on a row belong to that payout; `undisbursed` is the remainder of the whole line and is
    the same on each of its rows (AWS: collections and disbursements report).
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
    """Negative: AWS deducts it."""
    listing_fee_percentage: Decimal
    """In percent, such as 3."""
    disbursed: Decimal
    undisbursed: Decimal
    status: str
    """`Not disbursed`, `Partially disbursed`, `Disbursed`, `Failed`, `Disbursement reversed`."""
    disbursed_at: datetime | None = None
    bank_trace_id: str | None = None
    gross_refund: Decimal = Decimal(0)
    """Negative: refunds and credit memos."""
    listing_fee_refund: Decimal = Decimal(0)
    """Positive: the share of the fee that AWS refunds with them."""
    seller_tax_share: Decimal = Decimal(0)
    """Tax that AWS pays to the seller, who remits it to the tax authority."""
    seller_tax_share_refund: Decimal = Decimal(0)
    transaction_reference_id: str | None = None

    @property
    def net(self) -> Decimal:
        """The amount for the seller."""
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
    """How buyers pay and AWS pays out.  Days are counted from the invoice, in business time."""

    collected_after_days: float = 30
    disbursed_after_days: float = 33
    """Days to the payout, which is never before the collection."""
    parts: list[Decimal] = field(default_factory=lambda: [Decimal(1)])
    """Shares of the net amount, paid one day apart or on successive payout dates; they sum to 1."""
    outcome: str = "paid"
    """`paid`, `failed` (the bank rejects the last part) or `reversed` (paid, then reversed)."""
    retried_after_days: float | None = None
    """Days from a failed payout to the second attempt, which succeeds; None: no second attempt."""
    never_collected: bool = False
    """The buyer does not pay, so there is no payout."""
    payout_schedule: Literal["daily", "monthly"] | None = None
    """Payouts on dates at 00:00 UTC, from the first one after collection; `disbursed_after_days`
    is then ignored.  Payouts due on one date are one transfer."""
    payout_day: int = 1
    """Day of the month, 1 to 28, if the schedule is monthly."""
    bank_days: int = 0
    """Bank days (Monday to Friday) from the payout date to the payout (ASSUMED: the report shows
    the bank's date)."""
    listing_fee_percentage: Decimal | None = None
    """The listing fee in percent; None: by AWS's rules."""
    seller_tax_percentage: Decimal = Decimal(0)
    """Tax on the invoice that AWS pays to the seller."""
    aws_tax_percentage: Decimal = Decimal(0)
    """Tax on the invoice that AWS remits itself; the seller does not get it."""
    refund: Decimal = Decimal(0)
    """Share of the invoice that is refunded, with the same share of fee and taxes."""
    refund_after_days: float = 40
    credit: Decimal = Decimal(0)
    """Share of the invoice that is credited by a credit memo."""
    credit_after_days: float = 40
    forgiven: Decimal = Decimal(0)
    """Share of the invoice that AWS forgives."""
    forgiven_after_days: float = 20
    overpaid: Decimal = Decimal(0)
    """Share of the invoice that AWS pays out in excess with the last part."""
