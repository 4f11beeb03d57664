"""The mails to finance."""

from collections.abc import Callable, Sequence

from activities.email.actions import SHOW_ALL_PAYOUTS, command_line
from activities.email.message import EmailKind, EmailMessage
from offers.findings import Finding
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.payouts.forecast import REMEDIES
from offers.payouts.model import InvoicePayout, Payout, PayoutState
from offers.payouts.refund import DELAY_REMEDY, Refund, RefundStatus
from offers.text import day_text


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
                f"{_without_sign(each.transfers[-1].amount)} of invoice {each.invoice_id}:"
                f" {each.state}."
                f" AWS still owes {each.undisbursed} of this invoice."
                for each in reversed_
            ),
            "Check the bank account in the AWS Marketplace Management Portal. AWS pays again when"
            " it can.",
        ),
        facts=_facts(record),
        closing=(_payouts(record),),
    )


def _without_sign(money: Money) -> Money:
    return money.model_copy(update={"amount": abs(money.amount)})


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


def _refund_message(subject: str, *paragraphs: str) -> Callable[[OfferRecord], EmailMessage]:
    """What composes a mail about the one refund that the mail's record holds."""

    def compose(record: OfferRecord) -> EmailMessage:
        (refund,) = record.refunds
        about = {
            "amount": refund.amount,
            "company": _company(record),
            "problem": refund.problem or "no reason was given",
            "delay": refund.delay,
            "decided_by": refund.decided_by,
        }
        is_waiting = refund.status is RefundStatus.AWAITING_APPROVAL
        decisions = (ActionKind.APPROVE, ActionKind.DECLINE) if is_waiting else ()
        return EmailMessage(
            subject=subject.format_map(about),
            greeting="Hello,",
            paragraphs=tuple(each.format_map(about) for each in paragraphs),
            facts=(*_refund_facts(refund), *_facts(record)),
            closing=(
                *(
                    command_line(Action(kind=kind, offer=record.path, finding=refund.reference))
                    for kind in decisions
                ),
                _show(record),
            ),
        )

    return compose


def _refund_facts(refund: Refund) -> tuple[tuple[str, str], ...]:
    facts = (
        ("Refund", str(refund.amount)),
        ("Of invoice", refund.invoice_id),
        ("Reason", refund.reason.value),
        ("Description", refund.description),
        ("Requested by", refund.requested_by),
        ("Decided by", refund.decided_by),
        ("Signed", _signed(refund)),
        ("AWS's id", refund.adjustment_id),
    )
    return tuple((label, value) for label, value in facts if value)


def _signed(refund: Refund) -> str | None:
    if refund.decided_by is None:
        return None
    return "yes" if refund.proof else "no: nobody has verified who decided"


def _show(record: OfferRecord) -> str:
    return command_line(Action(kind=ActionKind.SHOW, offer=record.path))


def _facts(record: OfferRecord) -> tuple[tuple[str, str], ...]:
    agreement = record.agreement.agreement_id if record.agreement else None
    known = (("Offer", record.offer_id), ("Agreement", agreement))
    payout = invoice_facts(record.payout) if record.payout else ()
    return (*((label, value) for label, value in known if value), *payout)


LONGEST_INVOICES = 12
"""How many invoices a mail shows; the command shows all."""


def invoice_facts(payout: Payout) -> tuple[tuple[str, str], ...]:
    """The newest invoices of an offer, one row each."""
    older = len(payout.invoices) - LONGEST_INVOICES
    more = (("Older invoices", f"{older}, see the payouts"),) if older > 0 else ()
    newest = payout.invoices[-LONGEST_INVOICES:]
    return (*more, *((f"Invoice {each.invoice_id}", _invoice(each)) for each in newest))


def _invoice(invoice: InvoicePayout) -> str:
    """Gross, what goes off it, net, and what was paid out when and with which trace."""
    tax = invoice.tax.amount
    parts = [
        f"{invoice.gross} gross",
        f"{invoice.refunded} refunded" if invoice.refunded.amount else "",
        f"{invoice.listing_fee} fee",
        f"{invoice.tax} tax" if tax else "",
        f"{invoice.net} net",
        f"{invoice.disbursed} paid out" if invoice.disbursed != invoice.net else "",
        str(invoice.state)
        + (f" on {day_text(invoice.disbursed_on)}" if invoice.disbursed_on else ""),
        f"bank trace {' '.join(invoice.bank_trace_ids)}" if invoice.bank_trace_ids else "",
    ]
    return ", ".join(filter(None, parts))


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
    EmailKind.FINANCE_REFUND_REQUESTED: _refund_message(
        "Approval required: refund of {amount} to {company}",
        "Somebody asks to refund {amount} to {company}. It waits for approval by finance, and not"
        " by whoever asked for it.",
        "Once it is approved, AWS refunds the buyer, who is not asked. AWS cannot take it back.",
    ),
    EmailKind.FINANCE_REFUND_APPROVED: _refund_message(
        "Approved: refund of {amount} to {company}",
        "{decided_by} approved the refund for all who hold the role finance, and AWS is being asked"
        " for it. It cannot be taken back.",
        "If you are {decided_by} and it was not you, somebody else decides in your name: tell those"
        " who run Offerflow at once.",
    ),
    EmailKind.FINANCE_REFUND_DECLINED: _refund_message(
        "Declined: refund of {amount} to {company}",
        "The refund was declined: {problem}",
        "Nothing was refunded.",
    ),
    EmailKind.FINANCE_REFUND_COMPLETED: _refund_message(
        "Refunded: {amount} to {company}",
        "AWS has completed the refund of {amount} to {company}. With it AWS gives back its share of"
        " the listing fee, and takes the rest from one of the next payouts.",
    ),
    EmailKind.FINANCE_REFUND_FAILED: _refund_message(
        "Not refunded: {amount} to {company}",
        "AWS refused the refund: {problem}",
        "Nothing was refunded. Correct what it names, and ask for the refund again.",
    ),
    EmailKind.FINANCE_REFUND_DELAYED: _refund_message(
        "Late: refund of {amount} to {company}",
        "{delay}.",
        DELAY_REMEDY + ".",
    ),
}
