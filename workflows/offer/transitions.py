"""Entering a stage, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.signals import signal_workflow
from workflows.offer.durations import record_durations
from workflows.offer.visibility import publish, show_card

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.ids import offer_path, workflow_id
    from offers.lifecycle.record import Amendment
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

MOMENTARY = frozenset({Stage.SUBMITTED, Stage.LIVE})
"""Stages that one call ends: they are published only if that call is delayed."""

EDITABLE = frozenset({Stage.LIVE, Stage.SHARED, Stage.EXPIRED})
"""Stages in which a released offer can be changed in place."""

REPORTED_TO_ORIGINAL = frozenset(
    {Stage.LIVE, Stage.SHARED, Stage.ACCEPTED, Stage.EXPIRED, Stage.CANCELLED, Stage.TERMINATED}
)
"""Stages of an amendment that are reported to the offer that it amends."""


def enter(ctx: OfferContext, stage: Stage) -> None:
    """Go on to a stage, and tell everybody concerned."""
    before = ctx.record.stage
    ctx.record.enter(stage, ctx.now())
    workflow.logger.info("stage: %s", stage, extra={"stage": stage, "stage_before": before})
    record_durations(ctx.record, before)
    if stage is Stage.SHARED:
        ctx.control.reminded_until = ctx.now()
    clear_stale_requests(ctx)
    if stage in MOMENTARY:
        show_card(ctx)
    else:
        publish(ctx)
    ctx.notifications.stage_entered()
    if ctx.record.amends and stage in REPORTED_TO_ORIGINAL:
        ctx.notifications.run_in_background(_report_to_original(ctx))


def clear_stale_requests(ctx: OfferContext) -> None:
    """Answer the requests that came too late for the stage."""
    stage = ctx.record.stage
    if stage is Stage.ACCEPTED and ctx.is_withdrawing():
        ctx.notifications.notify_owner(
            EmailKind.OWNER_AMENDMENT_TOO_LATE
            if ctx.control.withdraw_to is Stage.DRAFT
            else EmailKind.OWNER_CANCELLATION_TOO_LATE
        )
    can_be_recreated = stage is Stage.EXPIRED and not ctx.record.amends
    recreating = can_be_recreated and ctx.control.withdraw_to is Stage.DRAFT
    if (stage is Stage.ACCEPTED or stage.is_end) and not recreating:
        ctx.control.withdraw_to = None
    if stage not in EDITABLE:
        ctx.edits.reject_pending(f"the offer is {stage}")


async def close(ctx: OfferContext) -> None:
    """After the last stage: end what runs beside it; requests come too late from now on."""
    ctx.control.closing = True
    ctx.edits.reject_pending(f"the offer is {ctx.record.stage}")
    ctx.clazar_link.stop()
    ctx.agreement_cancellation.stop()
    if ctx.control.cancel_requested or ctx.record.stage is Stage.DISBURSED:
        await ctx.amendments.cancel_open("the original is not followed any more")
    await ctx.amendments.wait_until_cancelled()
    ctx.webhooks.send_again()
    await ctx.refunds.finish()
    await ctx.notifications.finish()
    await ctx.salesforce_sync.finish()
    await ctx.webhooks.finish()


async def _report_to_original(ctx: OfferContext) -> None:
    record = ctx.record
    original = offer_path(record.opportunity_id, record.amends.number if record.amends else 0)
    report = Amendment(
        number=record.amendment,
        stage=record.stage,
        offer_id=record.offer_id,
        agreement_id=record.agreement.agreement_id if record.agreement else None,
    )
    await signal_workflow(workflow_id(original), "amendment_reported", report)
