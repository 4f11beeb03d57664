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
from cli.common import AsJson, Offer, Opportunity, TermsFile, Yes, command
from cli.tables import offer_line, offer_table, renewal_table
from cli.terminal import print_error, print_line
from client.listing import OfferRow
from client.offer_client import NoAnswer
from client.offer_selection import OfferSelection, needy_first, parse_period
from offers.lifecycle.attentions import AttentionCode, Vendor
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
    """Start the offer of an opportunity. Starting it twice changes nothing.

    Examples:

    - `offerflow start 006…`
    - `offerflow start 006… --terms terms.json --method clazar`
    - `offerflow start 006… --restart`
    """
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


def _period(text: str) -> timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@command
async def list_offers(
    stage: Annotated[Stage | None, typer.Option(help="Only offers in this stage.")] = None,
    attention: Annotated[
        AttentionCode | None, typer.Option(help="Only offers with this attention.")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(help="Only offers of this owner: a part of the name or mail address."),
    ] = None,
    expiring: Annotated[
        timedelta | None,
        typer.Option(
            parser=_period,
            metavar="7d",
            help="Only offers that can be accepted for so many days (7d) or weeks (2w) at most.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the offers: those that need somebody first.

    After those with an attention come those that wait, by the day on which that is over, and at
    last those that have ended. On a terminal a long list goes through `$PAGER`.

    Examples:

    - `offerflow list --expiring 7d`
    - `offerflow list --attention approval-required`
    - `offerflow list --owner jane@example.com --stage shared --json`
    """
    client = await common.open_offer_client()
    selection = OfferSelection(stage=stage, attention=attention, owner=owner, expiring=expiring)
    now = client.business_time()
    rows = needy_first(row for row in await client.list_offers() if selection.includes(row, now))
    for problem in await client.schedule_problems():
        print_error(problem)
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    elif rows:
        common.print_paged(offer_table(rows, common.console.width), len(rows))
    else:
        print_line("There is no such offer." if selection != OfferSelection() else "No offers.")


@command
async def renewals(
    within: Annotated[
        int, typer.Option(min=1, max=3650, help="Only agreements that end within these days.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """List the agreements that end soon, and whether their renewals are on the way.

    Examples:

    - `offerflow renewals --within 30`
    """
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
    """Show everything about one offer.

    Examples:

    - `offerflow show 006…`
    - `offerflow show 006…/amendment/1 --json`
    """
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
    """Watch all offers until Ctrl-C: a live table; without a terminal, a line per change.

    Examples:

    - `offerflow watch --every 5`
    """
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
    offer: Annotated[
        str | None,
        typer.Argument(
            parser=common.offer_argument,
            metavar="OFFER",
            help="As for show; without it, --all.",
        ),
    ] = None,
    *,
    attention: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Code of the attention, if there are several."),
    ] = None,
    all_offers: Annotated[
        bool, typer.Option("--all", help="Resume every offer with --attention, --vendor or both.")
    ] = False,
    vendor: Annotated[
        Vendor | None, typer.Option(help="With --all: what this vendor has caused.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let an offer, or all, continue after what they wait for is resolved.

    With --all it shows how many offers that is, and asks.

    Examples:

    - `offerflow resume 006…`
    - `offerflow resume 006… --attention vendor-rejected`
    - `offerflow resume --all --attention credentials-rejected --vendor salesforce`
    """
    if all_offers:
        if offer:
            raise typer.BadParameter("give an offer, or --all")
        await _resume_all(attention, vendor, yes=yes, as_json=as_json)
    elif offer is None:
        raise typer.BadParameter("give an offer, or --all with --attention or --vendor")
    elif vendor:
        raise typer.BadParameter("--vendor needs --all")
    else:
        client = await common.open_offer_client()
        common.print_record(await client.resume(offer, attention), as_json)


async def _resume_all(
    attention: str | None, vendor: Vendor | None, *, yes: bool, as_json: bool
) -> None:
    if attention is None and vendor is None:
        raise typer.BadParameter("--all needs --attention or --vendor: what has been resolved?")
    if attention and attention not in set(AttentionCode):
        codes = ", ".join(AttentionCode)
        raise typer.BadParameter(f"{attention} is no attention: choose one of {codes}")
    client = await common.open_offer_client()
    found = await client.list_resumable(AttentionCode(attention) if attention else None, vendor)
    number = len({each.path for each in found})
    cause = " ".join(filter(None, [attention, f"because of {vendor}" if vendor else None]))
    if found:
        offers = "1 offer" if number == 1 else f"{number} offers"
        question = f"Resume {offers} ({cause})?"
        common.confirm(question, yes=yes, otherwise=f"nothing was resumed; it would be {offers}")
    rejected = await client.resume_all(found)
    resumed = sorted({each.path for each in found if each not in rejected})
    if as_json:
        problems = [
            {"offer": each.path, "attention": each.code, "problem": problem}
            for each, problem in rejected.items()
        ]
        print(json.dumps({"resumed": resumed, "rejected": problems}, indent=2))
    else:
        print_line(f"Resumed {len(resumed)} of {number}." if number else "No offer waits for this.")
        for each, problem in rejected.items():
            print_error(f"{each.path}: {problem}")
    exit_process(common.FAILURE if rejected else common.SUCCESS)


@command
async def resend(offer: Offer, as_json: AsJson = False) -> None:
    """Send the offer to the buyer again.

    Examples:

    - `offerflow resend 006…`
    """
    client = await common.open_offer_client()
    common.print_record(await client.resend(offer), as_json)
