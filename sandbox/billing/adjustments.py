"""The seller's billing adjustments: refunds of invoices through the Agreement API.

AWS: an adjustment needs no approval by the buyer and cannot be taken back; its entries are about
one agreement, and none is higher than what the invoice still lets be adjusted.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.billing.corrections import find_line
from sandbox.billing.money import Adjustment, Invoice
from sandbox.billing.refunds import record_refund
from sandbox.random_ids import new_id
from sandbox.world import World


@dataclass(frozen=True)
class Refused(Exception):
    """Why AWS does not take an entry: a code of its answer, and a message."""

    code: str
    message: str


def adjustable(world: World, invoice: Invoice) -> Decimal:
    """What of an invoice can still be adjusted, before tax."""
    given_back = sum(
        -event.amount
        for line in world.money.ledger.lines.values()
        if line.report_row.invoice_id == invoice.id
        for event in world.money.ledger.events_of_line(line)
        if event.transaction_type in ("SELLER_REV_SHARE_REFUND", "SELLER_REV_SHARE_CREDIT")
    )
    pending = sum(each.amount for each in _pending(world, invoice.id))
    return invoice.amount - given_back - pending


def create(world: World, given: Adjustment) -> Adjustment:
    """Take an entry; the same entry with the same token again is the one taken before.

    ASSUMED: what counts as a conflict.  Raises Refused.
    """
    for earlier in world.money.adjustments.values():
        if earlier.token == given.token:
            if replace(given, id=earlier.id) == earlier.as_requested:
                return earlier
            raise Refused("CONFLICT_EXCEPTION", "The client token was used for another request.")
    invoice = next((i for i in world.money.invoices if i.id == given.invoice_id), None)
    if invoice is None or invoice.agreement_id != given.agreement_id:
        raise Refused("RESOURCE_NOT_FOUND_EXCEPTION", f"Invoice {given.invoice_id} isn't found.")
    if given.currency != invoice.currency:
        raise Refused("VALIDATION_EXCEPTION", f"The invoice is in {invoice.currency}.")
    if _pending(world, invoice.id):
        raise Refused("CONFLICT_EXCEPTION", "An adjustment of the invoice is PENDING.")
    if not 0 < given.amount <= adjustable(world, invoice):
        message = "EXCEEDED_MAXIMUM_ADJUSTMENT_AMOUNT" if given.amount else "The amount is zero."
        raise Refused("VALIDATION_EXCEPTION", message)
    now = world.now()
    taken = replace(given, id=new_id("ba-", 25), created_at=now, updated_at=now)
    world.money.adjustments[taken.id] = taken
    processing = world.money.adjustment_processing
    world.schedule(
        now + timedelta(hours=processing.pending_hours), lambda when: _finish(world, taken, when)
    )
    return taken


def _finish(world: World, adjustment: Adjustment, when: datetime) -> None:
    adjustment.updated_at = when
    if failure := world.money.adjustment_processing.failure:
        adjustment.status, adjustment.message = "VALIDATION_FAILED", failure
        return
    adjustment.status = "COMPLETED"
    line = find_line(world, adjustment.invoice_id)
    # The share of the invoice, which the fee and the taxes are given back by, too.
    invoice = next(i for i in world.money.invoices if i.id == adjustment.invoice_id)
    record_refund(world, line, "refund", adjustment.amount / invoice.amount)


def _pending(world: World, invoice_id: str) -> list[Adjustment]:
    return [
        each
        for each in world.money.adjustments.values()
        if (each.invoice_id, each.status) == (invoice_id, "PENDING")
    ]
