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


async def signals(house: OfferEnvironment, opportunity: str) -> int:
    """How many signals an offer has got."""
    history = await house.client.get_workflow_handle(workflow_id(opportunity)).fetch_history()
    wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return sum(event.event_type == wanted for event in history.events)


async def test_only_the_accepted_offer_is_signalled_and_only_once(house: OfferEnvironment) -> None:
    accepted, waiting, other = await house.share(1, 2, 3)
    await house.accept(accepted)
    position = await house.watch()
    row = await house.until(accepted, lambda row: row.stage == Stage.ACCEPTED)
    assert row.agreement_id in position.signalled
    assert await signals(house, accepted) == 1
    assert await signals(house, waiting) == await signals(house, other) == 0


async def test_calls_do_not_grow_with_the_number_of_offers(house: OfferEnvironment) -> None:
    async def calls_of_a_turn() -> dict[tuple[str, str], int]:
        before = house.world.calls.copy()
        await house.watch()
        await house.sweep()
        made = house.world.calls - before
        return {
            call: made[call]
            for call in (("agreement", "SearchAgreements"), ("clazar", "GetDisbursements"))
        }

    await house.share(1)
    with_one = await calls_of_a_turn()
    await house.share(2, 3, 4, 5, 6)
    assert await calls_of_a_turn() == with_one


async def test_agreements_of_others_do_no_harm(house: OfferEnvironment) -> None:
    (ours,) = await house.share(1)
    stranger = house.made_elsewhere()
    await house.accept(ours)
    position = await house.watch()
    await house.until(ours, lambda row: row.stage == Stage.ACCEPTED)
    assert stranger.id in house.world.agreements
    assert [report.agreement_id for report in position.unmatched] == [stranger.id], "for a day"


async def test_an_acceptance_before_search_knows_the_offer_is_not_lost(
    house: OfferEnvironment,
) -> None:
    policy = Policy(agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta())
    await schedules.apply(house.client, policy, Clock())
    stuck = Fault("catalog", "status", "DescribeChangeSet", status=403, times=None)
    house.world.faults.waiting.append(stuck)
    (opportunity,) = house.prepare(1)
    house.world.buyers["222200000001"] = Buyer("222200000001", accept_after_days=0)
    await house.desk.start(opportunity)
    await house.until(opportunity, lambda row: row.attention == "credentials-rejected")
    house.world.advance()
    assert house.world.agreements, "released and accepted, and we do not know the offer yet"
    later = house.made_elsewhere()
    later.last_update = house.world.now() + timedelta(minutes=1)
    turns = house.world.calls["agreement", "SearchAgreements"]
    await house.until_called("agreement", "SearchAgreements", turns + 3)
    house.world.faults.waiting.clear()
    await house.desk.resume(opportunity)
    await house.until(opportunity, lambda row: row.stage == Stage.ACCEPTED)


async def test_more_than_one_reading_takes_in_holds_nothing_up(
    house: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreements, "PAGE_LIMIT", 1)
    (ours,) = await house.share(1)
    stranger = house.made_elsewhere()
    for number in range(60):
        updated = stranger.accepted_at + timedelta(seconds=number)
        other = replace(stranger, id=f"agmt-{number:025}", last_update=updated)
        house.world.agreements[other.id] = other
    await house.accept(ours)
    (accepted,) = [a for a in house.world.agreements.values() if a.offer_id != stranger.offer_id]
    accepted.last_update = stranger.accepted_at + timedelta(seconds=60)
    policy = Policy(
        agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta(minutes=15)
    )
    await schedules.apply(house.client, policy, Clock())
    await house.until(ours, lambda row: row.stage == Stage.ACCEPTED)


async def test_a_payout_is_reported_when_it_changed(house: OfferEnvironment) -> None:
    paid, waiting = await house.share(1, 2)
    for opportunity in (paid, waiting):
        await house.accept(opportunity)
    await house.watch()
    for opportunity in (paid, waiting):
        await house.until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    house.pay(paid, "0.4")
    assert (await house.sweep()).signalled >= 1
    await house.until_paid(paid, "USD 46,560.00")
    assert (await house.sweep()).signalled == 0, "nothing changed"
    house.pay(paid, "0.6")
    assert (await house.sweep()).signalled == 1
    await house.until(paid, lambda row: row.stage == Stage.DISBURSED)
    assert await signals(house, paid) <= 4


async def test_the_directory_knows_running_offers_only(house: OfferEnvironment) -> None:
    from temporalio.testing import ActivityEnvironment

    (opportunity,) = await house.share(1)
    record = await house.desk.record(opportunity)
    directory = OfferDirectory(house.client)
    find = ActivityEnvironment().run
    known = await find(
        directory.find_by_offer, [record.require_offer_id(), "offer-0000000000000", "it's'"]
    )
    assert [offer.workflow_id for offer in known] == [workflow_id(opportunity)]
    await house.desk.cancel(opportunity, "")
    await house.until(opportunity, lambda row: row.stage == Stage.CANCELLED)
    # It would stay open for an hour, in which an acceptance may come to light.
    handle = house.client.get_workflow_handle(workflow_id(opportunity))
    await handle.cancel()
    await handle.result()
    assert await find(directory.find_by_stage, [Stage.CANCELLED]) == []


async def test_the_next_turn_reads_on_from_the_last(house: OfferEnvironment) -> None:
    (first, second) = await house.share(1, 2)
    policy = Policy(
        agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta(minutes=1)
    )
    for _ in range(2):
        await schedules.apply(house.client, policy, Clock())
    await house.accept(first)
    await house.until(first, lambda row: row.stage == Stage.ACCEPTED)
    await house.accept(second)
    await house.until(second, lambda row: row.stage == Stage.ACCEPTED)
    assert await signals(house, first) == 1, "later turns remember what was reported"
    listed = {schedule.id async for schedule in await house.client.list_schedules()}
    assert listed == set(schedules.KNOWN)
