"""Opportunity intake: every ready opportunity gets exactly one offer."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.salesforce import opportunities
from activities.salesforce.opportunities import ReadyOpportunity
from activities.task_queues import TaskQueue
from offers.clock import Clock
from offers.feed import FeedCursor
from offers.ids import parse_opportunity_id, workflow_id
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from sandbox.salesforce.schema import timestamp
from tests.support.offer_environment import OfferEnvironment
from tests.support.workflow_harness import opportunity_fields
from workflows.schedules.opportunity_intake import IntakeRequest, OpportunityIntake

OFFERS = "WorkflowType = 'OfferWorkflow'"
OVERLAP = timedelta(minutes=15)
PAGE = 40
NUMBER = 2 * PAGE + 20
Cursor = FeedCursor[ReadyOpportunity]


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opportunities, "PAGE", PAGE)


def put(environment: OfferEnvironment, number: int, **fields: Any) -> str:
    """Put a ready opportunity into Salesforce, with its own buyer account."""
    each = parse_opportunity_id(f"006READY{number:07}")
    own = {"AWS_Account_Id__c": f"{333300000000 + number}"}
    environment.world.salesforce.put_opportunity(opportunity_fields(each, **own | fields))
    return each


def put_all(environment: OfferEnvironment, numbers: Iterable[int]) -> set[str]:
    return {put(environment, number) for number in numbers}


async def start_intake(
    environment: OfferEnvironment,
    name: str = "intake",
    position: Cursor | None = None,
) -> WorkflowHandle[OpportunityIntake, Cursor]:
    """Start one run."""
    return await environment.temporal_client.start_workflow(
        OpportunityIntake.run,
        IntakeRequest(clock=Clock(), overlap=OVERLAP, cursor=position),
        id=name,
        task_queue=TaskQueue.OFFERS,
    )


async def run_intake(environment: OfferEnvironment, position: Cursor | None = None) -> Cursor:
    """Run the intake once, from the position of an earlier run."""
    return await (await start_intake(environment, position=position)).result()


async def started(environment: OfferEnvironment) -> Counter[str]:
    """How often an offer was started for each opportunity."""
    runs = [
        execution.id.partition("/")[2]
        async for execution in environment.temporal_client.list_workflows(OFFERS)
    ]
    return Counter(runs)


async def wait_until_started(environment: OfferEnvironment, number: int) -> None:
    """Wait until search shows this many runs."""
    async with asyncio.timeout(30):
        while (await environment.temporal_client.count_workflows(OFFERS)).count < number:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def assert_started_once(environment: OfferEnvironment, expected: set[str]) -> None:
    """Wait until search shows every run, and assert that each opportunity has one."""
    await wait_until_started(environment, len(expected))
    assert await started(environment) == Counter(expected)


@pytest.mark.usefixtures("short_pages")
@pytest.mark.timeout(300)
async def test_many_opportunities_are_started_once_each(
    idle_offers_environment: OfferEnvironment,
) -> None:
    """Changes during paging, a crash between starts, two runs at once, and one more."""
    environment = idle_offers_environment
    expected = put_all(environment, range(NUMBER))
    # pytest-timeout's signal may end a task of the workers instead, and the test then never ends.
    async with asyncio.timeout(240):
        crashing = await start_intake(environment, "crashing")
        await wait_until_started(environment, NUMBER // 3)
        await crashing.terminate("crash")
        with pytest.raises(WorkflowFailureError):
            await crashing.result()
        runs = [await start_intake(environment, "one"), await start_intake(environment, "other")]
        for number in range(0, NUMBER, 17):
            put(environment, number, Amount=130000.0 + number)
        expected |= put_all(environment, range(NUMBER, NUMBER + 10))
        positions = [await each.result() for each in runs]
        await run_intake(environment, positions[0])
        await assert_started_once(environment, expected)


async def test_only_ready_opportunities_are_started(
    idle_offers_environment: OfferEnvironment,
) -> None:
    environment = idle_offers_environment
    wanted = {put(environment, 1)}
    put(environment, 2, Order_Form_Signed__c=False)
    put(environment, 3, Billing_Method__c="Invoice")
    put(environment, 4, Offer_Stage__c="expired")
    put(environment, 5, StageName="Negotiation")
    position = await run_intake(environment)
    await assert_started_once(environment, wanted)
    wanted.add(put(environment, 2))
    await run_intake(environment, position)
    await assert_started_once(environment, wanted)


async def test_opportunity_with_invalid_terms_waits_in_draft(environment: OfferEnvironment) -> None:
    invalid = put(environment, 1, AWS_Account_Id__c="12", Amount=None)
    await run_intake(environment)
    row = await environment.wait_until(invalid, lambda row: row.attention == "terms-invalid")
    assert row.stage == Stage.DRAFT
    record = await environment.client.record(invalid)
    assert {finding.field for finding in record.blocking_findings} == {"buyer_accounts", "price"}


async def test_manually_started_offer_is_not_started_again(environment: OfferEnvironment) -> None:
    (manual,) = await environment.share_offers(1)
    environment.world.salesforce.opportunities[manual]["Offer_Stage__c"] = None
    put_all(environment, [1])
    await run_intake(environment)
    runs = await started(environment)
    assert runs[manual] == 1


async def test_ended_offer_is_not_started_again(environment: OfferEnvironment) -> None:
    ended = put(environment, 1, Amount=None)
    await environment.client.start(ended)
    await environment.client.cancel(ended, "")
    await environment.temporal_client.get_workflow_handle(workflow_id(ended)).result()
    put(environment, 1, Offer_Stage__c=None)
    await run_intake(environment)
    assert await started(environment) == Counter([ended])


async def test_position_uses_the_clock_of_salesforce(
    idle_offers_environment: OfferEnvironment,
) -> None:
    """Salesforce's clock is days behind, and a change is committed late."""
    environment = idle_offers_environment
    newest = environment.world.now() - timedelta(days=3)
    expected = put_all(environment, range(3))
    for each in expected:
        environment.world.salesforce.opportunities[each]["SystemModstamp"] = timestamp(newest)
    position = await run_intake(environment)
    assert position.newest is not None
    assert abs(position.newest - newest) < timedelta(seconds=1)
    late = put(environment, 7)
    environment.world.salesforce.opportunities[late]["SystemModstamp"] = timestamp(
        newest - timedelta(minutes=10)
    )
    await run_intake(environment, position)
    await assert_started_once(environment, expected | {late})


