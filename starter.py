"""The command line: start offers, look at them, and tell them what people decide."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.live import Live
from temporalio.service import RPCError

from console.board import board, line, sheet
from console.desk import NoWorker, OfferDesk, OfferRow, Refused
from offers.lifecycle import Stage
from offers.opportunity import NoOpportunityId, opportunity_id
from offers.record import OfferRecord
from runtime import schedules as periodic
from runtime.codec import WrongKeys
from runtime.leaving import leave, run_and_leave
from runtime.logs import core_logs_to_standard_error
from runtime.settings import TemporalSettings, WrongSettings, read_settings
from runtime.temporal import NoServer, connect, register_search_attributes

T = TypeVar("T")
ALL_WELL, WENT_WRONG = 0, 1

PIPE_WIDTH = 200
"""Where there is no terminal nothing has to be left out."""

console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Private offers on AWS Marketplace, from a signed opportunity to money in the bank.",
)
schedules_app = typer.Typer(no_args_is_help=True, help="What happens periodically.")
app.add_typer(schedules_app, name="schedules")


def _opportunity(text: str) -> str:
    try:
        return opportunity_id(text)
    except NoOpportunityId as error:
        raise typer.BadParameter(str(error)) from None


Opportunity = Annotated[
    str,
    typer.Argument(parser=_opportunity, metavar="OPPORTUNITY", help="Salesforce opportunity id."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def start(
    opportunity: Opportunity,
    terms: Annotated[
        Path | None,
        typer.Option(help="JSON file with terms that overrule the opportunity's.", exists=True),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make a new offer after an expired or cancelled one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the offer of an opportunity.  Starting it twice is harmless."""
    record = _run(_start(opportunity, _given(terms), again))
    if record is None:
        print("started, but " + str(NoWorker()), file=sys.stderr)
        leave(ALL_WELL)
    waits = record.findings or record.attentions
    if as_json or not waits:
        _print_record(record, as_json)
    if record.terms is None and not record.findings:
        print("started, but not drafted yet: Salesforce has not answered", file=sys.stderr)
    if waits:
        for attention in record.attentions:
            print(f"{attention.problem}. {attention.remedy}.", file=sys.stderr)
        for finding in record.findings:
            print(finding, file=sys.stderr)
        leave(WENT_WRONG)


async def _start(opportunity: str, given: dict[str, Any], again: bool) -> OfferRecord | None:
    try:
        return await (await _desk()).start(opportunity, given, again=again)
    except NoWorker:
        return None


@app.command(name="list")
def list_offers(
    stage: Annotated[Stage | None, typer.Option(help="Only offers in this stage.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all offers."""
    rows, ailments = _run(_rows(stage))
    for ailment in ailments:
        print(ailment, file=sys.stderr)
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        console.print(board(rows, console.width))


async def _rows(stage: Stage | None) -> tuple[list[OfferRow], list[str]]:
    desk = await _desk()
    return await desk.rows(stage), await desk.ailing()


@app.command()
def show(opportunity: Opportunity, as_json: AsJson = False) -> None:
    """Show everything about one offer."""
    _print_record(_run(_record(opportunity)), as_json)


async def _record(opportunity: str) -> OfferRecord:
    return await (await _desk()).record(opportunity)


@app.command()
def watch(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per change.")
    ] = False,
) -> None:
    """Watch all offers until Ctrl-C: a live table, or a line per change without a terminal."""
    try:
        _run(_watch(timedelta(seconds=every), as_json))
    except KeyboardInterrupt:
        leave(ALL_WELL)


async def _watch(every: timedelta, as_json: bool) -> None:
    changes = (await _desk()).changes(every)
    if sys.stdout.isatty() and not as_json:
        with Live(console=console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(board(rows, console.width), refresh=True)
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                print(row.model_dump_json() if as_json else line(row), flush=True)


@app.command()
def cancel(
    opportunity: Opportunity,
    reason: Annotated[str, typer.Option(help="Why; kept on record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cancel an offer before it is accepted, and wait until AWS has made it void."""
    waiting = Console(stderr=True).status("AWS takes some minutes to make an offer void ...")
    with waiting:  # on a terminal only
        record = _run(_cancel(opportunity, reason))
    _print_record(record, as_json)
    if record.stage is not Stage.CANCELLED:
        print(f"too late to cancel: the offer is {record.stage}", file=sys.stderr)
        leave(WENT_WRONG)


async def _cancel(opportunity: str, reason: str) -> OfferRecord:
    return await (await _desk()).cancel(opportunity, reason)


@app.command()
def resume(
    opportunity: Opportunity,
    attention: Annotated[
        str | None, typer.Option(help="Which attention, if several things wait.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell an offer that what it waits for has been seen to."""
    _print_record(_run(_resume(opportunity, attention)), as_json)


async def _resume(opportunity: str, attention: str | None) -> OfferRecord:
    return await (await _desk()).resume(opportunity, attention)


@app.command()
def resend(opportunity: Opportunity, as_json: AsJson = False) -> None:
    """Write to the buyer again."""
    _print_record(_run(_resend(opportunity)), as_json)


async def _resend(opportunity: str) -> OfferRecord:
    return await (await _desk()).resend(opportunity)


@schedules_app.command(name="apply")
def apply_schedules() -> None:
    """Create the Schedules, or bring them up to date; doing it again changes nothing."""
    for schedule_id in _run(_apply_schedules()):
        print(schedule_id)


async def _apply_schedules() -> list[str]:
    settings = read_settings(TemporalSettings)
    client = await connect(settings)
    return await periodic.apply(client, settings.policy(), settings.clock)


async def _desk() -> OfferDesk:
    settings = read_settings(TemporalSettings)
    client = await connect(settings)
    await register_search_attributes(client)
    return OfferDesk(client, settings.clock)


def _given(terms: Path | None) -> dict[str, Any]:
    if terms is None:
        return {}
    try:
        # Amounts may be written as numbers: they are taken as the text they are written as.
        given = json.loads(terms.read_text(encoding="utf-8"), parse_float=str)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise typer.BadParameter(f"{terms} is not a JSON file: {error}") from None
    if not isinstance(given, dict):
        raise typer.BadParameter(f"{terms}: it must hold one JSON object, the terms")
    return given


def _print_record(record: OfferRecord, as_json: bool) -> None:
    if as_json:
        print(record.model_dump_json(indent=2))
    else:
        console.print(sheet(record))
        if record.offer_url:
            console.print(f"\n{record.offer_url}", soft_wrap=True)


def _run(work: Coroutine[Any, Any, T]) -> T:
    core_logs_to_standard_error()
    try:
        return asyncio.run(work)
    except (Refused, WrongSettings, WrongKeys, NoServer) as error:
        print(error, file=sys.stderr)
    except RPCError as error:
        print(f"Temporal refuses: {error.message}", file=sys.stderr)
    return leave(WENT_WRONG)


if __name__ == "__main__":
    run_and_leave(app)
