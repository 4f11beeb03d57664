"""Run workers until SIGTERM: all task queues, or those named by --queues."""

import asyncio
import logging
import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.task_queues import TaskQueue
from cli.usage import Command
from runtime.codec import InvalidKeys
from runtime.env_file import InvalidEnvFile, load_env_file, readable_env_file
from runtime.logging import LogFormat, LogLevel, configure_logs
from runtime.process_exit import exit_process, run_and_exit
from runtime.settings import InvalidSettings, WorkerSettings, read_settings
from runtime.telemetry import set_default_runtime, tracing
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
    log_format: Annotated[
        LogFormat | None,
        typer.Option(help="How; without it text on a terminal, and else JSON.", show_default=False),
    ] = None,
) -> None:
    """Run workers until SIGTERM or Ctrl-C."""
    configure_logs(log_level, log_format)
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
    set_default_runtime(settings.offers_metrics_address)
    with tracing(wanted=settings.offers_traces) as interceptors:
        client = await connect(settings, interceptors)
        await _serve(client, settings, queues, stop)


async def _serve(
    client: Client, settings: WorkerSettings, queues: list[TaskQueue], stop: asyncio.Event
) -> None:
    await register_search_attributes(client)
    if settings.decision_keys is None:
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
    _log_start(client, settings, queues)
    await serve(client, settings, queues, stop)


def _log_start(client: Client, settings: WorkerSettings, queues: list[TaskQueue]) -> None:
    switched_on = {
        "encryption": settings.offers_encryption_keys,
        "signed decisions": settings.offers_decision_keys,
        "custom contracts": settings.offers_eula_bucket,
        "seller data feed": settings.offers_feed_bucket,
        "events": settings.offers_events_queue_url,
        "metrics": settings.offers_metrics_address,
        "health": settings.offers_health_address,
        "traces": settings.offers_traces,
    }
    build = settings.temporal_worker_build_id
    logging.getLogger(__name__).info(
        "worker starts",
        extra={
            "version": version("offerflow"),
            "build_id": build,
            "namespace": client.namespace,
            "queues": [queue.value for queue in queues],
            "switched_on": [name for name, setting in switched_on.items() if setting],
        },
    )
    Runtime.default().metric_meter.create_gauge(
        "offerflow_build_info", "1, with the version of the worker."
    ).set(1, {"version": version("offerflow"), "build_id": build or ""})


if __name__ == "__main__":
    run_and_exit(app)
