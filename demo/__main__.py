"""`make demo`: runs a Temporal server, the sandbox, a worker, the web console and eleven offers."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import AsyncActivityHandle, Client, ScheduleActionExecutionStartWorkflow

from cli.tables import offer_line, offer_table, stage_text
from cli.terminal import PlainConsole, print_error
from client.listing import OfferRow
from client.offer_client import NoAnswer, OfferClient
from demo.outcomes import Outcome
from demo.processes import DidNotStart, Processes, use_environment
from demo.runner import ScenarioRunner
from demo.scenarios import SCENARIOS
from offers.text import day_text
from runtime import schedules
from runtime.process_exit import exit_process, run_and_exit
from runtime.settings import TemporalSettings
from runtime.telemetry import set_default_runtime
from runtime.temporal import connect, register_search_attributes
from workflows.offer.workflow import OfferWorkflow

CHECK_EVERY = timedelta(seconds=0.3)
TIME_LIMIT_SECONDS = 140
CRASH_AFTER_SECONDS = 8
SHORT_PAUSE_SECONDS = 0.1
OFFERS = "WorkflowType = 'OfferWorkflow'"
SETTLE_TIME = timedelta(seconds=3)
"""How long the last mails and write-backs usually take."""
SETTLE_TIMEOUT = timedelta(seconds=60)
"""How long they may take on a slow machine."""

LOG_WIDTH = 120

OFFERS_ONLY = quote("WorkflowType = 'OfferWorkflow'")
"""Leaves the Schedules' runs out."""

console = PlainConsole(width=None if sys.stdout.isatty() else LOG_WIDTH)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running.")] = False,
    crash: Annotated[
        bool, typer.Option("--crash", help="Kill the worker in the middle and start another.")
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="At the end, take pictures of the web console."),
    ] = None,
) -> None:
    """Run eleven offers on a simulator; exits with 0 only if each ends as expected."""
    set_default_runtime()
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell may have set them to be ignored
        signal.signal(number, signal.default_int_handler)
    console.print("Starting a Temporal server, the sandbox, a worker and the web console ...")
    try:
        with Processes() as processes:
            use_environment(processes.env)
            as_expected = asyncio.run(_run(processes, crash))
            if pictures:
                asyncio.run(_take_pictures(processes, pictures))
            if keep:
                with suppress(KeyboardInterrupt):  # how the offers ended is the exit code
                    _keep(processes)
    except DidNotStart as error:
        print_error(error)
        exit_process(1)
    except KeyboardInterrupt:
        exit_process(130)
    exit_process(0 if as_expected else 1)


async def _run(processes: Processes, crash: bool) -> bool:
    settings = TemporalSettings()
    client = await connect(settings)
    await register_search_attributes(client)
    offer_client = OfferClient(client, settings.clock)
    runner = ScenarioRunner(processes.addresses["control"], offer_client)
    console.print(_addresses(processes), soft_wrap=True)
    await runner.set_up()
    await runner.start_clazar_offers()
    await schedules.apply(client, settings.policy(), settings.clock)
    crashing = asyncio.create_task(_crash(processes, client)) if crash else None
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            await _run_until_over(runner, offer_client, settings)
    except TimeoutError:
        console.print(f"Not every offer reached its last stage within {TIME_LIMIT_SECONDS} s.")
    if crashing:
        await crashing
    outcomes = await wait_for_outcomes(lambda: runner.outcomes(crashed=crash))
    print_results(console, outcomes)
    return not any(outcome.differences for outcome in outcomes)


