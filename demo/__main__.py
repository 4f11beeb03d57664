"""`make demo`: everything in one go, on this machine, before your eyes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from temporalio.client import Client
from temporalio.service import RPCError

from console.board import board, line, stage_text
from console.desk import OfferDesk
from console.listing import OfferRow
from demo.cast import CAST
from demo.director import Director, Outcome
from demo.processes import DidNotStart, Processes, take_part
from runtime import schedules
from runtime.leaving import leave, run_and_leave
from runtime.logs import core_logs_to_standard_error
from runtime.settings import TemporalSettings
from runtime.temporal import connect, register_search_attributes
from workflows.messages import workflow_id

LOOK_EVERY = timedelta(seconds=0.3)
TIME_LIMIT_SECONDS = 100
CRASH_AFTER_SECONDS = 8
SOON = timedelta(seconds=0.3)
"""Twice as long as asking what is under way may take."""
SETTLING = timedelta(seconds=3)
"""For the last mails and write-backs."""

LOG_WIDTH = 120

console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running.")] = False,
    crash: Annotated[
        bool, typer.Option("--crash", help="Kill the worker in the middle and start another.")
    ] = False,
) -> None:
    """Watch offers live their lives; ends with 0 only if each met its fate."""
    core_logs_to_standard_error()
    console.print("Starting a Temporal server, the sandbox and a worker ...")
    try:
        with Processes() as processes:
            take_part(processes.env)
            met = asyncio.run(_play(processes, crash))
            if keep:
                _keep(processes)
    except DidNotStart as error:
        print(error, file=sys.stderr)
        leave(1)
    except KeyboardInterrupt:
        leave(130)
    leave(0 if met else 1)


async def _play(processes: Processes, crash: bool) -> bool:
    settings = TemporalSettings()
    client = await connect(settings)
    await register_search_attributes(client)
    desk = OfferDesk(client, settings.clock)
    director = Director(processes.addresses["control"], desk)
    console.print(_links(processes))
    await director.set_the_scene()
    await director.start_what_is_handed_off()
    await schedules.apply(client, settings.policy(), settings.clock)
    crashing = asyncio.create_task(_crash(processes, client)) if crash else None
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            await _until_over(director, desk, settings)
    except TimeoutError:
        console.print(f"Not every offer came to its end within {TIME_LIMIT_SECONDS} s.")
    if crashing:
        await crashing
    await asyncio.sleep(SETTLING.total_seconds())
    outcomes = await director.outcomes(crashed=crash)
    console.print(_summary(outcomes))
    return not any(outcome.wrong for outcome in outcomes)


async def _until_over(director: Director, desk: OfferDesk, settings: TemporalSettings) -> None:
    changes = _acted_on(director, desk)
    if sys.stdout.isatty():
        with Live(console=console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(Group(_date(settings), board(rows, console.width)), refresh=True)
        return
    names = {fate.opportunity_id: fate.company for fate in CAST}
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                console.print(
                    _date(settings), f"{names.get(row.opportunity_id, ''):<18}", line(row)
                )


async def _acted_on(director: Director, desk: OfferDesk) -> AsyncIterator[list[OfferRow]]:
    while True:
        rows = await desk.rows()
        director.act(rows)
        yield rows
        if director.is_over(rows):
            return
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def _crash(processes: Processes, client: Client) -> None:
    """Kill the worker while nothing is in its hands.

    A call in flight is found lost only when its time-out is over: a minute, which is two months
    here, and a letter is then not sent again but waits for a person.  The demo would be luck;
    tests/end_to_end/test_lost_tries.py shows what becomes of such calls.
    """
    await asyncio.sleep(CRASH_AFTER_SECONDS)
    console.print("Killing the worker (SIGKILL) and starting another ...")
    await processes.crash_worker(lambda: _busy(client))


async def _busy(client: Client) -> bool:
    """Whether a worker that stands still has anything to do, or is about to get it."""
    began = datetime.now(UTC)
    offers = [client.get_workflow_handle(workflow_id(fate.opportunity_id)) for fate in CAST]
    turns = [client.get_schedule_handle(name) for name in schedules.KNOWN]
    try:
        told = await asyncio.gather(*(offer.describe() for offer in offers))
        of_turns = await asyncio.gather(*(turn.describe() for turn in turns))
    except RPCError:
        return True  # Intake has not started all of them yet.
    if any(offer.raw_description.HasField("pending_workflow_task") for offer in told):
        return True
    if any(turn.info.running_actions for turn in of_turns):
        return True
    calls = [call for offer in told for call in offer.raw_description.pending_activities]
    # Only a call that waits for its next try has such a time; what has none is under way.
    due = [call.next_attempt_schedule_time.ToDatetime(UTC) for call in calls]
    due += [turn.info.next_action_times[0] for turn in of_turns]
    return min(due) < began + SOON or datetime.now(UTC) > began + SOON / 2


def _keep(processes: Processes) -> None:
    console.print("Everything stays up until Ctrl-C.  In another terminal:")
    console.print("  . .demo/env && .venv/bin/python starter.py list")
    console.print(_links(processes))
    while True:
        asyncio.run(asyncio.sleep(3600))


def _links(processes: Processes) -> str:
    return (
        f"Temporal UI  {processes.temporal_ui}\n"
        f"Mailbox      {processes.addresses['mailbox']}\n"
        f"Control API  {processes.addresses['control']}/control/ (docs/sandbox.md)\n"
        "One day lasts one second."
    )


def _date(settings: TemporalSettings) -> Text:
    return Text(f"{settings.clock.business_time(datetime.now(UTC)):%Y-%m-%d}", "dim")


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(title="How they ended")
    for column in ("Opportunity", "Story", "Ended", "Paid out", "Met its fate"):
        table.add_column(column, no_wrap=column != "Met its fate")
    for outcome in outcomes:
        record = outcome.record
        table.add_row(
            record.opportunity_id,
            outcome.fate.story,
            stage_text(record.stage),
            str(record.payout.disbursed) if record.payout else "",
            Text("no: " + "; ".join(outcome.wrong), "bold red")
            if outcome.wrong
            else Text("yes", "green"),
        )
    return table


if __name__ == "__main__":
    run_and_leave(app)
