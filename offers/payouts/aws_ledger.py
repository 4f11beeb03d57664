"""Payouts from AWS's billing event feed, the ledger that the disbursement report is made from.

Source of the rules: AWS's own query over the feed, collections_and_disbursements_report.  A
positive amount is owed to the seller; a DISBURSED event turns its INVOICED event's amount round,
and one of a failed or reversed payout turns it back.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from offers.findings import Finding, Severity
from offers.money import CURRENCIES, Currency, Money
from offers.payouts.model import InvoicePayout, Payout, Transfer, in_order

TRANSFERS = frozenset({"DISBURSEMENT", "DISBURSEMENT_FAILURE"})
"""Types of events that stand for one transfer to the bank; they belong to no offer."""
GROSS = frozenset({"SELLER_REV_SHARE"})
REFUNDED = frozenset({"SELLER_REV_SHARE_REFUND", "SELLER_REV_SHARE_CREDIT"})
FEE = frozenset({"AWS_REV_SHARE", "AWS_REV_SHARE_REFUND", "AWS_REV_SHARE_CREDIT"})
TAX = frozenset(
    f"{whose}_TAX_SHARE{kind}" for whose in ("SELLER", "AWS") for kind in ("", "_REFUND", "_CREDIT")
)
NOT_OURS = frozenset({"AWS_TAX_SHARE", "AWS_TAX_SHARE_REFUND", "AWS_TAX_SHARE_CREDIT"})
"""Taxes that AWS keeps for others, unless they are marked as changing the balance."""
OWED = ("INVOICED", "FORGIVEN")
"""Actions that make up what is owed; forgiving lowers it."""


class BillingEvent(NamedTuple):
    """What an event of the feed says, in its newest version.  Days are UTC."""

    action: str
    transaction_type: str
    amount: Decimal
    currency: str
    invoice_id: str
    """The buyer's invoice: AWS's fee may be on an invoice of its own."""
    agreement_id: str
    invoiced_on: date | None
    due_on: date | None
    acted_on: date | None
    transfer_id: str
    """The event of the transfer by which it was disbursed."""
    changes_balance: bool

    @property
    def counts(self) -> bool:
        """Whether it is money: taxes that AWS keeps for others are listed but are not ours."""
        return (
            self.transaction_type not in NOT_OURS
            or self.changes_balance
            or self.action == "DISBURSED"
        )


class BankTransfer(NamedTuple):
    """A transfer to the bank, or its failure."""

    on: date | None
    bank_trace_id: str | None
    failed: bool


def payout_from_ledger(
    offer_id: str, events: Iterable[BillingEvent], transfers: Mapping[str, BankTransfer]
) -> tuple[Payout | None, list[Finding]]:
    """What was paid of an offer by its events; None if nothing has been invoiced.

    What does not add up is not counted as paid, and is found.
    Raises pydantic.ValidationError if the events do not go together.
    """
    findings: list[Finding] = []
    invoices: dict[tuple[str, str], list[BillingEvent]] = {}
    for event in events:
        if problem := _wrong_with(event, transfers):
            findings.append(_finding(offer_id, event, problem))
        elif event.counts:
            invoices.setdefault((event.invoice_id, event.currency), []).append(event)
    summed = [
        _invoice(found, transfers)
        for _, found in sorted(invoices.items())
        if any(event.action == "INVOICED" for event in found)
    ]
    summed.sort(key=lambda invoice: invoice.invoiced_on or date.min)
    if not summed:
        return None, findings
    return Payout(offer_id=offer_id, invoices=tuple(summed)), findings


def _invoice(events: list[BillingEvent], transfers: Mapping[str, BankTransfer]) -> InvoicePayout:
    currency: Currency = next(each for each in CURRENCIES if each == events[0].currency)
    owed = [event for event in events if event.action in OWED]
    paid: dict[str, Decimal] = {}
    for event in events:
        if event.action == "DISBURSED":
            paid[event.transfer_id] = paid.get(event.transfer_id, Decimal()) - event.amount

    def of(types: frozenset[str], *actions: str) -> Decimal:
        return sum(
            (e.amount for e in owed if e.transaction_type in types and e.action in actions),
            Decimal(),
        )

    moved = [
        Transfer(
            on=transfers[each].on,
            amount=Money.nearest(amount, currency),
            bank_trace_id=transfers[each].bank_trace_id,
            failed=transfers[each].failed,
        )
        for each, amount in paid.items()
        if amount
    ]
    gross = Money.nearest(of(GROSS, "INVOICED"), currency)
    # What AWS forgives the buyer is as good as given back.
    refunded = Money.nearest(-of(REFUNDED, *OWED) - of(GROSS, "FORGIVEN"), currency)
    tax = Money.nearest(of(TAX, *OWED), currency)
    left = sum((e.amount for e in owed), Decimal()) - sum(paid.values(), Decimal())
    undisbursed = Money.nearest(left, currency)
    # AWS counts finer than the bank: what rounding leaves over is the fee's.
    net = sum((each.amount for each in moved), undisbursed)
    # AWS collects taxes and its own fee as well: what was sold is held against what was sold.
    sold = GROSS | REFUNDED
    collected = [
        e for e in events if e.action == "COLLECTED" and e.acted_on and e.transaction_type in sold
    ]
    whole = sum((e.amount for e in collected), Decimal()) >= (gross - refunded).amount
    return InvoicePayout(
        invoice_id=events[0].invoice_id,
        agreement_id=events[0].agreement_id or None,
        invoiced_on=min((e.invoiced_on for e in owed if e.invoiced_on), default=None),
        # Documented on INVOICED events only, but AWS's query reads it from the DISBURSED ones.
        due_on=max((e.due_on for e in events if e.due_on), default=None),
        collected_on=max((e.acted_on for e in collected if e.acted_on and whole), default=None),
        gross=gross,
        refunded=refunded,
        listing_fee=gross - refunded + tax - net,
        tax=tax,
        undisbursed=undisbursed,
        transfers=in_order(moved),
    )


def _wrong_with(
    event: BillingEvent, transfers: Mapping[str, BankTransfer]
) -> tuple[str, str] | None:
    """What keeps an event from being counted: the field and the problem."""
    if event.action not in (*OWED, "COLLECTED", "DISBURSED"):
        return "action", "it is not known what it means for the money"
    if event.transaction_type not in GROSS | REFUNDED | FEE | TAX:
        return "transaction_type", "it is not known what it means for the money"
    if event.currency not in CURRENCIES:
        return "currency", "it is none that a private offer can have"
    if not event.invoice_id:
        return "buyer_invoice_id", "it is blank, so the event belongs to no invoice"
    if event.action == "DISBURSED" and event.transfer_id not in transfers:
        return "disbursement_billing_event_id", "the feed has no such transfer: not taken as paid"
    return None


def _finding(offer_id: str, event: BillingEvent, problem: tuple[str, str]) -> Finding:
    field, why = problem
    seen = {
        "action": event.action,
        "transaction_type": event.transaction_type,
        "currency": event.currency,
        "disbursement_billing_event_id": event.transfer_id,
    }.get(field)
    return Finding(
        code="payout-data",
        severity=Severity.WARN,
        field=field,
        problem=f"offer {offer_id}, agreement {event.agreement_id or 'unknown'}: {why}",
        remedy="Ask AWS Marketplace, or look at the offer in the portal's disbursements",
        seen=seen,
        source="billingeventfeed_v1",
    )
