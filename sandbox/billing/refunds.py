"""What the buyer need not pay after all: refunds, credit memos, and what AWS forgives.

Each gives back a share of the price and the same share of AWS's fee and of the taxes.  Before the
payout it lowers what is paid out; after it, later payouts to the seller are lowered, of whatever
invoice, and until then the line's remainder is negative (ASSUMED: in which order, and that a
payout that would leave nothing to transfer does not settle it).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sandbox.billing.disbursement_report import restate
from sandbox.billing.ledger import BillingEvent, InvoiceLine
from sandbox.billing.money import rounded
from sandbox.billing.transfers import settle_later
from sandbox.world import World, new_id

RefundKind = Literal["refund", "credit", "forgiven"]
SUFFIXES: dict[RefundKind, str] = {"refund": "_REFUND", "credit": "_CREDIT", "forgiven": ""}


def plan(world: World, line: InvoiceLine) -> None:
    """Put on the agenda what the habit of a new line says."""
    habit = line.habit
    kinds: list[tuple[RefundKind, Decimal, float]] = [
        ("refund", habit.refund, habit.refund_after_days),
        ("credit", habit.credit, habit.credit_after_days),
        ("forgiven", habit.forgiven, habit.forgiven_after_days),
    ]
    for kind, share, days in kinds:
        if share:
            _plan(world, line, kind, share, line.facts.invoice_date + timedelta(days=days))


def _plan(
    world: World, line: InvoiceLine, kind: RefundKind, share: Decimal, when: datetime
) -> None:
    def happen(_: datetime) -> None:
        give_back(world, line, kind, share)

    world.at(when, happen)


def give_back(
    world: World, line: InvoiceLine, kind: RefundKind, share: Decimal
) -> list[BillingEvent]:
    """Give a share of the invoice back now; the events that say so."""
    invoiced = [each for each in world.ledger.of_line(line) if each.is_charge]
    written = []
    for event in invoiced:
        amount = -rounded(event.amount * share, event.currency)
        # ASSUMED: a credit memo leaves taxes alone, as AWS's query knows of no such type.
        if amount and not (kind == "credit" and "_TAX_" in event.transaction_type):
            written.append(_back(world, event, kind, amount))
    for each in written:
        world.ledger.write(each)
    settle_later(world, line, [e.billing_event_id for e in written if e.balance_impacting])
    restate(world, line)
    return written


def _back(world: World, event: BillingEvent, kind: RefundKind, amount: Decimal) -> BillingEvent:
    # ASSUMED: on the buyer's invoice, with its date; only Europe's events name their origin.
    named = kind == "forgiven" or event.broker_id == "AWS_EUROPE"
    return replace(
        event,
        billing_event_id=new_id("", 40),
        valid_from=world.now(),
        update_date=world.now(),
        action="FORGIVEN" if kind == "forgiven" else "INVOICED",
        transaction_type=event.transaction_type + SUFFIXES[kind],
        amount=amount,
        parent_billing_event_id=event.billing_event_id if named else None,
        disbursement_amount=amount if event.balance_impacting else None,
        payment_due_date=None if kind == "forgiven" else event.payment_due_date,
    )
