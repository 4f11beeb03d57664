"""What a workflow repeats, with the last failure."""

from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.converter import DataConverter

from activities.temporal.pending_work import repeated_work

CLIENT: Any = SimpleNamespace(data_converter=DataConverter.default)


def pending(name: str, attempt: int, failure: str = "") -> PendingActivityInfo:
    activity = PendingActivityInfo(attempt=attempt)
    activity.activity_type.name = name
    if failure:
        activity.last_failure.CopyFrom(Failure(message=failure))
    return activity


@pytest.mark.parametrize(
    ("activities", "said"),
    [
        ([], None),
        ([pending("a", 1)], None),
        ([pending("a", 2)], "a is in its attempt 2 (no answer yet)"),
        (
            [pending("a", 1), pending("b", 2, "down"), pending("c", 7, "full")],
            "b is in its attempt 2 (down); c is in its attempt 7 (full)",
        ),
    ],
)
async def test_activities_beyond_their_first_attempt(
    activities: list[PendingActivityInfo], said: str | None
) -> None:
    first = PendingWorkflowTaskInfo(attempt=1)
    for task in (None, first):
        described = DescribeWorkflowExecutionResponse(
            pending_activities=activities, pending_workflow_task=task
        )
        assert await repeated_work(CLIENT, "offer/x", described) == said
