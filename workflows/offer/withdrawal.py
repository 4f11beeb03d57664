"""Withdrawal: an offer is made void and given up, unless the buyer accepted it first.

There is no CancelOffer in AWS: a released offer is void once its last day is in the past.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.escalation import execute_with_escalation

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import (
        WITHDRAWAL_POLLING,
        AwsCatalog,
        WaitForChangeSet,
        WithdrawOffer,
    )
    from activities.email.message import EmailKind
    from offers.lifecycle.attentions import AttentionCode
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


async def withdraw(ctx: OfferContext, then: Stage | None = None) -> Stage:
    """Make the offer void and give it up: the next stage, `accepted` if the buyer was first."""
    return give_up(ctx, then) if await withdraw_unless_accepted(ctx) else Stage.ACCEPTED


def give_up(ctx: OfferContext, then: Stage | None = None) -> Stage:
    """This revision is void, or was never created: the next stage.

    What was asked for decides it, or else `then`.
    """
    then = ctx.control.withdraw_to or then or Stage.CANCELLED
    if then is not Stage.FAILED:
        ctx.notifications.notify_buyer_void(
            EmailKind.OFFER_WITHDRAWN_FOR_CHANGE
            if then is Stage.DRAFT
            else EmailKind.OFFER_WITHDRAWN
        )
    if then is Stage.DRAFT:
        outcome = "amended" if ctx.is_withdrawing() else "sent back to be created again"
        start_revision(ctx, outcome)
        ctx.control.withdraw_to = None
    return then


def start_revision(ctx: OfferContext, outcome: str) -> None:
    """Begin the next revision; this one stays on record with its outcome."""
    ctx.record.start_revision(outcome, ctx.now())
    ctx.clazar_handoff.end()


async def withdraw_unless_accepted(ctx: OfferContext) -> bool:
    """Make the offer void, and see that it is.  False if the buyer accepted it first."""
    ctx.notifications.stop_buyer_emails()
    await ctx.edits.drain()
    if await _make_void(ctx):
        return True
    if not ctx.is_withdrawing():
        raise_accepted_with_differences(ctx)
    return False


def raise_accepted_with_differences(ctx: OfferContext) -> None:
    """Tell people that the buyer accepted what was not asked for."""
    ctx.attentions.raise_(
        AttentionCode.ACCEPTED_WITH_DIFFERENCES,
        "The buyer accepted an offer that differs from what was asked",
        "Compare the findings with the agreement, and talk to the buyer",
    )


async def _make_void(ctx: OfferContext) -> bool:
    record = ctx.record
    if record.stage is Stage.EXPIRED:
        shown = await execute_with_escalation(
            ctx.attentions, AwsCatalog.read_offer, record.require_offer_id()
        )
        if shown.is_void(ctx.now().date()):
            return not await ctx.acceptance.find_agreement()
    while not await ctx.acceptance.find_agreement():
        ctx.state.edits.requests += 1
        change_set_id = await execute_with_escalation(
            ctx.attentions,
            AwsCatalog.withdraw_offer,
            WithdrawOffer(
                offer_id=record.require_offer_id(),
                revision=record.revision,
                number=ctx.state.edits.requests,
                last_day=ctx.now().date() - timedelta(days=1),
            ),
        )
        outcome = await execute_with_escalation(
            ctx.attentions,
            AwsCatalog.wait_for_change_set,
            WaitForChangeSet(change_set_id=change_set_id, polling=WITHDRAWAL_POLLING),
        )
        if outcome.offer is not None and outcome.offer.is_void(ctx.now().date()):
            # The buyer may have accepted while AWS changed the offer.
            return not await ctx.acceptance.find_agreement()
        await ctx.attentions.wait_until_resolved(
            AttentionCode.WITHDRAWAL_FAILED,
            "AWS did not make the offer void: the buyer can still accept it",
            "See in AWS what prevents it, then resume to try again",
        )
    return False