@pytest.mark.usefixtures("short_pages")
async def test_next_run_reads_only_changes(
    idle_offers_environment: OfferEnvironment,
) -> None:
    environment, number = idle_offers_environment, PAGE + 5
    put_all(environment, range(number))
    position = await run_intake(environment)
    assert len(position.handled) == number
    before = environment.world.calls["salesforce", "Query"]
    handle = await start_intake(environment, "again", position)
    await handle.result()
    history = await handle.fetch_history()
    assert not [e for e in history.events if e.event_type == CHILD], (
        "an opportunity was started again"
    )
    assert environment.world.calls["salesforce", "Query"] - before <= 3


CHILD = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED


async def test_intake_continues_after_a_salesforce_outage(
    idle_offers_environment: OfferEnvironment,
) -> None:
    environment = idle_offers_environment
    expected = put_all(environment, range(3))
    environment.world.faults.salesforce.answer(503, "Query")
    await run_intake(environment)
    await assert_started_once(environment, expected)


async def test_schedule_starts_ready_opportunities(environment: OfferEnvironment) -> None:
    policy = Policy(intake_every=timedelta(seconds=1))
    for _ in range(2):
        await schedules.apply(environment.temporal_client, policy, Clock())
    first = put(environment, 1)
    await environment.wait_until(first, lambda row: row.stage == Stage.SHARED)
    second = put(environment, 2)
    await environment.wait_until(second, lambda row: row.stage == Stage.SHARED)
    assert await started(environment) == Counter([first, second])
    handle = environment.temporal_client.get_workflow_handle(workflow_id(first))
    assert (await handle.describe()).parent_id is not None


async def test_paused_schedule_stays_paused_after_apply(
    idle_offers_environment: OfferEnvironment,
) -> None:
    client = idle_offers_environment.temporal_client
    await schedules.apply(client, Policy(), Clock())
    await schedules.pause(client, "opportunity-intake", "quarter end")
    await schedules.pause(client, "opportunity-intake", "quarter end")
    await schedules.apply(client, Policy(), Clock())
    rows = {row.schedule_id: row for row in await schedules.rows(client)}
    assert set(rows) == set(schedules.KNOWN)
    assert rows["opportunity-intake"].paused
    assert rows["opportunity-intake"].note == "quarter end"
    assert not rows["marketplace-watch"].paused
    await schedules.resume(client, "opportunity-intake")
    (row,) = [r for r in await schedules.rows(client) if r.schedule_id == "opportunity-intake"]
    assert not row.paused
    with pytest.raises(schedules.ScheduleNotFound, match="choose opportunity-intake"):
        await schedules.pause(client, "intake", "")
