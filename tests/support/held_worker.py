"""A worker that waits at a point of activities, where it or its server can be killed.

`python -m tests.support.held_worker ADDRESS POINT ACTIVITY...`: at the point of each of these
activities, once, the process prints the activity's name, and does nothing until it reads a line.
"""

import asyncio
import sys
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Any

import temporalio.bridge.worker
import temporalio.client
from temporalio import activity
from temporalio.bridge.proto import ActivityTaskCompletion
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.task_queues import TaskQueue
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.telemetry import set_default_runtime
from runtime.temporal import data_converter
from runtime.workers import serve
from workflows.common.activity_options import ACTIVITY_OPTIONS

ATTEMPT_TIMEOUT = timedelta(seconds=5)
"""After which a lost attempt is repeated."""


class Point(StrEnum):
    """When an activity is held."""

    START = "start"
    """The server has started it, and it has called nothing."""
    EFFECT = "effect"
    """The vendor has executed its calls, and the server has no result."""
    END = "end"
    """The server has its result, and no workflow task has handled it."""


class HoldActivities(temporalio.client.Interceptor, Interceptor):
    """Holds the whole process at a point of each of these activities."""

    def __init__(self, point: Point, names: Collection[str]) -> None:
        self._point = point
        self._names = set(names)
        self._executed: dict[bytes, str] = {}
        """By task token: activities whose result the server does not have yet."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Hold at the start or after the effect."""
        holding = self

        class Hold(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                info = activity.info()
                holding._reach(Point.START, info.activity_type)
                result = await super().execute_activity(input)
                holding._reach(Point.EFFECT, info.activity_type)
                holding._executed[info.task_token] = info.activity_type
                return result

        return Hold(next)

    def observe_results(self) -> None:
        """Hold when the server has taken a result: no interceptor sees that."""
        worker: Any = temporalio.bridge.worker.Worker
        complete = worker.complete_activity_task

        async def complete_and_hold(bridge: Any, completion: ActivityTaskCompletion) -> None:
            await complete(bridge, completion)
            if name := self._executed.pop(completion.task_token, None):
                self._reach(Point.END, name)

        worker.complete_activity_task = complete_and_hold

    def _reach(self, point: Point, name: str) -> None:
        """Block the event loop, which also runs the workflows."""
        if point is self._point and name in self._names:
            self._names.remove(name)
            print(name, flush=True)
            sys.stdin.readline()


async def work(address: str, point: Point, names: Collection[str]) -> None:
    for each, options in ACTIVITY_OPTIONS.items():
        ACTIVITY_OPTIONS[each] = options.model_copy(update={"timeout": ATTEMPT_TIMEOUT})
    holding = HoldActivities(point, names)
    holding.observe_results()
    client = await Client.connect(
        address, data_converter=data_converter(TemporalSettings()), interceptors=[holding]
    )
    await serve(client, read_settings(WorkerSettings), tuple(TaskQueue), asyncio.Event())


if __name__ == "__main__":
    set_default_runtime()
    asyncio.run(work(sys.argv[1], Point(sys.argv[2]), sys.argv[3:]))
