"""The workers: one for each task queue, with its activities."""

import asyncio
import gc
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.runtime import Runtime
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig

from activities.clazar.offers import Clazar
from activities.email.smtp import Email
from activities.heartbeats import Heartbeats
from activities.policy import SellingPolicy
from activities.task_queues import TaskQueue, activities_per_second
from activities.temporal.digests import Digests
from activities.temporal.offer_workflows import OfferWorkflows
from activities.temporal.payouts import Payouts
from activities.temporal.renewals import Renewals
from activities.temporal.schedules import Schedules
from activities.temporal.signals import OfferSignals
from activities.temporal.vendor_problems import VendorProblems
from activities.vendor_calls import VendorCalls
from offers.lifecycle.decision_proof import DecisionKeys
from runtime import clients, schedules
from runtime.clients import THREADS
from runtime.health import Readiness, health_app, serving
from runtime.offer_metrics import OfferMetrics
from runtime.settings import WorkerSettings, confirmation_links
from runtime.sqs_consumer import SqsConsumer
from runtime.workflow_runner import HistoryBoundRunner
from workflows.common.interceptors import DropUnfitSignals
from workflows.offer.decision_verification import VerifyDecisions
from workflows.offer.webhooks import DeliverEvents
from workflows.offer.workflow import OfferWorkflow
from workflows.preflight import PreflightPreview
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.health_check import HealthCheck
from workflows.schedules.opportunity_intake import OpportunityIntake
from workflows.schedules.owner_digest import OwnerDigest
from workflows.schedules.payout_sweep import PayoutSweep
from workflows.schedules.policy_watch import PolicyWatch

WORKFLOWS = (
    OfferWorkflow,
    DeliverEvents,
    OpportunityIntake,
    AgreementWatch,
    ClazarWatch,
    PayoutSweep,
    OwnerDigest,
    PolicyWatch,
    HealthCheck,
    PreflightPreview,
)
GRACEFUL_SHUTDOWN = timedelta(seconds=30)
"""How long running calls may take after SIGTERM."""
POLLERS = PollerBehaviorAutoscaling(initial=2)
"""How many calls ask for the tasks of a queue: the server tells when more are needed.

Most queues are idle for hours: with the default, five for each kind of task, a worker keeps 50
calls open, and opens and cancels them at each start and stop.
"""
STICKY_TIMEOUT = timedelta(seconds=2)
"""How long a workflow waits for the worker that has it in memory before another continues it."""


