"""Runs many offers on Temporal's dev server, in real time: AWS and buyers respond at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleHandle,
    WorkflowHandle,
)

from activities.clazar.offers import ChangedOffer
from activities.task_queues import ACTIVITIES_PER_SECOND, TaskQueue
from activities.temporal.offer_summaries import newest_runs
from activities.temporal.payouts import PayoutSweepResult
from client.listing import OfferRow, row_of, runs_of
from client.offer_client import OfferClient
from offers.agreements.agreement import AgreementReport
from offers.clock import Clock
from offers.feed import FeedCursor
from offers.ids import parse_opportunity_id, workflow_id
from offers.stage import Stage
from runtime.settings import WorkerSettings, read_settings
from runtime.workers import serve
from sandbox.aws.marketplace_state import Agreement
from sandbox.billing.money import Disbursement
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from tests.support.dev_server import delete_schedules, new_namespace
from tests.support.workflow_harness import FIELDS, environment_variables, opportunity_fields
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest
from workflows.schedules.watch import WatchRequest

T = TypeVar("T")

TIMEOUT_SECONDS = 30
PAUSE_SECONDS = 0.25
"""Between two looks at the server: looking costs more than an offer's life."""

POLICY = """
product_name = "Example Product"
agreement_watch_overlap = "PT1H"

[roles]
deal-desk = ["desk@example.com"]
legal = ["legal@example.com"]
finance = ["finance@example.com"]
"""


def no_rates() -> AbstractContextManager[Any]:
    """Workers that start meanwhile run activities without limits of rates."""
    return mock.patch.dict(ACTIVITIES_PER_SECOND, dict.fromkeys(TaskQueue))


@asynccontextmanager
async def open_offer_environment(
    dev_server: str,
    folder: Path,
    queues: Collection[TaskQueue] = tuple(TaskQueue),
    more_policy: str = "",
    *,
    limits_rates: bool = False,
) -> AsyncIterator["OfferEnvironment"]:
    """Start the sandbox, and workers on some task queues of a new namespace of the dev server.

    `more_policy`: lines of TOML before those that every test has.  `limits_rates`: whether the
    workers and AWS limit rates as in production: both count real seconds, which tests wait for.
    """
    policy = folder / "policy.toml"
    policy.write_text(more_policy + POLICY, encoding="utf-8")
    client = await new_namespace(dev_server)
    async with Sandbox() as sandbox:
        sandbox.world.aws.throttle = limits_rates
        settings = {"OFFERS_FIELDS": str(FIELDS), "OFFERS_POLICY": str(policy)}
        with (
            environment_variables({**sandbox.addresses.env, **settings}),
            nullcontext() if limits_rates else no_rates(),
        ):
            stop = asyncio.Event()
            serving = asyncio.create_task(
                serve(client, read_settings(WorkerSettings), queues, stop)
            )

            async def stop_workers() -> None:
                stop.set()
                await serving

            try:
                yield OfferEnvironment(client, sandbox, stop_workers)
            finally:
                await delete_schedules(client)
                await stop_workers()


