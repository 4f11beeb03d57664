"""Payouts as AWS's collections and disbursements report has them, which Clazar passes on."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.payouts.model import InvoicePayout, Payout, Transfer, in_order


class ReportRow(FrozenModel):
    """One row: a line of an invoice and one payout of it, or none yet.

    Amounts are that payout's, with AWS's signs: what lessens our share is negative, and all is
    turned round on a row that takes a payout back.  Undisbursed is the line's whole remainder and
    is repeated on each of its rows (AWS: collections and disbursements report).
    """

    offer_id: str
    agreement_id: str | None = None
    invoice_id: str
    line: str = ""
    """Which line of the invoice, if it has several."""
    currency: Currency
    invoiced_on: date | None = None
    due_on: date | None = None
    gross: Decimal
    refund: Decimal = Decimal(0)
    listing_fee: Decimal
    """After what AWS gave back of it."""
    tax: Decimal = Decimal(0)
    disbursed: Decimal
    undisbursed: Decimal
    disbursed_on: date | None = None
    bank_trace_id: str | None = None
    failed: bool = False
    """Whether the bank rejected the payout that this row reverses."""

    @property
    def net(self) -> Decimal:
        """What of the row's money is ours."""
        return self.gross + self.refund + self.listing_fee + self.tax

    @property
    def is_payout(self) -> bool:
        """Whether money was moved, one way or the other."""
        return bool(self.disbursed) or self.disbursed_on is not None


def payout_from_report(rows: Iterable[ReportRow]) -> Payout:
    """The rows of one offer in a report, in any order, summed up by invoice.

    Raises pydantic.ValidationError if they do not go together.
    """
    # The order of Clazar's dataset is not documented.
    by_day = sorted(rows, key=lambda row: row.disbursed_on or date.min)
    invoices: dict[tuple[str, str], list[ReportRow]] = {}
    for row in by_day:
        invoices.setdefault((row.invoice_id, row.currency), []).append(row)
    summed = [_invoice(lines) for _, lines in sorted(invoices.items())]
    summed.sort(key=lambda invoice: invoice.invoiced_on or date.min)
    return Payout(offer_id=by_day[0].offer_id, invoices=tuple(summed))


def _invoice(rows: list[ReportRow]) -> InvoicePayout:
    currency = rows[0].currency
    lines: dict[str, list[ReportRow]] = {}
    for row in rows:
        lines.setdefault(row.line, []).append(row)
    untold = list(map(_unlisted_gross, lines.values()))
    invoiced = sum(
        (row.gross for row in rows), sum((each for each in untold if each > 0), Decimal())
    )
    returned = -sum((row.refund for row in rows), sum((e for e in untold if e < 0), Decimal()))
    tax = Money.nearest(sum((row.tax for row in rows), Decimal()), currency)
    undisbursed = sum((line[-1].undisbursed for line in lines.values()), Decimal())
    transfers = tuple(
        Transfer(
            on=row.disbursed_on,
            amount=Money.nearest(row.disbursed, currency),
            bank_trace_id=row.bank_trace_id,
            failed=row.failed,
        )
        for row in rows
        if row.is_payout
    )
    gross, refunded = Money.nearest(invoiced, currency), Money.nearest(returned, currency)
    owed = sum((each.amount for each in transfers), Money.nearest(undisbursed, currency))
    return InvoicePayout(
        invoice_id=rows[0].invoice_id,
        agreement_id=rows[0].agreement_id,
        estimated=any(untold),
        invoiced_on=min((row.invoiced_on for row in rows if row.invoiced_on), default=None),
        due_on=max((row.due_on for row in rows if row.due_on), default=None),
        gross=gross,
        refunded=refunded,
        listing_fee=gross - refunded + tax - owed,
        tax=tax,
        undisbursed=Money.nearest(undisbursed, currency),
        transfers=in_order(transfers),
    )


def _unlisted_gross(line: list[ReportRow]) -> Decimal:
    """What was invoiced besides what the rows show: they show only what was paid.

    It is in proportion to that.  Negative: what was paid and then refunded, of which no row tells.
    """
    owed = sum((row.disbursed for row in line), line[-1].undisbursed)
    untold = owed - sum((row.net for row in line), Decimal())
    gross = sum((row.gross for row in line if row.gross > 0), Decimal())
    net = sum((row.net for row in line if row.gross > 0), Decimal())
    return untold * gross / net if net > 0 else untold
