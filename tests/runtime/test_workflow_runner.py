"""A query that makes a worker read signals early does not change the history."""

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from runtime import workers
from runtime.workers import STICKY_TIMEOUT
from tests.runtime.early_answers import QUEUE, EarlyAnswers, worker
from tests.support.dev_server import new_namespace
from tests.support.programs import ROOT

ATTEMPTS = 5
"""On a busy machine the server may send the first signal with a workflow task."""
Handle = WorkflowHandle[EarlyAnswers, None]


@asynccontextmanager
async def killed_worker(client: Client) -> AsyncIterator[None]:
    """A worker process that is killed, so that the server keeps waiting for it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.runtime.early_answers",
        client.service_client.config.target_host,
        client.namespace,
        cwd=ROOT,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def run_with_early_query(client: Client, threads: ThreadPoolExecutor) -> Handle | None:
    """A workflow whose new worker got the first signal with a query, the second with a task.

    None if the server sent the first with a task, too, or did not answer.
    """
    async with killed_worker(client):
        handle = await client.start_workflow(EarlyAnswers.run, id=f"{uuid4()}", task_queue=QUEUE)
        assert await handle.query(EarlyAnswers.get_received) == set()
    async with worker(client, threads):
        # The query waits for the killed worker, then goes to the new one; so does the task for the
        # signal, but later, because the signal was sent later.
        query = asyncio.create_task(handle.query(EarlyAnswers.get_received))
        await asyncio.wait([query], timeout=STICKY_TIMEOUT.total_seconds() / 2)
        await handle.signal(EarlyAnswers.notify, "first")
        try:
            received = await query
        except RPCError:  # on a busy machine the server may give up
            return None
        before = await handle.fetch_history()
        await handle.signal(EarlyAnswers.notify, "second")
        await handle.result()
    tasks = [e for e in before.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]
    return handle if received == {"first"} and len(tasks) == 1 else None


async def history_with_early_query(dev_server: str) -> WorkflowHistory:
    client = await new_namespace(dev_server, DataConverter.default)
    with ThreadPoolExecutor() as threads:
        for _ in range(ATTEMPTS):
            if handle := await run_with_early_query(client, threads):
                return await handle.fetch_history()
    pytest.fail("the server does not send queries early any more: see ADR 13")


async def test_early_query_does_not_change_the_history(dev_server: str) -> None:
    """Otherwise no other worker could replay the workflow."""
    history = await history_with_early_query(dev_server)
    await Replayer(workflows=[EarlyAnswers]).replay_workflow(history)


async def test_without_our_runner_it_does(dev_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails as soon as the SDK itself keeps to the history: then HistoryBoundRunner can go."""

    def plain_runner(*, is_versioned: bool) -> UnsandboxedWorkflowRunner:
        return UnsandboxedWorkflowRunner()

    monkeypatch.setattr(workers, "HistoryBoundRunner", plain_runner)
    history = await history_with_early_query(dev_server)
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[EarlyAnswers]).replay_workflow(history)
