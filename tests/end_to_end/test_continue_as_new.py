"""Runs that continue as new on a real server, while people and the world go on talking to them."""

import asyncio
from datetime import timedelta

import pytest

from activities.temporal import offer_workflows
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.stage import Stage
from tests.support.continue_as_new import continue_as_new_always
from tests.support.offer_environment import OfferEnvironment
from workflows.offer.workflow import OfferWorkflow

REQUESTS = 4


async def test_signals_updates_and_queries_arrive_while_runs_continue(
    environment: OfferEnvironment,
) -> None:
    """Each request is a change in place, so each leaves a change set in AWS."""
    with continue_as_new_always() as continued:
        (offer,) = await environment.share_offers(1)
        handle = environment.temporal_client.get_workflow_handle(workflow_id(offer))
        before, runs = len(environment.world.aws.change_sets), len(continued)
        asking = asyncio.create_task(ask_all_the_time(environment, offer))
        for number in range(REQUESTS):
            by_signal = TermChanges(terms={"offer_name": f"Signalled {number}"})
            by_update = TermChanges(terms={"offer_name": f"Updated {number}"})
            await handle.signal(OfferWorkflow.amend_signal, by_signal)
            assert (await environment.client.amend(offer, by_update)).stage is Stage.SHARED
        await environment.wait_until_idle(offer)
        asking.cancel()
        names = [
            change.details["Name"]
            for change_set in list(environment.world.aws.change_sets.values())[before:]
            for change in change_set.changes
            if "Name" in change.details
        ]
        assert sorted(names) == sorted(
            f"{how} {number}" for number in range(REQUESTS) for how in ("Signalled", "Updated")
        )
        record = await environment.client.cancel(offer, "")
        assert record.stage is Stage.CANCELLED
        assert not any(map(environment.world.aws.acceptable, environment.world.aws.offers.values()))
        assert len(continued) >= runs + REQUESTS, "the runs did not continue while requests came"


async def ask_all_the_time(environment: OfferEnvironment, offer: str) -> None:
    while True:
        assert (await environment.client.record(offer)).stage is Stage.SHARED


async def amended_offer(environment: OfferEnvironment) -> str:
    """An accepted offer whose amendment is shared, and whose run has continued since it began."""
    (offer,) = await environment.share_offers(1)
    await environment.accept(offer)
    await environment.run_agreement_watch()
    await environment.wait_until(offer, lambda row: row.stage == Stage.ACCEPTED)
    amendment = await environment.client.amend(
        offer, TermChanges(terms={"additional_amount": "1000 USD"})
    )
    decision = ApprovalDecision(by="desk@example.com")
    await environment.client.approve(amendment.path, decision)
    await environment.wait_until(amendment.path, lambda row: row.stage == Stage.SHARED)
    return offer


async def test_amendment_replaces_an_original_whose_run_has_continued(
    environment: OfferEnvironment,
) -> None:
    with continue_as_new_always(with_amendments=True) as continued:
        offer = await amended_offer(environment)
        await environment.accept(offer_path(offer, 1))
        await environment.run_agreement_watch()
        await environment.wait_until(offer, lambda row: row.stage == Stage.REPLACED)
        await environment.wait_until(offer_path(offer, 1), lambda row: row.stage == Stage.ACCEPTED)
        record = await environment.client.record(offer)
        amendment = await environment.client.record(offer_path(offer, 1))
        assert amendment.agreement is not None
        assert record.replaced_by == amendment.agreement.agreement_id
        assert {Stage.ACCEPTED, Stage.REPLACED} <= set(continued)


async def test_terminated_amendment_is_found_by_the_run_that_started_it(
    environment: OfferEnvironment,
) -> None:
    offer = await amended_offer(environment)
    path = offer_path(offer, 1)
    await environment.temporal_client.get_workflow_handle(workflow_id(path)).terminate()
    await environment.wait_until(offer, lambda row: row.attention == "amendment-terminated")
    terminated = {row.opportunity_id: row for row in await environment.client.list_offers()}[path]
    assert terminated.attention == "workflow-terminated"


async def test_terminated_amendment_is_found_by_a_run_that_did_not_start_it(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_workflows, "CHECK_EVERY", timedelta(seconds=0.2))
    with continue_as_new_always(with_amendments=True):
        offer = await amended_offer(environment)
        path = offer_path(offer, 1)
        await environment.temporal_client.get_workflow_handle(workflow_id(path)).terminate()
        await environment.wait_until(offer, lambda row: row.attention == "amendment-terminated")
        again = await environment.client.amend(
            offer, TermChanges(terms={"additional_amount": "2000 USD"})
        )
        assert again.path == offer_path(offer, 2)
