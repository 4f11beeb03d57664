"""Refunds, credit memos and forgiven amounts.

Each returns a share of the price and the same share of AWS's fee and of the taxes.  Before the
payout of the line it reduces that payout; after it, it reduces later payouts of any invoice, and
until then the line's remainder is negative (ASSUMED: the order, and that a payout is not reduced to
zero or less).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sandbox.billing.disbursement_report import update_report
from sandbox.billing.ledger import BillingEvent, InvoiceLine
from sandbox.billing.money import round_amount
from sandbox.billing.transfers import settle_later
from sandbox.random_ids import new_id
from sandbox.world import World

RefundKind = Literal["refund", "credit", "forgiven"]
SUFFIXES: dict[RefundKind, str] = {"refund": "_REFUND", "credit": "_CREDIT", "forgiven": ""}


def schedule_refunds(world: World, line: InvoiceLine) -> None:
    settings = line.settings
    kinds: list[tuple[RefundKind, Decimal, float]] = [
        ("refund", settings.refund, settings.refund_after_days),
        ("credit", settings.credit, settings.credit_after_days),
        ("forgiven", settings.forgiven, settings.forgiven_after_days),
    ]
    for kind, share, days in kinds:
        if share:
            _schedule(world, line, kind, share, line.report_row.invoice_date + timedelta(days=days))


def _schedule(
    world: World, line: InvoiceLine, kind: RefundKind, share: Decimal, when: datetime
) -> None:
    def record(_: datetime) -> None:
        record_refund(world, line, kind, share)

    world.schedule(when, record)


def record_refund(
    world: World, line: InvoiceLine, kind: RefundKind, share: Decimal
) -> list[BillingEvent]:
    """Refund, credit or forgive a share of the invoice now; the events written for it."""
    invoiced = [each for each in world.money.ledger.events_of_line(line) if each.is_charge]
    written = []
    for event in invoiced:
        amount = -round_amount(event.amount * share, event.currency)
        # ASSUMED: a credit memo does not change taxes, as AWS's sample query has no such type.
        if amount and not (kind == "credit" and "_TAX_" in event.transaction_type):
            written.append(_refund_event(world, event, kind, amount))
    for each in written:
        world.money.ledger.write(each)
    settle_later(world, line, [e.billing_event_id for e in written if e.balance_impacting])
    update_report(world, line)
    return written


def _refund_event(
    world: World, event: BillingEvent, kind: RefundKind, amount: Decimal
) -> BillingEvent:
    # ASSUMED: on the buyer's invoice, with its date; only AWS_EUROPE's events name their parent.
    has_parent = kind == "forgiven" or event.broker_id == "AWS_EUROPE"
    return replace(
        event,
        billing_event_id=new_id("", 40),
        valid_from=world.now(),
        update_date=world.now(),
        action="FORGIVEN" if kind == "forgiven" else "INVOICED",
        transaction_type=event.transaction_type + SUFFIXES[kind],
        amount=amount,
        parent_billing_event_id=event.billing_event_id if has_parent else None,
        disbursement_amount=amount if event.balance_impacting else None,
        payment_due_date=None if kind == "forgiven" else event.payment_due_date,
    )
