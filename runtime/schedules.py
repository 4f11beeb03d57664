"""The Temporal Schedules; each runs once for all offers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

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
    WorkflowHandle,
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

NEVER_APPLIED = "never applied, so nothing is read; apply them once"
LATE_AFTER_INTERVALS = 3
LATE_AFTER = timedelta(minutes=2)
"""At the least, for Schedules that run every few seconds."""

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
    every: timedelta | None = None
    """Real time between two runs."""
    paused: bool = False
    note: str = ""
    last_run: datetime | None = None
    next_run: datetime | None = None
    """UTC."""
    problem: str | None = None
    """Why its feed is not read; None: nothing is known."""


async def rows(client: Client) -> list[ScheduleRow]:
    """Every Schedule, also those that were never applied."""
    return [await _row(client, schedule_id) for schedule_id in KNOWN]


async def schedule_problems(client: Client) -> list[str]:
    """A line for each Schedule whose feed is not read; one line if none was ever applied."""
    found = await rows(client)
    if all(row.problem == NEVER_APPLIED for row in found):
        return [f"the Schedules: {NEVER_APPLIED}"]
    return [f"{row.schedule_id}: {row.problem}" for row in found if row.problem]


async def _row(client: Client, schedule_id: str) -> ScheduleRow:
    try:
        described = await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ScheduleRow(schedule_id=schedule_id, problem=NEVER_APPLIED)
    intervals = described.schedule.spec.intervals
    last = max(described.info.recent_actions, key=lambda run: run.started_at, default=None)
    row = ScheduleRow(
        schedule_id=schedule_id,
        every=intervals[0].every if intervals else None,
        paused=described.schedule.state.paused,
        note=described.schedule.state.note or "",
        last_run=last.started_at if last else None,
        next_run=next(iter(described.info.next_action_times), None),
    )
    if last is None:
        return row
    assert isinstance(last.action, ScheduleActionExecutionStartWorkflow)
    run = client.get_workflow_handle(
        last.action.workflow_id, run_id=last.action.first_execution_run_id
    )
    late = (row.every or timedelta()) * LATE_AFTER_INTERVALS
    is_late = datetime.now(UTC) - last.started_at > max(late, LATE_AFTER)
    return row.model_copy(update={"problem": await _problem(run, row, is_late=is_late)})


async def _problem(run: WorkflowHandle[Any, Any], row: ScheduleRow, *, is_late: bool) -> str | None:
    try:
        described = await run.describe()
        if described.status is WorkflowExecutionStatus.RUNNING:
            return await _running_late(run, row) if is_late else None
        await run.result()
    except WorkflowFailureError as error:
        return f"its last run failed: {_root(error)}"
    except RPCError as error:
        # The last run of a Schedule that was paused long ago is past the server's retention.
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    if is_late and not row.paused:
        return f"it has not run since {row.last_run:%Y-%m-%d %H:%M} UTC"
    return None


async def _running_late(run: WorkflowHandle[Any, Any], row: ScheduleRow) -> str:
    """What a run that goes on for too long waits for."""
    described = (await run.describe()).raw_description
    waiting = [
        f"{each.activity_type.name}, attempt {each.attempt}: {each.last_failure.message[:200]}"
        for each in described.pending_activities
        if each.attempt > 1
    ]
    since = f"its run goes on since {row.last_run:%Y-%m-%d %H:%M} UTC"
    return f"{since} ({'; '.join(waiting)})" if waiting else since


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
