"""What Temporal knows of the offers' workflows."""

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import not_ready, unavailable

CHECK_EVERY = timedelta(hours=6)
"""Each check is a billed Action, and workflows that end by themselves report it at once."""
RPC_TIMEOUT = timedelta(seconds=10)

ENDED_BY_THEMSELVES = frozenset(
    {WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.CANCELED}
)


class OfferWorkflows:
    """Activities on Temporal itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def wait_until_closed(self, workflow_id: str) -> bool:
        """Whether a workflow ended by itself; False if it was terminated or failed.

        Fails NOT_READY until it is closed, and Temporal retries.
        """
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return True  # closed so long ago that it was deleted
            raise unavailable("Temporal", error.status.name) from None
        if description.status is WorkflowExecutionStatus.RUNNING:
            raise not_ready("the workflow is open", CHECK_EVERY)
        return description.status in ENDED_BY_THEMSELVES
