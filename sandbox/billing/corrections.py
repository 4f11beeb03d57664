"""Later corrections and deletions of billing events, and their effect on payouts and reports."""

from decimal import Decimal
from typing import Any

from sandbox.billing.disbursement_report import update_report
from sandbox.billing.ledger import BillingEvent, InvoiceLine
from sandbox.billing.transfers import settle_later
from sandbox.world import World


class NotInLedger(LookupError):
    """The ledger has no such event or invoice; the message names it."""


def correct_amount(world: World, *, billing_event_id: str, amount: Decimal) -> BillingEvent:
    """Write a new version of an event with another amount.  Raises NotInLedger."""
    return _write(world, billing_event_id, amount=amount)


def delete_event(world: World, *, billing_event_id: str) -> BillingEvent:
    """Write a new version of an event that deletes it.  Raises NotInLedger."""
    return _write(world, billing_event_id, delete=True)


def correct_listing_fee(world: World, *, invoice_id: str, listing_fee: Decimal) -> BillingEvent:
    """Correct the listing fee of an invoice; `listing_fee` is negative.  Raises NotInLedger."""
    fee = find_event(world, invoice_id=invoice_id, transaction_type="AWS_REV_SHARE")
    return correct_amount(world, billing_event_id=fee.billing_event_id, amount=listing_fee)


def find_event(
    world: World, *, invoice_id: str, transaction_type: str, action: str = "INVOICED"
) -> BillingEvent:
    """The first event of this kind on a buyer's invoice, latest version.  Raises NotInLedger."""
    for event in world.money.ledger.events_of_line(find_line(world, invoice_id)):
        if (event.transaction_type, event.action) == (transaction_type, action):
            return event
    raise NotInLedger(f"invoice {invoice_id} has no {action} {transaction_type}")


def find_line(world: World, invoice_id: str) -> InvoiceLine:
    """The line of an invoice; each simulated invoice has one.  Raises NotInLedger."""
    for line in world.money.ledger.lines.values():
        if line.report_row.invoice_id == invoice_id:
            return line
    raise NotInLedger(f"there is no invoice {invoice_id}")


def _write(world: World, event_id: str, **change: Any) -> BillingEvent:
    """Write a new version of an event, and update what depends on it."""
    ledger = world.money.ledger
    if ledger.current(event_id) is None:
        raise NotInLedger(f"there is no billing event {event_id}")
    event = ledger.add_version(event_id, world.now(), **change)
    # A transfer may have paid several lines.
    lines = list(ledger.lines.values())
    if event.buyer_line_item_id:
        lines = [ledger.lines[event.buyer_line_item_id]]
        if event.action == "INVOICED" and event.balance_impacting:
            settle_later(world, lines[0], [event_id])
    for line in lines:
        update_report(world, line)
    return event
