"""Following the money once for all offers: one reading of the payout data per turn."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field
from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.activity_options import start

with workflow.unsafe.imports_passed_through():
    from activities.email.finance import of_payout_data
    from activities.email.smtp import Email, Memo
    from activities.temporal.payouts import Payouts, Swept
    from offers.stage import Stage
    from offers.terms.contacts import Address

PAID_FOR = [Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED]
"""Stages in which money may still come, or be taken back."""


MAIL_PATIENCE = timedelta(hours=1)


class SweepRequest(BaseModel):
    """Whom to tell what of the data could not be read."""

    model_config = ConfigDict(frozen=True)

    finance: tuple[Address, ...] = Field(default=(), repr=False)


@workflow.defn
class DisbursementSweep:
    """One turn: read the payout data, and signal the offers whose payout changed and no others.

    Nothing is remembered of the offers between turns: each one's search attribute says what it
    knows.  What was wrong with the data is, so that it is told once.
    """

    @workflow.run
    async def run(self, request: SweepRequest) -> Swept:
        """Gives how many offers were signalled, and what could not be read."""
        last = workflow.get_last_completion_result(Swept)
        swept = await start(Payouts.sweep, PAID_FOR)
        if request.finance and swept.findings and swept.findings != (last and last.findings):
            memo = Memo(
                to=request.finance,
                letter=of_payout_data(swept.findings),
                key=workflow.info().run_id,
            )
            try:
                await start(Email.send_memo, memo, budget=MAIL_PATIENCE)
            except ActivityError:
                # The next turn, which then knows of nothing that was told, tells it again.
                return Swept(told=swept.told)
        return swept
