"""Starting an offer for each opportunity that is ready."""

import asyncio
from datetime import timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    VersioningBehavior,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows.common.activity_options import start_activity
from workflows.offer.messages import OfferRequest
from workflows.offer.search_attributes import STAGE
from workflows.offer.workflow import OfferWorkflow

with workflow.unsafe.imports_passed_through():
    from activities.salesforce.opportunities import Opportunities, ReadyAfter, ReadyOpportunity
    from activities.task_queues import TaskQueue
    from offers.clock import Clock
    from offers.ids import workflow_id
    from offers.model import FrozenModel
    from offers.stage import Stage

PAGES_PER_RUN = 5
"""After which the run goes on as a new one, so that no history grows long."""


class IntakePosition(FrozenModel):
    """How far Salesforce has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime | None = None
    """The newest change seen, by Salesforce's clock and no other; None: nothing has been read."""
    seen: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By opportunity, the change that it was started for, as far back as the overlap."""


class IntakeRequest(FrozenModel):
    """How Salesforce is read."""

    clock: Clock
    overlap: timedelta
    """How far each reading goes back behind the newest change seen: changes may appear late."""
    position: IntakePosition | None = None
    """Where a run goes on that was continued; None: from where the last run came to."""
    page: ReadyAfter | None = None
    """The page it goes on with."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class OpportunityIntake:
    """One run: read what has become ready, and start an offer for each."""

    @workflow.run
    async def run(self, request: IntakeRequest) -> IntakePosition:
        """Gives the position from which the next run reads.

        An opportunity may be read twice: its workflow's id lets it be started once only.
        """
        position = request.position or workflow.get_last_completion_result(IntakePosition)
        position = position or IntakePosition()
        since = position.newest - request.overlap if position.newest else None
        page = request.page or ReadyAfter(changed_at=since)
        for _ in range(PAGES_PER_RUN):
            ready = await start_activity(Opportunities.find_ready_opportunities, page)
            await asyncio.gather(
                *(
                    self._start(opportunity, request.clock)
                    for opportunity in ready
                    if position.seen.get(opportunity.opportunity_id) != opportunity.changed_at
                )
            )
            position = _next_position(position, ready, request.overlap)
            if not ready:
                break
            last = ready[-1]
            page = ReadyAfter(changed_at=last.changed_at, opportunity_id=last.opportunity_id)
        else:
            workflow.continue_as_new(
                request.model_copy(update={"position": position, "page": page})
            )
        return position

    async def _start(self, opportunity: ReadyOpportunity, clock: Clock) -> None:
        try:
            await workflow.start_child_workflow(
                OfferWorkflow.run,
                OfferRequest(opportunity_id=opportunity.opportunity_id, clock=clock),
                id=workflow_id(opportunity.opportunity_id),
                task_queue=TaskQueue.OFFERS,
                # An offer outlives the run that started it.
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(STAGE, Stage.DRAFT.value)]
                ),
                static_summary=f"Private offer for opportunity {opportunity.opportunity_id}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.debug("%s has its offer already", opportunity.opportunity_id)


def _next_position(
    position: IntakePosition, ready: tuple[ReadyOpportunity, ...], overlap: timedelta
) -> IntakePosition:
    changes = {each.opportunity_id: each.changed_at for each in ready}
    newest = max([*changes.values(), *([position.newest] if position.newest else [])], default=None)
    if newest is None:
        return position
    return IntakePosition(
        newest=newest,
        seen={
            opportunity: at
            for opportunity, at in (position.seen | changes).items()
            if at >= newest - overlap
        },
    )
