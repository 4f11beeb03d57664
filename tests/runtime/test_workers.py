"""The rates of the workers of each task queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.common import VersioningBehavior

from activities.task_queues import ACTIVITIES_PER_SECOND, TaskQueue
from offers.clock import Clock
from runtime import workers
from runtime.settings import WorkerSettings, read_settings
from sandbox.clock import Clock as SandboxClock
from sandbox.server import Sandbox
from tests.support.workflow_harness import FIELDS, environment_variables

DAY_A_SECOND = 86_400


def definition(workflow_class: type) -> Any:
    """The SDK has no public way to what `workflow.defn` states."""
    return workflow_class.__temporal_workflow_definition  # type: ignore[attr-defined]


async def rates(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """How many activities may start per second, by task queue."""
    rates_by_queue: dict[str, float | None] = {}

    @asynccontextmanager
    async def worker_on(
        queue: str, *_: Any, per_second: float | None = None, **__: Any
    ) -> AsyncIterator[None]:
        rates_by_queue[queue] = per_second
        yield

    monkeypatch.setattr(workers, "worker_on", worker_on)
    until = asyncio.Event()
    until.set()
    with (
        Sandbox(clock=SandboxClock(scale=clock.scale, origin=clock.origin)) as sandbox,
        environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}),
    ):
        client = cast(Client, None)  # never called
        await workers.serve(client, read_settings(WorkerSettings), tuple(TaskQueue), until)
    return rates_by_queue


async def test_rates_in_real_time_are_the_documented_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await rates(Clock(), monkeypatch) == ACTIVITIES_PER_SECOND


async def test_rates_count_business_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a day takes a second, three calls a second would be three calls a day."""
    rates_by_queue = await rates(Clock(scale=DAY_A_SECOND, origin=datetime.now(UTC)), monkeypatch)
    assert rates_by_queue[TaskQueue.AWS_MARKETPLACE] == 3 * DAY_A_SECOND
    assert rates_by_queue[TaskQueue.CLAZAR] == DAY_A_SECOND
    assert rates_by_queue[TaskQueue.OFFERS] is None


def test_every_workflow_states_that_it_moves_to_the_new_build() -> None:
    """A worker with a version refuses to start if a workflow states nothing."""
    stated = {each.__name__: definition(each).versioning_behavior for each in workers.WORKFLOWS}
    assert stated == dict.fromkeys(stated, VersioningBehavior.AUTO_UPGRADE)
