"""The Temporal Schedules; each runs once for all offers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from offers.clock import Clock
from offers.model import FrozenModel
from offers.policy.policy import FINANCE, Policy
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.opportunity_intake import IntakeRequest, OpportunityIntake
from workflows.schedules.owner_digest import DigestRequest, OwnerDigest
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest
from workflows.schedules.watch import WatchRequest

KNOWN = INTAKE, WATCH, CLAZAR, SWEEP, OWNER_DIGEST = (
    "opportunity-intake",
    "marketplace-watch",
    "clazar-watch",
    "disbursement-sweep",
    "owner-digest",
)
"""The ids of all Schedules; their workflows have the same ids."""

DIGEST_EVERY = timedelta(hours=1)
"""It is always morning in some time zone.  Temporal counts intervals from full hours (UTC)."""

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


class ScheduleRow(FrozenModel):
    """A row of the list of Schedules."""

    schedule_id: str
    every: timedelta | None
    """Real time between two runs."""
    paused: bool
    note: str
    last_run: datetime | None
    next_run: datetime | None
    """UTC."""


async def rows(client: Client) -> list[ScheduleRow]:
    """The Schedules on the server; those not applied yet are missing."""
    found = []
    for schedule_id in KNOWN:
        try:
            described = await client.get_schedule_handle(schedule_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            continue
        intervals = described.schedule.spec.intervals
        found.append(
            ScheduleRow(
                schedule_id=schedule_id,
                every=intervals[0].every if intervals else None,
                paused=described.schedule.state.paused,
                note=described.schedule.state.note or "",
                last_run=max((a.started_at for a in described.info.recent_actions), default=None),
                next_run=next(iter(described.info.next_action_times), None),
            )
        )
    return found


async def schedule_problems(client: Client) -> list[str]:
    """A line for each Schedule whose last run failed."""
    problems = []
    async for schedule in await client.list_schedules():
        if schedule.id not in KNOWN or not schedule.info or not schedule.info.recent_actions:
            continue
        last = schedule.info.recent_actions[-1].action
        assert isinstance(last, ScheduleActionExecutionStartWorkflow)
        run = client.get_workflow_handle(last.workflow_id, run_id=last.first_execution_run_id)
        try:
            if (await run.describe()).status is WorkflowExecutionStatus.FAILED:
                await run.result()
        except WorkflowFailureError as error:
            problems.append(f"{schedule.id} fails: {_root(error)}")
        except RPCError as error:
            # The last run of a Schedule that was paused long ago is past the server's retention.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return problems


def _root(error: BaseException) -> str:
    """The message of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error.message if isinstance(error, FailureError) else str(error)


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
