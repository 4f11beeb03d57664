"""The payout report as a table, CSV, JSON or a plot."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from offers.money import Currency, Money
from offers.reports.payouts import MonthTotals, PayoutLine, Totals

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


class PlotUnavailable(Exception):
    """The plot cannot be drawn.  The text says why and what to do."""


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
    writer.writerows(line_values(line) for line in lines)
    return text.getvalue()


def to_json_data(
    lines: Iterable[PayoutLine], sums: Mapping[Currency, Totals], notes: Iterable[str]
) -> dict[str, Any]:
    return {
        "lines": [line_values(line) for line in lines],
        "totals": {currency: _plain(each) for currency, each in sums.items()},
        "findings": list(notes),
    }


def payout_table(
    lines: Iterable[PayoutLine], sums: Mapping[Currency, Totals], notes: Iterable[str]
) -> RenderableType:
    table = Table()
    table.add_column("Offer", no_wrap=True)
    for title in ("Company", "Invoice", "State", "Invoiced", "Due"):
        table.add_column(title)
    for title in ("Gross", "Fee", "Paid", "To come"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("Expected", "Waits on", "Bank trace"):
        table.add_column(title)
    for line in lines:
        table.add_row(*_cells(line))
    sums_table = Table(title="Totals", title_justify="left")
    names = list(Totals.model_fields)
    for title in ("", *names):
        sums_table.add_column(title.replace("_", " "), justify="right")
    for currency, each in sums.items():
        sums_table.add_row(currency, *(f"{getattr(each, name).amount:,}" for name in names))
    return Group(table, "", sums_table, *(Text(f"\n{note}", "yellow") for note in notes))


def _cells(line: PayoutLine) -> tuple[str | Text, ...]:
    invoice, coming = line.invoice, line.expected
    waits = (
        Text(f"{coming.step}, overdue" if line.overdue else str(coming.step)) if coming else Text()
    )
    waits.stylize("bold red" if line.overdue else "")
    return (
        line.offer or line.offer_id,
        line.company or ("" if line.offer else "(not followed here)"),
        invoice.invoice_id if invoice else "",
        invoice.state.value if invoice else "not invoiced",
        _iso(invoice.invoiced_on) or "" if invoice else "",
        _iso(invoice.due_on) or "" if invoice else "",
        str(invoice.gross) if invoice else "",
        f"{invoice.listing_fee.amount:,}" if invoice else "",
        f"{invoice.disbursed.amount:,}" if invoice else "",
        f"{coming.amount.amount:,}" if coming else "",
        f"{coming.earliest} to {coming.latest}" if coming else "",
        waits,
        ", ".join(invoice.bank_trace_ids) if invoice else "",
    )


def plot(money: Mapping[Currency, Mapping[date, MonthTotals]], file: Path) -> None:
    """Draw expected and received amounts by month and currency; raises PlotUnavailable."""
    if not money:
        raise PlotUnavailable("there is nothing to plot: no offer was accepted yet")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotUnavailable(
            "matplotlib is not installed: pip install 'offerflow[plot]'"
        ) from None
    figure = Figure(figsize=(10, 4 * len(money)), layout="constrained")
    every = figure.subplots(len(money), squeeze=False)[:, 0]
    for axes, (currency, months) in zip(every, money.items(), strict=True):
        places = range(len(months))
        for shift, name in ((-0.2, "expected"), (0.2, "received")):
            heights = [float(getattr(each, name).amount) for each in months.values()]
            axes.bar([place + shift for place in places], heights, 0.4, label=name)
        axes.set_xticks(places, [f"{month:%Y-%m}" for month in months], rotation=45)
        axes.set_ylabel(currency)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_title("Expected at acceptance, and received, by month")
        axes.legend()
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise PlotUnavailable(f"{file} cannot be written: {error}") from None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _plain(sums: Totals) -> dict[str, str]:
    amounts: dict[str, Money] = {name: getattr(sums, name) for name in Totals.model_fields}
    return {name: str(amount.amount) for name, amount in amounts.items()}
