"""Commands for all offers: start, list, show, watch, resume, resend."""

import asyncio
import json
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer
from rich.live import Live

from cli import common
from cli.actions import attention_commands
from cli.common import AsJson, Offer, Opportunity, TermsFile, command
from cli.listing import OfferRow
from cli.offer_client import NoAnswer
from cli.tables import offer_line, offer_table, renewal_table
from cli.terminal import print_error, print_line
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from runtime.process_exit import exit_process


@command
async def start(
    opportunity: Opportunity,
    terms: TermsFile = None,
    method: Annotated[
        CreationMethod | None,
        typer.Option(
            help="Where the offer is created: aws, or clazar (by hand); default: by the policy."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start a new offer if the last one has ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the offer of an opportunity. Starting it twice changes nothing."""
    given = common.given_terms(terms)
    if unknown := TermChanges(terms=given).unknown_field():
        raise typer.BadParameter(f"{terms}: {unknown}: there is no such term; correct its name")
    client = await common.open_offer_client()
    try:
        record = await client.start(opportunity, given, method=method, restart=restart)
    except NoAnswer as error:
        print_error(f"started, but {error}")
        return
    waits = record.blocking_findings or [
        a for a in record.attentions if a.code != AttentionCode.AWAITING_CLAZAR_OFFER
    ]
    if as_json or not waits:
        common.print_record(record, as_json)
    if record.terms is None and not record.blocking_findings:
        print_error("started, but not checked yet: a vendor has not answered")
    if waits:
        for attention in record.attentions:
            print_error(f"{attention.problem}. {attention.remedy}.")
            for command in attention_commands(record, attention):
                print_error(f"  {command}")
        for finding in record.blocking_findings:
            print_error(finding)
        exit_process(common.FAILURE)


@command
async def list_offers(
    stage: Annotated[Stage | None, typer.Option(help="Only offers in this stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all offers."""
    client = await common.open_offer_client()
    rows = await client.list_offers(stage)
    for problem in await client.schedule_problems():
        print_error(problem)
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        common.console.print(offer_table(rows, common.console.width))


@command
async def renewals(
    within: Annotated[
        int, typer.Option(min=1, max=3650, help="Only agreements that end within these days.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """List the agreements that end soon, and whether their renewals are on the way."""
    client = await common.open_offer_client()
    found = await client.list_renewals(timedelta(days=within))
    for each in found.unreadable:
        print_error(f"{each.path}: {each.problem}")
    if as_json:
        print(json.dumps([each.model_dump(mode="json") for each in found.ending], indent=2))
    elif found.ending:
        common.console.print(renewal_table(found.ending, common.console.width))
    else:
        print_line(f"No agreement ends within {within} days.")


@command
async def show(offer: Offer, as_json: AsJson = False) -> None:
    """Show everything about one offer."""
    client = await common.open_offer_client()
    shown = await client.show(offer)
    common.print_record(shown.record, as_json, is_open=shown.is_open)
    if shown.problem:
        print_error(shown.problem)


@command
async def watch(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two updates.")] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per change.")
    ] = False,
) -> None:
    """Watch all offers until Ctrl-C: a live table; without a terminal, a line per change."""
    with suppress(asyncio.CancelledError):  # by Ctrl-C
        await _watch(timedelta(seconds=every), as_json)


async def _watch(every: timedelta, as_json: bool) -> None:
    changes = (await common.open_offer_client()).changes(every)
    if sys.stdout.isatty() and not as_json:
        with Live(console=common.console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(offer_table(rows, common.console.width), refresh=True)
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                as_one_line = (
                    json.dumps(row.model_dump(mode="json")) if as_json else offer_line(row)
                )
                print_line(as_one_line)


@command
async def resume(
    offer: Offer,
    attention: Annotated[
        str | None, typer.Option(help="Code of the attention, if there are several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let an offer continue after what it waits for is resolved."""
    client = await common.open_offer_client()
    common.print_record(await client.resume(offer, attention), as_json)


@command
async def resend(offer: Offer, as_json: AsJson = False) -> None:
    """Send the offer to the buyer again."""
    client = await common.open_offer_client()
    common.print_record(await client.resend(offer), as_json)