async def serve(
    client: Client,
    settings: WorkerSettings,
    queues: Collection[TaskQueue],
    until: asyncio.Event,
    workflows: Sequence[type] | None = None,
) -> None:
    """Run workers for these queues until the event is set, then finish running calls.

    `workflows`: None for all.
    """
    readiness = Readiness(client, until)
    async with AsyncExitStack() as stack:
        if address := settings.offers_health_address:
            # First, so that it still answers while the workers shut down.
            await stack.enter_async_context(serving(address, health_app(readiness.why_not)))
        activities = _activities(client, settings, queues, stack)
        workers = []
        for queue in queues:
            worker = worker_on(
                queue,
                client,
                (workflows or WORKFLOWS) if queue is TaskQueue.OFFERS else (),
                activities[queue],
                # One pool for each: slow calls of one kind must not stop the others.
                stack.enter_context(ThreadPoolExecutor(THREADS, queue)),
                cached_workflows=settings.offers_cached_workflows,
                per_second=activities_per_second(queue, settings.clock),
                version=settings.deployment_version,
                decision_keys=settings.decision_keys,
            )
            workers.append(await stack.enter_async_context(worker))
        readiness.set_workers(workers)
        if TaskQueue.OFFERS in queues and settings.offers_metrics_address:
            metrics = OfferMetrics(
                client,
                schedules.intervals(settings.policy(), settings.clock),
                Runtime.default().metric_meter,
            )
            stack.push_async_callback(_stopped, asyncio.create_task(metrics.keep_fresh(until)))
        if TaskQueue.OFFERS in queues and (events := clients.event_queue(settings)):
            await SqsConsumer(events, client, settings.clock).listen(until)
        await until.wait()


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def collect_garbage_less_often() -> None:
    """For a process that runs workers: once, after its imports.

    The offers in memory live long, and each full collection visits all of them while nothing else
    runs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def worker_on(
    queue: str,
    client: Client,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Any]],
    threads: ThreadPoolExecutor,
    *,
    cached_workflows: int,
    per_second: float | None = None,
    version: WorkerDeploymentVersion | None = None,
    decision_keys: DecisionKeys | None = None,
) -> Worker:
    """`per_second`: how many activities of the queue may start in a second; None: no limit.

    `version`: None for a worker that is not versioned.  `decision_keys`: None if decisions need no
    proof.
    """
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=activities,
        activity_executor=threads,
        interceptors=[
            DropUnfitSignals(),
            Heartbeats(),
            VendorCalls(),
            *([VerifyDecisions(decision_keys)] if decision_keys else []),
        ],
        # The SDK's sandbox imports our modules for each workflow, which costs more time and memory
        # than the workflow itself (docs/figures.md).  The lint rules for workflows and the replay
        # tests, which use the sandbox, find what it would find.
        workflow_runner=HistoryBoundRunner(is_versioned=version is not None),
        max_cached_workflows=cached_workflows,
        max_concurrent_activities=THREADS,
        workflow_task_poller_behavior=POLLERS,
        activity_task_poller_behavior=POLLERS,
        max_task_queue_activities_per_second=per_second,
        # Eager dispatch bypasses the queue and therefore its rate.
        disable_eager_activity_execution=True,
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        deployment_config=(
            WorkerDeploymentConfig(version=version, use_worker_versioning=True) if version else None
        ),
    )


def _activities(
    client: Client,
    settings: WorkerSettings,
    queues: Collection[TaskQueue],
    stack: AsyncExitStack,
) -> dict[TaskQueue, list[Callable[..., Any]]]:
    served: dict[TaskQueue, list[Callable[..., Any]]] = {}
    aws_clients = clients.AwsClients()
    if TaskQueue.OFFERS in queues:
        reporting = OfferSignals(client)
        policy = SellingPolicy(settings.policy(), client)
        served[TaskQueue.OFFERS] = [
            reporting.signal_agreements,
            reporting.find_our_offers,
            reporting.signal_observed_offers,
            OfferWorkflows(client).wait_until_closed,
            Digests(client).plan_digests,
            Schedules(client).find_schedule_problems,
            VendorProblems(client).find_vendor_problems,
            policy.read_policy,
            Renewals(client).find_renewal,
            policy.signal_policy_change,
        ]
    if TaskQueue.PREFLIGHT in queues:
        preflight = clients.preflight(settings, aws_clients)
        served[TaskQueue.PREFLIGHT] = [preflight.check_deal, preflight.preview_deal]
        if documents := clients.eula_documents(settings, aws_clients):
            served[TaskQueue.PREFLIGHT].append(documents.publish)
    if TaskQueue.AWS_MARKETPLACE in queues:
        aws = clients.aws_marketplace(settings, aws_clients)
        agreements = clients.aws_agreements(settings, aws_clients)
        served[TaskQueue.AWS_MARKETPLACE] = [
            aws.submit_offer,
            aws.wait_for_change_set,
            aws.cancel_change_set,
            aws.withdraw_offer,
            aws.edit_offer,
            aws.read_offer,
            aws.wait_for_release,
            agreements.find_agreement,
            agreements.find_successor,
            agreements.request_cancellation,
            agreements.wait_for_cancellation,
            agreements.read_invoices,
            agreements.create_adjustment,
            agreements.wait_for_adjustment,
            agreements.read_agreement_feed,
        ]
    clazar_client = clients.clazar_client(settings)
    stack.push_async_callback(clazar_client.close)
    if TaskQueue.CLAZAR in queues:
        clazar = Clazar(clazar_client)
        served[TaskQueue.CLAZAR] = [
            clazar.read_changes,
            clazar.find_offers,
            clazar.link_offers,
            clazar.link_offer,
        ]
    if {TaskQueue.PAYOUTS, TaskQueue.OFFERS} & set(queues):
        data = clients.payout_data(settings, clazar_client, aws_clients)
        payouts = Payouts(data, client, settings.clock)
        served[TaskQueue.PAYOUTS] = [payouts.sweep_payouts]
        # Local activity: a worker of offers reads the source itself.
        served.setdefault(TaskQueue.OFFERS, []).append(payouts.read_payout)
    if TaskQueue.SALESFORCE in queues:
        salesforce = clients.salesforce(settings)
        served[TaskQueue.SALESFORCE] = [
            salesforce.write_back,
            salesforce.open_handoff_task,
            salesforce.close_handoff_task,
            clients.opportunities(settings).find_ready_opportunities,
        ]
    if TaskQueue.EMAIL in queues:
        email = Email(
            settings.smtp_url,
            settings.mail_from,
            settings.salesforce_login_url,
            settings.policy(),
            links=confirmation_links(settings),
            console_url=settings.offers_console_url,
        )
        served[TaskQueue.EMAIL] = [email.send_to_buyer, email.send_notice, email.send_broadcast]
    if TaskQueue.WEBHOOKS in queues:
        served[TaskQueue.WEBHOOKS] = [clients.webhook_delivery(settings).deliver_event]
    return served
