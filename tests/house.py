"""Many offers at once on the dev server, in real time: AWS and buyers act at once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sandbox.buyers import accept
from temporalio.client import Client

from activities.queues import TaskQueue
from console.desk import OfferDesk, OfferRow
from offers.clock import Clock
from offers.lifecycle import Stage
from offers.opportunity import opportunity_id
from sandbox.salesforce.records import put_opportunity
from sandbox.server import Sandbox
from tests.life import opportunity_fields
from workflows.disbursements import DisbursementSweep
from workflows.watch import MarketplaceWatch, WatchPosition, WatchRequest

PATIENCE_SECONDS = 30


class House:
    """A server with offers in it."""

    def __init__(self, client: Client, sandbox: Sandbox) -> None:
        self.client = client
        self.sandbox = sandbox
        self.world = sandbox.world
        self.world.generation.preparing_minutes = 0
        self.world.generation.minutes = 0
        self.world.clazar_delay_minutes = 0
        self.world.clazar_rate_limits = False
        self.desk = OfferDesk(client)

    def prepare(self, *numbers: int) -> list[str]:
        """Put opportunities into Salesforce, each with a buyer account of its own."""
        ids = [opportunity_id(f"006TEST0000{number:04}") for number in numbers]
        for number, each in zip(numbers, ids, strict=True):
            account = f"{222200000000 + number}"
            put_opportunity(self.world, opportunity_fields(each, AWS_Account_Id__c=account))
        return ids

    async def share(self, *numbers: int) -> list[str]:
        """Start offers and wait until their buyers have been told; gives the opportunities."""
        ids = self.prepare(*numbers)
        for each in ids:
            await self.desk.start(each)
        for each in ids:
            await self.until(each, lambda row: row.stage == Stage.SHARED)
        return ids

    async def until(self, opportunity: str, fits: Callable[[OfferRow], bool]) -> OfferRow:
        """Wait until the list shows an offer as it should be."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for rows in self.desk.changes(timedelta(seconds=0.1)):
                for row in rows:
                    if row.opportunity_id == opportunity and fits(row):
                        return row
        raise AssertionError("the changes end only by time-out")

    async def accept(self, opportunity: str) -> None:
        """The buyer accepts now."""
        record = await self.desk.record(opportunity)
        accept(self.world, record.made, record.offered.buyer_account)

    async def watch(self) -> WatchPosition:
        """One turn of the watch, without what an earlier one knew."""
        return await self.client.execute_workflow(
            MarketplaceWatch.run,
            WatchRequest(clock=Clock(), overlap=timedelta(hours=1)),
            id="watch",
            task_queue=TaskQueue.OFFERS,
        )

    async def sweep(self) -> int:
        """One turn of the sweep."""
        return await self.client.execute_workflow(
            DisbursementSweep.run, id="sweep", task_queue=TaskQueue.OFFERS
        )
