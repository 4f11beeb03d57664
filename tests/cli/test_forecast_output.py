"""The forecast as the command line prints it."""

from datetime import date

from rich.console import Console

from cli import forecast_output
from offers.money import Money
from offers.reports.monthly_forecast import AmountRange, CurrencyForecast, MonthForecast


def usd(amount: int) -> Money:
    return Money.of(amount, "USD")


FORECAST = CurrencyForecast(
    months=tuple(
        MonthForecast(
            month=date(2027, month, 1),
            agreed=AmountRange(low=usd(0), high=usd(1000 * month)),
            not_agreed=AmountRange(low=usd(7), high=usd(8)),
        )
        for month in (1, 2)
    ),
    overdue=usd(500),
    agreed=usd(3500),
    not_agreed=usd(15),
)


def test_csv_has_what_is_overdue_each_month_and_all_of_it() -> None:
    assert forecast_output.to_csv(forecast_output.rows({"USD": FORECAST}, None)).splitlines() == [
        "period,currency,agreed_low,agreed_high,not_agreed_low,not_agreed_high",
        "overdue,USD,500.00,500.00,0.00,0.00",
        "2027-01,USD,0.00,1000.00,7.00,8.00",
        "2027-02,USD,0.00,2000.00,7.00,8.00",
        "in all,USD,3500.00,3500.00,15.00,15.00",
    ]


def test_one_month_is_that_month_alone() -> None:
    (row,) = forecast_output.rows({"USD": FORECAST}, date(2027, 2, 1))
    assert forecast_output.to_json_data([row], ["a note"]) == {
        "forecast": [
            {
                "period": "2027-02",
                "currency": "USD",
                "agreed_low": "0.00",
                "agreed_high": "2000.00",
                "not_agreed_low": "7.00",
                "not_agreed_high": "8.00",
            }
        ],
        "findings": ["a note"],
    }


def test_table_marks_what_is_not_agreed_and_shows_the_notes() -> None:
    console = Console(width=120, record=True)
    rows = forecast_output.rows({"USD": FORECAST}, None)
    console.print(forecast_output.table(rows, ["a note"], 120))
    text = console.export_text()
    assert "Not agreed, high" in text
    assert "as if on their last day" in text
    assert "a note" in text