class OfferEnvironment:
    """A Temporal server and a sandbox with offers in them."""

    def __init__(
        self, client: Client, sandbox: Sandbox, stop_workers: Callable[[], Awaitable[None]]
    ) -> None:
        self.temporal_client = client
        self.stop_workers = stop_workers
        self.sandbox = sandbox
        self.world = sandbox.world
        self.world.aws.change_set_processing.preparing_minutes = 0
        self.world.aws.change_set_processing.publish_minutes = 0
        self.world.aws.change_set_processing.update_minutes = 0
        self.world.clazar.delay_minutes = 0
        self.world.clazar.rate_limits = False
        self.world.money.payout_settings.disbursed_after_days = 365
        self.client = OfferClient(client)
        self._invoiced: dict[str, tuple[Disbursement, Decimal, Decimal]] = {}

    def put_opportunities(self, *numbers: int) -> list[str]:
        """Put opportunities into Salesforce, each with its own buyer account."""
        ids = [parse_opportunity_id(f"006TEST0000{number:04}") for number in numbers]
        for number, each in zip(numbers, ids, strict=True):
            account = f"{222200000000 + number}"
            self.world.salesforce.put_opportunity(
                opportunity_fields(each, AWS_Account_Id__c=account)
            )
        return ids

    async def share_offers(self, *numbers: int) -> list[str]:
        """Start offers and wait until they are shared with their buyers; returns the ids."""
        ids = self.put_opportunities(*numbers)
        for each in ids:
            await self.client.start(each)
        for each in ids:
            await self.wait_until(each, lambda row: row.stage == Stage.SHARED)
        return ids

    async def count_signals(self, opportunity: str) -> int:
        """How many signals an offer has received."""
        handle = self.temporal_client.get_workflow_handle(workflow_id(opportunity))
        received = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        events = (await handle.fetch_history()).events
        return sum(event.event_type == received for event in events)

    async def wait_until_closed(self, opportunity: str) -> None:
        """Wait until search shows that a workflow has closed: search lags behind its result."""
        running = f"WorkflowId = '{workflow_id(opportunity)}' AND ExecutionStatus = 'Running'"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (await self.temporal_client.count_workflows(running)).count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def wait_until(self, opportunity: str, condition: Callable[[OfferRow], bool]) -> OfferRow:
        """Wait until an offer's row in the list meets a condition."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                runs = newest_runs(await runs_of(self.temporal_client, opportunity))
                rows = [row for row in map(row_of, runs) if condition(row)]
                if rows:
                    return rows[0]
                await asyncio.sleep(PAUSE_SECONDS)

    async def accept(self, opportunity: str) -> None:
        """Let the buyer accept now."""
        record = await self.client.record(opportunity)
        accept(self.world, record.require_offer_id(), record.require_terms().buyer_accounts[0])

    def pay(self, opportunity: str, share: str) -> None:
        """Let AWS pay out a share of the only invoice of an accepted offer."""
        rows = [
            row
            for row in self.world.money.disbursements
            if opportunity in self._description(row.offer_id)
        ]
        gross = sum((row.gross for row in rows), Decimal())
        fee = sum((row.listing_fee for row in rows), Decimal())
        if rows[0].disbursed_at is None:
            self.world.money.disbursements.remove(rows[0])
            self._invoiced[opportunity] = (rows[0], gross, fee)
        invoice, gross, fee = self._invoiced[opportunity]
        paid = (gross + fee) * Decimal(share)
        before = sum((row.disbursed for row in rows), Decimal())
        self.world.money.disbursements.append(
            replace(
                invoice,
                gross=gross * Decimal(share),
                listing_fee=fee * Decimal(share),
                disbursed=paid,
                undisbursed=gross + fee - before - paid,
                disbursed_at=self.world.now(),
                bank_trace_id=f"trace-{share}",
            )
        )

    def _description(self, offer_id: str) -> str:
        return self.world.aws.offers[offer_id].description or ""

    async def wait_until_paid(self, opportunity: str, paid: str) -> None:
        """Wait until an offer's record shows what has been paid out."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                record = await self.client.record(opportunity)
                if record.payout and str(record.payout.disbursed) == paid:
                    return
                await asyncio.sleep(PAUSE_SECONDS)

    async def wait_until_called(self, system: str, operation: str, times: int) -> None:
        """Wait until an operation of the sandbox has been called this many times."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while self.world.calls[system, operation] < times:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)

    async def wait_until_idle(self, path: str) -> int:
        """Wait until an offer has no activity or workflow task; returns its history's length."""
        handle = self.temporal_client.get_workflow_handle(workflow_id(path))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                described = await handle.describe()
                pending = described.raw_description
                if not (pending.pending_activities or pending.HasField("pending_workflow_task")):
                    return described.history_length
                await asyncio.sleep(PAUSE_SECONDS)

    def accept_unrelated_offer(self) -> Agreement:
        """Create an offer in AWS without this product, and accept it now."""
        offer = replace(
            next(iter(self.world.aws.offers.values())),
            id="offer-madeelsewhere",
            description="not ours",
            buyer_accounts=["999988887777"],
        )
        self.world.aws.offers[offer.id] = offer
        return accept(self.world, offer.id, "999988887777")

    async def run_schedule(
        self, schedule: ScheduleHandle, result_type: type[T]
    ) -> WorkflowHandle[Any, T]:
        """Run a Schedule now, which passes on its last result; gives the completed run."""
        before = len((await schedule.describe()).info.recent_actions)
        await schedule.trigger()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(runs := (await schedule.describe()).info.recent_actions) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            started = runs[-1].action
            assert isinstance(started, ScheduleActionExecutionStartWorkflow)
            run: WorkflowHandle[Any, T] = self.temporal_client.get_workflow_handle(
                started.workflow_id,
                run_id=started.first_execution_run_id,
                result_type=result_type,
            )
            await run.result()
        return run

    async def run_agreement_watch(self) -> FeedCursor[AgreementReport]:
        """Run the agreement watch once, without the position of an earlier run."""
        return await self.temporal_client.execute_workflow(
            AgreementWatch.run,
            WatchRequest(clock=Clock(), overlap=timedelta(hours=1)),
            id="watch",
            task_queue=TaskQueue.OFFERS,
        )

    async def run_clazar_watch(self) -> FeedCursor[ChangedOffer]:
        """Run the Clazar watch once, without the position of an earlier run."""
        return await self.temporal_client.execute_workflow(
            ClazarWatch.run,
            WatchRequest(clock=Clock(), overlap=timedelta(hours=1)),
            id="watch-clazar",
            task_queue=TaskQueue.OFFERS,
        )

    async def run_payout_sweep(self) -> PayoutSweepResult:
        """Run the payout sweep once."""
        return await self.temporal_client.execute_workflow(
            PayoutSweep.run,
            PayoutSweepRequest(finance=("finance@example.com",)),
            id="sweep",
            task_queue=TaskQueue.OFFERS,
        )
