"""The words of the mails to those who follow the money."""

from collections.abc import Callable, Sequence

from activities.email.actions import SHOW_ALL_PAYOUTS, command_line
from activities.email.message import EmailKind, EmailMessage
from offers.findings import Finding
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.record import OfferRecord
from offers.payouts.forecast import REMEDIES
from offers.payouts.model import InvoicePayout, Payout, PayoutState


def _named(record: OfferRecord) -> str:
    return record.company or record.opportunity_id


def _payouts(record: OfferRecord) -> str:
    return command_line(Action(kind=ActionKind.SHOW_PAYOUTS, offer=record.path))


def _late(record: OfferRecord) -> EmailMessage:
    first = record.overdue[0]
    return EmailMessage(
        subject=f"Late: {first.amount} from {_named(record)}",
        greeting="Hello,",
        paragraphs=(
            f"Money from {_named(record)} has not arrived. It waits on: {first.step}.",
            *(f"{each.problem}. {REMEDIES[each.step]}." for each in record.overdue),
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _taken_back(record: OfferRecord) -> EmailMessage:
    back = [
        invoice
        for invoice in record.require_payout().invoices
        if invoice.state in (PayoutState.FAILED, PayoutState.REVERSED)
    ]
    return EmailMessage(
        subject=f"Taken back: a payout for {_named(record)}",
        greeting="Hello,",
        paragraphs=(
            "A payout that was made did not stand:",
            *(
                f"{each.transfers[-1].amount} of invoice {each.invoice_id}: {each.state}."
                f" {each.undisbursed} of it are owed now."
                for each in back
            ),
            "Look at the bank account in AWS's portal: AWS pays again when it can.",
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _unexpected(record: OfferRecord) -> EmailMessage:
    return EmailMessage(
        subject=f"Not as expected: the money from {_named(record)}",
        greeting="Hello,",
        paragraphs=(
            "What AWS invoiced, kept or gave back is not what was expected of this contract:",
            *(f"{each.problem}. {each.remedy}." for each in record.payout_findings),
        ),
        facts=_facts(record),
    )


def _facts(record: OfferRecord) -> tuple[tuple[str, str], ...]:
    agreement = record.agreement.agreement_id if record.agreement else None
    known = (("Offer", record.offer_id), ("Agreement", agreement))
    payout = _invoices(record.payout) if record.payout else ()
    return (*((label, value) for label, value in known if value), *payout)


def _invoices(payout: Payout) -> tuple[tuple[str, str], ...]:
    return tuple((f"Invoice {each.invoice_id}", _said_of(each)) for each in payout.invoices)


def _said_of(invoice: InvoicePayout) -> str:
    said = [
        f"{invoice.gross} gross",
        f"{invoice.listing_fee} fee",
        f"{invoice.disbursed} of {invoice.net} paid",
        str(invoice.state),
        *invoice.bank_trace_ids,
    ]
    return ", ".join(said)


def of_payout_data(findings: Sequence[Finding]) -> EmailMessage:
    """What of the payout data could not be read."""
    return EmailMessage(
        subject="Payout data that could not be read",
        greeting="Hello,",
        paragraphs=(
            "Some of the payout data could not be read. The rest was counted, and nothing is taken"
            " as paid that what could not be read may be about:",
            *map(str, findings),
        ),
        closing=(SHOW_ALL_PAYOUTS,),
    )


LETTERS: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.FINANCE_LATE: _late,
    EmailKind.FINANCE_TAKEN_BACK: _taken_back,
    EmailKind.FINANCE_UNEXPECTED: _unexpected,
}
