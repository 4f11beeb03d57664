"""Commands for the Temporal Schedules."""

import json
from typing import Annotated

import typer
from temporalio.client import Client

from cli import common
from cli.common import AsJson
from cli.tables import schedule_table
from runtime import schedules
from runtime.settings import TemporalSettings, read_settings
from runtime.temporal import connect

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The Temporal Schedules: create, list, pause, resume.",
)
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id in the list.")]


@app.command()
def apply() -> None:
    """Create or update the Schedules; running it again changes nothing."""
    for schedule_id in common.run_command(_apply()):
        print(schedule_id)


async def _apply() -> list[str]:
    settings = read_settings(TemporalSettings)
    return await schedules.apply(await _client(), settings.policy(), settings.clock)


@app.command(name="list")
def list_schedules(as_json: AsJson = False) -> None:
    """List the Schedules: interval, state, last run and next run."""
    rows = common.run_command(_rows())
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        common.console.print(schedule_table(rows))


async def _rows() -> list[schedules.ScheduleRow]:
    return await schedules.rows(await _client())


@app.command()
def pause(
    schedule: ScheduleId,
    reason: Annotated[str, typer.Option(help="Why; shown in the list.")] = "",
) -> None:
    """Pause a Schedule; pausing it twice changes nothing."""
    common.run_command(_pause(schedule, reason))
    print(f"{schedule} is paused")


async def _pause(schedule: str, reason: str) -> None:
    await schedules.pause(await _client(), schedule, reason)


@app.command()
def resume(schedule: ScheduleId) -> None:
    """Resume a paused Schedule."""
    common.run_command(_resume(schedule))
    print(f"{schedule} is resumed")


async def _resume(schedule: str) -> None:
    await schedules.resume(await _client(), schedule)


async def _client() -> Client:
    return await connect(read_settings(TemporalSettings))
