"""When a worker is ready; `/readyz` of a worker that gets SIGTERM is in test_worker_process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from runtime.clients import THREADS
from runtime.health import Readiness, health_app, serving
from runtime.settings import InvalidSettings
from runtime.workers import worker_on
from tests.support.dev_server import new_namespace
from tests.support.workflow_harness import installed_program
from workflows.schedules.policy_watch import PolicyWatch


@asynccontextmanager
async def running_worker(client: Client) -> AsyncIterator[Worker]:
    with ThreadPoolExecutor(THREADS) as threads:
        worker = worker_on("offers", client, [PolicyWatch], [], threads, cached_workflows=1)
        async with worker:
            while not worker.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            yield worker


async def test_a_process_without_running_workers_is_not_ready(dev_server: str) -> None:
    readiness = Readiness(await new_namespace(dev_server), asyncio.Event())
    assert await readiness.why_not() == "its workers have not started"


async def test_a_worker_is_not_ready_once_it_has_stopped(dev_server: str) -> None:
    client = await new_namespace(dev_server)
    readiness = Readiness(client, asyncio.Event())
    async with running_worker(client) as worker:
        readiness.set_workers([worker])
        assert await readiness.why_not() is None
    assert await readiness.why_not() == "nothing polls offers"


async def test_a_worker_is_not_ready_while_temporal_does_not_answer(dev_server: str) -> None:
    ended = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=installed_program("temporal-test-server")
    )
    await ended.shutdown()
    readiness = Readiness(ended.client, asyncio.Event())
    async with running_worker(await new_namespace(dev_server)) as worker:
        readiness.set_workers([worker])
        assert await readiness.why_not() == "Temporal answers UNAVAILABLE"


async def test_an_address_in_use_is_named() -> None:
    async def ready() -> None:
        return None

    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(InvalidSettings, match=f"^OFFERS_HEALTH_ADDRESS: .*{address}"):
            async with serving(address, health_app(ready)):
                pass
