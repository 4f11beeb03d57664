"""Why an offer does not answer: no worker, a workflow task that fails, or a vendor."""

from temporalio.api.enums.v1 import TaskQueueType, WorkflowExecutionStatus
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from activities.temporal.pending_work import describe, repeated_work
from activities.temporal.pollers import is_polled

RUNNING = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING


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
    return is_polled(answer)


async def why_no_answer(client: Client, workflow_id: str) -> str:
    """What the server knows of a workflow that does not answer."""
    described = await describe(client, workflow_id)
    if repeated := await repeated_work(client, workflow_id, described):
        return f"{repeated}: look at the offer later"
    if described.pending_activities:
        names = ", ".join(each.activity_type.name for each in described.pending_activities)
        return f"it waits for {names}: look at the offer later"
    if described.workflow_execution_info.status != RUNNING:
        return "it was ended from outside before a worker had begun it"
    return "a worker runs, but it is busy: look at the offer later"
