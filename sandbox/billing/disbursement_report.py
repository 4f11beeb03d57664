"""The disbursement report, as AWS's own query makes it of billing events.

What is taken back stands as a row with opposite signs.  Unlike AWS's published report, one row
stands for an invoice of which nothing has been paid out.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from sandbox.billing.ledger import BillingEvent, InvoiceLine, Ledger
from sandbox.billing.money import Disbursement, rounded
from sandbox.world import World

COLUMNS = {
    "SELLER_REV_SHARE": "gross",
    "SELLER_REV_SHARE_REFUND": "gross_refund",
    "SELLER_REV_SHARE_CREDIT": "gross_refund",
    "AWS_REV_SHARE": "listing_fee",
    "AWS_REV_SHARE_REFUND": "listing_fee_refund",
    "AWS_REV_SHARE_CREDIT": "listing_fee_refund",
    "SELLER_TAX_SHARE": "seller_tax_share",
    "SELLER_TAX_SHARE_REFUND": "seller_tax_share_refund",
}
"""Where the report shows a transaction type; what is not here does not come to the seller."""
NO_TRANSFER = ""


def restate(world: World, line: InvoiceLine) -> None:
    """Bring the rows of a line up to date in the report."""
    wanted = _rows(world.ledger, line)
    for transfer_id in list(line.rows):
        if transfer_id not in wanted:
            _drop(world.disbursements, line.rows.pop(transfer_id))
    for transfer_id, row in wanted.items():
        shown = line.rows.get(transfer_id)
        if shown is None:
            line.rows[transfer_id] = row
            world.disbursements.append(row)
        else:
            for each in fields(row):
                setattr(shown, each.name, getattr(row, each.name))


def _drop(rows: list[Disbursement], row: Disbursement) -> None:
    # Whoever runs the sandbox may have taken it out before.
    place = next((place for place, each in enumerate(rows) if each is row), None)
    if place is not None:
        del rows[place]


def _rows(ledger: Ledger, line: InvoiceLine) -> dict[str, Disbursement]:
    """By the id of the transfer."""
    groups: dict[str, list[BillingEvent]] = defaultdict(list)
    for event in ledger.of_line(line):
        if event.action != "COLLECTED":
            transfer = ledger.current(event.disbursement_billing_event_id or "")
            # A payout of which the transfer is missing counts as invoiced.
            groups[transfer.billing_event_id if transfer else NO_TRANSFER].append(event)
    invoiced = _sums(groups.pop(NO_TRANSFER, []))
    facts = replace(line.facts, listing_fee_percentage=_percentage(line, invoiced))
    if not groups:
        owed = replace(facts, **invoiced, disbursed=Decimal(0))
        owed.undisbursed = owed.net
        return {NO_TRANSFER: owed} if any(invoiced.values()) else {}
    rows = {
        transfer_id: _row(ledger.current(transfer_id), facts, events)
        for transfer_id, events in groups.items()
    }
    net = replace(facts, **invoiced).net
    disbursed = sum((row.disbursed for row in rows.values()), Decimal(0))
    for row in rows.values():
        row.undisbursed = net - disbursed
        row.status = row.status or _status(row.undisbursed, disbursed)
    return rows


def _row(
    transfer: BillingEvent | None, facts: Disbursement, events: Sequence[BillingEvent]
) -> Disbursement:
    assert transfer is not None
    paid: dict[str, Any] = {column: -amount for column, amount in _sums(events).items()}
    row = replace(facts, **paid, disbursed_at=transfer.invoice_date)
    row.bank_trace_id = transfer.bank_trace_id
    row.status = "Failed" if transfer.transaction_type == "DISBURSEMENT_FAILURE" else ""
    row.disbursed = row.net
    return row


def _sums(events: Sequence[BillingEvent]) -> dict[str, Any]:
    """Amounts by column."""
    sums = dict.fromkeys(COLUMNS.values(), Decimal(0))
    for event in events:
        if column := COLUMNS.get(event.transaction_type):
            sums[column] += event.amount
    return sums


def _status(undisbursed: Decimal, disbursed: Decimal) -> str:
    if undisbursed == 0:
        return "Disbursed"
    if disbursed == 0:
        return "Disbursement reversed"
    return "Disbursed" if undisbursed < 0 else "Partially disbursed"


def _percentage(line: InvoiceLine, invoiced: dict[str, Any]) -> Decimal:
    """The rate that was charged; another one once somebody has corrected the fee."""
    stated, gross = line.facts.listing_fee_percentage, invoiced["gross"]
    if gross == 0 or invoiced["listing_fee"] == -rounded(gross * stated / 100, line.facts.currency):
        return stated
    return Decimal(-invoiced["listing_fee"] * 100 / gross).quantize(Decimal("0.01"))
