"""The stages of an offer's life, each a function that gives the next stage.

A stage ends the workflow when it gives None: nothing can follow any more.
"""

from collections.abc import Awaitable, Callable

from temporalio import workflow

from workflows.offer.context import OfferContext
from workflows.offer.stages.agreement import accepted, disbursed, replaced, terminated
from workflows.offer.stages.draft import draft, failed
from workflows.offer.stages.publishing import generating, submitted
from workflows.offer.stages.released import cancelled, expired, live, shared

with workflow.unsafe.imports_passed_through():
    from offers.stage import Stage

STAGES: dict[Stage, Callable[[OfferContext], Awaitable[Stage | None]]] = {
    Stage.DRAFT: draft,
    Stage.SUBMITTED: submitted,
    Stage.GENERATING: generating,
    Stage.FAILED: failed,
    Stage.LIVE: live,
    Stage.SHARED: shared,
    Stage.ACCEPTED: accepted,
    Stage.DISBURSED: disbursed,
    Stage.EXPIRED: expired,
    Stage.CANCELLED: cancelled,
    Stage.REPLACED: replaced,
    Stage.TERMINATED: terminated,
}
