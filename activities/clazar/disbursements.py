"""Payouts from Clazar's dataset of AWS disbursements."""

import asyncio
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from activities.clazar.client import ClazarClient
from offers.clock import bounded_day
from offers.findings import Finding, Severity, explained
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import DataFindings, PayoutReading

DATASET = "aws_marketplace_disbursements"
PAGE_SIZE = 5000
PAUSE_SECONDS = 2.5
"""Between pages: the documented limit of the analytics API is 30 requests a minute."""
ODD = (ArithmeticError, AttributeError, TypeError, ValueError)
"""Raised by reading values of a wrong type or form."""
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
        """Payouts of the given offers, or of all.  The dataset has no collection dates."""
        reading = _Reading(offer_ids)
        async for page in self._client.pages(
            f"/analytics/datasets/{DATASET}", PAGE_SIZE, pause=PAUSE_SECONDS
        ):
            await asyncio.to_thread(reading.take, page)
        return await asyncio.to_thread(reading.sums)


class _Reading:
    """The rows and findings of the pages.  Invalid rows of one offer do not hide other payouts."""

    def __init__(self, offer_ids: Collection[str] | None) -> None:
        self._wanted = offer_ids
        self._rows: dict[str, list[ReportRow]] = {}
        self._findings = DataFindings()
        self._doubtful: set[str] = set()

    def take(self, page: list[Any]) -> None:
        """Add the rows of a page."""
        for row in page:
            if not isinstance(row, dict):
                self._findings.add(_finding("a row", "it is no object"))
                continue
            offer_id = str(row.get("offer_id") or "")
            if not offer_id:
                invoice = row.get("invoice_id") or "unknown"
                self._findings.add(_finding(f"invoice {invoice}", "it belongs to no offer"))
            elif self._wanted is None or offer_id in self._wanted:
                try:
                    self._rows.setdefault(offer_id, []).append(_report_row(row))
                except ODD as error:
                    about = f"offer {offer_id}, invoice {row.get('invoice_id') or 'unknown'}"
                    self._findings.add(_finding(about, _said_of(error)))
                    self._doubtful.add(offer_id)

    def sums(self) -> PayoutReading:
        """The payouts by offer."""
        payouts = {}
        for offer_id, lines in self._rows.items():
            try:
                if lines:
                    payouts[offer_id] = payout_from_report(lines)
            except ODD as error:
                self._findings.add(_finding(f"offer {offer_id}", _said_of(error)))
        return PayoutReading(
            payouts=payouts, findings=self._findings.limited, incomplete=frozenset(self._doubtful)
        )


def _report_row(row: dict[str, Any]) -> ReportRow:
    gross, refund = _amount(row, "gross_revenue"), _amount(row, "gross_refund", blank=0)
    tax = sum(_amount(row, column, blank=0) for column in TAXES)
    if row.get("seller_net_revenue") is None:
        fee = _amount(row, "listing_fee") + _amount(row, "listing_fee_refund", blank=0)
    else:
        fee = _amount(row, "seller_net_revenue") - gross - refund - tax
    return ReportRow(
        offer_id=row["offer_id"],
        agreement_id=row.get("agreement_id") or None,
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
    if value is None or value == "":
        if blank is None:
            raise ValueError(f"{column} is blank")
        return Decimal(blank)
    try:
        return Decimal(value)
    except ODD:
        raise ValueError(f"{column} is no amount: {str(value)[:40]!r}") from None


def _day(row: dict[str, Any], column: str) -> date | None:
    value = row.get(column)
    try:
        return bounded_day(date.fromisoformat(value[:10])) if value else None
    except ODD:
        raise ValueError(f"{column} is no possible date: {str(value)[:40]!r}") from None


def _said_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))} {explained(first)[0]}".strip()
    return str(error) if type(error) is ValueError else "a value has the wrong type"


def _finding(about: str, why: str) -> Finding:
    return Finding(
        code="payout-data",
        severity=Severity.WARN,
        field="rows",
        problem=f"{about}: {why}",
        remedy="Ask Clazar about its disbursements dataset; all other rows were counted",
        source=f"Clazar {DATASET}",
    )
