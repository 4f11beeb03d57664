"""The released offer: live, shared with the buyer, expired, or cancelled."""

import asyncio
from datetime import datetime

from temporalio import workflow

from workflows.common.escalation import execute_with_escalation
from workflows.common.waiting import wait_condition
from workflows.offer.context import OfferContext
from workflows.offer.visibility import publish
from workflows.offer.waiting import wait_for_news, wait_until_or_decided
from workflows.offer.withdrawal import give_up, withdraw

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog
    from activities.email.message import EmailKind
    from offers.clock import end_of_day
    from offers.lifecycle.reminders import reminder_times
    from offers.stage import Stage


async def live(ctx: OfferContext) -> Stage:
    """The offer exists; the buyer is told of it."""
    ctx.clazar_link.start()
    delayed = asyncio.Event()
    email = ctx.notifications.email_buyer(EmailKind.OFFER_SHARED, on_first_failure=delayed.set)
    await wait_condition(lambda: email.done() or delayed.is_set())
    decided = None
    if not email.done():
        publish(ctx)
        decided = await wait_until_or_decided(
            ctx, lambda: closing_time(ctx), lambda: "offer expires", or_when=email.done
        )
    if decided is None and email.done():
        await email
        return Stage.SHARED
    return decided or await _accepted_or_expired(ctx) or Stage.SHARED


async def shared(ctx: OfferContext) -> Stage:
    """The buyer can accept; reminders are sent until the last day is over."""
    while True:
        if decided := await wait_until_or_decided(
            ctx, lambda: _next_moment(ctx), lambda: _what_is_next(ctx)
        ):
            return decided
        ctx.clazar_link.check_overdue()
        if (moment := _next_moment(ctx)) == closing_time(ctx):
            if decided := await _accepted_or_expired(ctx):
                return decided
            continue
        ctx.control.reminded_until = moment
        if ctx.now() < _next_moment(ctx):  # of several that an outage delayed, only the last
            ctx.notifications.email_buyer(EmailKind.OFFER_REMINDER, f"{moment:%F}")


async def expired(ctx: OfferContext) -> Stage | None:
    """Nobody accepted in time; for a while it can still be extended, or created again."""
    if ctx.record.amends:
        return None  # another amendment may be open by now
    end = closing_time(ctx) + ctx.record.policy.extend_expired_within
    while await wait_for_news(ctx, end, "can no longer be extended"):
        if await ctx.acceptance.find_agreement():
            return Stage.ACCEPTED
        if ctx.is_withdrawing():
            return await withdraw(ctx)
        if can_be_accepted(ctx):
            return Stage.SHARED
        publish(ctx)
    await ctx.edits.drain()  # what AWS was asked for in the last moment it may still do
    if can_be_accepted(ctx):
        cancel = ctx.control.cancel_requested
        return await withdraw(ctx, then=Stage.CANCELLED) if cancel else Stage.SHARED
    return None


async def cancelled(ctx: OfferContext) -> Stage | None:
    """Void; but AWS may show an acceptance late, and another offer may be wanted."""
    if ctx.record.offer_id is None:
        return None
    end = ctx.record.stage_since + ctx.record.policy.expiry_grace
    while await wait_for_news(ctx, end, "no late acceptance is possible any more"):
        if ctx.acceptance.is_reported and await ctx.acceptance.find_agreement():
            return Stage.ACCEPTED
        if ctx.is_withdrawing():
            return give_up(ctx)
    return Stage.ACCEPTED if await ctx.acceptance.find_agreement() else None


def closing_time(ctx: OfferContext) -> datetime:
    """When AWS shows an acceptance in the last second, too (UTC)."""
    last_day = ctx.record.require_terms().availability_end
    return end_of_day(last_day) + ctx.record.policy.expiry_grace


def can_be_accepted(ctx: OfferContext) -> bool:
    """Whether the last day to accept is not over."""
    return ctx.now() <= end_of_day(ctx.record.require_terms().availability_end)


def _next_moment(ctx: OfferContext) -> datetime:
    """The next reminder, or else the closing time."""
    end = ctx.record.require_terms().availability_end
    since = ctx.control.reminded_until or ctx.record.stage_since
    reminders = reminder_times(end, ctx.record.policy.reminder_days, since)
    return next(iter(reminders), closing_time(ctx))


def _what_is_next(ctx: OfferContext) -> str:
    return "offer expires" if _next_moment(ctx) == closing_time(ctx) else "next reminder"


async def _accepted_or_expired(ctx: OfferContext) -> Stage | None:
    """The last day is over: accepted in time, or expired; None if somebody extended it."""
    if await ctx.acceptance.find_agreement():
        return Stage.ACCEPTED
    shown = await execute_with_escalation(
        ctx.attentions, AwsCatalog.read_offer, ctx.record.require_offer_id()
    )
    if shown.availability_end is None or shown.is_void(ctx.now().date()):
        return Stage.EXPIRED
    ctx.record.extend(shown.availability_end)
    publish(ctx)
    return None
