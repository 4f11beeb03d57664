"""The payout report."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from temporalio.exceptions import ApplicationError

from cli import common, payout_output
from cli.common import AsJson
from cli.offer_client import RequestRejected
from cli.payout_output import PlotUnavailable
from offers.lifecycle.record import OfferRecord
from offers.payouts.model import PayoutReading
from offers.policy.payouts import PayoutRules
from offers.reports.payouts import by_month, lines, totals
from runtime import clients
from runtime.process_exit import exit_process
from runtime.settings import WorkerSettings, read_settings


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a month: write it as 2027-01") from None


def payouts(
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
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Plot expected and received amounts by month."),
    ] = None,
) -> None:
    """Report payouts: expected, invoiced, collected, paid out and overdue.

    Reads the payout data itself and needs the worker's settings. Exits with 1 if some of the data
    cannot be read.
    """
    records, reading, rules, today = common.run_command(_read(offer))
    found = lines(records, reading, rules, today)
    if month:
        found = [line for line in found if line.concerns(month)]
    sums = totals(found, month)
    if plot:
        try:
            payout_output.plot(by_month(records, reading), plot)
        except PlotUnavailable as error:
            print(error, file=sys.stderr)
            exit_process(common.FAILURE)
    if as_json:
        print(json.dumps(payout_output.to_json_data(found, sums, reading.findings), indent=2))
    elif as_csv:
        print(payout_output.to_csv(found), end="")
        for finding in reading.findings:
            print(finding, file=sys.stderr)
    else:
        common.console.print(payout_output.payout_table(found, sums, reading.findings))
    exit_process(common.FAILURE if reading.findings else common.SUCCESS)


async def _read(
    offer: str | None,
) -> tuple[list[OfferRecord], PayoutReading, PayoutRules, date]:
    settings = read_settings(WorkerSettings)
    today = settings.clock.business_time(datetime.now(UTC)).date()
    client = await common.open_offer_client()
    records, unanswered = (
        ([await client.record(offer)], []) if offer else await client.accepted_records()
    )
    for workflow_id in unanswered:
        print(f"{workflow_id} does not answer: its terms are left out", file=sys.stderr)
    if offer and records[0].agreement is None:
        raise RequestRejected(f"the offer is {records[0].stage}: there are no payouts yet")
    clazar = clients.clazar_client(settings)
    try:
        data = clients.payout_data(settings, clazar)
        only = {records[0].offer_id or ""} if offer else None
        return records, await data.read(only, today), settings.policy().payouts, today
    except ApplicationError as failure:
        raise RequestRejected(failure.message) from None
    finally:
        await clazar.close()
