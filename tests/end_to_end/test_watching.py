"""Agreements and payouts are read once for all offers, and only changed ones are signalled."""

from dataclasses import replace
from datetime import timedelta

import pytest

from activities.aws import agreements
from activities.temporal.offer_directory import OfferDirectory
from offers.clock import Clock
from offers.ids import workflow_id
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from sandbox.aws.marketplace_state import Buyer
from sandbox.faults import Fault
from tests.support.offer_environment import OfferEnvironment


async def test_only_the_accepted_offer_is_signalled_and_only_once(
    environment: OfferEnvironment,
) -> None:
    accepted, waiting = await environment.share_offers(1, 2)
    await environment.accept(accepted)
    position = await environment.run_agreement_watch()
    row = await environment.wait_until(accepted, lambda row: row.stage == Stage.ACCEPTED)
    assert row.agreement_id in position.handled
    assert await environment.count_signals(accepted) == 1
    assert await environment.count_signals(waiting) == 0


async def test_vendor_calls_do_not_grow_with_the_number_of_offers(
    environment: OfferEnvironment,
) -> None:
    async def calls_of_one_run() -> dict[tuple[str, str], int]:
        before = environment.world.calls.copy()
        await environment.run_agreement_watch()
        await environment.run_payout_sweep()
        calls = environment.world.calls - before
        return {
            call: calls[call]
            for call in (("agreement", "SearchAgreements"), ("clazar", "GetDisbursements"))
        }

    await environment.share_offers(1)
    with_one_offer = await calls_of_one_run()
    await environment.share_offers(2, 3, 4)
    assert await calls_of_one_run() == with_one_offer


async def test_agreements_of_other_offers_are_ignored(environment: OfferEnvironment) -> None:
    (ours,) = await environment.share_offers(1)
    unrelated = environment.accept_unrelated_offer()
    await environment.accept(ours)
    position = await environment.run_agreement_watch()
    await environment.wait_until(ours, lambda row: row.stage == Stage.ACCEPTED)
    assert unrelated.id in environment.world.aws.agreements
    assert list(position.unmatched) == [unrelated.id], "the unmatched agreement is not kept"


async def test_acceptance_before_the_offer_id_is_searchable_is_found(
    environment: OfferEnvironment,
) -> None:
    policy = Policy(agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta())
    await schedules.apply(environment.temporal_client, policy, Clock())
    fault = Fault("catalog", "status", "DescribeChangeSet", status=403, times=None)
    environment.world.faults.waiting.append(fault)
    (opportunity,) = environment.put_opportunities(1)
    environment.world.aws.buyers["222200000001"] = Buyer("222200000001", accept_after_days=0)
    await environment.client.start(opportunity)
    await environment.wait_until(opportunity, lambda row: row.attention == "credentials-rejected")
    environment.world.advance()
    assert environment.world.aws.agreements, "the offer is not accepted before its id is known"
    later = environment.accept_unrelated_offer()
    later.last_update = environment.world.now() + timedelta(minutes=1)
    runs = environment.world.calls["agreement", "SearchAgreements"]
    await environment.wait_until_called("agreement", "SearchAgreements", runs + 3)
    environment.world.faults.clear()
    await environment.client.resume(opportunity)
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)


async def test_feed_longer_than_one_reading_is_read_to_its_end(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreements, "PAGE_LIMIT", 1)
    (ours,) = await environment.share_offers(1)
    unrelated = environment.accept_unrelated_offer()
    for number in range(60):
        updated = unrelated.accepted_at + timedelta(seconds=number)
        other = replace(unrelated, id=f"agmt-{number:025}", last_update=updated)
        environment.world.aws.agreements[other.id] = other
    await environment.accept(ours)
    (accepted,) = [
        a for a in environment.world.aws.agreements.values() if a.offer_id != unrelated.offer_id
    ]
    accepted.last_update = unrelated.accepted_at + timedelta(seconds=60)
    policy = Policy(
        agreement_watch_every=timedelta(seconds=1), agreement_watch_overlap=timedelta(minutes=15)
    )
    await schedules.apply(environment.temporal_client, policy, Clock())
    await environment.wait_until(ours, lambda row: row.stage == Stage.ACCEPTED)


async def test_payout_is_signalled_only_when_it_changed(environment: OfferEnvironment) -> None:
    paid, waiting = await environment.share_offers(1, 2)
    for opportunity in (paid, waiting):
        await environment.accept(opportunity)
    await environment.run_agreement_watch()
    for opportunity in (paid, waiting):
        await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
    environment.pay(paid, "0.4")
    assert (await environment.run_payout_sweep()).signalled >= 1
    await environment.wait_until_paid(paid, "USD 46,560.00")
    assert (await environment.run_payout_sweep()).signalled == 0, (
        "an unchanged payout was signalled"
    )
    environment.pay(paid, "0.6")
    assert (await environment.run_payout_sweep()).signalled == 1
    await environment.wait_until(paid, lambda row: row.stage == Stage.DISBURSED)
    assert await environment.count_signals(paid) <= 4


async def test_directory_finds_only_running_offers(environment: OfferEnvironment) -> None:
    from temporalio.testing import ActivityEnvironment

    (opportunity,) = await environment.share_offers(1)
    record = await environment.client.record(opportunity)
    directory = OfferDirectory(environment.temporal_client)
    find = ActivityEnvironment().run
    found = await find(
        directory.find_by_offer, [record.require_offer_id(), "offer-0000000000000", "it's'"]
    )
    assert [offer.workflow_id for offer in found] == [workflow_id(opportunity)]
    await environment.client.cancel(opportunity, "")
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.CANCELLED)
    # It would stay open for an hour, in which AWS may list an acceptance.
    handle = environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
    await handle.cancel()
    await handle.result()
    await environment.wait_until_closed(opportunity)
    assert await find(directory.find_by_stage, [Stage.CANCELLED]) == []


async def test_next_run_continues_from_the_last_position(environment: OfferEnvironment) -> None:
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
    assert await environment.count_signals(first) == 1, "a later run signalled it again"
    listed = {schedule.id async for schedule in await environment.temporal_client.list_schedules()}
    assert listed == set(schedules.KNOWN)
