"""Commands for the Temporal Schedules."""

import json
from typing import Annotated

import typer
from temporalio.client import Client

from cli import common
from cli.common import AsJson, command
from cli.tables import schedule_table
from runtime import schedules
from runtime.settings import TemporalSettings, read_settings
from runtime.temporal import connect

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The Temporal Schedules: create, list, pause, resume.",
)
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id in the list.")]


@app.command()
@command
async def apply() -> None:
    """Create or update the Schedules; running it again changes nothing.

    Examples:

    - `offerflow schedules apply`
    """
    settings = read_settings(TemporalSettings)
    for schedule_id in await schedules.apply(await _client(), settings.policy(), settings.clock):
        print(schedule_id)


@app.command(name="list")
@command
async def list_schedules(as_json: AsJson = False) -> None:
    """List the Schedules: interval, state, last run and next run.

    Examples:

    - `offerflow schedules list --json`
    """
    rows = await schedules.rows(await _client())
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        common.console.print(schedule_table(rows))


@app.command()
@command
async def pause(
    schedule: ScheduleId,
    reason: Annotated[str, typer.Option(help="Why; shown in the list.")] = "",
) -> None:
    """Pause a Schedule; pausing it twice changes nothing.

    Examples:

    - `offerflow schedules pause owner-digest --reason "holidays"`
    """
    await schedules.pause(await _client(), schedule, reason)
    print(f"{schedule} is paused")


@app.command()
@command
async def resume(schedule: ScheduleId) -> None:
    """Resume a paused Schedule.

    Examples:

    - `offerflow schedules resume owner-digest`
    """
    await schedules.resume(await _client(), schedule)
    print(f"{schedule} is resumed")


async def _client() -> Client:
    return await connect(read_settings(TemporalSettings))
