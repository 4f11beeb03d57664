"""What a running workflow waits for, as far as the server knows."""

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import Client
from temporalio.exceptions import FailureError

LONGEST_MESSAGE = 200


async def describe(client: Client, workflow_id: str) -> DescribeWorkflowExecutionResponse:
    """The newest run of a workflow; raises RPCError."""
    return await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )


async def repeated_work(
    client: Client, workflow_id: str, described: DescribeWorkflowExecutionResponse
) -> str | None:
    """What a workflow repeats, with the last failure; None if it repeats nothing."""
    task = described.pending_workflow_task
    if task.attempt > 1:
        message = await _last_task_failure(client, workflow_id)
        return (
            f"its workflow task has failed {task.attempt - 1} times: {message}. A worker with a"
            " mended build goes on by itself; nothing is lost"
        )
    repeated = [each for each in described.pending_activities if each.attempt > 1]
    return "; ".join([await _attempts(client, each) for each in repeated]) or None


async def _attempts(client: Client, activity: PendingActivityInfo) -> str:
    said = "no answer yet"
    if activity.HasField("last_failure"):
        said = await _message(client, activity.last_failure)
    return f"{activity.activity_type.name} is in its attempt {activity.attempt} ({said})"


async def _last_task_failure(client: Client, workflow_id: str) -> str:
    """The message of the first of the failures in a row: the server records no other."""
    message = "no reason is recorded"
    handle = client.get_workflow_handle(workflow_id)
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failure = event.workflow_task_failed_event_attributes.failure
            message = await _message(client, failure)
    return message


async def _message(client: Client, failure: Failure) -> str:
    """The text of a failure, which may be encrypted."""
    error = await client.data_converter.decode_failure(failure)
    text = error.message if isinstance(error, FailureError) else str(error)
    return text[:LONGEST_MESSAGE]
