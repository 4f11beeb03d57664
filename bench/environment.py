"""The floor that the twins run on: a dev server in real time, and vendors that answer at once.

The vendors' rates are off, so that what is measured is Temporal and the worker.  Only what reads
once for all offers (the feeds and the dataset) asks the sandbox, over real HTTP.
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
from bench.baseline import BareOffer
from bench.fakes import StandIns
from cli.offer_client import OfferClient
from offers.ids import parse_opportunity_id
from runtime import clients
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import data_converter, register_search_attributes
from runtime.workers import WORKFLOWS, worker_on
from sandbox.server import Sandbox
from tests.support.workflow_harness import FIELDS, POLICY, environment_variables, installed_program
from workflows.offer.workflow import OfferWorkflow

AT_ONCE = 50
"""Requests to Temporal under way at a time."""
PATIENCE_SECONDS = 3600
LOST_SECONDS = 150
"""After which an offer that its buyer was not told of needs help."""


class Floor:
    """A server, the stand-ins, and as many offers as are brought there."""

    def __init__(self, client: Client, sandbox: Sandbox, cached: int) -> None:
        self.client = client
        self.sandbox = sandbox
        self.cached = cached
        self.stand_ins = StandIns(client)
        self.rescued = 0
        """How often an offer was told to go on: the dev server loses tries of activities when it
        has too much to do, and a letter whose fate is doubtful waits for a person."""
        self.started = 0
        """How many offers were."""
        self.waiting: list[str] = []
        """The opportunities whose offers stay waiting for acceptance."""
        self.bare = 0
        """How many bare twins were started."""

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workers on all queues."""
        settings = read_settings(WorkerSettings)
        async with AsyncExitStack() as stack:
            clazar = clients.clazar_client(settings)
            stack.push_async_callback(clazar.close)
            reporting = OfferSignals(self.client)
            payouts = Payouts(clients.payout_data(settings, clazar), self.client, settings.clock)
            once_for_all: dict[TaskQueue, list[Callable[..., Any]]] = {
                TaskQueue.OFFERS: [
                    reporting.signal_agreements,
                    reporting.find_our_offers,
                    reporting.signal_observed_offers,
                ],
                TaskQueue.AWS_MARKETPLACE: [clients.aws_agreements(settings).read_agreement_feed],
                TaskQueue.CLAZAR: [Clazar(clazar).read_changes],
                TaskQueue.PAYOUTS: [payouts.sweep_payouts],
            }
            threads = stack.enter_context(ThreadPoolExecutor(clients.THREADS))
            for queue in TaskQueue:
                worker = worker_on(
                    queue,
                    self.client,
                    [*WORKFLOWS, BareOffer] if queue is TaskQueue.OFFERS else [],
                    [*once_for_all.get(queue, []), *self.stand_ins.on(queue)],
                    threads,
                    cached_workflows=self.cached,
                )
                await stack.enter_async_context(worker)
            yield

    async def bring(self, count: int) -> list[str]:
        """Start offers, and wait until they wait for acceptance; gives the opportunities."""
        new = self._named(count)
        desk = OfferClient(self.client)

        async def bring(opportunity: str) -> None:
            shown = self.stand_ins.shown[opportunity] = asyncio.Event()
            offer = await desk.start_without_waiting(opportunity)
            while not shown.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(shown.wait(), LOST_SECONDS)
                if not shown.is_set():
                    self.rescued += 1
                    await offer.signal(OfferWorkflow.resume_signal, args=[None])

        await at_once(bring, new)
        await self.known(self.stand_ins.done["shared"] - self.stand_ins.done["accepted"])
        return new

    async def bring_through(self, count: int) -> list[str]:
        """Start offers; gives the opportunities."""
        new = self._named(count)
        await at_once(OfferClient(self.client).start_without_waiting, new)
        return new

    def _named(self, count: int) -> list[str]:
        first, self.started = self.started, self.started + count
        return [
            parse_opportunity_id(f"006TEST{number:08}") for number in range(first, self.started)
        ]

    async def ended(self, workflow_id: str) -> None:
        """Wait until a workflow has ended."""
        await self.client.get_workflow_handle(workflow_id).result()

    async def known(self, waiting: int) -> None:
        """Wait until search shows how many wait."""
        query = "OfferStage = 'shared' AND ExecutionStatus = 'Running'"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.client.count_workflows(query)).count < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def bring_bare(self, count: int, *, waiting: bool, searchable: bool) -> list[str]:
        """Start bare twins; gives their workflow ids, with `waiting` once they wait as well."""
        new = [f"bare/{number}" for number in range(self.bare, self.bare + count)]
        before = self.stand_ins.done["bare shared"]
        self.bare += count

        async def begin(workflow_id: str) -> object:
            return await self.client.start_workflow(
                BareOffer.run,
                args=[waiting, searchable],
                id=workflow_id,
                task_queue=TaskQueue.OFFERS,
            )

        await at_once(begin, new)
        if waiting:
            await self.until(lambda: self.stand_ins.done["bare shared"] >= before + count)
        return new

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until the stand-ins have seen something."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not so():  # noqa: ASYNC110 (counted by many activities)
                await asyncio.sleep(0.01)


async def at_once(do: Callable[[str], Awaitable[object]], names: Sequence[str]) -> None:
    """Do something for each name, some at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with room:
            await do(name)

    await asyncio.gather(*map(one, names))


@asynccontextmanager
async def opened(cached: int) -> AsyncIterator[Floor]:
    """A floor whose workers keep so many offers in memory."""
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
            yield Floor(temporal.client, sandbox, cached)
