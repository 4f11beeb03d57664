"""The list of offers, from Temporal's search attributes."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from offers.stage import Stage
from workflows.offer.search_attributes import AGREEMENT_ID, ATTENTION, EXPIRES_AT, OFFER_ID, STAGE


class OfferRow(BaseModel):
    """A row of the list of offers."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    """The offer's path: of an amendment it ends with the amendment's number."""
    stage: str
    offer_id: str | None
    agreement_id: str | None
    expires_at: datetime | None
    """Last second to accept, UTC business time."""
    attention: str | None


async def list_offers(client: Client, stage: str | None = None) -> list[OfferRow]:
    """The newest run of every offer that Temporal still has, the oldest first."""
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
    """The row of a run."""
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
