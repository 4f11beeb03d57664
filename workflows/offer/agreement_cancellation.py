"""Cancelling an agreement: the buyer is asked, and has seven days to say no (AWS)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import aws_errors_in, cancel_when, execute_with_escalation

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, RequestCancellation
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from offers.agreements.agreement import (
        CancellationRequest,
        CancellationRequestInput,
        CancellationStatus,
    )

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class AgreementCancellation:
    """Our requests that the buyer agree to the cancellation, one after the other."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._follow_task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the buyer is being asked."""
        request = self._ctx.record.cancellation
        return self._ctx.state.agreement_cancellation.submitting or (
            request is not None and request.status is CancellationStatus.PENDING_APPROVAL
        )

    @property
    def is_idle(self) -> bool:
        """Whether no answer of the buyer is waited for."""
        return self._follow_task is None or self._follow_task.done()

    async def request(self, request: CancellationRequestInput) -> str | None:
        """Ask the buyer; AWS's reason if it does not pass the request on."""
        record, state = self._ctx.record, self._ctx.state.agreement_cancellation
        agreement = record.require_agreement()
        state.submitting = True
        state.number += 1
        try:
            record.cancellation = await execute_with_escalation(
                self._ctx.attentions,
                AwsAgreements.request_cancellation,
                RequestCancellation(
                    agreement_id=agreement.agreement_id,
                    number=state.number,
                    request=request,
                ),
                expected=Failure.REJECTED,
            )
        except ActivityError as error:
            return "; ".join(f"{each.code}: {each.message}" for each in aws_errors_in(error))
        finally:
            state.submitting = False
        self._follow_task = self._ctx.start(self._follow(record.cancellation))
        return None

    def report_update(self, request_id: str) -> None:
        """A request is said to have been answered: look at once instead of at the next try."""
        request = self._ctx.record.cancellation
        is_ours = request is not None and request.request_id == request_id
        self._ctx.state.agreement_cancellation.update_reported = is_ours

    def stop(self) -> None:
        """The agreement is over: the answer changes nothing any more."""
        if self._follow_task:
            self._follow_task.cancel()

    async def _follow(self, request: CancellationRequest) -> None:
        """Until the buyer has answered; silence approves."""
        state = self._ctx.state.agreement_cancellation
        answer = None
        while answer is None:
            state.update_reported = False
            answer = await cancel_when(
                lambda: state.update_reported,
                execute_with_escalation(
                    self._ctx.attentions,
                    AwsAgreements.wait_for_cancellation,
                    request,
                    no_deadline=True,
                ),
            )
        self._ctx.record.cancellation = answer
        self._ctx.acceptance.report()
        # What AWS ended otherwise meanwhile has a mail of its own.
        if answer.status in (CancellationStatus.REJECTED, CancellationStatus.CANCELLED):
            self._ctx.notifications.notify_owner(
                EmailKind.OWNER_CANCELLATION_NOT_APPROVED, answer.request_id
            )
