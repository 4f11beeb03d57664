"""`make demo`: everything in one go, on this machine, before your eyes."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import AsyncActivityHandle, Client, ScheduleActionExecutionStartWorkflow

from cli.listing import OfferRow
from cli.offer_client import OfferClient
from cli.tables import offer_line, offer_table, stage_text
from demo.outcomes import Outcome
from demo.processes import DidNotStart, Processes, take_part
from demo.runner import ScenarioRunner
from demo.scenarios import SCENARIOS
from runtime import schedules
from runtime.logging import core_logs_to_standard_error
from runtime.process_exit import exit_process, run_and_exit
from runtime.settings import TemporalSettings
from runtime.temporal import connect, register_search_attributes

LOOK_EVERY = timedelta(seconds=0.3)
TIME_LIMIT_SECONDS = 140
CRASH_AFTER_SECONDS = 8
A_MOMENT_SECONDS = 0.1
OFFERS = "WorkflowType = 'OfferWorkflow'"
SETTLING = timedelta(seconds=3)
"""For the last mails and write-backs."""
SETTLING_LIMIT = timedelta(seconds=20)
"""How long they may take on a slow machine."""

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
    for ending in (signal.SIGTERM, signal.SIGINT):  # also where a shell has had them ignored
        signal.signal(ending, signal.default_int_handler)
    console.print("Starting a Temporal server, the sandbox and a worker ...")
    try:
        with Processes() as processes:
            take_part(processes.env)
            met = asyncio.run(_play(processes, crash))
            if keep:
                _keep(processes)
    except DidNotStart as error:
        print(error, file=sys.stderr)
        exit_process(1)
    except KeyboardInterrupt:
        exit_process(130)
    exit_process(0 if met else 1)


async def _play(processes: Processes, crash: bool) -> bool:
    settings = TemporalSettings()
    client = await connect(settings)
    await register_search_attributes(client)
    desk = OfferClient(client, settings.clock)
    director = ScenarioRunner(processes.addresses["control"], desk)
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
    outcomes = await settled(lambda: director.outcomes(crashed=crash))
    summarise(console, outcomes)
    return not any(outcome.wrong for outcome in outcomes)


async def settled(look: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
    """The outcomes, once the last mails and write-backs have had time to arrive."""
    clock = asyncio.get_running_loop()
    until = clock.time() + SETTLING_LIMIT.total_seconds()
    await asyncio.sleep(SETTLING.total_seconds())
    while True:
        outcomes = await look()
        if not any(outcome.wrong for outcome in outcomes) or clock.time() >= until:
            return outcomes
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def _until_over(
    director: ScenarioRunner, desk: OfferClient, settings: TemporalSettings
) -> None:
    changes = _acted_on(director, desk)
    if sys.stdout.isatty():
        with Live(console=console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(Group(_date(settings), offer_table(rows, console.width)), refresh=True)
        return
    names = {fate.opportunity_id: fate.company for fate in SCENARIOS}
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                company = names.get(row.opportunity_id.partition("/")[0], "")
                console.print(_date(settings), f"{company:<18}", offer_line(row), soft_wrap=True)


async def _acted_on(director: ScenarioRunner, desk: OfferClient) -> AsyncIterator[list[OfferRow]]:
    while True:
        rows = await desk.list_offers()
        director.act(rows)
        yield rows
        if director.is_over(rows):
            return
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def _crash(processes: Processes, client: Client) -> None:
    """Kill the worker while it has no call in hand.

    A call in flight is found lost only when its time-out is over: a minute, which is two months
    here, and a letter is then not sent again but waits for a person.  The demo would be luck;
    tests/end_to_end/test_lost_tries.py shows what becomes of such calls.
    """
    await asyncio.sleep(CRASH_AFTER_SECONDS)
    while (await client.count_workflows(OFFERS)).count < len(SCENARIOS):  # noqa: ASYNC110
        await asyncio.sleep(A_MOMENT_SECONDS)
    processes.halt_worker()
    while await _calls_in_hand(client):
        processes.continue_worker()
        await asyncio.sleep(A_MOMENT_SECONDS)
        processes.halt_worker()
    processes.kill_worker()
    console.print("Killed the worker (SIGKILL), starting another ...")
    await asyncio.sleep(A_MOMENT_SECONDS)
    # What the server gave to the worker while it stood still has never begun.
    for call in await _calls_in_hand(client):
        await call.fail(RuntimeError("the worker was killed before it began"))
    processes.start_worker()


async def _calls_in_hand(client: Client) -> list[AsyncActivityHandle]:
    """The calls that a worker has been given and has not answered."""
    ids = {each.id async for each in client.list_workflows(OFFERS)}
    # Search may not know yet of a turn that has just begun; its Schedule does.
    turns = [client.get_schedule_handle(each).describe() for each in schedules.KNOWN]
    for turn in await asyncio.gather(*turns):
        for action in turn.info.running_actions:
            assert isinstance(action, ScheduleActionExecutionStartWorkflow)
            ids.add(action.workflow_id)
    return [
        client.get_async_activity_handle(
            workflow_id=workflow.id, run_id=workflow.run_id, activity_id=call.activity_id
        )
        for workflow in await asyncio.gather(
            *(client.get_workflow_handle(each).describe() for each in ids)
        )
        for call in workflow.raw_description.pending_activities
        if call.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    ]


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


def summarise(console: Console, outcomes: list[Outcome]) -> None:
    """Print how the offers ended, and below the table whatever is to be said about one."""
    table = Table(title="How they ended")
    table.add_column("Opportunity", no_wrap=True)
    # Where there is little room it takes more lines; nothing is cut.
    table.add_column("Story", overflow="fold")
    for column in ("Ended", "Paid out", "Met its\nfate"):
        table.add_column(column, no_wrap=True)
    for outcome in outcomes:
        record = outcome.record
        table.add_row(
            record.opportunity_id,
            outcome.fate.story,
            stage_text(record.stage),
            str(record.payout.disbursed) if record.payout else "",
            Text("no", "bold red") if outcome.wrong else Text("yes", "green"),
        )
    console.print(table)
    for outcome in outcomes:
        for said, style in ((outcome.wrong, "bold red"), (outcome.late, "dim")):
            if said:
                about = f"{outcome.record.opportunity_id}: {'; '.join(said)}"
                console.print(Text(about, style), soft_wrap=True)


if __name__ == "__main__":
    run_and_exit(app)
