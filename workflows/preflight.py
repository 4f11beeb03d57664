"""A preflight for the web console, which has no vendor's credentials."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError

from workflows.common.activity_options import failure_of, start_activity

with workflow.unsafe.imports_passed_through():
    from activities.preflight import CheckDeal, DealPreview, Preflight

GIVEN_UP_AFTER = timedelta(minutes=3)
"""Real time: nobody waits longer for a page."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class PreflightPreview:
    """Check a deal that nothing was started for; nothing is written to any system."""

    @workflow.run
    async def run(self, deal: CheckDeal) -> DealPreview:
        """Fails NOT_FOUND if the opportunity does not exist."""
        try:
            return await start_activity(Preflight.preview_deal, deal, budget=GIVEN_UP_AFTER)
        except ActivityError as error:
            raise failure_of(error) or error from None
