"""The Temporal Schedules: what happens periodically, once for all offers."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from activities.queues import TaskQueue
from offers.clock import Clock
from offers.policy import Policy
from workflows.disbursements import DisbursementSweep
from workflows.watch import MarketplaceWatch, WatchRequest

SHORTEST_INTERVAL = timedelta(seconds=1)
"""Temporal does not schedule more finely."""


def schedules(policy: Policy, clock: Clock) -> dict[str, Schedule]:
    """Every Schedule by its id."""
    return {
        "marketplace-watch": _every(
            clock.real_duration(policy.watch_every),
            ScheduleActionStartWorkflow(
                MarketplaceWatch.run,
                WatchRequest(clock=clock, overlap=policy.watch_overlap),
                id="marketplace-watch",
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        "disbursement-sweep": _every(
            clock.real_duration(policy.payouts_every),
            ScheduleActionStartWorkflow(
                DisbursementSweep.run, id="disbursement-sweep", task_queue=TaskQueue.OFFERS
            ),
        ),
    }


async def apply(client: Client, policy: Policy, clock: Clock) -> list[str]:
    """Create each Schedule, or bring it up to date; doing so again changes nothing."""
    wanted = schedules(policy, clock)
    for schedule_id, schedule in wanted.items():
        try:
            await client.create_schedule(schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(schedule_id).update(_replacing(schedule))
    return list(wanted)


def _replacing(schedule: Schedule):  # type: ignore[no-untyped-def]
    def update(current: ScheduleUpdateInput) -> ScheduleUpdate:
        # Whether it is paused is a person's choice and stays.
        schedule.state = current.description.schedule.state
        return ScheduleUpdate(schedule=schedule)

    return update


def _every(interval: timedelta, action: ScheduleActionStartWorkflow) -> Schedule:
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(max(interval, SHORTEST_INTERVAL))]),
        # Turns never overlap: each reads on from where the last one came to.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
