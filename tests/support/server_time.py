"""The clock of the sandbox, which follows the Temporal server's time."""

from datetime import UTC, datetime
from multiprocessing.sharedctypes import RawValue
from typing import Any

import temporalio.client
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class ServerTime(temporalio.client.Interceptor, Interceptor):
    """An interceptor that advances the clock to each activity's start.

    Processes can share it.  It has no lock, for a process that is killed would keep it.
    """

    def __init__(self) -> None:
        self.running = 0
        """How many activities are executed in this process now."""
        self.seconds = RawValue("d", datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp())

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds.value, UTC)

    def advance_to(self, moment: datetime) -> None:
        """Set the time, unless it is earlier than now."""
        self.seconds.value = max(self.seconds.value, moment.timestamp())

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Advance the clock to each activity's start."""
        time = self

        class AdvanceClock(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                time.advance_to(activity.info().started_time)
                time.running += 1
                try:
                    return await super().execute_activity(input)
                finally:
                    time.running -= 1

        return AdvanceClock(next)
