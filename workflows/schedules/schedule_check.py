"""Telling those who run this program about Schedules that do not work."""

from datetime import timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.broadcast import was_sent

with workflow.unsafe.imports_passed_through():
    from activities.email.operations import compose_schedule_problems
    from activities.email.smtp import BroadcastEmail
    from activities.temporal.schedules import ProblemKind, ScheduleProblem, Schedules
    from offers.model import FrozenModel
    from offers.terms.contacts import Address

BUDGET = timedelta(minutes=10)
"""For the check, and for the mail.  Real time."""

SAME_PROBLEM_WITHIN = timedelta(days=1)
"""A problem that comes back within this time is not mailed again."""


class ScheduleCheckRequest(FrozenModel):
    """Which Schedules are checked, and who is told."""

    operations: tuple[Address, ...] = Field(default=(), repr=False)
    schedules: tuple[str, ...]


class MailedProblem(FrozenModel):
    """A problem that was mailed."""

    schedule_id: str
    kind: ProblemKind
    last_seen: AwareDatetime
    """UTC, real time."""

    def is_same(self, found: ScheduleProblem) -> bool:
        """Whether it is this problem."""
        return (self.schedule_id, self.kind) == (found.schedule_id, found.kind)


class MailedProblems(FrozenModel):
    """What was mailed.  Kept by the Schedule as the last run's result."""

    problems: tuple[MailedProblem, ...] = ()


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class ScheduleCheck:
    """One run: read the state of the Schedules, and mail what is newly wrong."""

    @workflow.run
    async def run(self, request: ScheduleCheckRequest) -> MailedProblems:
        """Gives what was mailed; what could not be mailed is tried in the next run."""
        last = workflow.get_last_completion_result(MailedProblems) or MailedProblems()
        if not request.operations:
            return last
        found = await start_activity(
            Schedules.find_schedule_problems, list(request.schedules), budget=BUDGET
        )
        now = workflow.now()
        new = [each for each in found if not any(m.is_same(each) for m in last.problems)]
        mailed = new if new and await self._mail(request, new) else []
        kept = (
            mail.model_copy(update={"last_seen": now}) if any(map(mail.is_same, found)) else mail
            for mail in last.problems
        )
        return MailedProblems(
            problems=(
                *(each for each in kept if now - each.last_seen < SAME_PROBLEM_WITHIN),
                *(
                    MailedProblem(schedule_id=each.schedule_id, kind=each.kind, last_seen=now)
                    for each in mailed
                ),
            )
        )

    async def _mail(self, request: ScheduleCheckRequest, new: list[ScheduleProblem]) -> bool:
        """Whether it was sent."""
        mail = BroadcastEmail(
            to=request.operations,
            message=compose_schedule_problems(new),
            key=f"schedule-check/{workflow.info().run_id}",
        )
        return await was_sent(mail, BUDGET)
