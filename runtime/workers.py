"""The workers: one for each task queue, with the activities that are served there."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.clazar import Clazar
from activities.digests import Digests
from activities.email import Email
from activities.payouts import Payouts
from activities.queues import TaskQueue, activities_per_second
from activities.reporting import Reporting
from runtime import vendors
from runtime.in_step import InStep
from runtime.listening import Listener
from runtime.settings import WorkerSettings
from runtime.vendors import THREADS
from workflows.clazar_watch import ClazarWatch
from workflows.digest import OwnerDigest
from workflows.disbursements import DisbursementSweep
from workflows.intake import OpportunityIntake
from workflows.offer import OfferWorkflow
from workflows.safe_signals import SafeSignals
from workflows.watch import MarketplaceWatch

WORKFLOWS = (
    OfferWorkflow,
    OpportunityIntake,
    MarketplaceWatch,
    ClazarWatch,
    DisbursementSweep,
    OwnerDigest,
)
GRACE = timedelta(seconds=30)
"""How long a call under way may take after SIGTERM."""
STICKINESS = timedelta(seconds=2)
"""How long an offer waits for the worker that knows it before another takes it over."""


async def serve(
    client: Client,
    settings: WorkerSettings,
    queues: Collection[TaskQueue],
    until: asyncio.Event,
    workflows: Sequence[type] | None = None,
) -> None:
    """Work on some queues until the event is set, then finish what is under way.

    `workflows` are all, unless it is said which.
    """
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(THREADS, "activity"))
        activities = _activities(client, settings, queues, stack)
        for queue in queues:
            worker = worker_on(
                queue,
                client,
                (workflows or WORKFLOWS) if queue is TaskQueue.OFFERS else (),
                activities[queue],
                threads,
                cached_workflows=settings.offers_cached_workflows,
                per_second=activities_per_second(queue, settings.clock),
            )
            await stack.enter_async_context(worker)
        if TaskQueue.OFFERS in queues and (events := vendors.event_queue(settings)):
            await Listener(events, client).listen(until)
        await until.wait()


def worker_on(
    queue: str,
    client: Client,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Any]],
    threads: ThreadPoolExecutor,
    *,
    cached_workflows: int,
    per_second: float | None = None,
) -> Worker:
    """A worker as all of ours are; `per_second` is how many activities its queue lets begin."""
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=activities,
        activity_executor=threads,
        interceptors=[SafeSignals()],
        # The SDK's sandbox would import our modules anew for each offer, which costs more time and
        # memory than all that the offer does (docs/figures.md).  What it would find the lint rules
        # for workflows find, and the replay tests, which run in it.
        workflow_runner=InStep(),
        max_cached_workflows=cached_workflows,
        max_concurrent_activities=THREADS,
        max_task_queue_activities_per_second=per_second,
        # Eager dispatch would go round the queue and so round its rate.
        disable_eager_activity_execution=True,
        graceful_shutdown_timeout=GRACE,
        sticky_queue_schedule_to_start_timeout=STICKINESS,
    )


def _activities(
    client: Client,
    settings: WorkerSettings,
    queues: Collection[TaskQueue],
    stack: AsyncExitStack,
) -> dict[TaskQueue, list[Callable[..., Any]]]:
    """The activities of each queue."""
    served: dict[TaskQueue, list[Callable[..., Any]]] = {}
    if TaskQueue.OFFERS in queues:
        reporting = Reporting(client)
        served[TaskQueue.OFFERS] = [
            reporting.report_agreements,
            reporting.find_ours,
            reporting.report_offers,
            Digests(client).look,
        ]
    if TaskQueue.PREFLIGHT in queues:
        served[TaskQueue.PREFLIGHT] = [vendors.preflight(settings).check_deal]
    if TaskQueue.AWS_MARKETPLACE in queues:
        aws, agreements = vendors.aws_marketplace(settings), vendors.aws_agreements(settings)
        served[TaskQueue.AWS_MARKETPLACE] = [
            aws.submit_offer,
            aws.follow_change_set,
            aws.cancel_change_set,
            aws.withdraw_offer,
            aws.edit_offer,
            aws.read_offer,
            aws.follow_offer,
            agreements.find_agreement,
            agreements.find_successor,
            agreements.request_cancellation,
            agreements.follow_cancellation,
            agreements.read_agreement_feed,
        ]
        if documents := vendors.eula_documents(settings):
            served[TaskQueue.AWS_MARKETPLACE].append(documents.publish)
    clazar_client = vendors.clazar_client(settings)
    stack.push_async_callback(clazar_client.close)
    if TaskQueue.CLAZAR in queues:
        clazar = Clazar(clazar_client)
        served[TaskQueue.CLAZAR] = [
            clazar.read_changes,
            clazar.find_offers,
            clazar.link_offers,
            clazar.link_offer,
        ]
    if TaskQueue.PAYOUTS in queues:
        payouts = Payouts(vendors.payout_data(settings, clazar_client), client, settings.clock)
        served[TaskQueue.PAYOUTS] = [payouts.sweep]
    if TaskQueue.SALESFORCE in queues:
        salesforce = vendors.salesforce(settings)
        served[TaskQueue.SALESFORCE] = [
            salesforce.write_back,
            salesforce.open_hand_off,
            salesforce.close_hand_off,
            vendors.opportunities(settings).ready_after,
        ]
    if TaskQueue.EMAIL in queues:
        email = Email(settings.smtp_url, settings.mail_from, settings.salesforce_login_url)
        served[TaskQueue.EMAIL] = [email.send_letter, email.send_notice, email.send_memo]
    return served
