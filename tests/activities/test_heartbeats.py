"""Heartbeats: a worker that dies is noticed; one that works on is not disturbed."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from activities.heartbeats import Heartbeats
from tests.support.dev_server import new_namespace

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
async def test_silent_attempt_is_repeated(dev_server: str, heartbeats: bool, attempts: int) -> None:
    Slow.attempts = 0
    interceptors = [Heartbeats(timedelta(seconds=0.2))] if heartbeats else []
    client = await new_namespace(dev_server)
    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            client,
            task_queue="test",
            workflows=[OneCall],
            activities=[Slow().block],
            activity_executor=threads,
            interceptors=interceptors,
        ):
            result = await client.execute_workflow(OneCall.run, id="call", task_queue="test")
    assert result == attempts
