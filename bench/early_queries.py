"""How often a query makes the worker fail a workflow task on purpose (ADR 13)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.environment import run_concurrently
from offers.ids import workflow_id
from workflows.offer.workflow import OfferWorkflow


async def early_queries(client: Client, offers: Sequence[str]) -> dict[str, Any]:
    """Each offer, which is not in memory, is asked and signalled at the same moment."""
    failed = 0

    async def ask(opportunity: str) -> None:
        nonlocal failed
        handle = client.get_workflow_handle(workflow_id(opportunity))
        signal = OfferWorkflow.change_set_finished
        await asyncio.gather(
            handle.query(OfferWorkflow.get_record),
            handle.signal(signal, "of-another-offer"),
            handle.signal(signal, "of-a-third-offer"),
        )
        async for event in handle.fetch_history_events():
            failed += event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED

    await run_concurrently(ask, offers)
    return {"queries": len(offers), "failed_tasks": failed}
