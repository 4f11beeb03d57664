"""The lines of the payout report as CSV and JSON."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from client.printable import one_line
from offers.money import Currency, Money
from offers.reports.payouts import PayoutLine, Totals

COLUMNS = (
    "offer",
    "company",
    "offer_id",
    "agreement_id",
    "invoice_id",
    "state",
    "currency",
    "gross",
    "refunded",
    "listing_fee",
    "tax",
    "net",
    "disbursed",
    "undisbursed",
    "invoiced_on",
    "due_on",
    "collected_on",
    "disbursed_on",
    "bank_trace_ids",
    "expected_amount",
    "expected_from",
    "expected_until",
    "waits_on",
    "overdue",
    "why",
)
"""The columns of the CSV, and the names in the JSON."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def line_values(line: PayoutLine) -> dict[str, Any]:
    """A line's values by column; amounts are decimal text in the line's currency."""
    invoice, coming = line.invoice, line.expected
    amounts = ("gross", "refunded", "listing_fee", "tax", "net", "disbursed", "undisbursed")
    days = ("invoiced_on", "due_on", "collected_on", "disbursed_on")
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    values |= {
        "offer": line.offer,
        "company": line.company,
        "offer_id": line.offer_id,
        "agreement_id": line.agreement_id,
        "currency": line.currency,
        "overdue": line.overdue,
    }
    if invoice:
        values |= {name: str(getattr(invoice, name).amount) for name in amounts}
        values |= {name: _iso(getattr(invoice, name)) for name in days}
        values |= {
            "invoice_id": invoice.invoice_id,
            "state": invoice.state.value,
            "bank_trace_ids": " ".join(invoice.bank_trace_ids) or None,
        }
    if coming:
        values |= {
            "expected_amount": str(coming.amount.amount),
            "expected_from": coming.earliest.isoformat(),
            "expected_until": coming.latest.isoformat(),
            "waits_on": coming.step.value,
            "why": coming.reason,
        }
    return values


def to_csv(lines: Iterable[PayoutLine]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _inert(value) for name, value in line_values(line).items()} for line in lines
    )
    return text.getvalue()


def _inert(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula (OWASP: CSV injection); numbers stay."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    is_formula = text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def to_json_data(
    lines: Iterable[PayoutLine], sums: Mapping[Currency, Totals], notes: Iterable[str]
) -> dict[str, Any]:
    return {
        "lines": [line_values(line) for line in lines],
        "totals": {currency: _plain(each) for currency, each in sums.items()},
        "findings": list(notes),
    }


def _plain(sums: Totals) -> dict[str, str]:
    amounts: dict[str, Money] = {name: getattr(sums, name) for name in Totals.model_fields}
    return {name: str(amount.amount) for name, amount in amounts.items()}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
