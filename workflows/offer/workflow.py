"""The life of a private offer, from a signed opportunity to the payout.

Handlers put into the state what is reported and asked; the functions in `stages` follow it.
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ApplicationError

from workflows.common.waiting import wait_condition
from workflows.offer import change_requests
from workflows.offer.change_requests import finish_request, reject_if, report_rejected_signal
from workflows.offer.context import OfferContext
from workflows.offer.continuation import StageInterrupted, can_continue_as_new
from workflows.offer.messages import OfferRequest
from workflows.offer.policy import follow_policy_change
from workflows.offer.stages import STAGES
from workflows.offer.state import Control, OfferState
from workflows.offer.transitions import close, enter
from workflows.offer.visibility import publish, show_card

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from offers.agreements.agreement import AgreementReport, CancellationRequestInput
    from offers.clock import Clock
    from offers.lifecycle import guards
    from offers.lifecycle.account_confirmation import AccountAnswer, AccountConfirmation
    from offers.lifecycle.actions import ActionKind
    from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
    from offers.lifecycle.record import Amendment, OfferRecord
    from offers.payouts.model import PayoutReport
    from offers.payouts.refund import AdjustableInvoice, RefundRequest
    from offers.preflight.marketplace import ObservedOffer
    from offers.stage import Stage


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class OfferWorkflow:
    """One opportunity's private offer, or one amendment of its agreement."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        self._ctx = OfferContext(request.state or initial_state(request))

    @workflow.run
    async def run(self, request: OfferRequest) -> OfferRecord:
        """The whole life; gives the record at its end."""
        ctx = self._ctx
        ctx.salesforce_sync.start()
        if request.state:
            ctx.clazar_link.restart()
            ctx.amendments.restart()
            ctx.refunds.restart()
            ctx.webhooks.restart()
            show_card(ctx)
        while not await self._run_stages():
            # News can have come while the stage was left.
            if can_continue_as_new(ctx):
                continued = OfferRequest(opportunity_id=request.opportunity_id, state=ctx.state)
                workflow.continue_as_new(continued)
        return ctx.record

    async def _run_stages(self) -> bool:
        """Whether the life is over; False if the run is to continue as new."""
        stages = asyncio.create_task(run_stages(self._ctx))
        while not stages.done():
            try:
                await wait_condition(lambda: stages.done() or self._ctx.failure is not None)
                self._ctx.raise_failure()
            except asyncio.CancelledError:
                # Temporal's own cancellation must not leave an acceptable offer behind.
                self._ctx.control.cancel_requested = True
                change_requests.cancel(self._ctx, "cancellation requested in Temporal")
        return await stages

    @workflow.query(name="record")
    def get_record(self) -> OfferRecord:
        """Everything that is known of the offer."""
        return self._ctx.record

    # What AWS, Clazar and other workflows report -------------------------------------------------

    @workflow.signal
    def change_set_finished(self, change_set_id: str) -> None:
        """AWS has finished a change set."""
        self._ctx.change_set.report_finished(change_set_id)

    @workflow.signal
    def agreement_reported(self, report: AgreementReport) -> None:
        """An agreement was made or has changed; AWS is asked before it is believed."""
        record = self._ctx.record
        earlier = [previous.offer_id for previous in record.previous_revisions]
        if record.offer_id is None or report.offer_id in (record.offer_id, *earlier):
            self._ctx.acceptance.report()

    @workflow.signal
    def amendment_reported(self, amendment: Amendment) -> None:
        """An amendment of this offer has entered a stage."""
        self._ctx.amendments.update(amendment)
        self._ctx.acceptance.report()
        publish(self._ctx)

    @workflow.signal
    async def payout_reported(self, report: PayoutReport) -> None:
        """The payout data has something new; it is read before anything is believed."""
        report_rejected_signal(self._ctx, await self._ctx.payout_tracking.on_report(report))

    @workflow.signal
    def payouts_paused(self, at: datetime) -> None:
        """AWS pays nothing out since then (UTC): the seller's bank data is not valid."""
        self._ctx.payout_tracking.on_pause(at)

    @workflow.signal
    def offer_observed(self, observed: ObservedOffer) -> None:
        """Clazar or AWS shows an offer that is, or may be, this one."""
        self._ctx.clazar_link.observe(observed)
        self._ctx.clazar_handoff.observe(observed)

    @workflow.signal
    def cancellation_request_updated(self, request_id: str) -> None:
        """A request to cancel the agreement was answered."""
        self._ctx.agreement_cancellation.report_update(request_id)

    @workflow.signal
    async def policy_changed(self) -> None:
        """People or reminders in the policy have changed: the worker knows how they are now."""
        await follow_policy_change(self._ctx)

    @workflow.signal
    def clock_changed(self, clock: Clock) -> None:
        """Business time goes on otherwise from now on: a demo is over."""
        self._ctx.record.clock = clock
        self._ctx.control.replan = True

    # What people ask -----------------------------------------------------------------------------

    @workflow.update
    async def wait_until_drafted(self) -> OfferRecord:
        """The record as soon as there are terms, or something that a person must correct."""
        ctx = self._ctx
        await wait_condition(
            lambda: (
                ctx.record.stage is not Stage.DRAFT
                or bool(ctx.record.attentions)
                or ctx.control.not_found_reason is not None
            )
        )
        if ctx.control.not_found_reason is not None:
            raise ApplicationError(ctx.control.not_found_reason, type=Failure.NOT_FOUND)
        return ctx.record

    @workflow.update
    async def approve(self, decision: ApprovalDecision) -> OfferRecord:
        """Approve exceptions, or a refund; only those who hold the role that each needs can.

        Roles are those of the policy as it is now.
        """
        await change_requests.decide(self._ctx, decision, approved=True)
        return self._ctx.record

    @approve.validator
    def _reject_approve(self, decision: ApprovalDecision) -> None:
        reject_if(guards.why_nothing_to_decide(self._ctx.record, decision, approved=True))

    @workflow.update
    async def decline(self, decision: ApprovalDecision) -> OfferRecord:
        """Decline exceptions, which must be revised then or the offer cancelled, or a refund."""
        await change_requests.decide(self._ctx, decision, approved=False)
        return self._ctx.record

    @decline.validator
    def _reject_decline(self, decision: ApprovalDecision) -> None:
        reject_if(guards.why_nothing_to_decide(self._ctx.record, decision, approved=False))

    @workflow.update
    async def revise(self, changes: TermChanges) -> OfferRecord:
        """Change terms before AWS has them, or after it rejected them.

        Gives the record once preflight has reported on the change.
        """
        await change_requests.revise(self._ctx, changes)
        return self._ctx.record

    @revise.validator
    def _reject_revise(self, changes: TermChanges) -> None:
        reject_if(change_requests.why_cannot_revise(self._ctx, changes))

    @workflow.update
    def link_offer(self, offer_id: str, by: str | None = None) -> OfferRecord:
        """Say which offer was created in Clazar, if it is not recognised by its name."""
        change_requests.note_request(self._ctx, ActionKind.LINK_OFFER, by)
        self._ctx.clazar_handoff.name_offer(offer_id)
        return self._ctx.record

    @link_offer.validator
    def _reject_link_offer(self, offer_id: str, by: str | None = None) -> None:  # noqa: ARG002
        awaited = self._ctx.clazar_handoff.is_active
        reject_if(guards.why_cannot_link(self._ctx.record, offer_id, awaited=awaited))

    @workflow.update
    async def cancel(self, reason: str = "", by: str | None = None) -> OfferRecord:
        """Cancel before acceptance; gives the record once it is decided who was first."""
        await change_requests.cancel_and_wait(self._ctx, reason, by)
        return self._ctx.record

    @cancel.validator
    def _reject_cancel(self, reason: str = "", by: str | None = None) -> None:  # noqa: ARG002
        reject_if(change_requests.why_cannot_cancel(self._ctx))

    @workflow.update
    async def amend(self, changes: TermChanges) -> OfferRecord:
        """Change an offer that AWS has: in place, by a new revision, or by a new agreement.

        Gives the record once the change is made, or once preflight has reported on it.  Fails if
        AWS rejects a change in place, or if the buyer was first.
        """
        reason = await change_requests.amend(self._ctx, changes)
        finish_request(self._ctx, ActionKind.AMEND, reason)
        return self._ctx.record

    @amend.validator
    def _reject_amend(self, changes: TermChanges) -> None:
        reject_if(change_requests.why_cannot_amend(self._ctx, changes))

    @workflow.update
    async def extend(self, extension: Extension) -> OfferRecord:
        """Give the buyer more time, also for a while after the last day is over."""
        reason = await change_requests.extend(self._ctx, extension)
        finish_request(self._ctx, ActionKind.EXTEND, reason)
        return self._ctx.record

    @extend.validator
    def _reject_extend(self, extension: Extension) -> None:
        reject_if(change_requests.why_cannot_extend(self._ctx, extension))

    @workflow.update
    async def request_cancellation(self, request: CancellationRequestInput) -> OfferRecord:
        """Ask the buyer to agree to the agreement's cancellation: they have seven days."""
        reason = await change_requests.request_cancellation(self._ctx, request)
        finish_request(self._ctx, ActionKind.REQUEST_CANCELLATION, reason)
        return self._ctx.record

    @request_cancellation.validator
    def _reject_request_cancellation(self, request: CancellationRequestInput) -> None:  # noqa: ARG002
        reject_if(change_requests.why_cannot_request_cancellation(self._ctx))

    @workflow.update
    async def check_refund(self, request: RefundRequest) -> AdjustableInvoice:
        """What AWS lets be refunded of an invoice; nothing is changed."""
        return await change_requests.check_refund(self._ctx, request)

    @check_refund.validator
    def _reject_check_refund(self, request: RefundRequest) -> None:
        reject_if(change_requests.why_cannot_refund(self._ctx, request))

    @workflow.update
    async def request_refund(self, request: RefundRequest) -> OfferRecord:
        """Have a part of an invoice refunded, if finance approves it."""
        reason = await change_requests.request_refund(self._ctx, request)
        finish_request(self._ctx, ActionKind.REFUND, reason)
        return self._ctx.record

    @request_refund.validator
    def _reject_request_refund(self, request: RefundRequest) -> None:
        reject_if(change_requests.why_cannot_refund(self._ctx, request))

    @workflow.update
    def resume(self, code: str | None = None, by: str | None = None) -> OfferRecord:
        """What the offer waits for has been seen to: go on.  `code` names the attention."""
        change_requests.resume(self._ctx, code, by)
        return self._ctx.record

    @resume.validator
    def _reject_resume(self, code: str | None = None, by: str | None = None) -> None:  # noqa: ARG002
        reject_if(guards.why_cannot_resolve(self._ctx.record, code))

    @workflow.update
    def resend(self, by: str | None = None) -> OfferRecord:
        """Write to the buyer again: the mail of which nobody knows whether it was sent, or else
        the offer itself; in a draft, another link to confirm the account.
        """
        change_requests.resend(self._ctx, by)
        return self._ctx.record

    @resend.validator
    def _reject_resend(self, by: str | None = None) -> None:  # noqa: ARG002
        unknown = self._ctx.notifications.is_delivery_unknown
        withdraw_to = self._ctx.control.withdraw_to
        reject_if(
            guards.why_cannot_resend(
                self._ctx.record, delivery_unknown=unknown, withdraw_to=withdraw_to
            )
        )

    @workflow.update
    def confirm_account(self, answer: AccountAnswer) -> AccountConfirmation:
        """What the buyer answers by the link of the mail; it can be used once."""
        return self._ctx.buyer_confirmation.answer(answer)

    @confirm_account.validator
    def _reject_confirm_account(self, answer: AccountAnswer) -> None:
        reject_if(change_requests.why_cannot_confirm_account(self._ctx, answer))

    # The same as plain signals, which the Temporal UI can send ------------------------------------

    @workflow.signal(name="cancel")
    def cancel_signal(self, reason: str = "", by: str | None = None) -> None:
        """Cancel before acceptance."""
        change_requests.cancel(self._ctx, reason, by)

    @workflow.signal(name="amend")
    async def amend_signal(self, changes: TermChanges) -> None:
        """Change an offer that AWS has."""
        report_rejected_signal(
            self._ctx,
            change_requests.why_cannot_amend(self._ctx, changes)
            or await change_requests.amend(self._ctx, changes),
        )

    @workflow.signal(name="extend")
    async def extend_signal(self, extension: Extension) -> None:
        """Give the buyer more time."""
        report_rejected_signal(
            self._ctx,
            change_requests.why_cannot_extend(self._ctx, extension)
            or await change_requests.extend(self._ctx, extension),
        )

    @workflow.signal(name="request_cancellation")
    async def request_cancellation_signal(self, request: CancellationRequestInput) -> None:
        """Ask the buyer to agree to the agreement's cancellation."""
        report_rejected_signal(
            self._ctx,
            change_requests.why_cannot_request_cancellation(self._ctx)
            or await change_requests.request_cancellation(self._ctx, request),
        )

    @workflow.signal(name="resume")
    def resume_signal(self, code: str | None = None, by: str | None = None) -> None:
        """What the offer waits for has been seen to: go on."""
        if guards.why_cannot_resolve(self._ctx.record, code) is None:
            change_requests.resume(self._ctx, code, by)


def initial_state(request: OfferRequest) -> OfferState:
    """The state of an offer whose life begins."""
    record = OfferRecord(
        opportunity_id=request.opportunity_id,
        amendment=request.amendment,
        amends=request.amends,
        earlier_amendments=request.earlier_amendments,
        revision=request.revision,
        changed_by=(request.by,) if request.by and request.terms else (),
        previous_revisions=request.previous_revisions,
        clock=request.clock,
    )
    changes = TermChanges(terms=request.terms, method=request.method)
    return OfferState(record=record, control=Control(changes=changes))


async def run_stages(ctx: OfferContext) -> bool:
    """Go from stage to stage.  Whether the life is over; False if the run is to continue as new."""
    try:
        while following := await STAGES[ctx.record.stage](ctx):
            enter(ctx, following)
            if can_continue_as_new(ctx):
                return False
    except StageInterrupted:
        return False
    await close(ctx)
    await wait_condition(workflow.all_handlers_finished)
    return True
