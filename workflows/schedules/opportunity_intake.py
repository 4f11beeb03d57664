"""Starting an offer for each opportunity that is ready."""

import asyncio

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
from workflows.schedules.watch import WatchRequest

with workflow.unsafe.imports_passed_through():
    from activities.salesforce.opportunities import Opportunities, ReadyAfter, ReadyOpportunity
    from activities.task_queues import TaskQueue
    from offers.clock import Clock
    from offers.feed import FeedCursor
    from offers.ids import workflow_id
    from offers.stage import Stage

PAGES_PER_RUN = 5
"""After which the run goes on as a new one, so that no history grows long."""


class IntakeRequest(WatchRequest):
    """How Salesforce is read."""

    cursor: FeedCursor[ReadyOpportunity] | None = None
    """Where a run goes on that was continued; None: from where the last run came to."""
    page: ReadyAfter | None = None
    """The page it goes on with."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class OpportunityIntake:
    """One run: read what has become ready, and start an offer for each."""

    @workflow.run
    async def run(self, request: IntakeRequest) -> FeedCursor[ReadyOpportunity]:
        """Gives the cursor from which the next run reads.

        An opportunity may be read twice: its workflow's id lets it be started once only.
        """
        cursor = (
            request.cursor
            or workflow.get_last_completion_result(FeedCursor[ReadyOpportunity])
            or FeedCursor[ReadyOpportunity]()
        )
        page = request.page or ReadyAfter(changed_at=cursor.read_from(request.overlap))
        for _ in range(PAGES_PER_RUN):
            ready = await start_activity(Opportunities.find_ready_opportunities, page)
            read = {each.opportunity_id: each for each in ready}
            await asyncio.gather(
                *(self._start(opportunity, request.clock) for opportunity in cursor.news(read))
            )
            now = request.clock.business_time(workflow.now())
            cursor = cursor.after(read, read.keys(), request.overlap, now)
            if not ready:
                break
            last = ready[-1]
            page = ReadyAfter(changed_at=last.changed_at, opportunity_id=last.opportunity_id)
        else:
            workflow.continue_as_new(request.model_copy(update={"cursor": cursor, "page": page}))
        return cursor

    async def _start(self, opportunity_id: str, clock: Clock) -> None:
        try:
            await workflow.start_child_workflow(
                OfferWorkflow.run,
                OfferRequest(opportunity_id=opportunity_id, clock=clock),
                id=workflow_id(opportunity_id),
                task_queue=TaskQueue.OFFERS,
                # An offer outlives the run that started it.
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(STAGE, Stage.DRAFT.value)]
                ),
                static_summary=f"Private offer for opportunity {opportunity_id}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.debug("%s has its offer already", opportunity_id)
