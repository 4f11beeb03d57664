"""The Temporal Schedules; each runs once for all offers."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from activities.temporal.schedules import ProblemKind, ScheduleRow, problems, read_schedules
from offers.clock import Clock
from offers.policy.policy import FINANCE, OPERATIONS, Policy
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.health_check import HealthCheck, HealthCheckRequest
from workflows.schedules.opportunity_intake import IntakeRequest, OpportunityIntake
from workflows.schedules.owner_digest import DigestRequest, OwnerDigest
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest
from workflows.schedules.policy_watch import PolicyWatch
from workflows.schedules.watch import WatchRequest

KNOWN = INTAKE, WATCH, CLAZAR, SWEEP, OWNER_DIGEST, POLICY, CHECK = (
    "opportunity-intake",
    "marketplace-watch",
    "clazar-watch",
    "disbursement-sweep",
    "owner-digest",
    "policy-watch",
    "health-check",
)
"""The ids of all Schedules; their workflows have the same ids."""

DIGEST_EVERY = timedelta(hours=1)
"""It is always morning in some time zone.  Temporal counts intervals from full hours (UTC)."""

POLICY_EVERY = timedelta(minutes=15)
"""How often offers are told of another policy: real time, as workers start with it then."""

CHECK_EVERY = timedelta(minutes=15)
"""How often the Schedules are checked: real time, as what is checked is."""

NEVER_APPLIED = "the Schedules: never applied, so nothing is read; apply them once"

SHORTEST_INTERVAL = timedelta(seconds=1)
"""The shortest interval of Temporal."""


def schedules(policy: Policy, clock: Clock) -> dict[str, Schedule]:
    """Every Schedule by its id."""
    return {
        INTAKE: _every(
            clock.real_duration(policy.intake_every),
            ScheduleActionStartWorkflow(
                OpportunityIntake.run,
                IntakeRequest(clock=clock, overlap=policy.intake_overlap),
                id=INTAKE,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        WATCH: _every(
            clock.real_duration(policy.agreement_watch_every),
            ScheduleActionStartWorkflow(
                AgreementWatch.run,
                WatchRequest(clock=clock, overlap=policy.agreement_watch_overlap),
                id=WATCH,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        CLAZAR: _every(
            clock.real_duration(policy.clazar_watch_every),
            ScheduleActionStartWorkflow(
                ClazarWatch.run,
                WatchRequest(clock=clock, overlap=policy.clazar_watch_overlap),
                id=CLAZAR,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        SWEEP: _every(
            clock.real_duration(policy.payouts.every),
            ScheduleActionStartWorkflow(
                PayoutSweep.run,
                PayoutSweepRequest(finance=policy.roles.get(FINANCE, ())),
                id=SWEEP,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        OWNER_DIGEST: _every(
            clock.real_duration(DIGEST_EVERY),
            ScheduleActionStartWorkflow(
                OwnerDigest.run,
                DigestRequest(clock=clock, rules=policy.digest),
                id=OWNER_DIGEST,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
        POLICY: _every(
            POLICY_EVERY,
            ScheduleActionStartWorkflow(PolicyWatch.run, id=POLICY, task_queue=TaskQueue.OFFERS),
        ),
        CHECK: _every(
            CHECK_EVERY,
            ScheduleActionStartWorkflow(
                HealthCheck.run,
                HealthCheckRequest(operations=policy.roles.get(OPERATIONS, ()), schedules=KNOWN),
                id=CHECK,
                task_queue=TaskQueue.OFFERS,
            ),
        ),
    }


def intervals(policy: Policy, clock: Clock) -> dict[str, timedelta]:
    """How often each Schedule runs, in real time."""
    return {
        schedule_id: schedule.spec.intervals[0].every
        for schedule_id, schedule in schedules(policy, clock).items()
    }


class ScheduleNotFound(Exception):
    """The Schedule does not exist.  The text says what to do."""


async def apply(client: Client, policy: Policy, clock: Clock) -> list[str]:
    """Create or update each Schedule; repeating it changes nothing."""
    wanted = schedules(policy, clock)
    for schedule_id, schedule in wanted.items():
        try:
            await client.create_schedule(schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(schedule_id).update(_replacing(schedule))
    return list(wanted)


async def rows(client: Client) -> list[ScheduleRow]:
    """Every Schedule, also those that were never applied."""
    return await read_schedules(client, KNOWN)


async def schedule_problems(client: Client) -> list[str]:
    """A line for each Schedule whose feed is not read; one line if none was ever applied."""
    found = problems(await rows(client))
    if len(found) == len(KNOWN) and {each.kind for each in found} == {ProblemKind.NEVER_APPLIED}:
        return [NEVER_APPLIED]
    return list(map(str, found))


async def pause(client: Client, schedule_id: str, why: str) -> None:
    """Start no further run; raises ScheduleNotFound."""
    with _known(schedule_id):
        await client.get_schedule_handle(schedule_id).pause(note=why or "by hand")


async def resume(client: Client, schedule_id: str) -> None:
    """Start runs again; raises ScheduleNotFound."""
    with _known(schedule_id):
        await client.get_schedule_handle(schedule_id).unpause()


@contextmanager
def _known(schedule_id: str) -> Iterator[None]:
    if schedule_id not in KNOWN:
        raise ScheduleNotFound(f"there is no Schedule {schedule_id}: choose {', '.join(KNOWN)}")
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise ScheduleNotFound(
            f"{schedule_id} is not on the server yet: apply the schedules first"
        ) from None


def _replacing(schedule: Schedule):  # type: ignore[no-untyped-def]
    def update(current: ScheduleUpdateInput) -> ScheduleUpdate:
        # A person decides whether it is paused.
        schedule.state = current.description.schedule.state
        return ScheduleUpdate(schedule=schedule)

    return update


def _every(interval: timedelta, action: ScheduleActionStartWorkflow) -> Schedule:
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(max(interval, SHORTEST_INTERVAL))]),
        # Runs never overlap: each continues where the last one ended.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
