"""Acceptance and payout are seen once for all offers, and reported only to those concerned."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from activities.aws import agreements
from activities.temporal.offer_directory import OfferDirectory
from offers.clock import Clock
from offers.ids import workflow_id
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from sandbox.faults import Fault
from sandbox.world import Buyer
from tests.support.offer_environment import OfferEnvironment


async def signals(environment: OfferEnvironment, opportunity: str) -> int:
    """How many signals an offer has got."""
    history = await environment.temporal_client.get_workflow_handle(
        workflow_id(opportunity)
    ).fetch_history()
    wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return sum(event.event_type == wanted for event in history.events)


async def test_only_the_accepted_offer_is_signalled_and_only_once(
    environment: OfferEnvironment,
) -> None:
    accepted, waiting, other = await environment.share_offers(1, 2, 3)
    await environment.accept(accepted)
    position = await environment.run_agreement_watch()
    row = await environment.wait_until(accepted, lambda row: row.stage == Stage.ACCEPTED)
    assert row.agreement_id in position.signalled
    assert await signals(environment, accepted) == 1
    assert await signals(environment, waiting) == await signals(environment, other) == 0


async def test_calls_do_not_grow_with_the_number_of_offers(environment: OfferEnvironment) -> None:
    async def calls_of_a_turn() -> dict[tuple[str, str], int]:
        before = environment.world.calls.copy()
        await environment.run_agreement_watch()
        await environment.run_payout_sweep()
        made = environment.world.calls - before
        return {
            call: made[call]
            for call in (("agreement", "SearchAgreements"), ("clazar", "GetDisbursements"))
        }

    await environment.share_offers(1)
    with_one = await calls_of_a_turn()
    await environment.share_offers(2, 3, 4, 5, 6)
    assert await calls_of_a_turn() == with_one


async def test_agreements_of_others_do_no_harm(environment: OfferEnvironment) -> None:
    (ours,) = await environment.share_offers(1)
    stranger = environment.accept_unrelated_offer()
    await environment.accept(ours)
    position = await environment.run_agreement_watch()
    await environment.wait_until(ours, lambda row: row.stage == Stage.ACCEPTED)
    assert stranger.id in environment.world.agreements
    assert [report.agreement_id for report in position.unmatched] == [stranger.id], "for a day"


async def test_an_acceptance_before_search_knows_the_offer_is_not_lost(
    environment: OfferEnvironment,
) -> None:
    policy = Policy(agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta())
    await schedules.apply(environment.temporal_client, policy, Clock())
    stuck = Fault("catalog", "status", "DescribeChangeSet", status=403, times=None)
    environment.world.faults.waiting.append(stuck)
    (opportunity,) = environment.put_opportunities(1)
    environment.world.buyers["222200000001"] = Buyer("222200000001", accept_after_days=0)
    await environment.client.start(opportunity)
    await environment.wait_until(opportunity, lambda row: row.attention == "credentials-rejected")
    environment.world.advance()
    assert environment.world.agreements, "released and accepted, and we do not know the offer yet"
    later = environment.accept_unrelated_offer()
    later.last_update = environment.world.now() + timedelta(minutes=1)
    turns = environment.world.calls["agreement", "SearchAgreements"]
    await environment.wait_until_called("agreement", "SearchAgreements", turns + 3)
    environment.world.faults.waiting.clear()
    await environment.client.resume(opportunity)
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)


async def test_more_than_one_reading_takes_in_holds_nothing_up(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreements, "PAGE_LIMIT", 1)
    (ours,) = await environment.share_offers(1)
    stranger = environment.accept_unrelated_offer()
    for number in range(60):
        updated = stranger.accepted_at + timedelta(seconds=number)
        other = replace(stranger, id=f"agmt-{number:025}", last_update=updated)
        environment.world.agreements[other.id] = other
    await environment.accept(ours)
    (accepted,) = [
        a for a in environment.world.agreements.values() if a.offer_id != stranger.offer_id
    ]
    accepted.last_update = stranger.accepted_at + timedelta(seconds=60)
    policy = Policy(
        agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta(minutes=15)
    )
    await schedules.apply(environment.temporal_client, policy, Clock())
    await environment.wait_until(ours, lambda row: row.stage == Stage.ACCEPTED)


async def test_a_payout_is_reported_when_it_changed(environment: OfferEnvironment) -> None:
    paid, waiting = await environment.share_offers(1, 2)
    for opportunity in (paid, waiting):
        await environment.accept(opportunity)
    await environment.run_agreement_watch()
    for opportunity in (paid, waiting):
        await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    environment.pay(paid, "0.4")
    assert (await environment.run_payout_sweep()).signalled >= 1
    await environment.wait_until_paid(paid, "USD 46,560.00")
    assert (await environment.run_payout_sweep()).signalled == 0, "nothing changed"
    environment.pay(paid, "0.6")
    assert (await environment.run_payout_sweep()).signalled == 1
    await environment.wait_until(paid, lambda row: row.stage == Stage.DISBURSED)
    assert await signals(environment, paid) <= 4


async def test_the_directory_knows_running_offers_only(environment: OfferEnvironment) -> None:
    from temporalio.testing import ActivityEnvironment

    (opportunity,) = await environment.share_offers(1)
    record = await environment.client.record(opportunity)
    directory = OfferDirectory(environment.temporal_client)
    find = ActivityEnvironment().run
    known = await find(
        directory.find_by_offer, [record.require_offer_id(), "offer-0000000000000", "it's'"]
    )
    assert [offer.workflow_id for offer in known] == [workflow_id(opportunity)]
    await environment.client.cancel(opportunity, "")
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.CANCELLED)
    # It would stay open for an hour, in which an acceptance may come to light.
    handle = environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    await handle.cancel()
    await handle.result()
    assert await find(directory.find_by_stage, [Stage.CANCELLED]) == []


async def test_the_next_turn_reads_on_from_the_last(environment: OfferEnvironment) -> None:
    (first, second) = await environment.share_offers(1, 2)
    policy = Policy(
        agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta(minutes=1)
    )
    for _ in range(2):
        await schedules.apply(environment.temporal_client, policy, Clock())
    await environment.accept(first)
    await environment.wait_until(first, lambda row: row.stage == Stage.ACCEPTED)
    await environment.accept(second)
    await environment.wait_until(second, lambda row: row.stage == Stage.ACCEPTED)
    assert await signals(environment, first) == 1, "later turns remember what was reported"
    listed = {schedule.id async for schedule in await environment.temporal_client.list_schedules()}
    assert listed == set(schedules.KNOWN)
