"""Heartbeats of long activities, so that a worker that dies is noticed within a minute."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

HEARTBEAT_TIMEOUT = timedelta(minutes=1)
HEARTBEAT_EVERY = timedelta(seconds=20)
"""Real time.  A shorter activity sends none: each that reaches the server is a billed Action."""


class Heartbeats(Interceptor):
    """Heartbeats while an activity with a heartbeat timeout runs."""

    def __init__(self, every: timedelta = HEARTBEAT_EVERY) -> None:
        self._every = every

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Heartbeat beside the activity, which may block its own thread."""
        every = self._every

        class Heartbeat(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                if activity.info().heartbeat_timeout is None:
                    return await super().execute_activity(input)
                beating = asyncio.create_task(_beat(every, iscoroutinefunction(input.fn)))
                try:
                    return await super().execute_activity(input)
                finally:
                    beating.cancel()
                    with suppress(asyncio.CancelledError):
                        await beating

        return Heartbeat(next)


async def _beat(every: timedelta, is_coroutine: bool) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        if is_coroutine:
            activity.heartbeat()
        else:
            # That of an activity in a thread waits for the event loop.
            await asyncio.to_thread(activity.heartbeat)
