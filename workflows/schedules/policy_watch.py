"""Telling all offers that people or reminders in the policy have changed."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity

with workflow.unsafe.imports_passed_through():
    from activities.policy import SellingPolicy


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class PolicyWatch:
    """One run: nothing at all, unless the policy of the workers has changed since the last one."""

    @workflow.run
    async def run(self) -> str:
        """Gives the digest of what the offers know."""
        known = workflow.get_last_completion_result(str)
        return await start_activity(SellingPolicy.signal_policy_change, known)
