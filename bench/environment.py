"""The environment of the bench: a dev server in real time, and fakes that answer at once.

The vendors' rates are off, so that Temporal and the worker are measured.  Only activities that
read for all offers (the feeds and the dataset) call the sandbox, over real HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.clazar.offers import Clazar
from activities.task_queues import TaskQueue
from activities.temporal.payouts import Payouts
from activities.temporal.signals import OfferSignals
from bench.baseline import BareBaseline
from bench.fakes import FakeActivities
from client.offer_client import OfferClient
from offers.ids import parse_opportunity_id
from runtime import clients
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import data_converter, register_search_attributes
from runtime.workers import WORKFLOWS, collect_garbage_less_often, worker_on
from sandbox.server import Sandbox
from tests.support.workflow_harness import FIELDS, POLICY, environment_variables, installed_program
from workflows.offer.workflow import OfferWorkflow

CONCURRENCY = 50
"""How many requests to Temporal are under way at a time."""
TIMEOUT_SECONDS = 3600
RESUME_AFTER_SECONDS = 150
"""After this an offer that is not shared is resumed."""


class BenchEnvironment:
    """A server, the fakes, and the offers that are started there."""

    def __init__(self, client: Client, sandbox: Sandbox, cached: int) -> None:
        self.temporal_client = client
        self.sandbox = sandbox
        self.cached_workflows = cached
        self.fakes = FakeActivities(client)
        self.resumed = 0
        """How often an offer was resumed: an overloaded dev server loses attempts of activities,
        and a mail whose delivery is unknown waits for a person."""
        self.started = 0
        """How many offers were started."""
        self.waiting: list[str] = []
        """The opportunities whose offers keep waiting for acceptance."""
        self.baselines_started = 0

    @asynccontextmanager
    async def run_workers(self) -> AsyncIterator[None]:
        """Run workers on all task queues."""
        settings = read_settings(WorkerSettings)
        collect_garbage_less_often()
        async with AsyncExitStack() as stack:
            clazar = clients.clazar_client(settings)
            stack.push_async_callback(clazar.close)
            signals = OfferSignals(self.temporal_client)
            payouts = Payouts(
                clients.payout_data(settings, clazar, clients.AwsClients()),
                self.temporal_client,
                settings.clock,
            )
            shared_activities: dict[TaskQueue, list[Callable[..., Any]]] = {
                TaskQueue.OFFERS: [
                    signals.signal_agreements,
                    signals.find_our_offers,
                    signals.signal_observed_offers,
                ],
                TaskQueue.AWS_MARKETPLACE: [
                    clients.aws_agreements(settings, clients.AwsClients()).read_agreement_feed
                ],
                TaskQueue.CLAZAR: [Clazar(clazar).read_changes],
                TaskQueue.PAYOUTS: [payouts.sweep_payouts],
            }
            threads = stack.enter_context(ThreadPoolExecutor(clients.THREADS))
            for queue in TaskQueue:
                activities = [*shared_activities.get(queue, []), *self.fakes.for_queue(queue)]
                if not activities:  # nothing is measured there
                    continue
                worker = worker_on(
                    queue,
                    self.temporal_client,
                    [*WORKFLOWS, BareBaseline] if queue is TaskQueue.OFFERS else [],
                    activities,
                    threads,
                    cached_workflows=self.cached_workflows,
                )
                await stack.enter_async_context(worker)
            yield

    async def share_offers(self, count: int) -> list[str]:
        """Start offers, and wait until they wait for acceptance; returns the opportunities."""
        new = self._next_opportunities(count)
        client = OfferClient(self.temporal_client)

        async def share(opportunity: str) -> None:
            shared = self.fakes.shared_events[opportunity] = asyncio.Event()
            offer = await client.start_without_waiting(opportunity)
            while not shared.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(shared.wait(), RESUME_AFTER_SECONDS)
                if not shared.is_set():
                    self.resumed += 1
                    await offer.signal(OfferWorkflow.resume_signal, args=[None])

        await run_concurrently(share, new)
        await self.wait_until_visible(
            self.fakes.completed["shared"] - self.fakes.completed["accepted"]
        )
        return new

    async def start_offers(self, count: int) -> list[str]:
        """Start offers; returns the opportunities."""
        new = self._next_opportunities(count)
        await run_concurrently(OfferClient(self.temporal_client).start_without_waiting, new)
        return new

    def _next_opportunities(self, count: int) -> list[str]:
        first, self.started = self.started, self.started + count
        return [
            parse_opportunity_id(f"006TEST{number:08}") for number in range(first, self.started)
        ]

    async def wait_until_ended(self, workflow_id: str) -> None:
        """Wait until a workflow has ended."""
        await self.temporal_client.get_workflow_handle(workflow_id).result()

    async def wait_until_visible(self, waiting: int) -> None:
        """Wait until search shows this many waiting offers."""
        query = "OfferStage = 'shared' AND ExecutionStatus = 'Running'"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await self.temporal_client.count_workflows(query)).count < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def start_baselines(self, count: int, *, waiting: bool, searchable: bool) -> list[str]:
        """Start bare baselines, with `waiting` until they wait; returns their workflow ids."""
        new = [
            f"bare/{number}"
            for number in range(self.baselines_started, self.baselines_started + count)
        ]
        before = self.fakes.completed["bare shared"]
        self.baselines_started += count

        async def start(workflow_id: str) -> object:
            return await self.temporal_client.start_workflow(
                BareBaseline.run,
                args=[waiting, searchable],
                id=workflow_id,
                task_queue=TaskQueue.OFFERS,
            )

        await run_concurrently(start, new)
        if waiting:
            await self.wait_until(lambda: self.fakes.completed["bare shared"] >= before + count)
        return new

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition on the fakes' counts."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():  # noqa: ASYNC110 (counted by many activities)
                await asyncio.sleep(0.01)


async def run_concurrently(
    action: Callable[[str], Awaitable[object]], names: Sequence[str]
) -> None:
    """Do something for each name, a limited number at a time."""
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(name: str) -> None:
        async with limit:
            await action(name)

    await asyncio.gather(*map(one, names))


@asynccontextmanager
async def open_environment(cached: int) -> AsyncIterator[BenchEnvironment]:
    """Start an environment whose workers keep this many offers in memory."""
    async with (
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=installed_program("temporal"),
            dev_server_log_level="error",
            data_converter=data_converter(TemporalSettings()),
        ) as temporal,
        Sandbox() as sandbox,
    ):
        await register_search_attributes(temporal.client)
        files = {"OFFERS_FIELDS": str(FIELDS), "OFFERS_POLICY": str(POLICY)}
        with environment_variables({**sandbox.addresses.env, **files}):
            yield BenchEnvironment(temporal.client, sandbox, cached)
