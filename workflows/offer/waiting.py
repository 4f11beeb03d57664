"""Waiting: until a moment, until something is reported or asked, until a stage is decided.

Every wait with a deadline goes through `wait_until`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.offer.visibility import publish
from workflows.offer.withdrawal import withdraw

with workflow.unsafe.imports_passed_through():
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


async def wait_until(
    ctx: OfferContext, moment: datetime, what: str, condition: Callable[[], bool]
) -> bool:
    """Wait for a condition until a business instant; whether it held before that.

    `what` happens at that instant: the Temporal UI shows it with the timer.
    """
    left = ctx.record.clock.real_duration(moment - ctx.now())
    if left <= timedelta():
        return condition()
    try:
        await workflow.wait_condition(
            condition, timeout=left, timeout_summary=f"{what}, {moment:%Y-%m-%d %H:%M} UTC"
        )
    except TimeoutError:
        return False
    return True


def has_news(ctx: OfferContext) -> bool:
    """Whether something was reported or asked that the stage has not seen to."""
    return ctx.acceptance.is_reported or ctx.is_withdrawing() or ctx.state.edits.changed


async def wait_until_or_decided(
    ctx: OfferContext,
    moment: Callable[[], datetime],
    what: Callable[[], str],
    or_when: Callable[[], bool] = lambda: False,
) -> Stage | None:
    """Wait for a moment, which may be moved; the next stage, if it is decided before that."""
    while moment() > ctx.now() and not or_when():
        if not await wait_until(ctx, moment(), what(), lambda: has_news(ctx) or or_when()):
            return None
        if ctx.acceptance.is_reported and await ctx.acceptance.find_agreement():
            return Stage.ACCEPTED
        if ctx.is_withdrawing():
            return await withdraw(ctx)
        ctx.state.edits.changed = False
        publish(ctx)
    return None


async def wait_for_news(ctx: OfferContext, end: datetime, what: str) -> bool:
    """Wait until something is reported or asked, or a payment is overdue.

    False once the end has come, or when nobody needs the offer any more.
    """
    payouts = ctx.payout_tracking
    if payouts.reconcile():
        publish(ctx)
    next_check = payouts.next_check
    moment = min(end, next_check or end)
    if ctx.control.cancel_requested or moment <= ctx.now():
        return False
    came = await wait_until(
        ctx,
        moment,
        what if moment == end else "next payout check",
        lambda: has_news(ctx) or payouts.has_news or ctx.control.cancel_requested,
    )
    if not came:
        return moment < end
    if payouts.reconcile():
        publish(ctx)
    ctx.state.edits.changed = False
    return not ctx.control.cancel_requested
