"""What a query makes a worker read too early changes no history."""

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from runtime.workers import STICKY_TIMEOUT
from tests.runtime.early_answers import QUEUE, EarlyAnswers, worker
from tests.support.programs import ROOT
from tests.support.workflow_harness import installed_program

TRIES = 5
"""On a busy machine the server may send the first signal with a task after all."""
Handle = WorkflowHandle[EarlyAnswers, None]


@asynccontextmanager
async def killed_in_the_end(client: Client) -> AsyncIterator[None]:
    """A worker process that dies without a word, so that the server goes on waiting for it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.runtime.early_answers",
        client.service_client.config.target_host,
        cwd=ROOT,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def asked_too_early(client: Client, threads: ThreadPoolExecutor) -> Handle | None:
    """A workflow whose new worker heard the first signal by a query, and the second by a task.

    None if the server happened to send the first with a task, too.
    """
    async with killed_in_the_end(client):
        handle = await client.start_workflow(EarlyAnswers.run, id=f"{uuid4()}", task_queue=QUEUE)
        assert await handle.query(EarlyAnswers.what_was_heard) == set()
    async with worker(client, threads):
        # The query waits for the dead worker, then goes to the new one; so does the task that the
        # signal asks for, but later, for it was sent later.
        asked = asyncio.create_task(handle.query(EarlyAnswers.what_was_heard))
        await asyncio.wait([asked], timeout=STICKY_TIMEOUT.total_seconds() / 2)
        await handle.signal(EarlyAnswers.tell, "first")
        heard = await asked
        before = await handle.fetch_history()
        await handle.signal(EarlyAnswers.tell, "second")
        await handle.result()
    tasks = [e for e in before.events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]
    return handle if heard == {"first"} and len(tasks) == 1 else None


async def test_an_answer_given_too_early_changes_no_history() -> None:
    """Else the workflow could never be taken over by another worker again."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=installed_program("temporal"), dev_server_log_level="error"
    ) as environment:
        with ThreadPoolExecutor() as threads:
            for _ in range(TRIES):
                if handle := await asked_too_early(environment.client, threads):
                    break
            else:
                pytest.fail("no query is answered too early any more: is InStep still needed?")
        await Replayer(workflows=[EarlyAnswers]).replay_workflow(await handle.fetch_history())
