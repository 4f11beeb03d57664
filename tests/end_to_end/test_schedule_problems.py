"""What is said of Schedules whose feeds are not read, and who is told."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import unavailable
from activities.task_queues import TaskQueue
from activities.temporal import schedules as reading
from activities.temporal.schedules import ProblemKind, ScheduleRow
from offers.clock import Clock
from offers.policy.policy import Policy
from runtime import schedules
from runtime.schedules import CHECK, INTAKE, KNOWN, NEVER_APPLIED, WATCH, schedule_problems
from sandbox.faults import Fault
from sandbox.mail.mailbox_state import Mail
from tests.support.offer_environment import PAUSE_SECONDS, TIMEOUT_SECONDS, OfferEnvironment
from workflows.common import escalation
from workflows.schedules.health_check import HealthCheck, HealthCheckRequest, MailedProblems

ROLES = {"operations": ("ops@example.com",), "deal-desk": ("desk@example.com",)}
POLICY = Policy.model_validate({"roles": ROLES | {"legal": ("legal@example.com",)}})


@pytest.fixture
def soon_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is late after some seconds, whatever the interval of its Schedule."""
    monkeypatch.setattr(reading, "LATE_AFTER", timedelta(seconds=3))
    monkeypatch.setattr(reading, "LATE_AFTER_INTERVALS", 0)


async def create(client: Client, schedule_id: str) -> None:
    """Create a Schedule that runs only by hand in the next minutes."""
    schedule = schedules.schedules(POLICY, Clock())[schedule_id]
    schedule.spec.intervals[0].every = timedelta(days=1000)
    await client.create_schedule(schedule_id, schedule)


