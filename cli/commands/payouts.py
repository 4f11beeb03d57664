"""The payout report."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from temporalio.exceptions import ApplicationError

from activities.temporal.offer_summaries import ListedOffer
from cli import common, forecast_output, payout_output
from cli.common import AsJson, command
from cli.payout_output import PlotUnavailable
from cli.terminal import print_error
from client import payout_lines
from client.offer_client import RequestRejected
from offers.payouts.model import PayoutReading
from offers.policy.payouts import PayoutRules
from offers.reports.monthly_forecast import monthly_forecast
from offers.reports.payouts import by_month, lines, totals
from runtime import clients
from runtime.process_exit import exit_process
from runtime.settings import TemporalSettings, WorkerSettings, read_settings


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a month: write it as 2027-01") from None


@command
async def payouts(
    month: Annotated[
        date | None,
        typer.Option(
            parser=_month,
            metavar="YYYY-MM",
            help="Only what is invoiced, due, paid or expected in this month (UTC).",
        ),
    ] = None,
    offer: Annotated[
        str | None,
        typer.Option(
            parser=common.offer_argument, metavar="OFFER", help="Only the payouts of this offer."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Plot expected and received amounts by month."),
    ] = None,
    forecast: Annotated[
        bool,
        typer.Option(
            "--forecast",
            help="Instead: what is expected by month, from agreements and from shared offers.",
        ),
    ] = False,
) -> None:
    """Report payouts: expected, invoiced, collected, paid out and overdue.

    Reads the payout data itself and needs the worker's settings. Exits with 1 if some of the data,
    or the summary of an offer, cannot be read.  With --forecast no payout data is read.

    Examples:

    - `offerflow payouts --month 2027-01 --csv`
    - `offerflow payouts --offer 006…`
    - `offerflow payouts --forecast`
    """
    if forecast:
        if plot:
            raise typer.BadParameter("--forecast has no plot")
        await _print_forecast(offer, month, as_json=as_json, as_csv=as_csv)
    offers, reading, rules, today = await _read(offer)
    summaries = [each.summary for each in offers if each.summary]
    unreadable = [each for each in offers if each.problem]
    names = {each.offer_id: each.path for each in unreadable if each.offer_id}
    found = lines(summaries, reading, rules, today, names)
    months = by_month(summaries, found, rules) if plot else {}
    if month:
        found = [line for line in found if line.concerns(month)]
    sums = totals(found, month)
    if plot:
        try:
            payout_output.plot(months, plot)
        except PlotUnavailable as error:
            print_error(error)
            exit_process(common.FAILURE)
    notes = [
        *(f"{each.path}: {each.problem}; its terms are left out" for each in unreadable),
        *map(str, reading.findings),
    ]
    if as_json:
        print(json.dumps(payout_lines.to_json_data(found, sums, notes), indent=2))
    elif as_csv:
        print(payout_lines.to_csv(found), end="")
        for note in notes:
            print_error(note)
    else:
        table = payout_output.payout_table(found, sums, notes, common.console.width)
        common.console.print(table)
    exit_process(common.FAILURE if notes else common.SUCCESS)


async def _print_forecast(
    offer: str | None, month: date | None, *, as_json: bool, as_csv: bool
) -> None:
    settings = read_settings(TemporalSettings)
    today = settings.clock.business_time(datetime.now(UTC)).date()
    client = await common.open_offer_client()
    offers = await client.offers_with_money_to_come(offer)
    summaries = [each.summary for each in offers if each.summary]
    found = monthly_forecast(summaries, settings.policy().payouts, today)
    rows = forecast_output.rows(found, month)
    notes = [f"{each.path}: {each.problem}; it is left out" for each in offers if each.problem]
    if as_json:
        print(json.dumps(forecast_output.to_json_data(rows, notes), indent=2))
    elif as_csv:
        print(forecast_output.to_csv(rows), end="")
        for note in notes:
            print_error(note)
    else:
        common.console.print(forecast_output.table(rows, notes, common.console.width))
    exit_process(common.FAILURE if notes else common.SUCCESS)


async def _read(
    offer: str | None,
) -> tuple[list[ListedOffer], PayoutReading, PayoutRules, date]:
    settings = read_settings(WorkerSettings)
    today = settings.clock.business_time(datetime.now(UTC)).date()
    client = await common.open_offer_client()
    offers = await client.accepted_offers(offer)
    clazar = clients.clazar_client(settings)
    try:
        data = clients.payout_data(settings, clazar, clients.AwsClients())
        only = {each.offer_id for each in offers if each.offer_id} if offer else None
        return offers, await data.read(only, today), settings.policy().payouts, today
    except ApplicationError as failure:
        raise RequestRejected(failure.message) from None
    finally:
        await clazar.close()
