"""Commands about what happens periodically."""

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

app = typer.Typer(no_args_is_help=True, help="What happens periodically.")
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="As the list shows it.")]


@app.command()
def apply() -> None:
    """Create the Schedules, or bring them up to date; doing it again changes nothing."""
    for schedule_id in common.run_command(_apply()):
        print(schedule_id)


async def _apply() -> list[str]:
    settings = read_settings(TemporalSettings)
    return await schedules.apply(await _client(), settings.policy(), settings.clock)


@app.command(name="list")
def list_schedules(as_json: AsJson = False) -> None:
    """List the Schedules: how often, whether paused, the last turn and the next."""
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
    """Let no further turn begin until it is resumed; pausing twice changes nothing."""
    common.run_command(_pause(schedule, reason))
    print(f"{schedule} is paused")


async def _pause(schedule: str, reason: str) -> None:
    await schedules.pause(await _client(), schedule, reason)


@app.command()
def resume(schedule: ScheduleId) -> None:
    """Let turns begin again."""
    common.run_command(_resume(schedule))
    print(f"{schedule} runs again")


async def _resume(schedule: str) -> None:
    await schedules.resume(await _client(), schedule)


async def _client() -> Client:
    return await connect(read_settings(TemporalSettings))
