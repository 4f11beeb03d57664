"""Run workers until SIGTERM: all task queues, or those named by --queues."""

import asyncio
import logging
import signal
import sys
from typing import Annotated

import typer

from activities.task_queues import TaskQueue
from cli.usage import Command
from runtime.codec import InvalidKeys
from runtime.env_file import InvalidEnvFile, load_env_file, readable_env_file
from runtime.logging import LogLevel, configure_logs
from runtime.process_exit import exit_process, run_and_exit
from runtime.settings import InvalidSettings, WorkerSettings, read_settings
from runtime.temporal import ServerUnreachable, connect, register_search_attributes
from runtime.workers import collect_garbage_less_often, serve

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(cls=Command)
def work(
    queues: Annotated[
        list[TaskQueue] | None,
        typer.Option("--queues", help="Serve only this task queue; may be given several times."),
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What is logged.")] = LogLevel.INFO,
) -> None:
    """Run workers until SIGTERM or Ctrl-C."""
    configure_logs(log_level)
    try:
        load_env_file()
        asyncio.run(_work(queues or list(TaskQueue)))
    except (InvalidEnvFile, InvalidSettings, InvalidKeys, ServerUnreachable) as error:
        print(error, file=sys.stderr)
        exit_process(1)


async def _work(queues: list[TaskQueue]) -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    settings = read_settings(WorkerSettings)
    # A mistake in a file shows before anything is begun.
    settings.policy()
    settings.fields()
    signed = settings.decision_keys is not None
    client = await connect(settings)
    await register_search_attributes(client)
    if not signed:
        logging.getLogger(__name__).warning(
            "OFFERS_DECISION_KEYS is not set: who approves is whoever is named, without a proof"
        )
    if settings.offers_encryption_keys is None:
        logging.getLogger(__name__).warning(
            "OFFERS_ENCRYPTION_KEYS is not set: Temporal stores offers in the clear"
        )
    elif settings.offers_encryption_migration:
        logging.getLogger(__name__).warning(
            "OFFERS_ENCRYPTION_MIGRATION is set: whoever can write to Temporal can decide without"
            " the key; unset it when no earlier workflow is open"
        )
    if readable := readable_env_file():
        logging.getLogger(__name__).warning(
            "%s can be read by everybody on this machine: chmod 600 %s", readable, readable
        )
    collect_garbage_less_often()
    await serve(client, settings, queues, stop)


if __name__ == "__main__":
    run_and_exit(app)
