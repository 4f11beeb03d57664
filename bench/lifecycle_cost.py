"""What a whole life costs, of the offer and of its naive twin, on the time-skipping server.

The vendors' side is the sandbox, over real HTTP, TLS and SMTP.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio import activity
from temporalio.client import WorkflowHandle

from activities.clazar.disbursements import ClazarDisbursements
from bench.action_cost import cost
from bench.naive_baseline import NaiveOffer
from bench.vendor_calls import of_one
from offers.lifecycle.commands import TermChanges
from offers.payouts.model import Payout
from offers.stage import Stage
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from runtime.workers import worker_on
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness, open_harness

AMENDED_TO = "110000"
QUEUE = "twins"


async def happy(harness: WorkflowHarness) -> None:
    """Accepted after the first reminder, invoiced at once, paid out in one part."""
    harness.set_buyer(accepts_after=24)
    await harness.client.start_without_waiting(OPPORTUNITY)
    await days_pass(harness, 25)
    await accepted_and_paid(harness)


async def amended(harness: WorkflowHarness) -> None:
    """The price changes a day after the buyer was told; the new offer is accepted as above."""
    await harness.client.start_without_waiting(OPPORTUNITY)
    await days_pass(harness, 1)
    given = {"price": {"amount": AMENDED_TO, "currency": "USD"}}
    async with harness.advance_until_answered(
        harness.client.amend(OPPORTUNITY, TermChanges(terms=given))
    ):
        pass
    harness.set_buyer(accepts_after=24)
    await days_pass(harness, 25)
    await accepted_and_paid(harness)


async def expired(harness: WorkflowHarness) -> None:
    """Nobody accepts; both reminders go out."""
    await harness.client.start_without_waiting(OPPORTUNITY)
    await days_pass(harness, 32)
    assert (await harness.record()).stage is Stage.EXPIRED


async def accepted_and_paid(harness: WorkflowHarness) -> None:
    """What the watch and the sweep see: the acceptance, the invoice, the payout 33 days later."""
    await harness.report_acceptance()
    await harness.sleep(timedelta(hours=1))
    await harness.report_payout()
    await days_pass(harness, 33)
    await harness.report_payout()
    await harness.sleep(timedelta(seconds=2))
    assert (await harness.record()).stage is Stage.DISBURSED


async def days_pass(harness: WorkflowHarness, days: int) -> None:
    """Let time pass without a question: the time-skipping server writes those into the history."""
    for step in [timedelta(hours=1)] * 2 + [timedelta(days=1)] * days:
        await harness.sleep(step)


Scenario = Callable[[WorkflowHarness], Awaitable[None]]


async def lived(scenario: Scenario) -> dict[str, Any]:
    """What one life costs, and how long it takes on the time-skipping server."""
    async with open_harness() as harness:
        began = time.perf_counter()
        started = await harness.server.get_current_time()
        await scenario(harness)
        seconds = time.perf_counter() - began
        days = (await harness.server.get_current_time() - started).days
        spent = cost(await harness.handle.fetch_history())
    return {"seconds": round(seconds, 2), "days_lived": days} | spent.model_dump()


class NaiveLife(NamedTuple):
    """A naive twin's life, as long as it is lived; the offer's own may have had more waiting."""

    days: int
    accepts_after: float | None = None
    new_price: str | None = None
    waiting_left_out: int = 0
    """Days of waiting for acceptance: each costs what one of those that were lived costs."""

    def shortened(self) -> "NaiveLife":
        """The same life but for all days of waiting that are like another, but three."""
        left_out = int(self.accepts_after or 0) - DAYS_OF_WAITING
        return self._replace(
            days=self.days - left_out,
            accepts_after=DAYS_OF_WAITING,
            waiting_left_out=left_out,
        )


DAYS_OF_WAITING = 3
NAIVE = {
    "happy": NaiveLife(60, accepts_after=24),
    "amended": NaiveLife(62, accepts_after=24, new_price=AMENDED_TO),
    "expired": NaiveLife(33),
}


class NaivePayouts:
    """What the naive twin asks once a day: Clazar's whole dataset, for one offer."""

    def __init__(self, harness: WorkflowHarness) -> None:
        self._life = harness

    @activity.defn
    async def payout_of(self, offer_id: str) -> Payout | None:
        """What has been paid of it; None: nothing is invoiced."""
        client = clients.clazar_client(read_settings(WorkerSettings))
        try:
            reading = await ClazarDisbursements(client).read({offer_id}, self._life.time().date())
        finally:
            await client.close()
        return reading.complete_payouts.get(offer_id)


async def lived_naively(naive: NaiveLife) -> dict[str, Any]:
    """The same of a naive twin, and its vendor calls on a day of waiting."""
    async with open_harness() as harness:
        harness.set_buyer(accepts_after=naive.accepts_after)
        with ThreadPoolExecutor(clients.THREADS) as threads:
            async with worker_on(
                QUEUE,
                harness.temporal_client,
                [NaiveOffer],
                [NaivePayouts(harness).payout_of],
                threads,
                cached_workflows=1,
            ):
                began = time.perf_counter()
                handle: WorkflowHandle[
                    NaiveOffer, None
                ] = await harness.temporal_client.start_workflow(
                    NaiveOffer.run,
                    args=[OPPORTUNITY, naive.new_price],
                    id=f"naive/{OPPORTUNITY}",
                    task_queue=QUEUE,
                )
                await passes(harness, 2)
                before, spent_before = harness.world.calls.copy(), await spent_by(handle)
                await passes(harness, 1)
                calls: Counter[tuple[str, str]] = harness.world.calls - before
                a_day = await spent_by(handle) - spent_before
                await passes(harness, naive.days - 3)
                seconds = time.perf_counter() - began
                spent = await spent_by(handle)
    return {
        "seconds": round(seconds, 2),
        "days_of_waiting_computed": naive.waiting_left_out,
        "actions": spent.actions + naive.waiting_left_out * a_day.actions,
        "events": spent.events + naive.waiting_left_out * a_day.events,
        "per_waiting_day": {"actions": a_day.actions, "events": a_day.events},
        "calls_per_waiting_hour": of_one(calls, timedelta(days=1)),
    }


class Spent(NamedTuple):
    """Actions and events so far."""

    actions: int
    events: int

    def __sub__(self, earlier: "Spent") -> "Spent":
        return Spent(self.actions - earlier.actions, self.events - earlier.events)


async def spent_by(handle: WorkflowHandle[NaiveOffer, None]) -> Spent:
    """What a naive twin has cost so far."""
    so_far = cost(await handle.fetch_history())
    return Spent(so_far.actions, so_far.events)


async def passes(harness: WorkflowHarness, days: int) -> None:
    """Let days pass."""
    for _ in range(days):
        await harness.server.sleep(timedelta(days=1))
        harness.time.advance_to(await harness.server.get_current_time())
        harness.world.advance()


async def all_lives(*, whole: bool) -> dict[str, Any]:
    """Each life with its twin's; unless `whole`, of the twins only the happy one, shortened."""
    await lived(expired)  # the first life in a process also loads every client
    figures: dict[str, Any] = {}
    scenarios: dict[str, Scenario] = {"happy": happy, "amended": amended, "expired": expired}
    for name, scenario in scenarios.items():
        figures[name] = ours = await lived(scenario)
        if whole or name == "happy":
            twin = await lived_naively(NAIVE[name] if whole else NAIVE[name].shortened())
            ours["naive"] = twin
            ours["naive_actions_ratio"] = round(twin["actions"] / ours["actions"], 1)
            ours["naive_events_ratio"] = round(twin["events"] / ours["events"], 1)
    return figures
