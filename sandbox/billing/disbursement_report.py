"""The disbursement report, made from billing events as AWS's own query does.

A reversed payout is a row with opposite signs.  Unlike AWS's published report, an invoice without
a payout has one row, too.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from sandbox.billing.ledger import BillingEvent, InvoiceLine, Ledger
from sandbox.billing.money import Disbursement, round_amount
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
"""The report's column for each transaction type; other types are not paid to the seller."""
NO_TRANSFER = ""


def update_report(world: World, line: InvoiceLine) -> None:
    current = _rows(world.money.ledger, line)
    for transfer_id in list(line.report_rows):
        if transfer_id not in current:
            _remove(world.money.disbursements, line.report_rows.pop(transfer_id))
    for transfer_id, row in current.items():
        existing = line.report_rows.get(transfer_id)
        if existing is None:
            line.report_rows[transfer_id] = row
            world.money.disbursements.append(row)
        else:
            for each in fields(row):
                setattr(existing, each.name, getattr(row, each.name))


def _remove(rows: list[Disbursement], row: Disbursement) -> None:
    # A test may have removed it from `world.money.disbursements`.
    index = next((index for index, each in enumerate(rows) if each is row), None)
    if index is not None:
        del rows[index]


def _rows(ledger: Ledger, line: InvoiceLine) -> dict[str, Disbursement]:
    """By the id of the transfer."""
    groups: dict[str, list[BillingEvent]] = defaultdict(list)
    for event in ledger.events_of_line(line):
        if event.action != "COLLECTED":
            transfer = ledger.current(event.disbursement_billing_event_id or "")
            # A payout whose transfer was deleted counts as not paid.
            groups[transfer.billing_event_id if transfer else NO_TRANSFER].append(event)
    invoiced = _totals(groups.pop(NO_TRANSFER, []))
    template = replace(line.report_row, listing_fee_percentage=_percentage(line, invoiced))
    if not groups:
        unpaid = replace(template, **invoiced, disbursed=Decimal(0))
        unpaid.undisbursed = unpaid.net
        return {NO_TRANSFER: unpaid} if any(invoiced.values()) else {}
    rows = {
        transfer_id: _row(ledger.current(transfer_id), template, events)
        for transfer_id, events in groups.items()
    }
    net = replace(template, **invoiced).net
    disbursed = sum((row.disbursed for row in rows.values()), Decimal(0))
    for row in rows.values():
        row.undisbursed = net - disbursed
        row.status = row.status or _status(row.undisbursed, disbursed)
    return rows


def _row(
    transfer: BillingEvent | None, template: Disbursement, events: Sequence[BillingEvent]
) -> Disbursement:
    assert transfer is not None
    paid: dict[str, Any] = {column: -amount for column, amount in _totals(events).items()}
    row = replace(template, **paid, disbursed_at=transfer.invoice_date)
    row.bank_trace_id = transfer.bank_trace_id
    row.status = "Failed" if transfer.transaction_type == "DISBURSEMENT_FAILURE" else ""
    row.disbursed = row.net
    return row


def _totals(events: Sequence[BillingEvent]) -> dict[str, Any]:
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
    """The fee in percent; computed from the amounts if the fee was corrected later."""
    stated, gross = line.report_row.listing_fee_percentage, invoiced["gross"]
    if gross == 0 or invoiced["listing_fee"] == -round_amount(
        gross * stated / 100, line.report_row.currency
    ):
        return stated
    return Decimal(-invoiced["listing_fee"] * 100 / gross).quantize(Decimal("0.01"))
