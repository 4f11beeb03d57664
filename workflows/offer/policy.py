"""The policy of an offer: its rules as when the deal was checked, people and reminders as now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.policy import SellingPolicy

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

READ_TIMEOUT = timedelta(seconds=10)
"""The worker has the policy in memory."""


async def read_current_policy(ctx: OfferContext) -> None:
    """Take over people and reminders from the worker's policy."""
    current = await workflow.execute_local_activity_method(
        SellingPolicy.read_policy, start_to_close_timeout=READ_TIMEOUT
    )
    ctx.record.policy = ctx.record.policy.as_now(current)


async def follow_policy_change(ctx: OfferContext) -> None:
    """The policy has changed: whoever approves now is written to, and reminders are planned anew.

    Reminders that would have been sent before are left out.
    """
    before = ctx.record.policy
    await read_current_policy(ctx)
    now, state, after = ctx.now(), ctx.state, ctx.record.policy
    if after == before:
        return
    for waiting in (ctx.control, state.approvals, state.clazar_handoff):
        if waiting and waiting.reminded_until:
            waiting.reminded_until = max(waiting.reminded_until, now)
    if state.payout_tracking.reminded_on:
        state.payout_tracking.reminded_on = now.date()
    ctx.buyer_confirmation.skip_past_reminders()
    ctx.renewal_reminders.skip_past()
    ctx.approvals.notify_new_approvers(before)
    ctx.control.replan = True
