"""How often vendors are called while offers wait for acceptance, however many wait."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from temporalio.client import Schedule, ScheduleHandle

from bench.environment import BenchEnvironment
from bench.fakes import POLICY, offer_id_of
from offers.clock import Clock
from offers.ids import revision_reference
from runtime.schedules import CLAZAR, SWEEP, WATCH, schedules
from sandbox.aws.marketplace_state import Offer
from sandbox.clazar.clazar_state import ClazarLinks
from tests.support.builders import BUYER

HOUR = timedelta(hours=1)
INTERVALS = {
    WATCH: POLICY.agreement_watch_every,
    CLAZAR: POLICY.clazar_watch_every,
    SWEEP: POLICY.payouts.every,
}
"""By Schedule, how often it runs."""
CLAZAR_PER_MINUTE = 120
AWS_PER_SECOND = 5
"""Of SearchAgreements."""


async def vendor_calls(environment: BenchEnvironment) -> dict[str, Any]:
    """Calls per hour by vendor, with the offers that wait now.

    The second run of each Schedule is counted: the first reads what changed before.
    """
    put_offers_into_aws(environment)
    wanted = schedules(POLICY, Clock())
    per_hour: dict[str, float] = {}
    max_per_run: dict[str, int] = {}
    for name, every in INTERVALS.items():
        schedule = await environment.temporal_client.create_schedule(
            f"{name}-{len(environment.waiting)}", paused(wanted[name])
        )
        await run_once(schedule, 1)
        before = environment.sandbox.world.calls.copy()
        await run_once(schedule, 2)
        await schedule.delete()
        for (system, _), calls in sorted((environment.sandbox.world.calls - before).items()):
            per_hour[system] = per_hour.get(system, 0) + calls * (HOUR / every)
            max_per_run[system] = max(max_per_run.get(system, 0), calls)
    return {
        "waiting": len(environment.waiting),
        "per_hour": {system: round(calls, 2) for system, calls in per_hour.items()},
        "max_per_run": max_per_run,
        "within_quotas": max_per_run.get("clazar", 0) <= CLAZAR_PER_MINUTE
        and max_per_run.get("agreement", 0) <= AWS_PER_SECOND,
    }


def paused(schedule: Schedule) -> Schedule:
    """A Schedule that runs only when it is triggered."""
    schedule.state.paused = True
    return schedule


async def run_once(schedule: ScheduleHandle, number: int) -> None:
    """Trigger a run, and wait until it has ended."""
    await schedule.trigger()
    while True:
        info = (await schedule.describe()).info
        if info.num_actions >= number and not info.running_actions:
            return
        await asyncio.sleep(0.05)


def put_offers_into_aws(environment: BenchEnvironment) -> None:
    """Put the waiting offers into the sandbox: linked, and released one by one over 28 days."""
    world = environment.sandbox.world
    now = world.now()
    for number, opportunity in enumerate(environment.waiting):
        world.aws.offers[offer_id_of(opportunity)] = Offer(
            id=offer_id_of(opportunity),
            product_id=world.aws.product_id,
            state="Released",
            name="Example Product Annual - Example Corp",
            description=revision_reference(opportunity, 0, 1),
            buyer_accounts=[BUYER],
            availability_end=now.date() + timedelta(days=30),
            released_at=now - timedelta(days=1 + 27 * number / len(environment.waiting)),
        )
        linked = {"object_type": "Opportunity", "object_id": opportunity}
        world.clazar.links[offer_id_of(opportunity)] = ClazarLinks(
            external_object_associations={"salesforce": linked}
        )


def calls_per_hour(counted: Counter[tuple[str, str]], waited: timedelta) -> dict[str, float]:
    """Calls per hour of one naive baseline while it waits."""
    calls: dict[str, float] = {}
    for (system, _), times in sorted(counted.items()):
        calls[system] = calls.get(system, 0) + times / (waited / HOUR)
    return {system: round(each, 2) for system, each in calls.items()}


def naive_baseline_calls(one: dict[str, float], waiting: int) -> dict[str, Any]:
    """Calls per hour of this many naive baselines: they share nothing, so it is computed."""
    per_second = one.get("agreement", 0) * waiting / HOUR.total_seconds()
    return {
        "waiting": waiting,
        "per_hour": {system: round(each * waiting) for system, each in one.items()},
        "agreement_per_second": round(per_second, 2),
        "within_quotas": per_second <= AWS_PER_SECOND,
    }