async def wait_for_outcomes(read: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
    """The outcomes, after the last mails and write-backs have had time to finish.

    Raises NoAnswer if an offer does not answer in that time, either.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + SETTLE_TIMEOUT.total_seconds()
    await asyncio.sleep(SETTLE_TIME.total_seconds())
    while True:
        late = clock.time() >= until
        try:
            outcomes = await read()
        except NoAnswer:  # its worker may just have been killed
            if late:
                raise
        else:
            if late or not any(outcome.differences for outcome in outcomes):
                return outcomes
        await asyncio.sleep(CHECK_EVERY.total_seconds())


async def _run_until_over(
    runner: ScenarioRunner, offer_client: OfferClient, settings: TemporalSettings
) -> None:
    changes = _act_on_changes(runner, offer_client)
    if sys.stdout.isatty():
        with Live(console=console, auto_refresh=False) as live:
            async for rows in changes:
                live.update(Group(_date(settings), offer_table(rows, console.width)), refresh=True)
        return
    shown: dict[str, OfferRow] = {}
    async for rows in changes:
        for row in rows:
            if shown.get(row.opportunity_id) != row:
                shown[row.opportunity_id] = row
                console.print(_date(settings), offer_line(row), soft_wrap=True)


async def _act_on_changes(
    runner: ScenarioRunner, offer_client: OfferClient
) -> AsyncIterator[list[OfferRow]]:
    while True:
        rows = await offer_client.list_offers()
        runner.act(rows)
        yield rows
        if runner.is_over(rows):
            return
        await asyncio.sleep(CHECK_EVERY.total_seconds())


async def _crash(processes: Processes, client: Client) -> None:
    """Kill the worker while it runs no activity.

    A lost activity is retried only after its timeout: a minute, which is two months here, and a
    mail that may have been sent is not sent again but waits for a person.  The result would depend
    on chance; tests/end_to_end/test_lost_attempts.py tests such activities.
    """
    await asyncio.sleep(CRASH_AFTER_SECONDS)
    while (await client.count_workflows(OFFERS)).count < len(SCENARIOS):  # noqa: ASYNC110
        await asyncio.sleep(SHORT_PAUSE_SECONDS)
    processes.suspend_worker()
    while await _running_activities(client):
        processes.resume_worker()
        await asyncio.sleep(SHORT_PAUSE_SECONDS)
        processes.suspend_worker()
    processes.kill_worker()
    console.print("Killed the worker (SIGKILL), starting another ...")
    await asyncio.sleep(SHORT_PAUSE_SECONDS)
    # An activity that the server gave to the suspended worker has not begun.
    for running in await _running_activities(client):
        await running.fail(RuntimeError("the worker was killed before the activity began"))
    processes.start_worker()


async def _running_activities(client: Client) -> list[AsyncActivityHandle]:
    """The activities that a worker has received and not completed."""
    ids = {each.id async for each in client.list_workflows(OFFERS)}
    # Search may not show a workflow yet that a Schedule has just started; the Schedule does.
    described = [client.get_schedule_handle(each).describe() for each in schedules.KNOWN]
    for schedule in await asyncio.gather(*described):
        for action in schedule.info.running_actions:
            assert isinstance(action, ScheduleActionExecutionStartWorkflow)
            ids.add(action.workflow_id)
    return [
        client.get_async_activity_handle(
            workflow_id=workflow.id, run_id=workflow.run_id, activity_id=pending.activity_id
        )
        for workflow in await asyncio.gather(
            *(client.get_workflow_handle(each).describe() for each in ids)
        )
        for pending in workflow.raw_description.pending_activities
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    ]


async def _slow_down(processes: Processes) -> None:
    """A minute lasts a second from now on, so that what is shown stays true."""
    clock = processes.slow_down()
    use_environment(processes.env)
    client = await connect(TemporalSettings())
    await schedules.apply(client, TemporalSettings().policy(), clock)
    query = "WorkflowType = 'OfferWorkflow' AND ExecutionStatus = 'Running'"
    async for offer in client.list_workflows(query):
        await client.get_workflow_handle(offer.id).signal(OfferWorkflow.clock_changed, clock)


async def _take_pictures(processes: Processes, folder: Path) -> None:
    from demo.pictures import parts_picture, take

    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # nothing else runs
    (folder / "parts.svg").write_text(parts_picture(), encoding="utf-8")
    await _slow_down(processes)
    await take(processes, folder)
    console.print(f"The pictures are in {folder}.")


def _keep(processes: Processes) -> None:
    asyncio.run(_slow_down(processes))
    console.print("Everything stays up until Ctrl-C.  In another terminal:")
    console.print("  . .demo/env && .venv/bin/offerflow list")
    console.print(_addresses(processes, "One minute lasts one second from now on."), soft_wrap=True)
    while True:
        asyncio.run(asyncio.sleep(3600))


def _addresses(processes: Processes, speed: str = "One day lasts one second.") -> str:
    return (
        f"Console      {processes.console}\n"
        f"Temporal UI  {processes.temporal_ui}?query={OFFERS_ONLY}\n"
        f"Mailbox      {processes.addresses['mailbox']}\n"
        f"Control API  {processes.addresses['control']}/control/ (docs/sandbox.md)\n"
        f"{speed}"
    )


def _date(settings: TemporalSettings) -> Text:
    return Text(day_text(settings.clock.business_time(datetime.now(UTC))), "dim")


def print_results(console: Console, outcomes: list[Outcome]) -> None:
    """Print the results as a table, and below it what differs or was omitted."""
    table = Table(title="Results")
    table.add_column("Opportunity", no_wrap=True)
    # On a narrow terminal it takes more lines; nothing is cut.
    table.add_column("What happens", overflow="fold")
    for column in ("Last\nstage", "Paid out", "As\nexpected"):
        table.add_column(column, no_wrap=True)
    for outcome in outcomes:
        record = outcome.record
        table.add_row(
            record.opportunity_id,
            outcome.scenario.description,
            stage_text(record.stage),
            str(record.payout.disbursed) if record.payout else "",
            Text("no", "bold red") if outcome.differences else Text("yes", "green"),
        )
    console.print(table)
    for outcome in outcomes:
        for texts, style in ((outcome.differences, "bold red"), (outcome.omissions, "dim")):
            if texts:
                line = f"{outcome.record.opportunity_id}: {'; '.join(texts)}"
                console.print(Text(line, style), soft_wrap=True)


if __name__ == "__main__":
    run_and_exit(app)
