"""A new build is rolled out and rolled back while offers are in every stage: docs/deployment.md."""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue as TemporalTaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior

from activities.task_queues import TaskQueue
from offers.clock import Clock
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from runtime.settings import WorkerSettings, read_settings
from runtime.upgrade_check import OPEN_WORKFLOWS, Outcome, check_open_workflows
from runtime.workers import WORKFLOWS, serve
from runtime.workflow_runner import WHY
from sandbox.aws.marketplace_state import Agreement, Buyer
from sandbox.marketplace.agreements import end
from tests.support.offer_environment import (
    PAUSE_SECONDS,
    TIMEOUT_SECONDS,
    OfferEnvironment,
    open_offer_environment,
)
from tests.support.programs import run
from tests.support.workflow_harness import installed_program, opportunity_fields
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

DEPLOYMENT = "offerflow"
A_MONTH_IN_SECONDS = timedelta(days=31) / timedelta(seconds=6)
DESK = "desk@example.com"


@workflow.defn(name="OfferWorkflow", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class PatchedOffer(OfferWorkflow):
    """The next build: offers that start on it begin with a guarded step."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: OfferRequest) -> OfferRecord:
        if workflow.patched("begin-with-a-step"):
            await asyncio.sleep(0.01)
        return await super().run(request)


@workflow.defn(name="OfferWorkflow", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class DivergingOffer(OfferWorkflow):
    """The same step without the guard."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: OfferRequest) -> OfferRecord:
        await asyncio.sleep(0.01)
        return await super().run(request)


def with_offer_workflow(workflow_class: type) -> tuple[type, ...]:
    return (workflow_class, *(each for each in WORKFLOWS if each is not OfferWorkflow))


BUILDS: dict[str | None, Sequence[type]] = {
    None: WORKFLOWS,
    "a": WORKFLOWS,
    "b": with_offer_workflow(PatchedOffer),
}


@pytest.fixture
async def environment(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferEnvironment]:
    """Without workers."""
    async with open_offer_environment(dev_server, tmp_path, ()) as environment:
        with (tmp_path / "policy.toml").open("r+") as policy:
            text = policy.read()
            policy.seek(0)
            policy.write(f'extend_expired_within = "P366D"\n{text}')
        yield environment


class Workers:
    """Workers of several builds, each on all task queues."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._running: dict[str | None, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    def start(self, build: str | None, clock: Clock | None = None) -> None:
        """`build`: None without a version."""
        clock = clock or Clock()
        update: dict[str, Any] = {
            "offers_clock_scale": clock.scale,
            "offers_clock_origin": clock.origin,
        }
        if build is not None:
            update |= {"temporal_deployment_name": DEPLOYMENT, "temporal_worker_build_id": build}
        settings = read_settings(WorkerSettings).model_copy(update=update)
        stop = asyncio.Event()
        serving = serve(self._client, settings, list(TaskQueue), stop, BUILDS[build])
        self._running[build] = stop, asyncio.create_task(serving)

    async def stop(self, *builds: str | None) -> None:
        for build in builds:
            stop, serving = self._running.pop(build)
            stop.set()
            await serving

    async def stop_all(self) -> None:
        await self.stop(*self._running)


@pytest.fixture
async def workers(environment: OfferEnvironment) -> AsyncIterator[Workers]:
    workers = Workers(environment.temporal_client)
    yield workers
    await workers.stop_all()


async def deployment_command(environment: OfferEnvironment, name: str, *arguments: str) -> None:
    """Run `temporal worker deployment`, as the docs say; again while the server has not seen the
    workers of the version on all task queues.  Then wait until new workflows follow it.
    """
    client = environment.temporal_client
    address = client.service_client.config.target_host
    command = [
        *(installed_program("temporal"), "worker", "deployment", name),
        *("--deployment-name", DEPLOYMENT, *arguments, "--yes"),
        *("--address", address, "--namespace", client.namespace),
    ]
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=os.environ,
            )
            await process.communicate()
            if process.returncode == 0:
                break
            await asyncio.sleep(0.2)
        while not await routed(client):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def routed(client: Client) -> bool:
    """Whether the task queue of the workflows follows the deployment: the command does not wait.

    The deployment's `routing_config_update_state` does not tell: it can stay "in progress" for ever
    (Temporal Server's issue 11842, and seen with 1.32.0).
    """
    deployment = await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    )
    task_queue = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TemporalTaskQueue(name=TaskQueue.OFFERS),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    wanted, found = deployment.worker_deployment_info.routing_config, task_queue.versioning_info
    return (
        found.current_deployment_version == wanted.current_deployment_version
        and found.ramping_deployment_version == wanted.ramping_deployment_version
    )


class Offers:
    """An offer in each stage, by stage."""

    def __init__(self, environment: OfferEnvironment) -> None:
        self.environment = environment
        self.client = environment.client
        self.world = environment.world
        self.ids = {
            stage: environment.put_opportunities(number)[0] for number, stage in enumerate(Stage, 1)
        }

    async def start_live(self) -> None:
        """The mail server refuses the mail to the buyer, who is therefore not told of the offer."""
        self.world.faults.smtp.answer(535)
        await self.start_offers(Stage.LIVE)
        await self.reach(Stage.LIVE, Stage.LIVE)

    async def start(self) -> None:
        """Bring each other offer into its stage."""
        world, ids, processing = self.world, self.ids, self.world.aws.change_set_processing
        two_years = opportunity_fields(ids[Stage.DRAFT], Contract_Months__c=24.0, Amount=240000.0)
        world.salesforce.put_opportunity(two_years)
        world.aws.buyers[self.account(Stage.FAILED)] = Buyer(
            self.account(Stage.FAILED), exists=False
        )
        agreed = (Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED)
        shared = (Stage.SHARED, Stage.CANCELLED, *agreed)
        await self.start_offers(Stage.DRAFT, Stage.FAILED, *shared)
        await self.reach(Stage.SHARED, *shared)
        await self.client.cancel(ids[Stage.CANCELLED], "test")
        for stage in agreed:
            await self.environment.accept(ids[stage])
        await self.environment.run_agreement_watch()
        await self.reach(Stage.ACCEPTED, *agreed)
        self.environment.pay(ids[Stage.DISBURSED], "1")
        await self.environment.run_payout_sweep()
        await self.amend_agreement(Stage.REPLACED)
        end(world, self.agreement(Stage.TERMINATED), "TERMINATED")
        await self.environment.run_agreement_watch()
        processing.publish_minutes = 1 / 60
        await self.start_offers(Stage.GENERATING)
        await self.reach(Stage.GENERATING, Stage.GENERATING)
        processing.publish_minutes = 0
        world.faults.catalog.answer(403, "StartChangeSet")
        await self.start_offers(Stage.SUBMITTED)
        await self.reach(Stage.SUBMITTED, Stage.SUBMITTED)
        for stage in Stage:
            await self.reach(stage, stage)

    async def start_offers(self, *offers: Stage) -> None:
        await asyncio.gather(*(self.client.start(self.ids[offer]) for offer in offers))

    async def reach(self, stage: Stage, *offers: Stage) -> None:
        """Wait until offers are in a stage."""
        for offer in offers:
            await self.environment.wait_until(self.ids[offer], lambda row: row.stage == stage)

    def account(self, offer: Stage) -> str:
        account: str = self.world.salesforce.opportunities[self.ids[offer]]["AWS_Account_Id__c"]
        return account

    def agreement(self, offer: Stage) -> Agreement:
        (agreement,) = [
            each
            for each in self.world.aws.agreements.values()
            if each.acceptor == self.account(offer)
        ]
        return agreement

    async def amend_agreement(self, offer: Stage) -> None:
        """Amend an agreement; the buyer accepts the amendment."""
        amendment = offer_path(self.ids[offer], 1)
        changes = TermChanges(terms={"additional_amount": "1000 USD"})
        await self.client.amend(self.ids[offer], changes)
        await self.client.approve(amendment, ApprovalDecision(by=DESK))
        await self.environment.wait_until(amendment, lambda row: row.stage == Stage.SHARED)
        await self.environment.accept(amendment)

    async def go_on(self, build: str | None) -> None:
        """Wait until every open offer has done a workflow task on a build."""
        client = self.environment.temporal_client
        async for execution in client.list_workflows(OPEN_WORKFLOWS):
            handle = client.get_workflow_handle(execution.id)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while True:
                    await handle.execute_update(OfferWorkflow.wait_until_drafted)
                    info = (await handle.describe()).raw_description.workflow_execution_info
                    if info.versioning_info.deployment_version.build_id == (build or ""):
                        break
                    await asyncio.sleep(PAUSE_SECONDS)


async def failed_tasks(environment: OfferEnvironment) -> list[str]:
    """The messages of all workflow tasks that failed, except those that fail on purpose."""
    found = []
    async for history in environment.temporal_client.list_workflows().map_histories():
        found += [
            event.workflow_task_failed_event_attributes.failure.message
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
    return [message for message in found if message != WHY]


async def divergences(environment: OfferEnvironment, build: Sequence[type]) -> dict[str, str]:
    """By workflow id, why open workflows do not replay on a build."""
    return {
        checked.workflow_id: str(checked.problem)
        async for checked in check_open_workflows(environment.temporal_client, build)
        if checked.outcome is not Outcome.REPLAYS
    }


@pytest.mark.timeout(240)
async def test_roll_out_and_roll_back(environment: OfferEnvironment, workers: Workers) -> None:
    """From workers without a version to build a, to build b, and all the way back."""
    offers, client, world = Offers(environment), environment.client, environment.world
    ids = offers.ids
    workers.start(None)
    await offers.start_live()
    await workers.stop(None)
    workers.start(None, Clock(scale=A_MONTH_IN_SECONDS, origin=datetime.now(UTC)))
    await offers.start_offers(Stage.EXPIRED)
    await workers.stop(None)
    workers.start(None)
    await offers.start()

    workers.start("a")
    await deployment_command(environment, "set-current-version", "--build-id", "a")
    await offers.go_on("a")
    await workers.stop(None)
    environment.pay(ids[Stage.ACCEPTED], "1")
    await environment.run_payout_sweep()
    await offers.reach(Stage.DISBURSED, Stage.ACCEPTED)

    assert await divergences(environment, BUILDS["b"]) == {}
    workers.start("b")
    ramp = ("--build-id", "b", "--percentage", "50")
    await deployment_command(environment, "set-ramping-version", *ramp)
    await client.resume(ids[Stage.SUBMITTED])
    await offers.reach(Stage.SHARED, Stage.SUBMITTED)
    await deployment_command(environment, "set-current-version", "--build-id", "b")
    await workers.stop("a")
    await offers.go_on("b")
    change_set = (await client.record(ids[Stage.GENERATING])).require_change_set_id()
    await environment.temporal_client.get_workflow_handle(
        workflow_id(ids[Stage.GENERATING])
    ).signal(OfferWorkflow.change_set_finished, change_set)
    await client.approve(ids[Stage.DRAFT], ApprovalDecision(by=DESK))
    await client.resume(ids[Stage.LIVE])
    await offers.reach(Stage.SHARED, Stage.GENERATING, Stage.DRAFT, Stage.SUBMITTED, Stage.LIVE)

    assert await divergences(environment, BUILDS["a"]) == {}
    workers.start("a")
    await deployment_command(environment, "set-current-version", "--build-id", "a")
    await offers.go_on("a")
    await workers.stop("b")
    del world.aws.buyers[offers.account(Stage.FAILED)]
    await client.resume(ids[Stage.FAILED])
    await client.amend(ids[Stage.CANCELLED], TermChanges(recreate=True))
    await environment.accept(ids[Stage.SHARED])
    await environment.run_agreement_watch()
    await offers.reach(Stage.SHARED, Stage.FAILED, Stage.CANCELLED)
    await offers.reach(Stage.ACCEPTED, Stage.SHARED)

    workers.start(None)
    await deployment_command(environment, "set-current-version", "--unversioned")
    # An offer in the memory of a versioned worker stays there until that worker is stopped.
    await workers.stop("a")
    await offers.go_on(None)
    environment.pay(ids[Stage.SHARED], "1")
    await environment.run_payout_sweep()
    await offers.reach(Stage.DISBURSED, Stage.SHARED)

    assert await failed_tasks(environment) == []
    created = Counter(offer.buyer_accounts[0] for offer in world.aws.offers.values())
    twice = {offers.account(Stage.CANCELLED), offers.account(Stage.REPLACED)}
    assert created == {offers.account(stage): 1 for stage in Stage} | dict.fromkeys(twice, 2)
    acceptable = Counter(
        offer.buyer_accounts[0]
        for offer in world.aws.offers.values()
        if world.aws.acceptable(offer)
    )
    assert max(acceptable.values()) == 1
    kinds = Counter(mail.subject.partition(":")[0] for mail in world.mail.messages)
    ready = "Your private offer for Example Product is ready"
    assert sum(m.subject.startswith(ready) for m in world.mail.messages) == len(world.aws.offers)
    accepted = (Stage.SHARED, Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED)
    assert kinds["Accepted"] == len(accepted) + 1, "one is the amendment's"
    assert kinds["Paid"] == len((Stage.SHARED, Stage.ACCEPTED, Stage.DISBURSED))


async def test_diverging_build_is_found(
    cli_environment: OfferEnvironment, workers: Workers
) -> None:
    """Also an older build, by an offer that began on a newer one: before a roll-back."""
    workers.start("a")
    await deployment_command(cli_environment, "set-current-version", "--build-id", "a")
    (first,) = await cli_environment.share_offers(1)
    assert await divergences(cli_environment, BUILDS["b"]) == {}
    diverging = await divergences(cli_environment, with_offer_workflow(DivergingOffer))
    assert set(diverging) == {workflow_id(first)}
    assert re.fullmatch(
        r"the history has event \d+, ActivityTaskScheduled \(check_deal\); this build has another"
        r" command there, of the kind Timer",
        diverging[workflow_id(first)],
    )
    code, out, err = await run("starter.py", "upgrade-check")
    assert (code, err) == (0, "")
    assert out == "open workflows: 1; diverging on this build: 0; not checked: 0\n"

    workers.start("b")
    await deployment_command(cli_environment, "set-current-version", "--build-id", "b")
    (second,) = await cli_environment.share_offers(2)
    code, out, err = await run("starter.py", "upgrade-check")
    assert (code, err) == (1, ""), out
    line, summary = out.splitlines()
    assert line.startswith(
        f"{workflow_id(second)} diverges: the history has the patch begin-with-a-step, which this"
        " build lacks ["
    )
    assert summary == "open workflows: 2; diverging on this build: 1; not checked: 0"
    code, out, err = await run("starter.py", "upgrade-check", "--json")
    report = json.loads(out)
    assert (code, err, report["open"], report["not_checked"]) == (1, "", 2, [])
    assert [each["workflow_id"] for each in report["diverging"]] == [workflow_id(second)]
