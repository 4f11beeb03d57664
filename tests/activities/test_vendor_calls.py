"""How the calls of a vendor are counted, and what is logged of its trouble."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import CancelledError
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.errors import (
    AWS,
    SALESFORCE,
    credentials_rejected,
    delivery_unknown,
    not_found,
    not_ready,
    rate_limited,
    rejected,
    unavailable,
)
from activities.task_queues import TaskQueue
from activities.vendor_calls import QUIET_SECONDS, VENDOR_CALLS, VendorCalls


@dataclass
class Calls:
    """Runs activities on a task queue, in the order in which a test says how they end."""

    queue: TaskQueue
    interceptor: VendorCalls
    buffer: MetricBuffer
    runtime: Runtime
    clock: list[float]

    async def end(
        self, error: BaseException | None = None, activity_type: str = "call", after: float = 0
    ) -> None:
        """An activity ends with this error, so many seconds after the one before."""
        self.clock[0] += after

        class Activity(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ARG002
                if error is not None:
                    raise error
                return "its result"

        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info, task_queue=self.queue, activity_type=activity_type
        )
        environment.metric_meter = self.runtime.metric_meter
        chain = self.interceptor.intercept_activity(Activity(None))  # type: ignore[arg-type]

        async def run() -> Any:
            return await chain.execute_activity(
                ExecuteActivityInput(fn=run, args=[], executor=None, headers={})
            )

        if error is None:
            assert await environment.run(run) == "its result"
        else:
            with pytest.raises(type(error)):
                await environment.run(run)

    @property
    def counted(self) -> list[tuple[str, str]]:
        """Vendor and outcome of each call that was counted."""
        updates = [
            each for each in self.buffer.retrieve_updates() if each.metric.name == VENDOR_CALLS
        ]
        return [(str(e.attributes["vendor"]), str(e.attributes["outcome"])) for e in updates]


@pytest.fixture
def calls(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[TaskQueue], Calls]:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(activity.logger, "activity_info_on_message", False)

    def on(queue: TaskQueue) -> Calls:
        clock = [0.0]
        buffer = MetricBuffer(1000)
        runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer))
        return Calls(queue, VendorCalls(lambda: clock[0]), buffer, runtime, clock)

    return on


async def test_each_outcome_is_counted(calls: Callable[[TaskQueue], Calls]) -> None:
    salesforce = calls(TaskQueue.SALESFORCE)
    outcomes = {
        "success": None,
        "not_ready": not_ready("locked"),
        "rate_limited": rate_limited(SALESFORCE),
        "unavailable": unavailable(SALESFORCE, "status 503"),
        "credentials": credentials_rejected(SALESFORCE, "401"),
        "rejected": rejected(SALESFORCE, "INVALID_FIELD", "no"),
        "not_found": not_found("no such record"),
        "unknown": delivery_unknown(),
    }
    for error in outcomes.values():
        await salesforce.end(error)
    await salesforce.end(ZeroDivisionError())
    expected = [("salesforce", outcome) for outcome in (*outcomes, "unknown")]
    assert salesforce.counted == expected


async def test_a_cancelled_call_is_not_counted(calls: Callable[[TaskQueue], Calls]) -> None:
    salesforce = calls(TaskQueue.SALESFORCE)
    await salesforce.end(CancelledError())
    assert salesforce.counted == []


async def test_a_failure_counts_for_the_vendor_that_it_names(
    calls: Callable[[TaskQueue], Calls],
) -> None:
    """Preflight calls several, and its success says nothing of one of them."""
    preflight = calls(TaskQueue.PREFLIGHT)
    await preflight.end(unavailable(AWS, "status 500"))
    await preflight.end(unavailable("contracts.example.com", "status 500"))
    await preflight.end()
    assert preflight.counted == [("aws", "unavailable")]


async def test_trouble_is_logged_when_it_begins_and_when_it_is_over(
    calls: Callable[[TaskQueue], Calls], caplog: pytest.LogCaptureFixture
) -> None:
    """A success between two failures does not end it."""
    salesforce = calls(TaskQueue.SALESFORCE)
    for seconds in range(3):
        await salesforce.end(unavailable(SALESFORCE, "status 503"), after=seconds)
        await salesforce.end(after=QUIET_SECONDS - 1)
    assert caplog.messages == ["trouble with salesforce begins: Salesforce: status 503"]
    await salesforce.end(after=1)
    await salesforce.end(after=QUIET_SECONDS)
    assert caplog.messages[1:] == ["trouble with salesforce is over"]
    assert caplog.records[1].__dict__["failures"] == 3
    assert not any(each.exc_info for each in caplog.records)


async def test_trouble_in_preflight_is_over_when_preflight_succeeds(
    calls: Callable[[TaskQueue], Calls], caplog: pytest.LogCaptureFixture
) -> None:
    preflight = calls(TaskQueue.PREFLIGHT)
    await preflight.end(rate_limited(AWS), "check_deal")
    await preflight.end(None, "publish", after=QUIET_SECONDS)
    assert caplog.messages == ["trouble with aws begins: AWS Marketplace limits the rate of calls"]
    await preflight.end(None, "check_deal")
    assert caplog.messages[1:] == ["trouble with aws is over"]


async def test_what_concerns_one_offer_is_logged_each_time(
    calls: Callable[[TaskQueue], Calls], caplog: pytest.LogCaptureFixture
) -> None:
    salesforce = calls(TaskQueue.SALESFORCE)
    for _ in range(2):
        await salesforce.end(rejected(SALESFORCE, "INVALID_FIELD", "no"))
    await salesforce.end(not_found("no such record"))
    assert caplog.messages == 2 * ["Salesforce rejected the request: INVALID_FIELD, no"]
