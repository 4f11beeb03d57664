"""Record histories for the replay tests: `python -m tests.replay.record --help`.

Only for new scenarios.  A recorded history stands for running offers: do not record one again to
make a failing test pass, but guard the change with `workflow.patched`.

With `--fingerprints` only the fingerprints are written: those of what a guarded change does now.
"""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.payouts.refund import RefundRequest
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from offers.terms.terms import OfferTerms
from sandbox.aws.marketplace_state import Buyer
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.marketplace.agreements import roll_back
from tests.replay.fingerprint import fingerprint
from tests.support.builders import BUYER
from tests.support.job_order import process_jobs_as_single_batch
from tests.support.workflow_harness import (
    CONFIRMING_POLICY,
    OPPORTUNITY,
    POLICY,
    WorkflowHarness,
    open_harness,
)
from workflows.offer.workflow import OfferWorkflow

AMENDMENT = offer_path(OPPORTUNITY, 1)
HISTORIES = Path(__file__).with_name("histories")
FINGERPRINTS = Path(__file__).with_name("fingerprints")


async def disbursed_in_parts(harness: WorkflowHarness) -> None:
    """Accepted after a reminder, paid out in two parts."""
    harness.world.money.payout_settings.parts = [Decimal("0.5"), Decimal("0.5")]
    harness.set_buyer(accepts_after=24)
    await harness.share()
    await harness.advance(days=25)
    await harness.watch_agreements()
    await harness.advance(days=32)
    await harness.sweep_payouts()
    await harness.advance(days=5)
    await harness.sweep_payouts()
    await harness.advance_to_end()


async def payout_failed_and_retried(harness: WorkflowHarness) -> None:
    """The invoice is overdue, the bank rejects the payout, and AWS pays out again."""
    settings = harness.world.money.payout_settings
    settings.outcome, settings.retried_after_days = "failed", 10
    harness.set_buyer(accepts_after=1)
    await harness.start()
    await harness.advance(days=2)
    await harness.watch_agreements()
    await harness.advance(days=12)
    await harness.sweep_payouts()
    for days in (23, 2, 10):
        await harness.advance(days=days)
        await harness.sweep_payouts()
    await harness.advance_to_end()


async def refunded(harness: WorkflowHarness) -> None:
    """Paid out, and a part of it refunded after a first request was declined."""
    await harness.sell()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    paid = await harness.settle()
    wish = {
        "invoice_id": paid.require_payout().invoices[0].invoice_id,
        "amount": "4000.00 USD",
        "reason": "OTHER",
        "by": "owner@example.com",
    }
    client = harness.client
    for number in (1, 2):
        request = RefundRequest.model_validate(wish | {"token": f"refund-recorded-{number}"})
        await client.request_refund(OPPORTUNITY, request)
        decision = ApprovalDecision(by="finance@example.com", finding=f"refund-{number}")
        if number == 1:
            said = decision.model_copy(update={"reason": "Not agreed."})
            await client.decline(OPPORTUNITY, said)
        else:
            await client.approve(OPPORTUNITY, decision)
    await harness.advance(hours=3)
    await harness.sweep_payouts()
    assert (await harness.settle()).refunds[1].shown_at


async def expired(harness: WorkflowHarness) -> None:
    """The buyer does not accept."""
    await harness.start()
    await harness.advance_to_end()


async def cancelled_while_generating(harness: WorkflowHarness) -> None:
    """The change set is cancelled while AWS prepares it."""
    harness.world.aws.change_set_processing.preparing_minutes = 30
    await harness.start()
    await harness.advance_until(Stage.GENERATING)
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance_to_end()


async def withdrawn_after_sharing(harness: WorkflowHarness) -> None:
    """Made void in AWS after it was shared."""
    await harness.share()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance_to_end()


async def rejected_then_corrected(harness: WorkflowHarness) -> None:
    """A wrong account is corrected; the offer stays open."""
    harness.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    await harness.settle()
    harness.put_opportunity(AWS_Account_Id__c="444455556666")
    await harness.client.resume(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)


async def paused_for_credentials(harness: WorkflowHarness) -> None:
    """AWS rejects the credentials until they are renewed; then the publication is delayed."""
    harness.world.aws.change_set_processing.publish_minutes = 4 * 60
    harness.vendors.catalog.answer(403, "ListChangeSets", code="AccessDeniedException")
    await harness.start()
    await harness.advance(minutes=5)
    await harness.client.resume(OPPORTUNITY)
    await harness.advance(hours=5)


async def approved_after_a_revision(harness: WorkflowHarness) -> None:
    """Two exceptions: one is removed by a revision, the other approved after a reminder."""
    harness.put_opportunity(Contract_Months__c=24.0, Amount=90000.0)
    await harness.start()
    await harness.advance(days=2)
    price = {"price": {"amount": "120000", "currency": "USD"}}
    await harness.client.revise(OPPORTUNITY, TermChanges(terms=price))
    await harness.client.approve(OPPORTUNITY, ApprovalDecision(by="desk@example.com"))
    await harness.advance_until(Stage.SHARED)


async def confirmed_by_the_buyer(harness: WorkflowHarness) -> None:
    """The buyer is reminded, names another account, and confirms it after the correction."""
    await harness.start()
    await harness.advance(days=4)
    await harness.confirm_account("444455556666")
    await harness.settle()
    correction = TermChanges(terms={"buyer_accounts": "444455556666"})
    await harness.client.revise(OPPORTUNITY, correction)
    await harness.settle()
    await harness.confirm_account("444455556666")
    await harness.advance_until(Stage.SHARED)


