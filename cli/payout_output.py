"""The payout report as a table, CSV, JSON or a plot."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.plain_table import Column, PlainTable
from offers.money import Currency
from offers.payouts.model import InvoicePayout
from offers.reports.payouts import MonthTotals, PayoutLine, Totals
from offers.text import day_text


class PlotUnavailable(Exception):
    """The plot cannot be drawn.  The text says why and what to do."""


def _company(line: PayoutLine) -> str:
    return line.company or ("" if line.offer else "(not followed here)")


def _waits_on(line: PayoutLine) -> Text:
    if line.expected is None:
        return Text()
    if line.overdue:
        return Text(f"{line.expected.step}, overdue", "bold red")
    return Text(line.expected.step)


def _range(line: PayoutLine) -> str:
    return (
        f"{day_text(line.expected.earliest)} to {day_text(line.expected.latest)}"
        if line.expected
        else ""
    )


def _of_invoice(content: Callable[[InvoicePayout], str | None]) -> Callable[[PayoutLine], str]:
    return lambda line: (content(line.invoice) or "") if line.invoice else ""


def _to_come(line: PayoutLine) -> str:
    return str(line.expected.amount) if line.expected else ""


TABLE_COLUMNS: tuple[Column[PayoutLine], ...] = (
    Column("Offer", 30, 1, lambda line: line.offer or line.offer_id),
    Column("Company", 14, 4, _company, widens=True),
    Column("Invoice", 20, 5, _of_invoice(lambda each: each.invoice_id)),
    Column("State", 19, 2, lambda line: line.invoice.state if line.invoice else "not invoiced"),
    Column("Invoiced", 11, 9, _of_invoice(lambda each: _day(each.invoiced_on))),
    Column("Due", 11, 8, _of_invoice(lambda each: _day(each.due_on))),
    Column("Gross", 20, 6, _of_invoice(lambda each: str(each.gross)), is_number=True),
    Column("Fee", 20, 11, _of_invoice(lambda each: str(each.listing_fee)), is_number=True),
    Column("Paid", 20, 7, _of_invoice(lambda each: str(each.disbursed)), is_number=True),
    Column("To come", 20, 3, _to_come, is_number=True),
    Column("Expected", 26, 10, _range),
    Column("Waits on", 23, 4, _waits_on),
    Column("Bank trace", 40, 12, _of_invoice(lambda each: ", ".join(each.bank_trace_ids))),
)


def payout_table(
    lines: Iterable[PayoutLine],
    sums: Mapping[Currency, Totals],
    notes: Iterable[str],
    width: int,
) -> RenderableType:
    sums_table = Table(title="Totals", title_justify="left")
    for title in ("", *sums):
        sums_table.add_column(title, justify="right", no_wrap=True)
    for name in Totals.model_fields:
        amounts = (f"{getattr(each, name).amount:,}" for each in sums.values())
        sums_table.add_row(name.replace("_", " "), *amounts)
    table = PlainTable(TABLE_COLUMNS, lines, width)
    return Group(table, "", sums_table, *(Text(f"\n{note}", "yellow") for note in notes))


BARS = {"expected": "#9aa5b1", "received": "#2f7d5d", "late": "#c0392b"}
"""The colours of a month's bars, from left to right."""


def plot(money: Mapping[Currency, Mapping[date, MonthTotals]], file: Path) -> None:
    """Draw expected, received and late amounts by month, one picture for each currency.

    Raises PlotUnavailable.
    """
    if not money:
        raise PlotUnavailable("there is nothing to plot: no offer was accepted yet")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotUnavailable(
            "matplotlib is not installed: pip install 'offerflow[plot]'"
        ) from None
    longest = max(map(len, money.values()))
    figure = Figure(figsize=(max(6, longest / 2) * len(money), 5), layout="constrained")
    (every,) = figure.subplots(1, len(money), squeeze=False)
    for axes, (currency, months) in zip(every, money.items(), strict=True):
        places = range(len(months))
        for shift, (name, colour) in zip((-0.27, 0, 0.27), BARS.items(), strict=True):
            heights = [float(getattr(each, name).amount) for each in months.values()]
            axes.bar([place + shift for place in places], heights, 0.27, label=name, color=colour)
        axes.set_xticks(places, [f"{month:%Y-%m}" for month in months], rotation=45)
        axes.set_ylabel(currency)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_title(f"{currency}: expected at acceptance, received, and late, by month")
        axes.legend()
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise PlotUnavailable(f"{file} cannot be written: {error}") from None


def _day(day: date | None) -> str | None:
    return day_text(day) if day else None
