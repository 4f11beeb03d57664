"""The list of offers: what Temporal's search tells of them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from offers.stage import Stage
from workflows.offer.search_attributes import AGREEMENT_ID, ATTENTION, EXPIRES_AT, OFFER_ID, STAGE


class OfferRow(BaseModel):
    """An offer as the list shows it: what its search attributes tell."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    """For an amendment with its number: the offer's name."""
    stage: str
    offer_id: str | None
    agreement_id: str | None
    expires_at: datetime | None
    """Last second to accept, UTC business time."""
    attention: str | None


async def list_offers(client: Client, stage: str | None = None) -> list[OfferRow]:
    """Every offer that Temporal still knows, the newest run of each, oldest first."""
    query = "WorkflowType = 'OfferWorkflow' AND ExecutionStatus != 'Failed'"
    if stage is not None:
        query += f" AND {STAGE.name} = '{Stage(stage)}'"
    newest: dict[str, WorkflowExecution] = {}
    async for execution in client.list_workflows(query):
        known = newest.get(execution.id)
        if known is None or known.start_time < execution.start_time:
            newest[execution.id] = execution
    return [row_of(e) for e in sorted(newest.values(), key=lambda e: (e.start_time, e.id))]


async def accepted_offers(client: Client) -> list[WorkflowExecution]:
    """Every run whose offer was accepted, oldest first."""
    stages = (Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED)
    named = ", ".join(f"'{stage}'" for stage in stages)
    query = f"WorkflowType = 'OfferWorkflow' AND {STAGE.name} IN ({named})"
    found = [execution async for execution in client.list_workflows(query)]
    return sorted(found, key=lambda each: (each.start_time, each.id))


def row_of(execution: WorkflowExecution) -> OfferRow:
    """One row."""
    attributes = execution.typed_search_attributes
    stopped = execution.status in (
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.CANCELED,
    )
    return OfferRow(
        opportunity_id=execution.id.partition("/")[2],
        stage=attributes.get(STAGE) or Stage.DRAFT.value,
        offer_id=attributes.get(OFFER_ID),
        agreement_id=attributes.get(AGREEMENT_ID),
        expires_at=attributes.get(EXPIRES_AT),
        attention="workflow-terminated" if stopped else attributes.get(ATTENTION),
    )
