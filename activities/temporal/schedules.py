"""The state of the Temporal Schedules: when each last ran, and what is wrong with it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from temporalio import activity
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import unavailable
from activities.temporal.pending_work import describe, repeated_work
from activities.vendor_calls import is_own_failure
from offers.model import FrozenModel
from offers.text import instant_text

LATE_AFTER_INTERVALS = 3
LATE_AFTER = timedelta(minutes=2)
"""At the least, for Schedules that run every few seconds."""


class ProblemKind(StrEnum):
    """Why the feed of a Schedule is not read."""

    NEVER_APPLIED = "never-applied"
    FAILED = "failed"
    """Its last run failed."""
    UNFINISHED = "unfinished"
    """Its run goes on for three intervals."""
    OVERDUE = "overdue"
    """It has not run for three intervals."""


class ScheduleProblem(FrozenModel):
    """What is wrong with a Schedule."""

    schedule_id: str
    kind: ProblemKind
    problem: str

    def __str__(self) -> str:
        return f"{self.schedule_id}: {self.problem}"


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
    problem_kind: ProblemKind | None = None
    problem: str | None = None
    """Why its feed is not read; None: nothing is known."""


class Schedules:
    """Activities on Temporal itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def find_schedule_problems(self, schedule_ids: list[str]) -> list[ScheduleProblem]:
        """What is wrong with these Schedules."""
        try:
            return problems(await read_schedules(self._client, schedule_ids))
        except RPCError as error:
            raise unavailable("Temporal", error.status.name) from None


async def read_schedules(client: Client, schedule_ids: Iterable[str]) -> list[ScheduleRow]:
    """A row for each Schedule, also if it was never applied; raises RPCError."""
    return [await _row(client, schedule_id) for schedule_id in schedule_ids]


def problems(rows: Iterable[ScheduleRow]) -> list[ScheduleProblem]:
    """What is wrong, by Schedule."""
    return [
        ScheduleProblem(schedule_id=row.schedule_id, kind=row.problem_kind, problem=row.problem)
        for row in rows
        if row.problem_kind and row.problem
    ]


async def _row(client: Client, schedule_id: str) -> ScheduleRow:
    try:
        described = await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ScheduleRow(
            schedule_id=schedule_id,
            problem_kind=ProblemKind.NEVER_APPLIED,
            problem="never applied, so nothing is read; apply it once",
        )
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
    late = max((row.every or timedelta()) * LATE_AFTER_INTERVALS, LATE_AFTER)
    began = last.started_at if last else described.info.created_at
    is_late = datetime.now(UTC) - began > late
    kind, problem = None, None
    if last and isinstance(last.action, ScheduleActionExecutionStartWorkflow):
        run = client.get_workflow_handle(
            last.action.workflow_id, run_id=last.action.first_execution_run_id
        )
        kind, problem = await _run_problem(client, run, row, is_late=is_late)
    if kind is None and is_late and not row.paused:
        since = f"since {instant_text(row.last_run)}" if row.last_run else "yet"
        kind, problem = ProblemKind.OVERDUE, f"it has not run {since}"
    return row.model_copy(update={"problem_kind": kind, "problem": problem})


async def _run_problem(
    client: Client, run: WorkflowHandle[Any, Any], row: ScheduleRow, *, is_late: bool
) -> tuple[ProblemKind | None, str | None]:
    """What is wrong with the last run."""
    try:
        if (await run.describe()).status is not WorkflowExecutionStatus.RUNNING:
            await run.result()
        elif is_late:
            repeated = await repeated_work(client, run.id, await describe(client, run.id))
            since = "its run goes on"
            since += f" since {instant_text(row.last_run)}" if row.last_run else ""
            return ProblemKind.UNFINISHED, f"{since} ({repeated})" if repeated else since
    except WorkflowFailureError as error:
        return ProblemKind.FAILED, f"its last run failed: {_reason(error)}"
    except RPCError as error:
        # The last run of a Schedule that was paused long ago is past the server's retention.
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return None, None


def _reason(error: BaseException) -> str:
    """Why a run failed, in our words: those of a fault in the code may quote what it was about."""
    while error.__cause__ is not None:
        error = error.__cause__
    if is_own_failure(error):
        return error.message
    if isinstance(error, TimeoutError):
        return "a call did not end in time"
    if isinstance(error, CancelledError | TerminatedError):
        return "somebody ended it"
    kind = (
        error.type if isinstance(error, ApplicationError) and error.type else type(error).__name__
    )
    return f"a fault in this program ({kind}), which the worker's log has"
