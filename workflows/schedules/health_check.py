"""Telling those who run this program about Schedules that do not work, and vendors that do not."""

from datetime import timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.broadcast import was_sent

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailMessage
    from activities.email.operations import (
        compose_schedule_problems,
        compose_vendor_problems,
        compose_vendors_recovered,
    )
    from activities.email.smtp import BroadcastEmail
    from activities.temporal.schedules import ProblemKind, ScheduleProblem, Schedules
    from activities.temporal.vendor_problems import VendorProblem, VendorProblems
    from offers.lifecycle.attentions import AttentionCode
    from offers.model import FrozenModel
    from offers.terms.contacts import Address

BUDGET = timedelta(minutes=10)
"""For each check, and for each mail.  Real time."""

SAME_PROBLEM_WITHIN = timedelta(days=1)
"""A Schedule's problem that comes back within this time is not mailed again."""


CAUSED_BY_VENDORS = [AttentionCode.CREDENTIALS_REJECTED, AttentionCode.VENDOR_UNRESPONSIVE]
"""Attentions that all offers have at once; what a vendor rejects is one offer's."""


class HealthCheckRequest(FrozenModel):
    """Which Schedules are checked, and who is told."""

    operations: tuple[Address, ...] = Field(default=(), repr=False)
    schedules: tuple[str, ...]


class MailedProblem(FrozenModel):
    """A Schedule's problem that was mailed."""

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
    vendors: tuple[VendorProblem, ...] = ()
    """Those that last, as they were mailed."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class HealthCheck:
    """One run: see what is wrong with Schedules and vendors, and mail what is new or over."""

    @workflow.run
    async def run(self, request: HealthCheckRequest) -> MailedProblems:
        """Gives what was mailed; what could not be mailed is tried in the next run."""
        last = workflow.get_last_completion_result(MailedProblems) or MailedProblems()
        if not request.operations:
            return last
        return MailedProblems(
            problems=await self._check_schedules(request, last),
            vendors=await self._check_vendors(request, last),
        )

    async def _check_schedules(
        self, request: HealthCheckRequest, last: MailedProblems
    ) -> tuple[MailedProblem, ...]:
        found = await start_activity(
            Schedules.find_schedule_problems, list(request.schedules), budget=BUDGET
        )
        now = workflow.now()
        new = [each for each in found if not any(m.is_same(each) for m in last.problems)]
        is_mailed = new and await self._mail(request, compose_schedule_problems(new), "schedules")
        kept = (
            mail.model_copy(update={"last_seen": now}) if any(map(mail.is_same, found)) else mail
            for mail in last.problems
        )
        return (
            *(each for each in kept if now - each.last_seen < SAME_PROBLEM_WITHIN),
            *(
                MailedProblem(schedule_id=each.schedule_id, kind=each.kind, last_seen=now)
                for each in (new if is_mailed else ())
            ),
        )

    async def _check_vendors(
        self, request: HealthCheckRequest, last: MailedProblems
    ) -> tuple[VendorProblem, ...]:
        """One mail when a vendor begins to hold offers up, and one when that is over."""
        found = await start_activity(
            VendorProblems.find_vendor_problems, CAUSED_BY_VENDORS, budget=BUDGET
        )
        known, present = {e.key for e in last.vendors}, {e.key for e in found}
        new = [each for each in found if each.key not in known]
        over = [each for each in last.vendors if each.key not in present]
        if new and not await self._mail(request, compose_vendor_problems(new), "vendors"):
            new = []
        if over and await self._mail(request, compose_vendors_recovered(over), "recovered"):
            over = []
        return (*(each for each in last.vendors if each.key in present), *over, *new)

    async def _mail(self, request: HealthCheckRequest, message: EmailMessage, about: str) -> bool:
        """Whether it was sent."""
        key = f"health-check/{about}/{workflow.info().run_id}"
        return await was_sent(
            BroadcastEmail(to=request.operations, message=message, key=key), BUDGET
        )
