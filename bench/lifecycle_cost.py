"""The cost of one offer and of its naive baseline, on the time-skipping server.

The vendors are the sandbox, over real HTTP, TLS and SMTP.
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
from bench.naive_baseline import NaiveBaseline
from bench.vendor_calls import calls_per_hour
from offers.lifecycle.commands import TermChanges
from offers.payouts.model import Payout
from offers.stage import Stage
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from runtime.workers import worker_on
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness, open_harness

AMENDED_PRICE = "110000"
QUEUE = "baselines"


async def accepted(harness: WorkflowHarness) -> None:
    """Accepted after the first reminder, invoiced at once, paid out in one part."""
    harness.set_buyer(accepts_after=24)
    await harness.client.start_without_waiting(OPPORTUNITY)
    await advance_hours_and_days(harness, 25)
    await accept_and_pay(harness)


async def until_the_agreement_ends(harness: WorkflowHarness) -> None:
    """The same, followed until its agreement has ended: the owner is reminded of the renewal."""
    await accepted(harness)
    await advance_hours_and_days(harness, 345)
    kinds = [mail.subject for mail in harness.world.mail.messages]
    assert sum(subject.startswith("Ends on") for subject in kinds) == 3
    assert harness.agreement().status == "EXPIRED"


async def amended(harness: WorkflowHarness) -> None:
    """The price is amended a day after the mail to the buyer; the new offer is accepted."""
    await harness.client.start_without_waiting(OPPORTUNITY)
    await advance_hours_and_days(harness, 1)
    given = {"price": {"amount": AMENDED_PRICE, "currency": "USD"}}
    async with harness.advance_until_answered(
        harness.client.amend(OPPORTUNITY, TermChanges(terms=given))
    ):
        pass
    harness.set_buyer(accepts_after=24)
    await advance_hours_and_days(harness, 25)
    await accept_and_pay(harness)


async def expired(harness: WorkflowHarness) -> None:
    """The buyer does not accept; both reminders are sent."""
    await harness.client.start_without_waiting(OPPORTUNITY)
    await advance_hours_and_days(harness, 32)
    assert (await harness.record()).stage is Stage.EXPIRED


async def accept_and_pay(harness: WorkflowHarness) -> None:
    """Report the acceptance, the invoice, and the payout 33 days later."""
    await harness.watch_agreements()
    await harness.sleep(timedelta(hours=1))
    await harness.sweep_payouts()
    await advance_hours_and_days(harness, 33)
    await harness.sweep_payouts()
    await harness.sleep(timedelta(seconds=2))
    assert (await harness.record()).stage is Stage.DISBURSED


async def advance_hours_and_days(harness: WorkflowHarness, days: int) -> None:
    """Skip time without a query: the time-skipping server writes queries into the history."""
    for step in [timedelta(hours=1)] * 2 + [timedelta(days=1)] * days:
        await harness.sleep(step)


Scenario = Callable[[WorkflowHarness], Awaitable[None]]


async def run_offer(scenario: Scenario) -> dict[str, Any]:
    """The cost of one offer, and how long it takes on the time-skipping server."""
    async with open_harness() as harness:
        began = time.perf_counter()
        started = await harness.server.get_current_time()
        await scenario(harness)
        seconds = time.perf_counter() - began
        days = (await harness.server.get_current_time() - started).days
        used = cost(await harness.handle.fetch_history())
    return {"seconds": round(seconds, 2), "days": days} | used.model_dump()


class NaiveRun(NamedTuple):
    """A run of the naive baseline; some of its days of waiting may be computed, not run."""

    days: int
    accepts_after: float | None = None
    new_price: str | None = None
    computed_days: int = 0
    """Days of waiting for acceptance that are not run: each costs what a measured one costs."""

    def shortened(self) -> "NaiveRun":
        """The same with three measured days of waiting; the others are computed."""
        computed = int(self.accepts_after or 0) - MEASURED_WAITING_DAYS
        return self._replace(
            days=self.days - computed,
            accepts_after=MEASURED_WAITING_DAYS,
            computed_days=computed,
        )


MEASURED_WAITING_DAYS = 3
NAIVE_RUNS = {
    "accepted": NaiveRun(60, accepts_after=24),
    "amended": NaiveRun(62, accepts_after=24, new_price=AMENDED_PRICE),
    "expired": NaiveRun(33),
}


class NaivePayouts:
    """The naive baseline's activity for payouts: reads Clazar's whole dataset for one offer."""

    def __init__(self, harness: WorkflowHarness) -> None:
        self._life = harness

    @activity.defn
    async def payout_of(self, offer_id: str) -> Payout | None:
        """The payout of an offer; None: nothing is invoiced."""
        client = clients.clazar_client(read_settings(WorkerSettings))
        try:
            reading = await ClazarDisbursements(client).read({offer_id}, self._life.time().date())
        finally:
            await client.close()
        return reading.complete_payouts.get(offer_id)


async def run_naive_baseline(naive: NaiveRun) -> dict[str, Any]:
    """The cost of a naive baseline, and its vendor calls on a day of waiting."""
    async with open_harness() as harness:
        harness.set_buyer(accepts_after=naive.accepts_after)
        with ThreadPoolExecutor(clients.THREADS) as threads:
            async with worker_on(
                QUEUE,
                harness.temporal_client,
                [NaiveBaseline],
                [NaivePayouts(harness).payout_of],
                threads,
                cached_workflows=1,
            ):
                began = time.perf_counter()
                handle: WorkflowHandle[
                    NaiveBaseline, None
                ] = await harness.temporal_client.start_workflow(
                    NaiveBaseline.run,
                    args=[OPPORTUNITY, naive.new_price],
                    id=f"naive/{OPPORTUNITY}",
                    task_queue=QUEUE,
                )
                await advance_days(harness, 2)
                calls_before, used_before = harness.world.calls.copy(), await usage_of(handle)
                await advance_days(harness, 1)
                calls: Counter[tuple[str, str]] = harness.world.calls - calls_before
                per_day = await usage_of(handle) - used_before
                await advance_days(harness, naive.days - 3)
                seconds = time.perf_counter() - began
                used = await usage_of(handle)
    return {
        "seconds": round(seconds, 2),
        "computed_waiting_days": naive.computed_days,
        "actions": used.actions + naive.computed_days * per_day.actions,
        "events": used.events + naive.computed_days * per_day.events,
        "per_waiting_day": {"actions": per_day.actions, "events": per_day.events},
        "calls_per_waiting_hour": calls_per_hour(calls, timedelta(days=1)),
    }


class Usage(NamedTuple):
    """Actions and events so far."""

    actions: int
    events: int

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(self.actions - earlier.actions, self.events - earlier.events)


async def usage_of(handle: WorkflowHandle[NaiveBaseline, None]) -> Usage:
    """What a naive baseline has cost so far."""
    so_far = cost(await handle.fetch_history())
    return Usage(so_far.actions, so_far.events)


async def advance_days(harness: WorkflowHarness, days: int) -> None:
    """Skip days."""
    for _ in range(days):
        await harness.server.sleep(timedelta(days=1))
        harness.time.advance_to(await harness.server.get_current_time())
        harness.world.advance()


async def lifecycle_costs(*, full: bool) -> dict[str, Any]:
    """Each scenario's cost; its naive baseline's, too, if `full`, else only one, shortened."""
    await run_offer(expired)  # the first offer in a process also loads every client
    figures: dict[str, Any] = {}
    scenarios: dict[str, Scenario] = {
        "accepted": accepted,
        "until_the_agreement_ends": until_the_agreement_ends,
        "amended": amended,
        "expired": expired,
    }
    for name, scenario in scenarios.items():
        figures[name] = ours = await run_offer(scenario)
        if (full and name in NAIVE_RUNS) or name == "accepted":
            baseline = await run_naive_baseline(
                NAIVE_RUNS[name] if full else NAIVE_RUNS[name].shortened()
            )
            ours["naive_baseline"] = baseline
            ours["naive_baseline_actions_ratio"] = round(baseline["actions"] / ours["actions"], 1)
            ours["naive_baseline_events_ratio"] = round(baseline["events"] / ours["events"], 1)
    return figures
