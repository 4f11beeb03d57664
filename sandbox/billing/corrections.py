"""Billing events that AWS corrects or takes back later, and what then becomes of the money."""

from decimal import Decimal

from sandbox.billing.disbursement_report import restate
from sandbox.billing.ledger import BillingEvent, InvoiceLine
from sandbox.billing.transfers import settle_later
from sandbox.world import World


class NotInLedger(LookupError):
    """The ledger does not hold it; the text says what."""


def correct(world: World, *, billing_event_id: str, amount: Decimal) -> BillingEvent:
    """Write an event again with another amount.  Raises NotInLedger."""
    _check(world, billing_event_id)
    after = world.ledger.rewrite(billing_event_id, world.now(), amount=amount)
    _follow(world, after)
    return after


def take_back(world: World, *, billing_event_id: str) -> BillingEvent:
    """Write an event again as deleted.  Raises NotInLedger."""
    _check(world, billing_event_id)
    after = world.ledger.rewrite(billing_event_id, world.now(), delete=True)
    _follow(world, after)
    return after


def correct_fee(world: World, *, invoice_id: str, listing_fee: Decimal) -> BillingEvent:
    """AWS finds that its fee for an invoice was another one, as a negative amount."""
    fee = find(world, invoice_id=invoice_id, transaction_type="AWS_REV_SHARE")
    return correct(world, billing_event_id=fee.billing_event_id, amount=listing_fee)


def find(
    world: World, *, invoice_id: str, transaction_type: str, action: str = "INVOICED"
) -> BillingEvent:
    """The first event of this kind on a buyer's invoice, as it stands.  Raises NotInLedger."""
    for event in world.ledger.of_line(line_of(world, invoice_id)):
        if (event.transaction_type, event.action) == (transaction_type, action):
            return event
    raise NotInLedger(f"there is no {action} {transaction_type} of invoice {invoice_id}")


def line_of(world: World, invoice_id: str) -> InvoiceLine:
    """The line of an invoice; AWS's have one each here.  Raises NotInLedger."""
    for line in world.ledger.lines.values():
        if line.facts.invoice_id == invoice_id:
            return line
    raise NotInLedger(f"there is no invoice {invoice_id}")


def _check(world: World, billing_event_id: str) -> None:
    if world.ledger.current(billing_event_id) is None:
        raise NotInLedger(f"there is no billing event {billing_event_id}")


def _follow(world: World, event: BillingEvent) -> None:
    if event.action == "INVOICED" and event.buyer_line_item_id and event.balance_impacting:
        line = world.ledger.lines[event.buyer_line_item_id]
        settle_later(world, line, [event.billing_event_id])
    # A transfer concerns every line that it paid.
    for line in _lines(world, event):
        restate(world, line)


def _lines(world: World, event: BillingEvent) -> list[InvoiceLine]:
    if event.buyer_line_item_id:
        return [world.ledger.lines[event.buyer_line_item_id]]
    return list(world.ledger.lines.values())
