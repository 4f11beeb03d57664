"""Record histories for the replay tests: `python -m tests.replay.record [scenario ...]`.

Only for new scenarios.  A recorded history stands for offers that are under way: never record one
anew to make a red test green, guard the change with `workflow.patched` instead.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from offers.terms.terms import OfferTerms
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.faults import Fault
from sandbox.marketplace.agreements import roll_back
from sandbox.marketplace.buyers import accept
from sandbox.world import Buyer
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life, living
from workflows.offer.workflow import OfferWorkflow

AMENDMENT = offer_path(OPPORTUNITY, 1)
HISTORIES = Path(__file__).with_name("histories")


async def paid_in_parts(life: Life) -> None:
    """Accepted after a reminder, paid in two parts."""
    life.world.payout_settings.parts = [Decimal("0.5"), Decimal("0.5")]
    life.buyer(accepts_after=24)
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.passes(days=25)
    await life.report_acceptance()
    await life.passes(days=32)
    await life.report_payout()
    await life.passes(days=5)
    await life.report_payout()
    await life.end()


async def taken_back_and_late(life: Life) -> None:
    """The invoice comes late, the bank refuses the payout, and it is paid again."""
    habit = life.world.payout_settings
    habit.outcome, habit.retried_after_days = "failed", 10
    life.buyer(accepts_after=1)
    await life.start()
    await life.passes(days=2)
    await life.report_acceptance()
    await life.passes(days=12)
    await life.report_payout()
    for days in (23, 2, 10):
        await life.passes(days=days)
        await life.report_payout()
    await life.end()


async def expired(life: Life) -> None:
    """Nobody accepts."""
    await life.start()
    await life.end()


async def cancelled_while_generating(life: Life) -> None:
    """Stopped in AWS while it prepares."""
    life.world.change_set_processing.preparing_minutes = 30
    await life.start()
    await life.reaches(Stage.GENERATING)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    await life.end()


async def withdrawn_after_sharing(life: Life) -> None:
    """Made void in AWS after the buyer was told."""
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.handle.signal(OfferWorkflow.cancel_signal, "")
    await life.end()


async def refused_then_corrected(life: Life) -> None:
    """A wrong account, put right; still open."""
    life.world.buyers[BUYER] = Buyer(BUYER, exists=False)
    await life.start()
    await life.reaches(Stage.FAILED)
    life.opportunity(AWS_Account_Id__c="444455556666")
    await life.desk.resume(OPPORTUNITY)
    await life.reaches(Stage.SHARED)


async def paused_for_credentials(life: Life) -> None:
    """AWS refuses our credentials until somebody renews them; then AWS is late."""
    life.world.change_set_processing.publish_minutes = 4 * 60
    life.world.faults.waiting.append(
        Fault("catalog", "status", "ListChangeSets", status=403, code="AccessDeniedException")
    )
    await life.start()
    await life.passes(minutes=5)
    await life.desk.resume(OPPORTUNITY)
    await life.passes(hours=5)


async def approved_after_a_revision(life: Life) -> None:
    """Two exceptions: one is revised away, the other approved after a reminder."""
    life.opportunity(Contract_Months__c=24.0, Amount=90000.0)
    await life.start()
    await life.passes(days=2)
    price = {"price": {"amount": "120000", "currency": "USD"}}
    await life.desk.revise(OPPORTUNITY, TermChanges(terms=price))
    await life.desk.approve(OPPORTUNITY, ApprovalDecision(by="desk@example.com"))
    await life.reaches(Stage.SHARED)


async def sent_back_and_made_again(life: Life) -> None:
    """Handed off, made with a wrong price, declined, made again."""
    await life.desk.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    wrong = await life.passes(days=2)
    make(life, wrong.require_terms(), price=Decimal(12000))
    while (await life.record()).attention_code != "approval-required":
        await life.passes(minutes=10)
    verdict = ApprovalDecision(by="desk@example.com", reason="as signed, please")
    await life.desk.decline(OPPORTUNITY, verdict)
    await life.reaches(Stage.SUBMITTED)
    make(life, (await life.passes(minutes=1)).require_terms())
    await life.reaches(Stage.SHARED)


async def extended_then_amended(life: Life) -> None:
    """More time after the last day, then another price: withdrawn, and made anew."""
    await life.start()
    await life.end()
    until = Extension(until=life.world.now().date() + timedelta(days=20))
    async with life.asking(life.desk.extend(OPPORTUNITY, until)) as asked:
        await asked
    price = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
    async with life.asking(life.desk.amend(OPPORTUNITY, price)) as asked:
        await asked
    await life.reaches(Stage.SHARED)


async def amended_after_acceptance(life: Life) -> None:
    """Rolled back, accepted again, then replaced by an amendment."""
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    roll_back(life.world, life.agreement())
    await life.report_acceptance()
    await life.quiet()
    accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    await life.desk.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await life.approve(AMENDMENT)
    amendment = await life.reaches(Stage.SHARED, path=AMENDMENT)
    await life.report_agreement(accept(life.world, amendment.require_offer_id(), BUYER), AMENDMENT)
    await life.passes(hours=2)


async def amendment(life: Life) -> str:
    """The same, as the amendment lived through it."""
    await amended_after_acceptance(life)
    return AMENDMENT


async def ended_on_our_request(life: Life) -> None:
    """The buyer lets the agreement be cancelled by saying nothing."""
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    accept(life.world, shared.require_offer_id(), BUYER)
    await life.report_acceptance()
    await life.quiet()
    wish = CancellationRequestInput(reason_code=CancellationReasonCode.OTHER, message="As agreed.")
    await life.desk.request_cancellation(OPPORTUNITY, wish)
    await life.end()


def make(life: Life, terms: OfferTerms, **mistakes: Any) -> None:
    """Somebody makes the offer in Clazar."""
    right: dict[str, Any] = {
        "name": terms.offer_name,
        "buyer_accounts": list(terms.buyer_accounts),
        "price": terms.price.amount,
        "availability_end": terms.availability_end,
    }
    create_manual_offer(life.world, **right | mistakes)


SCENARIOS: dict[str, Callable[[Life], Awaitable[str | None]]] = {
    scenario.__name__: scenario
    for scenario in (
        paid_in_parts,
        taken_back_and_late,
        expired,
        cancelled_while_generating,
        withdrawn_after_sharing,
        refused_then_corrected,
        paused_for_credentials,
        approved_after_a_revision,
        sent_back_and_made_again,
        extended_then_amended,
        amended_after_acceptance,
        amendment,
        ended_on_our_request,
    )
}


async def record(name: str) -> None:
    """Live a scenario and keep its history."""
    async with living() as life:
        path = await SCENARIOS[name](life) or OPPORTUNITY
        history = await life.client.get_workflow_handle(workflow_id(path)).fetch_history()
    text = json.dumps(impersonal(json.loads(history.to_json())), indent=1)
    (HISTORIES / f"{name}.json").write_text(text + "\n")


def impersonal(recorded: Any) -> Any:
    """A recording without what tells of the machine it was made on: paths and process names."""
    if isinstance(recorded, list):
        return [impersonal(item) for item in recorded]
    if isinstance(recorded, dict):
        return {
            name: "recorder" if name == "identity" else impersonal(value)
            for name, value in recorded.items()
            if name != "stackTrace"
        }
    return recorded


if __name__ == "__main__":
    HISTORIES.mkdir(exist_ok=True)
    for chosen in sys.argv[1:] or SCENARIOS:
        asyncio.run(record(chosen))
        print(chosen)
