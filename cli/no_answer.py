"""Why an offer does not answer: no worker, a workflow task that fails, or a vendor."""

from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from cli.actions import PROGRAM

POLLER_SEEN_WITHIN = timedelta(minutes=2)
"""A worker asks for work about once a minute; the server remembers it for five."""


async def has_worker(client: Client) -> bool:
    """Whether a worker asks for the workflow tasks of offers; True if the server cannot tell."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueueName(name=TaskQueue.OFFERS),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(request)
    except RPCError as error:
        if error.status is RPCStatusCode.UNIMPLEMENTED:  # the time-skipping test server
            return True
        raise
    since = datetime.now(UTC) - POLLER_SEEN_WITHIN
    return any(poller.last_access_time.ToDatetime(UTC) > since for poller in answer.pollers)


async def why_no_answer(client: Client, workflow_id: str) -> str:
    """What the server knows of a workflow that does not answer."""
    described = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )
    task = described.pending_workflow_task
    if task.attempt > 1:
        message = await _last_task_failure(client, workflow_id)
        return (
            f"its workflow task has failed {task.attempt - 1} times: {message}. A worker with a"
            " mended build goes on by itself; nothing is lost"
        )
    waiting = [each for each in described.pending_activities if each.attempt > 1]
    if waiting:
        return "; ".join(map(_about_activity, waiting)) + f": see {PROGRAM} list later"
    if described.pending_activities:
        names = ", ".join(each.activity_type.name for each in described.pending_activities)
        return f"it waits for {names}: see the result later with {PROGRAM} show"
    return f"a worker runs, but it is busy: see the result later with {PROGRAM} show"


def _about_activity(activity: PendingActivityInfo) -> str:
    said = activity.last_failure.message[:200] or "no answer yet"
    return f"{activity.activity_type.name} is in its attempt {activity.attempt} ({said})"


async def _last_task_failure(client: Client, workflow_id: str) -> str:
    """The message of the first of the failures in a row: the server records no other."""
    message = "no reason is recorded"
    handle = client.get_workflow_handle(workflow_id)
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            message = event.workflow_task_failed_event_attributes.failure.message
    return message[:300]
