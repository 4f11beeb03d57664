"""The payment is not showing up: how far the money of each invoice has come."""

from collections.abc import Callable, Iterator

from offers.diagnosis.cause import Cause, Facts, Question
from offers.diagnosis.snapshot import Snapshot, System
from offers.lifecycle.actions import ActionKind
from offers.payouts.forecast import REMEDIES, ExpectedPayment, Step
from offers.payouts.model import InvoicePayout, PayoutState
from offers.payouts.refund import RefundStatus
from offers.text import day_text

HANDBOOK = "Handbook, Common issues: payment not showing up"
DISBURSEMENTS = "AWS: userguide/managing-disbursements"
INVOICES = "AWS: userguide/private-offer-faq, invoices and payment terms"
DASHBOARD = "AWS: collections and disbursements dashboard"
PAYS_LATE = "AWS pays a seller only what it has collected from the buyer."
TAKEN_BACK = frozenset({PayoutState.FAILED, PayoutState.REVERSED})

Find = Callable[[Snapshot], Iterator[Facts]]


def _not_accepted(s: Snapshot) -> Iterator[Facts]:
    if not s.is_accepted:
        asked = System.AGREEMENTS in s.answered
        says = "AWS shows no agreement for {}" if asked else "Temporal knows of no agreement for {}"
        yield {"says": says.format(s.offer_id or "it"), "stage": s.stage.value}


def _agreement_ended(s: Snapshot) -> Iterator[Facts]:
    if s.has_ended_agreement and s.agreement:
        yield {"agreement": s.agreement.agreement_id, "status": s.agreement.status}


def _at_step(step: Step) -> Find:
    def find(s: Snapshot) -> Iterator[Facts]:
        taken_back = {each.invoice_id for each in s.invoices if each.state in TAKEN_BACK}
        for each in s.expected_payments if s.is_money_known else ():
            if each.step is step and (each.invoice_id not in taken_back or step is Step.PAUSED):
                yield _coming(s, each)

    return find


def _coming(s: Snapshot, payment: ExpectedPayment) -> Facts:
    late = payment.overdue_on <= s.today
    return {
        "amount": str(payment.amount),
        "invoice": f"invoice {payment.invoice_id}" if payment.invoice_id else "the next invoice",
        "evidence": f"{payment.reason}.{_as_of(s)}",
        "when": (
            f"It is overdue since {day_text(payment.overdue_on)}"
            if late
            else f"It is expected between {day_text(payment.earliest)} and"
            f" {day_text(payment.latest)}"
        ),
    }


def _as_of(s: Snapshot) -> str:
    if System.PAYOUTS in s.answered:
        return ""
    return " That is how the offer last saw it: the payout data does not answer now."


def _not_known(s: Snapshot) -> Iterator[Facts]:
    if s.is_accepted and not s.is_money_known:
        yield {}


def _in_state(state: PayoutState) -> Find:
    def find(s: Snapshot) -> Iterator[Facts]:
        for each in s.invoices:
            if each.state is state:
                last = each.transfers[-1].on
                on = f" on {day_text(last)}" if last else ""
                yield _invoice(s, each) | {"on": on, "left": str(each.undisbursed)}

    return find


def _invoice(s: Snapshot, each: InvoicePayout) -> Facts:
    return {
        "invoice": each.invoice_id,
        "gross": str(each.gross),
        "net": str(each.net),
        "as_of": _as_of(s),
    }


def _refunded(s: Snapshot) -> Iterator[Facts]:
    for each in s.invoices:
        if each.refunded.amount > 0:
            yield _invoice(s, each) | {"refunded": str(each.refunded)}


def _refund_awaited(s: Snapshot) -> Iterator[Facts]:
    for each in s.record.refunds if s.record else ():
        if each.status in (RefundStatus.APPROVED, RefundStatus.PENDING) or each.is_awaited:
            status = each.status.value
            yield {"refunded": str(each.amount), "invoice": each.invoice_id, "status": status}


def _paid_out(s: Snapshot) -> Iterator[Facts]:
    for each in s.invoices:
        for transfer in each.standing_transfers:
            yield _invoice(s, each) | {
                "amount": str(transfer.amount),
                "on": day_text(transfer.on) if transfer.on else "a day that is not shown",
                "trace": transfer.bank_trace_id or "not shown",
                "left": str(each.undisbursed),
            }


