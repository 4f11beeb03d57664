"""From acceptance on: the money, and what becomes of the agreement."""

from temporalio import workflow

from workflows.common.escalation import execute_with_escalation
from workflows.offer.context import OfferContext
from workflows.offer.stages.released import can_be_accepted
from workflows.offer.visibility import publish
from workflows.offer.waiting import wait_for_news, wait_in_stage, wait_until

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import AwsCatalog
    from activities.email.message import EmailKind
    from offers.agreements.agreement import Agreement, AgreementStatus
    from offers.lifecycle.attentions import AttentionCode
    from offers.stage import Stage


async def accepted(ctx: OfferContext) -> Stage:
    """An agreement is in force; AWS collects from the buyer and pays out, perhaps in parts."""
    payouts = ctx.payout_tracking
    if following := await _follow_agreement(ctx, ctx.record.agreement):
        return following  # it had ended before anybody was told of it
    while True:
        ctx.clazar_link.check_overdue()
        await ctx.renewal_reminders.send_due()
        payouts.reconcile()
        if payouts.is_complete:
            return Stage.DISBURSED
        if payouts.given_up_at and ctx.now() >= payouts.given_up_at:
            ctx.record.add_event("its money has not come in full", ctx.now())
            return Stage.TERMINATED
        # What was invoiced is written with what comes next.
        publish(ctx, to_salesforce=payouts.has_moved)
        await _wait_for_payout_news(ctx)
        if ctx.acceptance.is_reported and (
            following := await _follow_agreement(ctx, await ctx.acceptance.refresh())
        ):
            return following


async def disbursed(ctx: OfferContext) -> Stage | None:
    """Paid in full; until the agreement ends it can be amended, cancelled, or paid back."""
    while (agreement := ctx.record.agreement) and agreement.ends_at:
        if agreement.status is not AgreementStatus.ACTIVE:
            break
        await ctx.renewal_reminders.send_due()
        end = agreement.ends_at + ctx.record.policy.expiry_grace
        if reminder := ctx.renewal_reminders.next:
            goes_on = await wait_for_news(ctx, reminder, "renewal reminder")
            goes_on = goes_on or not ctx.control.cancel_requested
        else:
            goes_on = await wait_for_news(ctx, end, "the agreement has ended")
        if ctx.acceptance.is_reported or not goes_on:
            following = await _follow_agreement(ctx, await ctx.acceptance.refresh())
            if following:
                return following
        if ctx.payout_tracking.is_owed:
            return Stage.ACCEPTED
        if not goes_on:
            break
    return None


async def replaced(ctx: OfferContext) -> Stage | None:
    """An amendment took its place; AWS may undo that, and what was invoiced is still paid."""
    policy = ctx.record.policy
    end = ctx.record.stage_since + max(policy.rollback_within, policy.payouts.follow_for)
    while await wait_for_news(ctx, end, "payouts are not followed any more"):
        agreement = await ctx.acceptance.refresh() if ctx.acceptance.is_reported else None
        if agreement and agreement.status is AgreementStatus.ACTIVE:
            ctx.record.replaced_by = None
            return Stage.ACCEPTED
    return None


async def terminated(ctx: OfferContext) -> Stage | None:
    """Nothing more is invoiced, but what was invoiced is still paid."""
    end = ctx.record.stage_since + ctx.record.policy.payouts.follow_for
    end = min(end, ctx.payout_tracking.given_up_at or end)
    while await wait_for_news(ctx, end, "payouts are not followed any more"):
        ctx.control.agreement_reported = False
    return None


async def _wait_for_payout_news(ctx: OfferContext) -> None:
    """Wait until something is reported of the agreement or the money, or a payment is overdue."""
    payouts, reminder = ctx.payout_tracking, ctx.renewal_reminders.next

    def has_news() -> bool:
        return ctx.acceptance.is_reported or payouts.has_news or ctx.control.replan

    moment = min(filter(None, (payouts.next_check, payouts.given_up_at, reminder)), default=None)
    if moment is None:
        await wait_in_stage(ctx, has_news)
    else:
        what = "renewal reminder" if moment == reminder else "next payout check"
        await wait_until(ctx, moment, what, has_news)
    ctx.control.replan = False


async def _follow_agreement(ctx: OfferContext, agreement: Agreement | None) -> Stage | None:
    """Each end of an agreement leads to a stage of its own."""
    if agreement is None:
        return None
    followed = agreement.agreement_id, agreement.status
    known, ctx.state.acceptance.followed = ctx.state.acceptance.followed, followed
    if known == followed or agreement.status is AgreementStatus.ACTIVE:
        return None
    record = ctx.record
    match agreement.status:
        case AgreementStatus.ROLLED_BACK if record.stage is Stage.ACCEPTED:
            shown = await execute_with_escalation(
                ctx.attentions, AwsCatalog.read_offer, record.require_offer_id()
            )
            if shown.availability_end:
                record.extend(shown.availability_end)
            ctx.payout_tracking.reconcile()
            await ctx.amendments.cancel_open("the agreement that it amends was rolled back")
            return Stage.SHARED
        case AgreementStatus.CANCELLED | AgreementStatus.TERMINATED:
            await ctx.amendments.cancel_open("the agreement that it amends has ended")
            if len(record.require_terms().buyer_accounts) > 1 and can_be_accepted(ctx):
                ctx.attentions.raise_(
                    AttentionCode.OFFER_STILL_OPEN,
                    "The agreement has ended, but the offer's other accounts can still accept it",
                    "Withdraw the offer in AWS unless they may",
                )
            return Stage.TERMINATED
        case AgreementStatus.REPLACED:
            return await _replaced_by(ctx, await _find_successor(ctx, agreement))
    await ctx.amendments.cancel_open(f"the agreement that it amends is {agreement.status}")
    successor = await _find_successor(ctx, agreement)
    renewed = f", followed by {successor.agreement_id}" if successor else ""
    record.add_event(f"the agreement is {agreement.status}{renewed}", ctx.now())
    ctx.notifications.notify_owner(EmailKind.OWNER_AGREEMENT_CHANGED, str(agreement.status))
    publish(ctx)
    return None


async def _replaced_by(ctx: OfferContext, successor: Agreement | None) -> Stage:
    ctx.record.replaced_by = successor.agreement_id if successor else None
    ours = ctx.amendments.mark_accepted(successor) if successor else False
    if not ours:
        await ctx.amendments.cancel_open("the agreement was replaced by another")
        ctx.notifications.notify_owner(EmailKind.OWNER_AGREEMENT_REPLACED)
    return Stage.REPLACED


async def _find_successor(ctx: OfferContext, agreement: Agreement) -> Agreement | None:
    return await execute_with_escalation(ctx.attentions, AwsAgreements.find_successor, agreement)
