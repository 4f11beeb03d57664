"""Offers that Temporal lists and nobody runs: enough for whoever reads the list."""

import json
from datetime import datetime

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from activities.temporal.offer_summaries import ListedOffer
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


def listed(record: OfferRecord, *, readable: bool = True) -> ListedOffer:
    """A running offer as Temporal lists it; without a summary unless it is readable."""
    info = WorkflowExecutionInfo(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING)
    info.execution.workflow_id = workflow_id(record.path)
    info.memo.fields["deal"].data = b"{}"
    for key, value in search_attributes.values(record).items():
        if value is not None:
            text = value.isoformat() if isinstance(value, datetime) else value
            info.search_attributes.indexed_fields[key.name].data = json.dumps(text).encode()
    return ListedOffer(info, OfferSummary.of(record) if readable else None)