NOT_PAID = Question.NOT_PAID
LOOK: dict[ActionKind, dict[str, str]] = {ActionKind.SHOW_PAYOUTS: {}}
CAUSES: tuple[Cause, ...] = (
    Cause(
        "not-accepted",
        NOT_PAID,
        _not_accepted,
        "The offer is not accepted, so there is nothing to pay.",
        "{says}; it is in the stage {stage}.",
        "See why the customer has not accepted it",
        f"{HANDBOOK}: verify the offer was actually accepted",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "money-not-known",
        NOT_PAID,
        _not_known,
        "How far the money has come is not known: the payout data does not answer.",
        "The offer has not seen any payout data before.",
        "Ask again later",
        "docs/payouts.md",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "payout-failed",
        NOT_PAID,
        _in_state(PayoutState.FAILED),
        "The bank refused the payout of invoice {invoice}{on}: {left} are still to come.",
        "The payout data shows a failed payout.{as_of}",
        REMEDIES[Step.BANK],
        DASHBOARD,
        actions=LOOK,
    ),
    Cause(
        "payout-reversed",
        NOT_PAID,
        _in_state(PayoutState.REVERSED),
        "AWS took the payout of invoice {invoice} back{on}: {left} are still to come.",
        "The payout data shows that all that was paid of it was reversed.{as_of}",
        REMEDIES[Step.PAYOUT_CYCLE],
        DASHBOARD,
        actions=LOOK,
    ),
    Cause(
        "payouts-paused",
        NOT_PAID,
        _at_step(Step.PAUSED),
        "AWS pays nothing out for want of valid bank data: {amount} of {invoice} wait for it.",
        "{evidence}",
        REMEDIES[Step.PAUSED],
        "AWS: userguide/notifications-eventbridge, Disbursement Paused",
        actions=LOOK,
    ),
    Cause(
        "at-the-bank",
        NOT_PAID,
        _at_step(Step.BANK),
        "AWS should have paid {amount} of {invoice} out, and the data does not show it. {when}.",
        "{evidence}",
        REMEDIES[Step.BANK],
        DISBURSEMENTS,
        actions=LOOK,
    ),
    Cause(
        "awaiting-payout",
        NOT_PAID,
        _at_step(Step.PAYOUT_CYCLE),
        "AWS has the buyer's money, and {amount} of {invoice} wait for its next payout. {when}.",
        "{evidence}",
        REMEDIES[Step.PAYOUT_CYCLE],
        DISBURSEMENTS,
        actions=LOOK,
    ),
    Cause(
        "not-collected",
        NOT_PAID,
        _at_step(Step.COLLECTION),
        f"The invoice is due, and AWS has not collected it: {{amount}} of {{invoice}}. {{when}}."
        f" {PAYS_LATE}",
        "{evidence}",
        REMEDIES[Step.COLLECTION],
        DISBURSEMENTS,
        "AWS has invoiced you for our agreement, and the invoice is due ({invoice}). Could you"
        " please check whether it has been paid?",
        actions=LOOK,
    ),
    Cause(
        "not-due",
        NOT_PAID,
        _at_step(Step.DUE_DATE),
        f"The buyer need not have paid yet: {{amount}} of {{invoice}} are not due. {{when}}."
        f" {PAYS_LATE}",
        "{evidence}",
        REMEDIES[Step.DUE_DATE],
        INVOICES,
        actions=LOOK,
    ),
    Cause(
        "not-invoiced",
        NOT_PAID,
        _at_step(Step.INVOICE),
        "AWS has not invoiced {amount} yet. {when}.",
        "{evidence}",
        REMEDIES[Step.INVOICE],
        INVOICES,
        actions=LOOK,
    ),
    Cause(
        "agreement-ended",
        NOT_PAID,
        _agreement_ended,
        "The agreement has ended, so AWS invoices nothing more; what is invoiced is still paid.",
        "AWS shows agreement {agreement} as {status}.",
        "Look at the invoices that there are; for the rest a new offer is needed",
        "AWS: userguide/private-offers-upgrades-and-renewals",
        actions=LOOK,
    ),
    Cause(
        "refunded",
        NOT_PAID,
        _refunded,
        "{refunded} of invoice {invoice} went back to the buyer, so {net} of {gross} are ours.",
        "The payout data shows the refund.{as_of}",
        "Nothing is to be done if the refund was meant",
        DASHBOARD,
        actions=LOOK,
    ),
    Cause(
        "refund-under-way",
        NOT_PAID,
        _refund_awaited,
        "A refund of {refunded} of invoice {invoice} is under way ({status}).",
        "The refund is on record with the offer.",
        "Wait until the payout data shows it",
        "AWS: userguide, refunds",
        actions={ActionKind.SHOW: {}},
    ),
    Cause(
        "paid-out",
        NOT_PAID,
        _paid_out,
        "AWS paid {amount} of invoice {invoice} out on {on}, with the bank trace id {trace}.",
        "The payout data shows it; {left} of the invoice are still to come.{as_of}",
        "Look for the trace id in the bank's statement: one payout of AWS is for many invoices",
        f"{DASHBOARD}: bank trace ID",
        actions=LOOK,
    ),
)
"""What needs somebody first, then what has come furthest."""
