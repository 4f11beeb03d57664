"""With what an offer was started, from the history of its workflow."""

from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_summaries import read_offer
from workflows.offer.messages import OfferRequest


async def start_request(client: Client, workflow_id: str) -> OfferRequest | None:
    """The request of the newest start; None if its first run is not there (any more)."""
    listed = await read_offer(client, workflow_id)
    if listed is None:
        return None
    handle = client.get_workflow_handle(workflow_id, run_id=listed.info.first_run_id)
    try:
        async for event in handle.fetch_history_events(page_size=1):
            context = WorkflowSerializationContext(client.namespace, workflow_id)
            converter = client.data_converter.with_context(context)
            payloads = event.workflow_execution_started_event_attributes.input.payloads
            (request,) = await converter.decode(payloads, [OfferRequest])
            return OfferRequest.model_validate(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return None
