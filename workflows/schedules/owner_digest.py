"""A mail to each owner on their working days: what expires, what waits, what has happened."""

import asyncio
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.broadcast import was_sent

with workflow.unsafe.imports_passed_through():
    from activities.email.digest import compose_digest
    from activities.email.smtp import BroadcastEmail
    from activities.temporal.digests import DigestDelivery, DigestPlanRequest, Digests, KnownOwner
    from offers.clock import Clock
    from offers.model import FrozenModel
    from offers.policy.digest import DigestRules

NEW_OWNERS_EVERY = timedelta(days=1)
"""How often new owners are looked for while no digest is due."""

PLAN_BUDGET = timedelta(minutes=30)
MAIL_BUDGET = timedelta(minutes=25)
"""Together less than an hour of real time: an address that cannot be reached must not delay the
next run for the others."""


class DigestRequest(FrozenModel):
    """When digests are sent."""

    clock: Clock
    rules: DigestRules


class DigestPosition(FrozenModel):
    """The known owners with their next digests.  Kept by the Schedule as the last run's result."""

    planned_at: AwareDatetime
    owners: tuple[KnownOwner, ...] = Field(default=(), repr=False)

    def is_due(self, now: datetime) -> bool:
        """Whether a digest is due, or new owners are to be looked for."""
        return now - self.planned_at >= NEW_OWNERS_EVERY or any(
            each.next_at <= now for each in self.owners
        )


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class OwnerDigest:
    """One run: nothing at all, unless a digest is due.

    Each owner's next digest is kept as an instant, so that only the activity computes with time
    zones: what a machine knows of them changes.
    """

    @workflow.run
    async def run(self, request: DigestRequest) -> DigestPosition:
        """Gives when each owner was sent a digest; one that failed is tried in the next run."""
        now: datetime = request.clock.business_time(workflow.now())
        last = workflow.get_last_completion_result(DigestPosition)
        if last and not last.is_due(now):
            return last
        known = last.owners if last else ()
        plan = await start_activity(
            Digests.plan_digests,
            DigestPlanRequest(rules=request.rules, now=now, known=known),
            budget=PLAN_BUDGET,
        )
        sent = await asyncio.gather(*map(self._deliver, plan.deliveries))
        after = {each.key: each for each in sent if each}
        return DigestPosition(
            planned_at=now, owners=tuple(after.get(each.key, each) for each in plan.owners)
        )

    async def _deliver(self, morning: DigestDelivery) -> KnownOwner | None:
        """Send one digest; gives what is known of its owner then, None if it could not be sent."""
        digest = morning.digest
        memo = BroadcastEmail(
            to=(digest.owner.owner_email,),
            message=compose_digest(digest),
            # One mail a day, also if a run is repeated.
            key=f"digest/{morning.delivered.key}/{digest.day}",
        )
        return morning.delivered if await was_sent(memo, MAIL_BUDGET) else None
