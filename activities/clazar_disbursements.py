"""What has been paid out, as Clazar's dataset of AWS's disbursements tells it."""

import asyncio
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from activities.clazar_client import ClazarClient
from offers.disbursement_report import ReportRow, payout_of
from offers.findings import Finding, Severity
from offers.payouts import DataFindings, PayoutReading

DATASET = "aws_marketplace_disbursements"
PAGE_SIZE = 5000
PAUSE_SECONDS = 2.0
"""Between the pages: analytics are allowed 30 requests a minute."""
TAXES = (
    "seller_tax_share",
    "seller_tax_share_refund",
    "aws_tax_share_listing_fee",
    "aws_tax_share_refund_listing_fee",
)


class ClazarDisbursements:
    """A source of payout data: one row for each invoice line and payout of it."""

    def __init__(self, client: ClazarClient) -> None:
        self._client = client

    async def read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:  # noqa: ARG002
        """What has been paid of some offers, or of all.  It does not tell when AWS collected."""
        rows: dict[str, list[ReportRow]] = {}
        findings = DataFindings()
        doubtful: set[str] = set()
        number = 0
        async for page in self._client.pages(f"/analytics/datasets/{DATASET}", PAGE_SIZE):
            for row in page:
                number += 1
                offer_id = row.get("offer_id")
                if not offer_id or (offer_ids is not None and offer_id not in offer_ids):
                    continue
                try:
                    rows.setdefault(offer_id, []).append(_report_row(row))
                except (ArithmeticError, ValueError) as error:
                    # One offer's odd rows must not hide the others' money.
                    findings.add(_finding(offer_id, error, number))
                    doubtful.add(offer_id)
            if len(page) == PAGE_SIZE:
                await asyncio.sleep(PAUSE_SECONDS)
        payouts = {}
        for offer_id, lines in rows.items():
            try:
                if lines:
                    payouts[offer_id] = payout_of(lines)
            except ValidationError as error:
                findings.add(_finding(offer_id, error))
        return PayoutReading(payouts=payouts, findings=findings.told, doubtful=frozenset(doubtful))


def _report_row(row: dict[str, Any]) -> ReportRow:
    gross, refund = _amount(row, "gross_revenue"), _amount(row, "gross_refund", blank=0)
    tax = sum(_amount(row, column, blank=0) for column in TAXES)
    if row.get("seller_net_revenue") is None:
        fee = _amount(row, "listing_fee") + _amount(row, "listing_fee_refund", blank=0)
    else:
        fee = _amount(row, "seller_net_revenue") - gross - refund - tax
    return ReportRow(
        offer_id=row["offer_id"],
        invoice_id=_text(row, "invoice_id"),
        line=row.get("transaction_reference_id") or "",
        currency=row.get("currency"),
        invoiced_on=_day(row, "invoice_date"),
        due_on=_day(row, "payment_due_date"),
        gross=gross,
        refund=refund,
        listing_fee=fee,
        tax=tax,
        disbursed=_amount(row, "disbursed_net_revenue"),
        undisbursed=_amount(row, "undisbursed_net_revenue"),
        disbursed_on=_day(row, "disbursement_date"),
        bank_trace_id=row.get("disburse_bank_trace_id") or None,
        # Clazar's words for the status are not published; AWS's is "Failed".
        failed="fail" in (row.get("disbursement_status") or "").lower(),
    )


def _text(row: dict[str, Any], column: str) -> str:
    if not row.get(column):
        raise ValueError(f"{column} is blank")
    return str(row[column])


def _amount(row: dict[str, Any], column: str, blank: int | None = None) -> Decimal:
    value = row.get(column)
    if value is None:
        if blank is None:
            raise ValueError(f"{column} is blank")
        return Decimal(blank)
    return Decimal(value)


def _day(row: dict[str, Any], column: str) -> date | None:
    value = row.get(column)
    return date.fromisoformat(value[:10]) if value else None


def _finding(offer_id: str, error: Exception, number: int | None = None) -> Finding:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        why = ".".join(map(str, first["loc"])) + f" {first['msg']}"
    else:
        why = str(error) if isinstance(error, ValueError) else "an amount is no number"
    return Finding(
        code="payout-data",
        severity=Severity.WARN,
        field=f"row {number}" if number else "rows",
        problem=f"offer {offer_id}: {why.strip()}",
        remedy="Ask Clazar about its disbursements dataset; the rest was counted",
        source=f"Clazar {DATASET}",
    )
