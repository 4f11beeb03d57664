"""The command about money: what was expected, invoiced, collected, paid out, and is late."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from temporalio.exceptions import ApplicationError

from console import payout_report, terminal
from console.desk import Refused
from console.payout_report import CannotPlot
from console.terminal import AsJson
from offers.payout_report import by_month, lines, totals
from offers.payout_rules import PayoutRules
from offers.payouts import PayoutReading
from offers.record import OfferRecord
from runtime import vendors
from runtime.leaving import leave
from runtime.settings import WorkerSettings, read_settings


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month: write it as 2027-01") from None


def payouts(
    month: Annotated[
        date | None,
        typer.Option(
            parser=_month,
            metavar="YYYY-MM",
            help="Only what was invoiced, is due, was paid or should arrive in this month (UTC).",
        ),
    ] = None,
    offer: Annotated[
        str | None,
        typer.Option(
            parser=terminal.offer_argument, metavar="OFFER", help="Only this offer's money."
        ),
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw expected against received, by month."),
    ] = None,
) -> None:
    """Follow the money: what was expected, invoiced, collected and paid out, and what is late.

    It reads the payout data itself, and needs the worker's settings.  Ends with 1 if some of the
    data cannot be read.
    """
    records, reading, rules, today = terminal.run(_read(offer))
    found = lines(records, reading, rules, today)
    if month:
        found = [line for line in found if line.concerns(month)]
    sums = totals(found, month)
    if plot:
        try:
            payout_report.draw(by_month(records, reading), plot)
        except CannotPlot as error:
            print(error, file=sys.stderr)
            leave(terminal.WENT_WRONG)
    if as_json:
        print(json.dumps(payout_report.as_data(found, sums, reading.findings), indent=2))
    elif as_csv:
        print(payout_report.as_csv(found), end="")
        for finding in reading.findings:
            print(finding, file=sys.stderr)
    else:
        terminal.console.print(payout_report.sheet(found, sums, reading.findings))
    leave(terminal.WENT_WRONG if reading.findings else terminal.ALL_WELL)


async def _read(
    offer: str | None,
) -> tuple[list[OfferRecord], PayoutReading, PayoutRules, date]:
    settings = read_settings(WorkerSettings)
    today = settings.clock.business_time(datetime.now(UTC)).date()
    desk = await terminal.desk()
    records, silent = ([await desk.record(offer)], []) if offer else await desk.agreed()
    for workflow_id in silent:
        print(f"{workflow_id} does not answer: its terms are left out", file=sys.stderr)
    if offer and records[0].agreement is None:
        raise Refused(f"the offer is {records[0].stage}: there is no money to follow yet")
    clazar = vendors.clazar_client(settings)
    try:
        data = vendors.payout_data(settings, clazar)
        only = {records[0].offer_id or ""} if offer else None
        return records, await data.read(only, today), settings.policy().payouts, today
    except ApplicationError as failure:
        raise Refused(failure.message) from None
    finally:
        await clazar.close()
