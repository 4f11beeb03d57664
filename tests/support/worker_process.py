"""A worker in a process of its own, for a harness; it can be killed at any moment."""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from random import Random
from typing import Any

from temporalio.client import Client

from activities.task_queues import TaskQueue
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import data_converter
from runtime.workers import serve
from tests.support.continue_as_new import continue_as_new_always
from tests.support.server_time import ServerTime
from workflows.offer.workflow import OfferWorkflow

SPAWN = multiprocessing.get_context("spawn")


class WorkerProcess:
    """Serves all task queues."""

    def __init__(self, address: str, time: ServerTime, *, continued: bool) -> None:
        self._arguments = (address, time.seconds, continued)
        self._process = self._start()

    def _start(self) -> Any:
        arguments = (*self._arguments, dict(os.environ))
        process = SPAWN.Process(target=run, args=arguments, daemon=True)
        process.start()
        return process

    def kill(self) -> None:
        """Kill the process; what its activities have begun may be done or not."""
        self._process.kill()
        self._process.join()

    def restart(self) -> None:
        """Kill it, and start another."""
        self.kill()
        self._process = self._start()


@asynccontextmanager
async def killed_now_and_then(
    client: Client, time: ServerTime, seed: str, allowed: asyncio.Event, *, continued: bool
) -> AsyncIterator[None]:
    """A worker process that is killed at random moments while the event is set.

    Another one follows at once.
    """
    address = client.service_client.config.target_host
    process = WorkerProcess(address, time, continued=continued)
    random = Random(seed)  # noqa: S311

    async def kill() -> None:
        while True:
            await allowed.wait()
            await asyncio.to_thread(process.restart)
            await asyncio.sleep(random.uniform(2, 6))

    killing = asyncio.create_task(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.wait([killing])
        process.kill()


def run(address: str, seconds: Any, continued: bool, environment: Mapping[str, str]) -> None:
    """What the process does."""
    os.environ.update(environment)
    with continue_as_new_always() if continued else nullcontext():
        asyncio.run(work(address, seconds))


async def work(address: str, seconds: Any) -> None:
    time = ServerTime()
    time.seconds = seconds
    client = await Client.connect(
        address, data_converter=data_converter(TemporalSettings()), interceptors=[time]
    )
    settings = read_settings(WorkerSettings)
    # Without a cache: the time-skipping server would wait for the killed process's own queue.
    settings = settings.model_copy(update={"offers_cached_workflows": 0})
    await serve(client, settings, tuple(TaskQueue), asyncio.Event(), [OfferWorkflow])
