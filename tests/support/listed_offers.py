"""Offers that Temporal lists and nobody runs: enough for whoever reads the list."""

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from offers.ids import workflow_id
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import OfferSummary
from workflows.offer import search_attributes


async def list_offer(client: Client, record: OfferRecord, task_queue: str = "unserved") -> None:
    """Start a workflow on a task queue that no worker serves, listed as the offer's own is."""
    pairs = [
        SearchAttributePair(key, value)
        for key, value in search_attributes.values(record).items()
        if value is not None
    ]
    await client.start_workflow(
        "OfferWorkflow",
        id=workflow_id(record.path),
        task_queue=task_queue,
        memo=OfferSummary.of(record).memo(),
        search_attributes=TypedSearchAttributes(pairs),
    )
