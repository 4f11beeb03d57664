"""Text from outside on a terminal and in a spreadsheet: never a command, never a formula."""

import csv
import io
from typing import Any

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.plain_table import Column, PlainTable
from cli.terminal import PlainConsole
from client.payout_lines import to_csv
from client.printable import one_line, printable
from offers.money import Money
from offers.payouts.forecast import ExpectedPayment, Step
from offers.reports.payouts import PayoutLine
from tests.support.builders import TODAY

HOSTILE = (
    "Acme [/red] [link=https://evil.example]Corp[/link] :boom: \x1b]0;title\x07\x9b2J \u202egro"
)
HARMLESS = "Acme [/red] [link=https://evil.example]Corp[/link] :boom: ]0;title2J gro"


def on_terminal(show: Any) -> str:
    written = io.StringIO()
    console = PlainConsole(file=written, force_terminal=True, width=200, color_system=None)
    show(console)
    return written.getvalue()


def in_table(console: PlainConsole) -> None:
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)


def on_live_board(console: PlainConsole) -> None:
    with Live(console=console, auto_refresh=False) as live:
        live.update(Text(HOSTILE, "bold red"), refresh=True)


@pytest.mark.parametrize(
    "show",
    [
        lambda console: console.print(HOSTILE),
        lambda console: console.print(Text(HOSTILE, "bold red")),
        lambda console: console.print(PlainTable([Column("x", 190, 1, str)], [HOSTILE], 200)),
        in_table,
        on_live_board,
    ],
)
def test_text_is_shown_as_it_is_and_controls_nothing(show: Any) -> None:
    shown = on_terminal(show)
    assert HARMLESS in shown
    for control in ("\x1b]", "\x07", "\x9b", "\u202e"):
        assert control not in shown


def test_line_breaks_make_no_second_row() -> None:
    columns = [Column[str]("Company", 60, 1, str)]
    shown = on_terminal(
        lambda console: console.print(PlainTable(columns, ["Acme\n006… shared\r\n"], 80))
    )
    assert [line.rstrip() for line in shown.splitlines()] == ["Company", "Acme 006… shared"]
    assert one_line("a\nb\tc") == "a b\tc"


def test_other_writing_is_kept() -> None:
    text = "شركة المثال، Пример, 例え株式会社 — naïve\n"
    assert printable(text) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r=", "\x00@"])
def test_no_cell_is_a_formula(start: str) -> None:
    company = f"{start}cmd|' /C calc'!A0"
    line = PayoutLine(
        offer="0065g00000AbCdEAAV",
        company=company,
        offer_id=company,
        agreement_id=company,
        invoice=None,
        expected=ExpectedPayment(
            invoice_id=None,
            amount=Money.of(-5, "USD"),
            step=Step.INVOICE,
            earliest=TODAY,
            latest=TODAY,
            overdue_on=TODAY,
            reason="x",
        ),
        overdue=False,
    )
    (row,) = csv.DictReader(io.StringIO(to_csv([line])))
    cells = [row["company"], row["offer_id"], row["agreement_id"]]
    assert cells == [f"'{printable(company)}"] * 3
    assert row["expected_amount"] == "-5.00", "a number stays one"
