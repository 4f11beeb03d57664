"""A worker in a process of its own, which can be killed, for a harness."""

import asyncio
import multiprocessing
from collections.abc import Collection
from contextlib import nullcontext
from datetime import UTC, datetime
from multiprocessing.sharedctypes import RawValue
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.task_queues import TaskQueue
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import data_converter
from runtime.workers import serve
from tests.support.continue_as_new import continue_as_new_always
from workflows.offer.workflow import OfferWorkflow


class SharedTime(ClientInterceptor, Interceptor):
    """The sandbox's clock, for several processes.  It has no lock: a killed process would keep it."""

    def __init__(self, shared: Any = None) -> None:
        self._shared = RawValue("d", 0.0) if shared is None else shared

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._shared.value, UTC)

    def advance_to(self, moment: datetime) -> None:
        """Set the time, unless it is earlier than now."""
        self._shared.value = max(self._shared.value, moment.timestamp())

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Advance the clock to each activity's start."""
        time = self

        class AdvanceClock(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                time.advance_to(activity.info().started_time)
                return await super().execute_activity(input)

        return AdvanceClock(next)
