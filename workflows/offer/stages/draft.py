"""Before AWS has anything: the draft, and what AWS rejected."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.common.activity_options import failure_of
from workflows.common.escalation import cancel_when, execute_with_escalation
from workflows.common.waiting import wait_condition
from workflows.offer.context import OfferContext
from workflows.offer.waiting import wait_until_resolved
from workflows.offer.withdrawal import (
    give_up,
    raise_accepted_with_differences,
    start_revision,
)

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.preflight import CheckDeal, Preflight
    from offers.lifecycle.attentions import AttentionCode
    from offers.preflight.report import PreflightReport
    from offers.stage import Stage

CORRECTION_REMEDY = "Revise the terms, or correct the opportunity and resume; or cancel"


class OpportunityNotFound(Exception):
    """Salesforce has no such opportunity."""


async def draft(ctx: OfferContext) -> Stage:
    """Preflight; mistakes are corrected and exceptions approved until nothing blocks the offer."""
    record, control = ctx.record, ctx.control
    while ctx.approvals.is_waiting or not ctx.is_withdrawing():
        if not ctx.approvals.is_waiting:  # an earlier run may have begun to wait
            if late := await ctx.acceptance.find_late_acceptance():
                record.restore_revision(*late)
                return Stage.ACCEPTED
            version = control.changes_version
            try:
                report = await run_preflight(ctx)
            except OpportunityNotFound as missing:
                if not record.history:
                    raise await _not_started(ctx, str(missing)) from None
                await ctx.attentions.wait_until_resolved(
                    AttentionCode.VENDOR_REJECTED,
                    str(missing),
                    "Find out who deleted it; cancel, or resume",
                    or_when=ctx.is_withdrawing,
                )
                continue
            if report is None or control.changes_version != version:
                continue  # revised at the very moment of the answer
            owner = record.owner
            record.apply_report(report)
            ctx.notifications.owner_changed(owner)
            ctx.buyer_confirmation.check()
            control.checked_version = version
            if not record.blocking_findings:
                return Stage.SUBMITTED
        await ctx.approvals.wait_until_unblocked(
            CORRECTION_REMEDY,
            interrupted=lambda: (
                ctx.is_outdated()
                or ctx.acceptance.is_earlier_reported
                or ctx.buyer_confirmation.is_outdated
            ),
        )
    return give_up(ctx)


async def run_preflight(ctx: OfferContext) -> PreflightReport | None:
    """The report on the terms as they are; None if they change before it is there.

    Raises OpportunityNotFound.
    """
    record, control = ctx.record, ctx.control
    version = control.changes_version
    previous = record.previous_revisions
    deal = CheckDeal(
        opportunity_id=record.opportunity_id,
        terms=control.changes.terms,
        method=control.changes.method,
        withdrawn_offer_ids=tuple(each.offer_id for each in previous if each.offer_id),
        amends=record.amends,
    )
    try:
        return await cancel_when(
            lambda: ctx.is_withdrawing() or control.changes_version != version,
            execute_with_escalation(
                ctx.attentions, Preflight.check_deal, deal, expected=Failure.NOT_FOUND
            ),
        )
    except ActivityError as error:
        failure = failure_of(error)
        raise OpportunityNotFound(failure.message if failure else str(error)) from None


async def failed(ctx: OfferContext) -> Stage:
    """AWS rejected the offer: somebody revises the terms or corrects the opportunity."""
    resolved = False
    while not (resolved or ctx.is_outdated()):
        resolved = await wait_until_resolved(
            ctx,
            AttentionCode.OFFER_REJECTED,
            "The offer was not created, or was withdrawn at once",
            CORRECTION_REMEDY,
            or_when=lambda: ctx.is_outdated() or ctx.acceptance.is_reported,
        )
        if ctx.acceptance.is_reported and await _is_accepted_after_all(ctx):
            return Stage.ACCEPTED
    if ctx.is_withdrawing():
        return give_up(ctx)
    outcome = "withdrawn" if ctx.record.offer_id else "rejected by AWS"
    start_revision(ctx, outcome)
    return Stage.DRAFT


async def _is_accepted_after_all(ctx: OfferContext) -> bool:
    """AWS may list an acceptance after it has made the offer void."""
    if ctx.record.offer_id and await ctx.acceptance.find_agreement():
        raise_accepted_with_differences(ctx)
        return True
    if late := await ctx.acceptance.find_late_acceptance():
        ctx.record.restore_revision(*late)
    return late is not None


async def _not_started(ctx: OfferContext, why: str) -> ApplicationError:
    """The failure to end the run with: nothing was begun, so the id may be started again."""
    ctx.control.not_found_reason = why
    await wait_condition(workflow.all_handlers_finished)
    return ApplicationError(why, type=Failure.NOT_FOUND, non_retryable=True)
