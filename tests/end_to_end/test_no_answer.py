"""What a command says of an offer that does not answer."""

import asyncio
from contextlib import nullcontext, suppress
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.command.v1 import Command
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.task_queues import TaskQueue
from client import offer_client
from client.offer_client import NoAnswer, NoWorkerRunning, OfferClient
from offers.ids import workflow_id
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from tests.support import requests
from tests.support.offer_environment import PAUSE_SECONDS, TIMEOUT_SECONDS, OfferEnvironment
from tests.support.workflow_harness import OPPORTUNITY
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class BrokenOffer:
    """An offer's workflow with a bug."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> None:
        raise ValueError("a bug in the new build")


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class AnsweringOffer:
    """An offer's workflow that answers one request, and does nothing else."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def resend(self, _by: str | None) -> OfferRecord:
        return requests.record(Stage.SHARED)


NO_ATTRIBUTES = Command(command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK)
"""A command that the server cannot take: it fails the workflow task."""


async def complete_tasks(client: Client, number: int, *commands: Command) -> set[str]:
    """Complete workflow tasks of offers without an answer to the updates that they bring.

    Returns the ids of these.
    """
    updates: set[str] = set()
    for _ in range(number):
        task = await client.workflow_service.poll_workflow_task_queue(
            PollWorkflowTaskQueueRequest(
                namespace=client.namespace, task_queue=TaskQueueName(name=TaskQueue.OFFERS)
            )
        )
        updates |= {each.protocol_instance_id for each in task.messages}
        with suppress(RPCError) if commands else nullcontext():
            await client.workflow_service.respond_workflow_task_completed(
                RespondWorkflowTaskCompletedRequest(
                    namespace=client.namespace, task_token=task.task_token, commands=commands
                )
            )
    return updates


async def start(client: Client) -> None:
    await client.start_workflow(
        "OfferWorkflow",
        OfferRequest(opportunity_id=OPPORTUNITY),
        id=workflow_id(OPPORTUNITY),
        task_queue=TaskQueue.OFFERS,
    )


async def wait_until_queries_are_refused(client: Client) -> None:
    """The server does so when a workflow task has failed a few times."""
    handle = client.get_workflow_handle(workflow_id(OPPORTUNITY))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                await handle.query(OfferWorkflow.get_record, rpc_timeout=timedelta(seconds=1))
            except RPCError as error:
                if error.status is RPCStatusCode.FAILED_PRECONDITION:
                    return
            except WorkflowQueryFailedError:
                pass
            await asyncio.sleep(PAUSE_SECONDS)


async def test_no_worker_is_seen_at_once(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await environment.stop_workers()
    # The server remembers a worker that has just left.
    monkeypatch.setattr("activities.temporal.pollers.POLLER_SEEN_WITHIN", timedelta(0))
    await start(environment.temporal_client)
    client = OfferClient(environment.temporal_client)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NoWorkerRunning, match=r"start worker\.py"):
        await client.record(OPPORTUNITY)
    assert asyncio.get_running_loop().time() - began < offer_client.WORKER_TIMEOUT.total_seconds()


async def test_failing_workflow_task_is_named(environment: OfferEnvironment) -> None:
    await environment.stop_workers()
    client = environment.temporal_client
    async with Worker(
        client,
        task_queue=TaskQueue.OFFERS,
        workflows=[BrokenOffer],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await start(client)
        with pytest.raises(NoAnswer, match=r"workflow task has failed .* a bug in the new build"):
            await OfferClient(client, answer_within=timedelta(seconds=2)).resume(OPPORTUNITY)
        await wait_until_queries_are_refused(client)
        with pytest.raises(NoAnswer, match=r"workflow task has failed .* a bug in the new build"):
            await OfferClient(client).record(OPPORTUNITY)
        known = await OfferClient(client).known(OPPORTUNITY)
    assert known.record is None
    (problem,) = known.problems
    assert "a bug in the new build" in problem


async def test_offer_that_was_ended_before_it_began_is_named(environment: OfferEnvironment) -> None:
    await environment.stop_workers()
    client = environment.temporal_client
    await start(client)
    await client.get_workflow_handle(workflow_id(OPPORTUNITY)).terminate()
    with pytest.raises(NoAnswer, match="ended from outside before a worker had begun it"):
        await OfferClient(client).record(OPPORTUNITY)


async def test_vendor_that_does_not_answer_is_named(environment: OfferEnvironment) -> None:
    environment.world.faults.salesforce.down()
    (opportunity,) = environment.put_opportunities(1)
    client = OfferClient(environment.temporal_client, answer_within=timedelta(seconds=4))
    await client.start_without_waiting(opportunity)
    with pytest.raises(NoAnswer, match=r"check_deal is in its attempt .*Salesforce"):
        await client._wait_until_drafted(client._handle(opportunity))


@pytest.mark.parametrize("commands", [(), (NO_ATTRIBUTES,)], ids=["unanswered", "task fails"])
async def test_request_that_no_worker_has_handled_is_made_again(
    environment: OfferEnvironment, commands: tuple[Command, ...]
) -> None:
    await environment.stop_workers()
    client = environment.temporal_client
    await start(client)
    await complete_tasks(client, 1)
    answer = asyncio.ensure_future(OfferClient(client, by="asks@example.com").resend(OPPORTUNITY))
    await complete_tasks(client, 1, *commands)
    await complete_tasks(client, 1)
    async with Worker(
        client,
        task_queue=TaskQueue.OFFERS,
        workflows=[AnsweringOffer],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        assert (await answer).stage is Stage.SHARED


async def test_request_that_workers_never_handle_gets_no_answer(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_client, "UPDATE_INTERVAL", timedelta(0))
    await environment.stop_workers()
    client = environment.temporal_client
    await start(client)
    await complete_tasks(client, 1)
    answer = asyncio.ensure_future(OfferClient(client).resend(OPPORTUNITY))
    updates = await complete_tasks(client, offer_client.UPDATE_ATTEMPTS)
    assert len(updates) == 1, "an update that was accepted nevertheless would be done twice"
    with pytest.raises(NoAnswer, match="look at the offer later"):
        await answer
