"""The forecast by month as a table, CSV or JSON."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.plain_table import Column, PlainTable
from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.reports.monthly_forecast import CurrencyForecast

OVERDUE = "overdue"
IN_ALL = "in all"

EXPLANATION = (
    "Not agreed: offers that a buyer can still accept, as if on their last day. Low: what can"
    " arrive in no other month; high: all that can arrive in it. After AWS's expected fee."
    " An amendment counts with what it changes."
)


class ForecastRow(FrozenModel):
    """A month of one currency, what is overdue in it, or what is expected in all."""

    period: str
    """Such as `2027-01`."""
    currency: Currency
    agreed: tuple[Money, Money]
    """At least and at most."""
    not_agreed: tuple[Money, Money]


def rows(forecast: Mapping[Currency, CurrencyForecast], month: date | None) -> list[ForecastRow]:
    """What is overdue, each month, and all of it; with a month (its first day) only that one."""
    return [row for currency, each in forecast.items() for row in _rows(currency, each, month)]


def _rows(
    currency: Currency, forecast: CurrencyForecast, month: date | None
) -> Iterator[ForecastRow]:
    nothing = Money.of(0, currency)
    if month is None and forecast.overdue != nothing:
        yield ForecastRow(
            period=OVERDUE,
            currency=currency,
            agreed=(forecast.overdue, forecast.overdue),
            not_agreed=(nothing, nothing),
        )
    for each in forecast.months:
        if month in (None, each.month):
            yield ForecastRow(
                period=f"{each.month:%Y-%m}",
                currency=currency,
                agreed=(each.agreed.low, each.agreed.high),
                not_agreed=(each.not_agreed.low, each.not_agreed.high),
            )
    if month is None:
        yield ForecastRow(
            period=IN_ALL,
            currency=currency,
            agreed=(forecast.agreed, forecast.agreed),
            not_agreed=(forecast.not_agreed, forecast.not_agreed),
        )


def _values(row: ForecastRow) -> dict[str, str]:
    amounts = {
        "agreed_low": row.agreed[0],
        "agreed_high": row.agreed[1],
        "not_agreed_low": row.not_agreed[0],
        "not_agreed_high": row.not_agreed[1],
    }
    return {"period": row.period, "currency": row.currency} | {
        name: str(amount.amount) for name, amount in amounts.items()
    }


COLUMNS = (
    "period",
    "currency",
    "agreed_low",
    "agreed_high",
    "not_agreed_low",
    "not_agreed_high",
)
"""The columns of the CSV, and the names in the JSON."""


def to_csv(rows: Iterable[ForecastRow]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_values, rows))
    return text.getvalue()


def to_json_data(rows: Iterable[ForecastRow], notes: Iterable[str]) -> dict[str, Any]:
    return {"forecast": [_values(row) for row in rows], "findings": list(notes)}


def _period(row: ForecastRow) -> str:
    if row.period in (OVERDUE, IN_ALL):
        return row.period
    return f"{date.fromisoformat(f'{row.period}-01'):%b %Y}"


TABLE_COLUMNS: tuple[Column[ForecastRow], ...] = (
    Column("Month", 8, 1, _period),
    Column("Agreed, low", 20, 2, lambda row: str(row.agreed[0]), is_number=True),
    Column("Agreed, high", 20, 1, lambda row: str(row.agreed[1]), is_number=True),
    Column("Not agreed, low", 20, 4, lambda row: str(row.not_agreed[0]), is_number=True),
    Column("Not agreed, high", 20, 3, lambda row: str(row.not_agreed[1]), is_number=True),
)


def table(rows: Iterable[ForecastRow], notes: Iterable[str], width: int) -> RenderableType:
    return Group(
        PlainTable(TABLE_COLUMNS, rows, width),
        Text(f"\n{EXPLANATION}"),
        *(Text(f"\n{note}", "yellow") for note in notes),
    )
