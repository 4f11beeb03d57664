"""The waits of stages: until a moment, until something is reported or asked, until it is decided.

In each of them the run can continue as new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from temporalio import workflow

from workflows.common.waiting import wait_condition, wait_condition_for
from workflows.offer.continuation import StageInterrupted, can_interrupt
from workflows.offer.visibility import publish
from workflows.offer.withdrawal import withdraw

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.attentions import AttentionCode
    from offers.stage import Stage
    from offers.text import instant_text

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class WakeUp(NamedTuple):
    """Something that is done at a business instant unless the wait is over before."""

    moment: datetime
    what: str
    """Shown with the timer in the Temporal UI."""
    act: Callable[[], None]


async def wait_in_stage(ctx: OfferContext, condition: Callable[[], bool]) -> None:
    """Wait for a condition; raises StageInterrupted if the run is to continue as new."""
    while not condition():
        if can_interrupt(ctx):
            raise StageInterrupted
        await wait_condition(lambda: condition() or can_interrupt(ctx))


async def wait_until(
    ctx: OfferContext, moment: datetime, what: str, condition: Callable[[], bool]
) -> bool:
    """Wait for a condition until a business instant; whether it held before that.

    `what` happens at that instant: the Temporal UI shows it with the timer.  Raises
    StageInterrupted if the run is to continue as new.
    """
    while (left := ctx.record.clock.real_duration(moment - ctx.now())) > timedelta():
        if condition():
            return True
        if can_interrupt(ctx):
            raise StageInterrupted
        came = await wait_condition_for(
            left,
            lambda: condition() or can_interrupt(ctx),
            summary=f"{what}, {instant_text(moment)}",
        )
        if not came:
            return False
    return condition()


async def wait_until_resolved(
    ctx: OfferContext,
    code: AttentionCode,
    problem: str,
    remedy: str,
    or_when: Callable[[], bool],
) -> bool:
    """Raise an attention, and wait until it is resolved or `or_when` holds; whether it is resolved.

    Raises StageInterrupted if the run is to continue as new; called again, it goes on waiting.
    """
    control = ctx.control
    if control.stage_attention is None:
        control.stage_attention = ctx.attentions.raise_(code, problem, remedy).number
    number = control.stage_attention
    await wait_in_stage(ctx, lambda: not ctx.attentions.is_open(number) or or_when())
    control.stage_attention = None
    resolved = not ctx.attentions.is_open(number)
    ctx.attentions.dismiss(number)
    return resolved


def has_news(ctx: OfferContext) -> bool:
    """Whether something was reported or asked that the stage has not seen to."""
    return ctx.acceptance.is_reported or ctx.is_withdrawing() or ctx.control.replan


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
        ctx.control.replan = False
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
    ctx.control.replan = False
    return not ctx.control.cancel_requested
