"""Amendments: an accepted offer is changed by an agreement-based offer with its own workflow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows.common.activity_options import start_activity
from workflows.common.signals import signal_workflow
from workflows.common.waiting import wait_condition
from workflows.offer.messages import OfferRequest
from workflows.offer.search_attributes import STAGE

with workflow.unsafe.imports_passed_through():
    from activities.temporal.offer_workflows import OfferWorkflows
    from offers.agreements.agreement import Agreement, AgreementStatus
    from offers.agreements.amendment_pricing import OriginalOffer
    from offers.ids import offer_path, workflow_id
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.commands import TermChanges
    from offers.lifecycle.record import Amendment
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

UNSUCCESSFUL = frozenset({Stage.EXPIRED, Stage.CANCELLED})
"""Where an amendment ends that the buyer did not accept."""


class Amendments:
    """The amendments of an accepted offer; only one is open at a time."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._following: list[asyncio.Task[None]] = []

    @property
    def open(self) -> Amendment | None:
        """The one that the buyer may still accept, if there is one."""
        amendments = self._ctx.record.amendments
        last = amendments[-1] if amendments else None
        return last if last and last.stage not in UNSUCCESSFUL and not last.agreement_id else None

    @property
    def was_accepted(self) -> bool:
        """Whether an amendment made here took, or is about to take, this offer's place."""
        return any(each.agreement_id for each in self._ctx.record.amendments)

    @property
    def may_have_been_accepted(self) -> bool:
        """Whether the agreement was replaced while an amendment was open.

        The agreement that replaced it is not known yet, and its search may wait for a person.
        """
        record = self._ctx.record
        return (
            self.open is not None
            and record.stage is not Stage.REPLACED
            and record.agreement is not None
            and record.agreement.status is AgreementStatus.REPLACED
        )

    async def begin(self, changes: TermChanges) -> None:
        """Begin one, and wait until its workflow has started."""
        record, state = self._ctx.record, self._ctx.state.amendments
        number = record.last_amendment + 1
        record.amendments += (Amendment(number=number, stage=Stage.DRAFT),)
        self._following.append(self._ctx.start(self._run_child(number, changes)))
        await wait_condition(lambda: state.last_started >= number)

    @property
    def is_idle(self) -> bool:
        """Whether no workflow is being started."""
        amendments = self._ctx.record.amendments
        return not amendments or self._ctx.state.amendments.last_started >= amendments[-1].number

    def restart(self) -> None:
        """Go on in a run that continues another."""
        state = self._ctx.state.amendments
        for each in self._ctx.record.amendments:
            if each.number <= state.last_started and each.number not in state.closed:
                self._following.append(self._ctx.start(self._follow_by_id(each.number)))

    def update(self, report: Amendment) -> None:
        """An amendment reports its stage."""
        self._ctx.record.amendments = tuple(
            report if each.number == report.number else each for each in self._ctx.record.amendments
        )

    def mark_accepted(self, agreement: Agreement) -> bool:
        """Whether the agreement that took this one's place is an amendment's."""
        for each in self._ctx.record.amendments:
            if each.offer_id == agreement.offer_id:
                accepted = {"stage": Stage.ACCEPTED, "agreement_id": agreement.agreement_id}
                self.update(each.model_copy(update=accepted))
                return True
        return False

    async def cancel_open(self, why: str) -> None:
        """Nobody may accept it any more: the agreement that it amends is over."""
        if amendment := self.open:
            self._ctx.state.amendments.cancelling = amendment.number
            path = offer_path(self._ctx.record.opportunity_id, amendment.number)
            await signal_workflow(workflow_id(path), "cancel", why)

    async def wait_until_cancelled(self) -> None:
        """Wait until the amendment that was cancelled has closed."""
        state = self._ctx.state.amendments
        await wait_condition(lambda: state.cancelling is None or state.cancelling in state.closed)

    async def _run_child(self, number: int, changes: TermChanges) -> None:
        record, state = self._ctx.record, self._ctx.state.amendments
        request = OfferRequest(
            opportunity_id=record.opportunity_id,
            terms=changes.terms,
            by=changes.by,
            amendment=number,
            amends=OriginalOffer(
                number=record.amendment,
                next_number=number,
                agreement=record.agreement,
                terms=record.require_terms(),
            ),
            clock=record.clock,
        )
        child = await workflow.start_child_workflow(
            "OfferWorkflow",
            request,
            id=workflow_id(offer_path(record.opportunity_id, number)),
            # It goes on when this offer is over: the agreement that it leads to takes its place.
            parent_close_policy=ParentClosePolicy.ABANDON,
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(STAGE, Stage.DRAFT.value)]
            ),
            static_summary=f"Amendment {number} of the offer for {record.opportunity_id}",
        )
        state.last_started = number
        try:
            await child
        except ChildWorkflowError as error:
            if not is_cancelled_exception(error):
                self._raise_terminated(number)
        state.closed.add(number)

    async def _follow_by_id(self, number: int) -> None:
        """An earlier run started the workflow: the server does not report its end to this one."""
        path = offer_path(self._ctx.record.opportunity_id, number)
        if not await start_activity(OfferWorkflows.wait_until_closed, workflow_id(path)):
            self._raise_terminated(number)
        self._ctx.state.amendments.closed.add(number)

    def _raise_terminated(self, number: int) -> None:
        self._ctx.attentions.raise_(
            AttentionCode.AMENDMENT_TERMINATED,
            f"The workflow of amendment {number} was terminated",
            "See in AWS whether its offer can be accepted, and withdraw it there",
        )
        self.update(Amendment(number=number, stage=Stage.CANCELLED))