async def problem_of(client: Client, schedule_id: str) -> str:
    """The problem of a Schedule, once there is one."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            (row,) = await reading.read_schedules(client, [schedule_id])
            if row.last_run and row.problem:
                return row.problem
            await asyncio.sleep(PAUSE_SECONDS)


async def test_schedules_that_were_never_applied(environment: OfferEnvironment) -> None:
    client = environment.temporal_client
    assert await schedule_problems(client) == [NEVER_APPLIED]
    await schedules.apply(client, Policy(), Clock())
    assert await schedule_problems(client) == []
    await client.get_schedule_handle(WATCH).pause(note="Maintenance")
    (row,) = await reading.read_schedules(client, [WATCH])
    assert (row.paused, row.note) == (True, "Maintenance")
    assert row.every == Policy().agreement_watch_every
    await client.get_schedule_handle(WATCH).delete()
    (problem,) = await schedule_problems(client)
    assert problem.startswith(f"{WATCH}: never applied")


@pytest.mark.usefixtures("soon_late")
async def test_schedule_that_has_not_run_for_long(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LATE_AFTER", timedelta(seconds=1))
    client = environment.temporal_client
    await create(client, WATCH)
    await client.get_schedule_handle(WATCH).trigger()
    assert (await problem_of(client, WATCH)).startswith("it has not run since")
    await create(client, INTAKE)
    found = await schedule_problems(client)
    while f"{INTAKE}: it has not run yet" not in found:
        await asyncio.sleep(PAUSE_SECONDS)
        found = await schedule_problems(client)


@pytest.mark.usefixtures("soon_late")
async def test_each_problem_is_mailed_once_to_operations(environment: OfferEnvironment) -> None:
    client, world = environment.temporal_client, environment.world
    check = client.get_schedule_handle(CHECK)
    await create(client, CHECK)

    async def mails() -> list[str]:
        await environment.run_schedule(check, MailedProblems)
        return [mail.text for mail in world.mail.messages]

    world.faults.smtp.answer(550, "RCPT")
    assert await mails() == [], "the mail server rejects it"
    (never_applied,) = await mails()
    for each in set(KNOWN) - {CHECK}:
        assert f"{each}: never applied" in never_applied
    assert len(await mails()) == 1

    # Its turn is repeated without end.
    world.faults.agreement.down()
    await create(client, WATCH)
    await client.get_schedule_handle(WATCH).trigger()
    problem = await problem_of(client, WATCH)
    assert "read_agreement_feed is in its attempt" in problem
    assert "AWS Marketplace" in problem
    _, unfinished = await mails()
    assert f"{WATCH}: its run goes on since" in unfinished
    assert "never applied" not in unfinished
    assert len(await mails()) == 2
    assert world.mail.messages[-1].recipients == ["ops@example.com"]


@pytest.mark.parametrize("paused", [True, False])
async def test_run_past_the_retention_is_no_problem(paused: bool) -> None:
    async def describe() -> None:
        raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")

    run: Any = SimpleNamespace(describe=describe)
    client: Any = None
    row = ScheduleRow(schedule_id=WATCH, paused=paused)
    assert await reading._run_problem(client, run, row, is_late=False) == (None, None)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (unavailable("Clazar", "status 503"), "Clazar: status 503"),
        (
            TimeoutError("activity StartToClose timeout", type=None, last_heartbeat_details=()),
            "in time",
        ),
        (TerminatedError("by admin@example.com"), "somebody ended it"),
        (
            ApplicationError("jane@example.com is no int", type="ValueError"),
            "a fault in this program",
        ),
    ],
)
async def test_reason_of_a_failed_run_is_in_our_words(cause: Exception, reason: str) -> None:
    async def describe() -> Any:
        return SimpleNamespace(status=WorkflowExecutionStatus.FAILED)

    async def result() -> None:
        raise WorkflowFailureError(cause=cause)

    run: Any = SimpleNamespace(describe=describe, result=result)
    client: Any = None
    row = ScheduleRow(schedule_id=WATCH)
    kind, problem = await reading._run_problem(client, run, row, is_late=False)
    assert kind is ProblemKind.FAILED
    assert problem
    assert reason in problem
    assert "example.com" not in problem


async def test_vendor_that_refuses_all_offers_is_told_once_and_when_it_is_over(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's credentials are gone for two offers, and come back without anybody's doing."""
    client, messages = environment.temporal_client, environment.world.mail.messages
    await create(client, CHECK)

    async def mails_after_two_checks() -> list[Mail]:
        for _ in range(2):
            await environment.run_schedule(client.get_schedule_handle(CHECK), MailedProblems)
        return [each for each in messages if "held up" in each.subject]

    often = timedelta(seconds=0.5)
    monkeypatch.setattr(escalation, "CREDENTIALS_RETRY", (often, often))
    environment.world.faults.waiting.append(
        Fault("catalog", "status", "DescribeChangeSet", status=403, times=None)
    )
    ids = environment.put_opportunities(1, 2)
    for each in ids:
        await environment.client.start_without_waiting(each)
    for each in ids:
        await environment.wait_until(each, lambda row: row.attention == "credentials-rejected")
    (begun,) = await mails_after_two_checks()
    assert begun.recipients == ["ops@example.com"]
    assert begun.subject == "Offers are held up by AWS"
    text = " ".join(begun.text.split())
    assert "(AccessDeniedException). This holds up 2 offers, the first since" in text
    assert "resume --all --attention credentials-rejected --vendor aws" in text

    environment.world.faults.clear()
    for each in ids:
        await environment.wait_until(each, lambda row: row.attention is None)
    _, over = await mails_after_two_checks()
    assert over.subject == "Over: offers were held up by AWS"


async def test_nobody_is_told_if_nobody_holds_the_role(environment: OfferEnvironment) -> None:
    mailed = await environment.temporal_client.execute_workflow(
        HealthCheck.run,
        HealthCheckRequest(schedules=("payout-sweep",)),
        id="check",
        task_queue=TaskQueue.OFFERS,
    )
    assert mailed == MailedProblems()


async def test_cancelled_run_does_not_end_as_if_its_mail_had_failed(
    environment: OfferEnvironment,
) -> None:
    environment.world.faults.smtp.down()
    run = await environment.temporal_client.start_workflow(
        HealthCheck.run,
        HealthCheckRequest(operations=("ops@example.com",), schedules=("payout-sweep",)),
        id="check",
        task_queue=TaskQueue.OFFERS,
    )
    await environment.wait_until_called("smtp", "RCPT", 1)
    await run.cancel()
    with pytest.raises(WorkflowFailureError) as raised:
        await run.result()
    assert isinstance(raised.value.cause, CancelledError)
