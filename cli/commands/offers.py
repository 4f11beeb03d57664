"""Commands about offers: start, look, resume, resend."""

import json
import sys
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.live import Live

from cli import common
from cli.common import AsJson, Offer, Opportunity, TermsFile
from cli.listing import OfferRow
from cli.offer_client import NoWorker
from cli.tables import board, line
from offers.lifecycle.commands import Changes
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import Road
from offers.stage import Stage
from runtime.process_exit import leave
from workflows.offer.clazar_handoff import HANDED_OFF


def start(
    opportunity: Opportunity,
    terms: TermsFile = None,
    road: Annotated[
        Road | None, typer.Option(help="Made by AWS, or by hand in Clazar; else by the policy.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make a new offer after an expired or cancelled one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the offer of an opportunity.  Starting it twice is harmless."""
    given = common.given_terms(terms)
    if unknown := Changes(given=given).unknown():
        raise typer.BadParameter(f"{terms}: {unknown}: there is no such term; correct its name")
    record = common.run(_start(opportunity, given, road, again))
    if record is None:
        print("started, but " + str(NoWorker()), file=sys.stderr)
        leave(common.ALL_WELL)
    waits = record.obstacles or [a for a in record.attentions if a.code != HANDED_OFF]
    if as_json or not waits:
        common.print_record(record, as_json)
    if record.terms is None and not record.obstacles:
        print("started, but not checked yet: a vendor has not answered", file=sys.stderr)
    if waits:
        for attention in record.attentions:
            print(f"{attention.problem}. {attention.remedy}.", file=sys.stderr)
        for finding in record.obstacles:
            print(finding, file=sys.stderr)
        leave(common.WENT_WRONG)


async def _start(
    opportunity: str, given: dict[str, Any], road: Road | None, again: bool
) -> OfferRecord | None:
    try:
        return await (await common.desk()).start(opportunity, given, road=road, again=again)
    except NoWorker:
        return None


def list_offers(
    stage: Annotated[Stage | None, typer.Option(help="Only offers in this stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all offers."""
    rows, ailments = common.run(_rows(stage))
    for ailment in ailments:
        print(ailment, file=sys.stderr)
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        common.console.print(board(rows, common.console.width))


async def _rows(stage: Stage | None) -> tuple[list[OfferRow], list[str]]:
    desk = await common.desk()
    return await desk.rows(stage), await desk.ailing()


def show(offer: Offer, as_json: AsJson = False) -> None:
    """Show everything about one offer."""
    common.print_record(common.run(_record(offer)), as_json)


async def _record(offer: str) -> OfferRecord:
    return await (await common.desk()).record(offer)


def watch(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per change.")
    ] = False,
) -> None:
    """Watch all offers until Ctrl-C: a live table, or a line per change without a common."""
    try:
        common.run(_watch(timedelta(seconds=every), as_json))
    except KeyboardInterrupt:
        leave(common.ALL_WELL)


async def _watch(every: timedelta, as_json: bool) -> None:
    changes = (await common.desk()).changes(every)
    if sys.stdout.isatty() and not as_json:
        with Live(console=common.console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(board(rows, common.console.width), refresh=True)
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                print(row.model_dump_json() if as_json else line(row), flush=True)


def resume(
    offer: Offer,
    attention: Annotated[
        str | None, typer.Option(help="Which attention, if several things wait.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell an offer that what it waits for has been seen to."""
    common.print_record(common.run(_resume(offer, attention)), as_json)


async def _resume(offer: str, attention: str | None) -> OfferRecord:
    return await (await common.desk()).resume(offer, attention)


def resend(offer: Offer, as_json: AsJson = False) -> None:
    """Write to the buyer again."""
    common.print_record(common.run(_resend(offer)), as_json)


async def _resend(offer: str) -> OfferRecord:
    return await (await common.desk()).resend(offer)
