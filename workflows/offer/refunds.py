"""Refunds: a person asks, finance approves, and they are followed until AWS has done them."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.activity_options import failure_of, start_activity
from workflows.common.escalation import attention_for, aws_errors_in, execute_with_escalation
from workflows.common.waiting import wait_condition
from workflows.offer.visibility import publish

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AdjustInvoice, AwsAgreements
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from offers.lifecycle import guards
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.commands import ApprovalDecision
    from offers.lifecycle.guards import Reason
    from offers.money import Currency, Money
    from offers.payouts.refund import (
        DELAY_REMEDY,
        AdjustableInvoice,
        BillingAdjustment,
        Refund,
        RefundRequest,
        RefundStatus,
    )
    from offers.policy.policy import FINANCE

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

CHECK_TIMEOUT = timedelta(seconds=25)
"""For asking AWS what can be refunded, while a person waits.  Real time."""
AWS_TAKES = timedelta(days=4)
"""Finance is told of a refund that AWS has not processed by then: sellers report up to 72 hours."""


class Refunds:
    """The refunds of the offer's invoices."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._tasks: list[asyncio.Task[None]] = []

    async def find_invoice(self, request: RefundRequest) -> AdjustableInvoice | Reason | str:
        """The invoice, if AWS lets as much of it be refunded; otherwise the reason."""
        agreement_id = self._agreement_of(request.invoice_id)
        try:
            invoices = await start_activity(
                AwsAgreements.read_invoices, agreement_id, budget=CHECK_TIMEOUT
            )
        except ActivityError as error:
            _, problem, _ = attention_for(failure_of(error))
            return f"{problem}: try again later"
        return guards.why_not_adjustable(request, agreement_id, invoices) or next(
            each for each in invoices if each.invoice_id == request.invoice_id
        )

    def _agreement_of(self, invoice_id: str) -> str:
        """Of several accounts that accepted one offer each has its own agreement."""
        record = self._ctx.record
        invoices = record.payout.invoices if record.payout else ()
        known = (each.agreement_id for each in invoices if each.invoice_id == invoice_id)
        return next(filter(None, known), None) or record.require_agreement().agreement_id

    def add(self, request: RefundRequest) -> None:
        """Put a request on record, and ask finance to approve it."""
        record = self._ctx.record
        refund = Refund(
            number=len(record.refunds) + 1,
            agreement_id=self._agreement_of(request.invoice_id),
            invoice_id=request.invoice_id,
            amount=request.amount,
            reason=request.reason,
            description=request.description,
            token=request.token,
            requested_by=request.by,
            requested_at=self._ctx.now(),
            refunded_before=self._shown_as_refunded(request.amount.currency),
        )
        record.set_refund(refund)
        self._ctx.state.refunds.approvals[refund.number] = self._raise_approval(refund.number)
        self._notify(refund)
        self._follow(refund)

    def decide(self, refund: Refund, decision: ApprovalDecision, *, approved: bool) -> None:
        """Put on record what somebody decided."""
        now = self._ctx.now()
        outcome = {"status": RefundStatus.APPROVED} if approved else self._declined(decision.reason)
        decided = {"decided_by": decision.by, "decided_at": now, "proof": decision.proof}
        self._update(refund.number, **decided, **outcome)
        if approved:
            self._notify(self._refund(refund.number))

    def _declined(self, reason: str) -> dict[str, object]:
        return {
            "status": RefundStatus.DECLINED,
            "problem": reason,
            "ended_at": self._ctx.now(),
        }

    def restart(self) -> None:
        """Go on in a run that continues another."""
        for refund in self._ctx.record.refunds:
            if refund.is_open:
                self._follow(refund)

    @property
    def is_idle(self) -> bool:
        """Whether no refund is being requested from AWS; the other waits can be begun again."""
        return all(each.status is not RefundStatus.APPROVED for each in self._ctx.record.refunds)

    async def finish(self) -> None:
        """The offer is not followed any more: end what waits for approval, and wait for AWS."""
        for refund in self._ctx.record.refunds:
            if refund.status is RefundStatus.AWAITING_APPROVAL:
                self._update(refund.number, **self._declined("the offer is not followed any more"))
        await asyncio.gather(*self._tasks)

    # One refund ----------------------------------------------------------------------------------

    def _follow(self, refund: Refund) -> None:
        self._tasks.append(self._ctx.start(self._follow_to_end(refund.number)))

    async def _follow_to_end(self, number: int) -> None:
        await self._wait_for_decision(number)
        if self._refund(number).status is RefundStatus.APPROVED:
            await self._submit(number)
        if self._refund(number).status is RefundStatus.PENDING:
            await self._wait_for_aws(number)
        self._ctx.control.replan = True
        self._notify(self._refund(number))

    async def _wait_for_decision(self, number: int) -> None:
        def is_decided() -> bool:
            return self._refund(number).status is not RefundStatus.AWAITING_APPROVAL

        state = self._ctx.state.refunds
        while not is_decided():
            if (attention := state.approvals.get(number)) is None:
                attention = state.approvals[number] = self._raise_approval(number)
            # Nobody can resume it: it is raised again until it is decided.
            await wait_condition(
                lambda: is_decided() or not self._ctx.attentions.is_open(attention)  # noqa: B023
            )
            self._ctx.attentions.dismiss(state.approvals.pop(number))

    def _raise_approval(self, number: int) -> int:
        refund = self._refund(number)
        return self._ctx.attentions.raise_(
            AttentionCode.REFUND_AWAITING_APPROVAL,
            f"A refund of {refund.amount} of invoice {refund.invoice_id} waits for approval by"
            f" {FINANCE}",
            "Approve or decline it: AWS cannot take a refund back",
            finding=refund.reference,
        ).number

    async def _submit(self, number: int) -> None:
        refund = self._refund(number)
        others = (each.adjustment_id for each in self._ctx.record.refunds)
        try:
            adjustment = await execute_with_escalation(
                self._ctx.attentions,
                AwsAgreements.create_adjustment,
                AdjustInvoice(
                    refund=refund,
                    since=refund.decided_at or refund.requested_at,
                    known=tuple(filter(None, others)),
                ),
                expected=Failure.REJECTED,
            )
        except ActivityError as error:
            why = "; ".join(f"{each.code}: {each.message}" for each in aws_errors_in(error))
            self._update(number, status=RefundStatus.FAILED, problem=why, ended_at=self._ctx.now())
        else:
            self._put(number, adjustment)

    async def _wait_for_aws(self, number: int) -> None:
        refund = self._refund(number)
        adjustment = await execute_with_escalation(
            self._ctx.attentions,
            AwsAgreements.wait_for_adjustment,
            BillingAdjustment(
                adjustment_id=refund.adjustment_id or "",
                agreement_id=refund.agreement_id,
                status=RefundStatus.PENDING,
                updated_at=self._ctx.now(),
            ),
            no_deadline=True,
        )
        self._put(number, adjustment)

    def _put(self, number: int, adjustment: BillingAdjustment) -> None:
        """Put on record how AWS shows it."""
        ended = adjustment.status is not RefundStatus.PENDING
        self._update(
            number,
            status=adjustment.status,
            adjustment_id=adjustment.adjustment_id,
            problem=adjustment.message,
            ended_at=adjustment.updated_at if ended else None,
        )

    def _refund(self, number: int) -> Refund:
        return next(each for each in self._ctx.record.refunds if each.number == number)

    def _update(self, number: int, **changes: object) -> None:
        self._ctx.record.set_refund(self._refund(number).model_copy(update=changes))
        self._ctx.control.replan = True
        publish(self._ctx)

    def _notify(self, refund: Refund) -> None:
        kind = {
            RefundStatus.AWAITING_APPROVAL: EmailKind.FINANCE_REFUND_REQUESTED,
            RefundStatus.APPROVED: EmailKind.FINANCE_REFUND_APPROVED,
            RefundStatus.DECLINED: EmailKind.FINANCE_REFUND_DECLINED,
            RefundStatus.COMPLETED: EmailKind.FINANCE_REFUND_COMPLETED,
            RefundStatus.FAILED: EmailKind.FINANCE_REFUND_FAILED,
        }[refund.status]
        self._ctx.notifications.notify_refund(kind, refund)

    # The payout data -----------------------------------------------------------------------------

    def reconcile(self, today: date) -> None:
        """See which refunds the payout data shows, and which are late."""
        record = self._ctx.record
        for refund in record.refunds:
            if refund.is_awaited and self._is_shown(refund):
                record.set_refund(refund.model_copy(update={"shown_at": self._ctx.now()}))
        self._follow_delays(today)

    def _is_shown(self, refund: Refund) -> bool:
        """Whether as much more is refunded as this and all earlier ones that were not shown yet."""
        expected = refund.amount.amount + sum(
            each.amount.amount
            for each in self._ctx.record.refunds
            if each.number < refund.number
            and each.status is RefundStatus.COMPLETED
            and (each.shown_at is None or each.shown_at > refund.requested_at)
        )
        shown = self._shown_as_refunded(refund.amount.currency) - refund.refunded_before
        return shown.amount >= expected

    def _shown_as_refunded(self, currency: Currency) -> Money:
        payout = self._ctx.record.payout
        if payout is None or payout.gross.currency != currency:
            return Money(amount=Decimal(), currency=currency)
        return payout.refunded

    def _late_on(self, refund: Refund) -> date | None:
        """The UTC day on which it is late; None: nothing is waited for."""
        if refund.status is RefundStatus.PENDING and refund.decided_at:
            return (refund.decided_at + AWS_TAKES).date()
        if refund.is_awaited and refund.ended_at:
            days = self._ctx.record.policy.payouts.refund_days
            return (refund.ended_at + timedelta(days=days)).date()
        return None

    @property
    def next_check(self) -> list[date]:
        """The UTC days on which a refund will be late."""
        days = map(self._late_on, self._ctx.record.refunds)
        return [each for each in days if each is not None]

    def _follow_delays(self, today: date) -> None:
        """Tell finance once of each refund that is late."""
        known = self._ctx.state.refunds.delayed
        late = {
            f"{each.reference} {each.status}": each
            for each in self._ctx.record.refunds
            if (late_on := self._late_on(each)) and late_on <= today
        }
        for what in [each for each in known if each not in late]:
            self._ctx.attentions.dismiss(known.pop(what))
        for what, refund in late.items():
            if what not in known:
                known[what] = self._raise_delay(refund)
                self._ctx.notifications.notify_refund(EmailKind.FINANCE_REFUND_DELAYED, refund)

    def _raise_delay(self, refund: Refund) -> int:
        return self._ctx.attentions.raise_(
            AttentionCode.REFUND_DELAYED, refund.delay, DELAY_REMEDY
        ).number
