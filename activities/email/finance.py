"""The mails to finance."""

from collections.abc import Callable, Sequence

from activities.email.actions import SHOW_ALL_PAYOUTS, command_line
from activities.email.message import EmailKind, EmailMessage
from offers.findings import Finding
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.record import OfferRecord
from offers.payouts.forecast import REMEDIES
from offers.payouts.model import InvoicePayout, Payout, PayoutState


def _company(record: OfferRecord) -> str:
    return record.company or record.opportunity_id


def _payouts(record: OfferRecord) -> str:
    return command_line(Action(kind=ActionKind.SHOW_PAYOUTS, offer=record.path))


def _payout_overdue(record: OfferRecord) -> EmailMessage:
    first = record.overdue[0]
    return EmailMessage(
        subject=f"Overdue: {first.amount} from {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            f"A payment from {_company(record)} is overdue:",
            *(f"{each.problem}. {REMEDIES[each.step]}." for each in record.overdue),
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _payout_reversed(record: OfferRecord) -> EmailMessage:
    reversed_ = [
        invoice
        for invoice in record.require_payout().invoices
        if invoice.state in (PayoutState.FAILED, PayoutState.REVERSED)
    ]
    return EmailMessage(
        subject=f"Payout failed or reversed: {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            "A payout failed or was reversed:",
            *(
                f"{each.transfers[-1].amount} of invoice {each.invoice_id}: {each.state}."
                f" AWS still owes {each.undisbursed} of this invoice."
                for each in reversed_
            ),
            "Check the bank account in the AWS Marketplace Management Portal. AWS pays again when"
            " it can.",
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _payout_unexpected(record: OfferRecord) -> EmailMessage:
    return EmailMessage(
        subject=f"Unexpected amounts: {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            "What AWS invoiced, deducted or refunded differs from what this contract leads us to"
            " expect:",
            *(f"{each.problem}. {each.remedy}." for each in record.payout_findings),
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _facts(record: OfferRecord) -> tuple[tuple[str, str], ...]:
    agreement = record.agreement.agreement_id if record.agreement else None
    known = (("Offer", record.offer_id), ("Agreement", agreement))
    payout = _invoices(record.payout) if record.payout else ()
    return (*((label, value) for label, value in known if value), *payout)


def _invoices(payout: Payout) -> tuple[tuple[str, str], ...]:
    return tuple((f"Invoice {each.invoice_id}", _invoice(each)) for each in payout.invoices)


def _invoice(invoice: InvoicePayout) -> str:
    parts = [
        f"{invoice.gross} gross",
        f"{invoice.listing_fee} fee",
        f"{invoice.disbursed} of {invoice.net} paid out",
        str(invoice.state),
        *invoice.bank_trace_ids,
    ]
    return ", ".join(parts)


def compose_unreadable_payout_data(findings: Sequence[Finding]) -> EmailMessage:
    """The mail about payout data that could not be read."""
    return EmailMessage(
        subject="Payout data that could not be read",
        greeting="Hello,",
        paragraphs=(
            "Some of the payout data could not be read. Everything else was counted. An invoice"
            " that the unreadable data may be about does not count as paid in full:",
            *map(str, findings),
        ),
        closing=(SHOW_ALL_PAYOUTS,),
    )


MESSAGES: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.FINANCE_PAYOUT_OVERDUE: _payout_overdue,
    EmailKind.FINANCE_PAYOUT_REVERSED: _payout_reversed,
    EmailKind.FINANCE_PAYOUT_UNEXPECTED: _payout_unexpected,
}
