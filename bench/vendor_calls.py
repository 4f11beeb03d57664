"""How often vendors are asked while offers wait for acceptance, however many wait."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from temporalio.client import Schedule, ScheduleHandle

from bench.environment import Floor
from bench.fakes import POLICY, made
from offers.clock import Clock
from offers.ids import revision_reference
from runtime.schedules import CLAZAR, SWEEP, WATCH, schedules
from sandbox.world import ClazarLinks, Offer
from tests.support.builders import BUYER

HOUR = timedelta(hours=1)
TURNS = {
    WATCH: POLICY.agreement_watch_every,
    CLAZAR: POLICY.clazar_watch_every,
    SWEEP: POLICY.payouts.every,
}
"""By Schedule, how often it takes its turn."""
CLAZAR_PER_MINUTE = 120
AWS_PER_SECOND = 5
"""Of SearchAgreements."""


async def vendor_calls(floor: Floor) -> dict[str, Any]:
    """Calls an hour by vendor, with as many offers as wait now.

    The second turn of each Schedule is counted: the first reads what was before.
    """
    show_in_aws(floor)
    wanted = schedules(POLICY, Clock())
    per_hour: dict[str, float] = {}
    most: dict[str, int] = {}
    for name, every in TURNS.items():
        once = await floor.client.create_schedule(
            f"{name}-{len(floor.waiting)}", paused(wanted[name])
        )
        await turn(once, 1)
        before = floor.sandbox.world.calls.copy()
        await turn(once, 2)
        await once.delete()
        for (system, _), calls in sorted((floor.sandbox.world.calls - before).items()):
            per_hour[system] = per_hour.get(system, 0) + calls * (HOUR / every)
            most[system] = max(most.get(system, 0), calls)
    return {
        "waiting": len(floor.waiting),
        "per_hour": {system: round(calls, 2) for system, calls in per_hour.items()},
        "most_in_a_turn": most,
        "within_quotas": most.get("clazar", 0) <= CLAZAR_PER_MINUTE
        and most.get("agreement", 0) <= AWS_PER_SECOND,
    }


def paused(schedule: Schedule) -> Schedule:
    """A Schedule that takes its turn only when it is told to."""
    schedule.state.paused = True
    return schedule


async def turn(schedule: ScheduleHandle, number: int) -> None:
    """Let it take a turn, and wait until that is over."""
    await schedule.trigger()
    while True:
        info = (await schedule.describe()).info
        if info.num_actions >= number and not info.running_actions:
            return
        await asyncio.sleep(0.05)


def show_in_aws(floor: Floor) -> None:
    """Put the waiting offers into the sandbox, tied, released one after the other in 28 days."""
    world = floor.sandbox.world
    now = world.now()
    for number, opportunity in enumerate(floor.waiting):
        world.offers[made(opportunity)] = Offer(
            id=made(opportunity),
            product_id=world.product_id,
            state="Released",
            name="Example Product Annual - Example Corp",
            description=revision_reference(opportunity, 0, 1),
            buyer_accounts=[BUYER],
            availability_end=now.date() + timedelta(days=30),
            released_at=now - timedelta(days=1 + 27 * number / len(floor.waiting)),
        )
        tied = {"object_type": "Opportunity", "object_id": opportunity}
        world.clazar_links[made(opportunity)] = ClazarLinks(
            external_object_associations={"salesforce": tied}
        )


def of_one(counted: Counter[tuple[str, str]], waited: timedelta) -> dict[str, float]:
    """Calls an hour that one naive twin makes while it waits."""
    calls: dict[str, float] = {}
    for (system, _), times in sorted(counted.items()):
        calls[system] = calls.get(system, 0) + times / (waited / HOUR)
    return {system: round(each, 2) for system, each in calls.items()}


def of_naive_twins(one: dict[str, float], waiting: int) -> dict[str, Any]:
    """What as many naive twins make: nothing of theirs is shared, so it is computed."""
    a_second = one.get("agreement", 0) * waiting / HOUR.total_seconds()
    return {
        "waiting": waiting,
        "per_hour": {system: round(each * waiting) for system, each in one.items()},
        "agreement_per_second": round(a_second, 2),
        "within_quotas": a_second <= AWS_PER_SECOND,
    }