async def declined_and_recreated_in_clazar(harness: WorkflowHarness) -> None:
    """Handed off, created with a wrong price, declined, created again."""
    await harness.client.start(OPPORTUNITY, method=CreationMethod.CLAZAR)
    first = await harness.advance(days=2)
    create_in_clazar(harness, first.require_terms(), price=Decimal(12000))
    while (await harness.record()).attention_code != "approval-required":
        await harness.advance(minutes=10)
    decision = ApprovalDecision(by="desk@example.com", reason="as signed, please")
    await harness.client.decline(OPPORTUNITY, decision)
    await harness.advance_until(Stage.SUBMITTED)
    create_in_clazar(harness, (await harness.advance(minutes=1)).require_terms())
    await harness.advance_until(Stage.SHARED)


async def extended_then_amended(harness: WorkflowHarness) -> None:
    """Extended after the last day, then another price: withdrawn and created again."""
    await harness.start()
    await harness.advance_to_end()
    until = Extension(until=harness.world.now().date() + timedelta(days=20))
    async with harness.advance_until_answered(harness.client.extend(OPPORTUNITY, until)) as answer:
        await answer
    await harness.settle()
    price = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, price)) as answer:
        await answer
    await harness.advance_until(Stage.SHARED)


async def amended_after_acceptance(harness: WorkflowHarness) -> None:
    """Rolled back, accepted again, then replaced by an amendment."""
    shared = await harness.share()
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.settle()
    roll_back(harness.world, harness.agreement())
    await harness.watch_agreements()
    await harness.settle()
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.settle()
    await harness.client.amend(OPPORTUNITY, TermChanges(terms={"additional_amount": "1000 USD"}))
    await harness.approve_all(AMENDMENT)
    amendment = await harness.advance_until(Stage.SHARED, path=AMENDMENT)
    harness.accept(amendment)
    await harness.watch_agreements()
    await harness.advance(hours=2)


async def amendment(harness: WorkflowHarness) -> str:
    """The history of that amendment."""
    await amended_after_acceptance(harness)
    return AMENDMENT


async def cancellation_requested(harness: WorkflowHarness) -> None:
    """The buyer does not answer, so the agreement is cancelled."""
    shared = await harness.share()
    harness.accept(shared)
    await harness.watch_agreements()
    await harness.settle()
    request = CancellationRequestInput(
        reason_code=CancellationReasonCode.OTHER, message="As agreed."
    )
    await harness.client.request_cancellation(OPPORTUNITY, request)
    await harness.advance_to_end()


def create_in_clazar(harness: WorkflowHarness, terms: OfferTerms, **differences: Any) -> None:
    """Create the offer in Clazar."""
    correct: dict[str, Any] = {
        "name": terms.offer_name,
        "buyer_accounts": list(terms.buyer_accounts),
        "price": terms.price.amount,
        "availability_end": terms.availability_end,
    }
    create_manual_offer(harness.world, **correct | differences)


SCENARIOS: dict[str, Callable[[WorkflowHarness], Awaitable[str | None]]] = {
    scenario.__name__: scenario
    for scenario in (
        disbursed_in_parts,
        payout_failed_and_retried,
        expired,
        cancelled_while_generating,
        withdrawn_after_sharing,
        rejected_then_corrected,
        paused_for_credentials,
        refunded,
        approved_after_a_revision,
        confirmed_by_the_buyer,
        declined_and_recreated_in_clazar,
        extended_then_amended,
        amended_after_acceptance,
        amendment,
        cancellation_requested,
    )
}


POLICIES = {"confirmed_by_the_buyer": CONFIRMING_POLICY}
"""Of the scenarios that need another policy than the default."""

FINGERPRINTED = ("expired", "withdrawn_after_sharing", "cancellation_requested")
"""The scenarios that are run by each test run to compare their commands: they are short, and pass
through most stages."""


async def run_scenario(name: str) -> WorkflowHistory:
    """Run a scenario; returns its history."""
    async with open_harness(policy=POLICIES.get(name, POLICY)) as harness:
        path = await SCENARIOS[name](harness) or OPPORTUNITY
        handle = harness.temporal_client.get_workflow_handle(workflow_id(path))
        return await handle.fetch_history()


async def record(name: str, folder: Path) -> None:
    """Run a scenario and write its history."""
    history = await run_scenario(name)
    text = json.dumps(without_machine_names(json.loads(history.to_json())), indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if folder == HISTORIES and name in FINGERPRINTED:
        (FINGERPRINTS / f"{name}.txt").write_text(fingerprint(history), encoding="utf-8")


async def record_fingerprint(name: str) -> None:
    """Run a scenario and write its fingerprint."""
    (FINGERPRINTS / f"{name}.txt").write_text(
        fingerprint(await run_scenario(name)), encoding="utf-8"
    )


def without_machine_names(recorded: Any) -> Any:
    """The history without paths and process names of the machine."""
    if isinstance(recorded, list):
        return [without_machine_names(item) for item in recorded]
    if isinstance(recorded, dict):
        return {
            name: "recorder" if name == "identity" else without_machine_names(value)
            for name, value in recorded.items()
            if name != "stackTrace"
        }
    return recorded


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help="all, if none is named")
    parser.add_argument("--folder", type=Path, default=HISTORIES)
    parser.add_argument("--single-batch", action="store_true", help="see tests.support.job_order")
    parser.add_argument("--fingerprints", action="store_true", help="record these instead")
    given = parser.parse_args()
    if given.single_batch:
        process_jobs_as_single_batch()
    given.folder.mkdir(exist_ok=True)
    for chosen in given.scenarios or (FINGERPRINTED if given.fingerprints else SCENARIOS):
        asyncio.run(
            record_fingerprint(chosen) if given.fingerprints else record(chosen, given.folder)
        )
        print(chosen)
