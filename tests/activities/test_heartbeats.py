"""Heartbeats: a worker that dies is noticed; one that works on is not disturbed."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.heartbeats import Heartbeats
from tests.support.workflow_harness import installed_program

pytestmark = pytest.mark.xdist_group("in-real-time")


class Slow:
    """Blocks its thread for longer than the heartbeat timeout."""

    attempts: ClassVar[int] = 0

    @activity.defn
    def block(self) -> int:
        """Returns which attempt succeeded."""
        Slow.attempts += 1
        if Slow.attempts == 1:
            time.sleep(3)
        return Slow.attempts


@workflow.defn(sandboxed=False)
class OneCall:
    """Calls it as a long activity."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            Slow.block,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1)),
        )


@pytest.mark.parametrize(("heartbeats", "attempts"), [(True, 1), (False, 2)])
async def test_silent_attempt_is_repeated(heartbeats: bool, attempts: int) -> None:
    Slow.attempts = 0
    interceptors = [Heartbeats(timedelta(seconds=0.2))] if heartbeats else []
    with ThreadPoolExecutor(2) as threads:
        async with (
            await WorkflowEnvironment.start_local(
                dev_server_existing_path=installed_program("temporal"),
                dev_server_log_level="error",
            ) as temporal,
            Worker(
                temporal.client,
                task_queue="test",
                workflows=[OneCall],
                activities=[Slow().block],
                activity_executor=threads,
                interceptors=interceptors,
            ),
        ):
            result = await temporal.client.execute_workflow(
                OneCall.run, id="call", task_queue="test"
            )
    assert result == attempts
