"""Telling each owner, on their working mornings, how their offers stand."""

import asyncio
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.common.activity_options import start_activity

with workflow.unsafe.imports_passed_through():
    from activities.email.digest import write_digest
    from activities.email.smtp import BroadcastEmail, Email
    from activities.temporal.digests import DigestDelivery, DigestPlanRequest, Digests, KnownOwner
    from offers.clock import Clock
    from offers.policy.digest import DigestRules

NEW_OWNERS_EVERY = timedelta(days=1)
"""How often new owners are looked for while nobody known has their morning."""

LOOK_BUDGET = timedelta(minutes=30)
MAIL_BUDGET = timedelta(minutes=25)
"""Together less than an hour of real time: who cannot be written to must not make the next turn
late for the others."""


class DigestRequest(BaseModel):
    """When owners are told."""

    model_config = ConfigDict(frozen=True)

    clock: Clock
    rules: DigestRules


class DigestPosition(BaseModel):
    """Who is known, and when they are told.  Kept by the Schedule as the result of the last run."""

    model_config = ConfigDict(frozen=True)

    planned_at: AwareDatetime
    owners: tuple[KnownOwner, ...] = Field(default=(), repr=False)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to look for."""
        return now - self.planned_at >= NEW_OWNERS_EVERY or any(
            each.next_at <= now for each in self.owners
        )


@workflow.defn
class OwnerDigest:
    """One turn: nothing at all, unless it is somebody's morning.

    Each owner's next morning is remembered as an instant, so that time zones are reckoned with in
    the activity alone: what a machine knows of them changes.
    """

    @workflow.run
    async def run(self, request: DigestRequest) -> DigestPosition:
        """Gives who has been told when; who could not be is written to in the next turn."""
        now: datetime = request.clock.business_time(workflow.now())
        last = workflow.get_last_completion_result(DigestPosition)
        if last and not last.is_due(now):
            return last
        known = last.owners if last else ()
        look = await start_activity(
            Digests.plan_digests,
            DigestPlanRequest(rules=request.rules, now=now, known=known),
            budget=LOOK_BUDGET,
        )
        told = await asyncio.gather(*map(self._tell, look.deliveries))
        after = {each.key: each for each in told if each}
        return DigestPosition(
            planned_at=now, owners=tuple(after.get(each.key, each) for each in look.owners)
        )

    async def _tell(self, morning: DigestDelivery) -> KnownOwner | None:
        """Write to one owner; gives how they are known then, or None if they could not be."""
        digest = morning.digest
        memo = BroadcastEmail(
            to=(digest.owner.owner_email,),
            message=write_digest(digest),
            # One mail a day, also if a turn is made again.
            key=f"digest/{morning.delivered.key}/{digest.day}",
        )
        try:
            await start_activity(Email.send_broadcast, memo, budget=MAIL_BUDGET)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning(
                "an owner's digest could not be sent; the next turn tries again"
            )
            return None
        return morning.delivered
