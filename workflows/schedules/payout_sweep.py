"""Reading the payout data once for all offers."""

from datetime import timedelta

from pydantic import Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.broadcast import was_sent

with workflow.unsafe.imports_passed_through():
    from activities.email.finance import compose_unreadable_payout_data
    from activities.email.smtp import BroadcastEmail
    from activities.temporal.payouts import Payouts, PayoutSweepResult
    from offers.model import FrozenModel
    from offers.stage import Stage
    from offers.terms.contacts import Address

STAGES_WITH_PAYOUTS = [Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED]
"""Stages in which money may still come, or be taken back."""


MAIL_BUDGET = timedelta(hours=1)


class PayoutSweepRequest(FrozenModel):
    """Who is told what of the data could not be read."""

    finance: tuple[Address, ...] = Field(default=(), repr=False)


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class PayoutSweep:
    """One run: read the payout data, and signal the offers whose payout changed and no others.

    Nothing is kept of the offers between runs: each one's search attribute shows what it knows.
    What was wrong with the data is kept, so that it is reported once.
    """

    @workflow.run
    async def run(self, request: PayoutSweepRequest) -> PayoutSweepResult:
        """Gives how many offers were signalled, and what could not be read."""
        last = workflow.get_last_completion_result(PayoutSweepResult)
        swept = await start_activity(Payouts.sweep_payouts, STAGES_WITH_PAYOUTS)
        if request.finance and swept.findings and swept.findings != (last and last.findings):
            memo = BroadcastEmail(
                to=request.finance,
                message=compose_unreadable_payout_data(swept.findings),
                key=workflow.info().run_id,
            )
            if not await was_sent(memo, MAIL_BUDGET):
                return PayoutSweepResult(signalled=swept.signalled)
        return swept
