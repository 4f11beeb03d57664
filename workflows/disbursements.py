"""Following the money once for all offers: one reading of the payout data per turn."""

from temporalio import workflow

from workflows.calls import start
from workflows.offer import OfferWorkflow
from workflows.reporting import report

with workflow.unsafe.imports_passed_through():
    from activities.clazar import Clazar
    from activities.offer_directory import OfferDirectory
    from offers.lifecycle import Stage


@workflow.defn
class DisbursementSweep:
    """One turn: read the payout data, and signal the offers whose payout changed and no others.

    Nothing is remembered between turns: each offer's search attribute says what it knows.
    """

    @workflow.run
    async def run(self) -> int:
        """Gives the number of offers that were signalled."""
        waiting = await start(OfferDirectory.offers_in_stage, Stage.ACCEPTED)
        if not waiting:
            return 0
        changed = await start(
            Clazar.changed_payouts, {offer.offer_id: offer.payout for offer in waiting}
        )
        for offer in waiting:
            if payout := changed.get(offer.offer_id):
                await report(offer.workflow_id, OfferWorkflow.payout_seen, payout)
        return len(changed)
