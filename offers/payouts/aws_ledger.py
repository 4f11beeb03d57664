"""Payouts from AWS's billing event feed, the ledger that the disbursement report is made from.

Source of the rules: AWS's own query over the feed, collections_and_disbursements_report.  A
positive amount is owed to the seller; a DISBURSED event turns its INVOICED event's amount round,
and one of a failed or reversed payout turns it back.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from offers.money import CURRENCIES, Currency, Money
from offers.payouts.model import InvoicePayout, Payout, Transfer, in_order

TRANSFERS = frozenset({"DISBURSEMENT", "DISBURSEMENT_FAILURE"})
"""Types of events that stand for one transfer to the bank; they belong to no offer."""
ADJUSTMENT = "BALANCE_ADJUSTMENT"
"""The type of events by which AWS changes the seller's balance, for no invoice."""
GROSS = frozenset({"SELLER_REV_SHARE"})
REFUNDED = frozenset({"SELLER_REV_SHARE_REFUND", "SELLER_REV_SHARE_CREDIT"})
FEE = frozenset({"AWS_REV_SHARE", "AWS_REV_SHARE_REFUND", "AWS_REV_SHARE_CREDIT"})
TAX = frozenset(
    f"{whose}_TAX_SHARE{kind}" for whose in ("SELLER", "AWS") for kind in ("", "_REFUND", "_CREDIT")
)
NOT_OURS = frozenset({"AWS_TAX_SHARE", "AWS_TAX_SHARE_REFUND", "AWS_TAX_SHARE_CREDIT"})
"""Taxes that AWS keeps for others, unless they are marked as changing the balance."""
OWED = frozenset({"INVOICED", "FORGIVEN"})
"""Actions that make up what is owed; forgiving lowers it."""
ACTIONS = OWED | {"COLLECTED", "DISBURSED"}


class BankTransfer(NamedTuple):
    """A transfer to the bank, or its failure."""

    on: date | None
    bank_trace_id: str | None
    failed: bool


class PaidShare(NamedTuple):
    """What a transfer paid of an invoice; negative if it took it back."""

    transfer_id: str
    amount: Decimal


class InvoiceSums(NamedTuple):
    """The sums of an invoice's events, in AWS's precision.  Days are UTC."""

    invoice_id: str
    """The buyer's invoice: AWS's fee may be on an invoice of its own."""
    currency: str
    agreement_id: str | None
    invoiced_on: date | None
    due_on: date | None
    collected_on: date | None
    """When AWS last collected something from the buyer."""
    collected: Decimal
    """Of what was sold; AWS collects taxes and its own fee as well."""
    gross: Decimal
    refunded: Decimal
    tax: Decimal
    owed: Decimal
    """What of it was and is ours, paid or not."""
    paid: tuple[PaidShare, ...] = ()


def payout_from_sums(
    offer_id: str, invoices: Iterable[InvoiceSums], transfers: Mapping[str, BankTransfer]
) -> Payout:
    """What was paid of an offer; raises pydantic.ValidationError if its sums do not go together."""
    found = tuple(_invoice(sums, transfers) for sums in invoices)
    return Payout(offer_id=offer_id, invoices=found)


def _invoice(sums: InvoiceSums, transfers: Mapping[str, BankTransfer]) -> InvoicePayout:
    currency: Currency = next(each for each in CURRENCIES if each == sums.currency)
    moved = [
        Transfer(
            on=transfers[share.transfer_id].on,
            amount=Money.nearest(share.amount, currency),
            bank_trace_id=transfers[share.transfer_id].bank_trace_id,
            failed=transfers[share.transfer_id].failed,
        )
        for share in sums.paid
    ]
    gross, refunded, tax = (
        Money.nearest(amount, currency) for amount in (sums.gross, sums.refunded, sums.tax)
    )
    paid = sum((share.amount for share in sums.paid), Decimal())
    undisbursed = Money.nearest(sums.owed - paid, currency)
    # AWS counts finer than the bank: what rounding leaves over is the fee's.
    net = sum((each.amount for each in moved), undisbursed)
    whole = sums.collected >= (gross - refunded).amount
    return InvoicePayout(
        invoice_id=sums.invoice_id,
        agreement_id=sums.agreement_id,
        invoiced_on=sums.invoiced_on,
        due_on=sums.due_on,
        collected_on=sums.collected_on if whole else None,
        gross=gross,
        refunded=refunded,
        listing_fee=gross - refunded + tax - net,
        tax=tax,
        undisbursed=undisbursed,
        transfers=in_order(moved),
    )
