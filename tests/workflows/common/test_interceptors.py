"""Signals: invalid ones are dropped, and a bug in a handler loses none."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from runtime.workers import worker_on
from tests.support.dev_server import new_namespace

pytestmark = pytest.mark.xdist_group("in-real-time")


@workflow.defn(name="Adding", sandboxed=False)
class Broken:
    """Adds up signalled numbers; its handler has a bug."""

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: False)
        return 0

    @workflow.signal
    def add(self, number: int) -> None:
        raise LookupError(number)


@workflow.defn(name="Adding", sandboxed=False)
class Fixed:
    """The same without the bug."""

    def __init__(self) -> None:
        self.sum = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.sum >= 5)
        return self.sum

    @workflow.signal
    def add(self, number: int) -> None:
        self.sum += number

    @workflow.signal
    async def add_soon(self, number: int) -> None:
        self.sum += number


def worker(client: Client, workflow_class: type) -> Worker:
    threads = ThreadPoolExecutor(1)
    return worker_on("adding", client, [workflow_class], [], threads, cached_workflows=10)


async def wait_until_a_task_failed(handle: WorkflowHandle[Any, Any]) -> None:
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return


async def failed_tasks(handle: WorkflowHandle[Any, Any]) -> int:
    events = (await handle.fetch_history()).events
    failed = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    return sum(event.event_type == failed for event in events)


async def test_signal_that_failed_is_handled_after_a_fix(dev_server: str) -> None:
    client = await new_namespace(dev_server)
    # The task is tried again only when it has timed out.
    handle = await client.start_workflow(
        "Adding", id="adding", task_queue="adding", task_timeout=timedelta(seconds=2)
    )
    async with worker(client, Broken):
        await handle.signal("add", 2)
        await wait_until_a_task_failed(handle)
    async with worker(client, Fixed):
        await handle.signal("add", 3)
        assert await handle.result() == 5


@pytest.mark.parametrize("signal", ["add", "add_soon"])
@pytest.mark.parametrize("arguments", [[], [None], ["two"], [{"number": 2}], [2, 3], [[2]]])
async def test_invalid_signal_is_dropped_without_logging_its_content(
    dev_server: str, signal: str, arguments: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    client = await new_namespace(dev_server)
    async with worker(client, Fixed):
        handle = await client.start_workflow("Adding", id="adding", task_queue="adding")
        await handle.signal(signal, args=arguments)
        await handle.signal("add", 5)
        assert await handle.result() == 5
        assert await failed_tasks(handle) == 0
    assert "two" not in caplog.text
