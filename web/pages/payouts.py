"""Money: what is expected, invoiced, collected, paid and late, by month and currency."""

from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from client.listing import renewals_among
from client.payout_lines import to_csv
from offers.lifecycle.summary import AGREED
from offers.money import Currency
from offers.payouts.model import PayoutReading
from offers.policy.payouts import PayoutRules
from offers.reports.payouts import (
    MonthTotals,
    PayoutLine,
    Totals,
    by_month,
    lines,
    month_of,
    totals,
)
from web.console import Console
from web.pages.page import CurrentActor, CurrentConsole, render
from web.reader import Reading
from web.rejection import Rejection

router = APIRouter(include_in_schema=False)

LONGEST_TABLE = 200
"""Lines; the CSV has all."""
MOST_NAMED = 10
"""Offers in a message."""
CHART_MONTHS = 18
MONTHS_BEFORE = 6
"""Of those in a chart, before the current one."""
RENEWALS_WITHIN = timedelta(days=180)


class Bar(NamedTuple):
    """A bar of the chart, in its coordinates."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    """`expected`, `received` or `late`."""
    text: str


class Chart(NamedTuple):
    """Money by month in one currency."""

    currency: Currency
    bars: list[Bar]
    months: list[tuple[float, str]]
    """Where each month's label is, and what it says."""
    ticks: list[tuple[float, str]]
    """Where each line across is, and its amount."""
    part: str | None
    """Which months are shown; None: all."""
    width: int
    height: int


class ReportedMoney(NamedTuple):
    """All that the page shows, from one reading of the list."""

    lines: list[PayoutLine]
    totals: dict[Currency, Totals]
    months: dict[Currency, dict[date, MonthTotals]]
    unreadable: list[str]


def money_of(console: Console, reading: Reading, month: date | None = None) -> ReportedMoney:
    """The money of every accepted offer as its workflow knows it: no vendor is asked."""
    money = _money(reading, console.policy.payouts, console.now().date())
    if month is None:
        return money
    found = [line for line in money.lines if line.concerns(month)]
    return money._replace(lines=found, totals=totals(found, month))


@lru_cache(maxsize=1)
def _money(reading: Reading, rules: PayoutRules, today: date) -> ReportedMoney:
    """Kept until the list changes: of 10,000 offers it takes a second."""
    accepted = [run for run in reading.runs if run.stage in AGREED]
    summaries = [run.summary for run in accepted if run.summary]
    known = {payout.offer_id: payout for each in summaries if (payout := each.payout) is not None}
    found = lines(summaries, PayoutReading(payouts=known), rules, today)
    months = by_month(summaries, found, rules)
    return ReportedMoney(
        found, totals(found), months, [run.path for run in accepted if run.problem]
    )


@router.get("/payouts")
async def payouts(
    request: Request, actor: CurrentActor, console: CurrentConsole, month: str = ""
) -> Response:
    """The page."""
    reading = await console.reader.current()
    first = parse_month(month)
    money = money_of(console, reading, first)
    return render(
        request,
        "payouts.html",
        actor,
        month=month if first else "",
        money=money,
        shown=money.lines[:LONGEST_TABLE],
        charts=[
            chart(c, months, console.now().date()) for c, months in money.months.items() if months
        ],
        renewals=renewals_among(reading.newest, console.now(), RENEWALS_WITHIN),
        live="/events",
        reading=reading,
    )


@router.get("/payouts.csv")
async def payouts_csv(_: CurrentActor, console: CurrentConsole, month: str = "") -> Response:
    """Every line as CSV.

    Nobody sees in a file that lines are missing: there is none as long as an offer cannot be read.
    """
    money = money_of(console, await console.reader.known(), parse_month(month))
    if money.unreadable:
        named = ", ".join(money.unreadable[:MOST_NAMED])
        raise Rejection(
            503,
            "offers-unreadable",
            f"{len(money.unreadable)} accepted offers would be left out, because their summaries"
            f" cannot be read: {named}",
            "Check OFFERS_ENCRYPTION_KEYS, and that the console and the workers have the same"
            " version. The page, and GET /api/v1/payouts, show what can be read",
        )
    return Response(
        to_csv(money.lines),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="payouts.csv"'},
    )


def parse_month(text: str) -> date | None:
    """The first day of a month such as 2027-01; raises Rejection (422)."""
    if not text:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Rejection(
            422, "value-invalid", "it is not a month", "Write it as 2027-01", field="month"
        ) from None


WIDTH, HEIGHT = 900, 260
LEFT, BOTTOM, TOP = 90, 30, 10
ROOM = HEIGHT - BOTTOM - TOP
SERIES = ("expected", "received", "late")


def chart(currency: Currency, months: dict[date, MonthTotals], today: date) -> Chart:
    """Bars side by side for each month; if there are many, for those around the current one."""
    passed = sum(1 for month in months if month < month_of(today))
    first = max(0, min(passed - MONTHS_BEFORE, len(months) - CHART_MONTHS))
    shown = list(months.items())[first : first + CHART_MONTHS]
    amounts = [getattr(each, name).amount for _, each in shown for name in SERIES]
    highest = _nice(max([*amounts, Decimal(1)]))
    room = (WIDTH - LEFT) / len(shown)
    bars = []
    for number, (month, each) in enumerate(shown):
        for place, name in enumerate(SERIES):
            amount = getattr(each, name)
            height = float(max(amount.amount, Decimal()) / highest) * ROOM
            bars.append(
                Bar(
                    x=round(LEFT + number * room + room * (0.1 + 0.27 * place), 1),
                    y=round(HEIGHT - BOTTOM - height, 1),
                    width=round(room * 0.25, 1),
                    height=round(height, 1),
                    kind=name,
                    text=f"{month:%B %Y}: {name} {amount}",
                )
            )
    return Chart(
        currency=currency,
        bars=bars,
        months=[
            (round(LEFT + (number + 0.5) * room, 1), f"{month:%b %y}")
            for number, (month, _) in enumerate(shown)
        ],
        ticks=[
            (round(HEIGHT - BOTTOM - part / 4 * ROOM, 1), _short(highest * part / 4))
            for part in range(5)
        ],
        part=(
            f"{shown[0][0]:%B %Y} to {shown[-1][0]:%B %Y}, {len(shown)} of {len(months)} months"
            if len(shown) < len(months)
            else None
        ),
        width=WIDTH,
        height=HEIGHT,
    )


def _nice(amount: Decimal) -> Decimal:
    """The next round number above it."""
    unit = Decimal(10) ** amount.adjusted()
    return next(unit * step for step in (1, 2, 4, 5, 8, 10) if unit * step >= amount)


def _short(amount: Decimal) -> str:
    return f"{amount:,.0f}"
