"""Amendments: an accepted offer is changed by an agreement-based offer with a life of its own."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows.common.signals import report
from workflows.offer.attentions import People
from workflows.offer.messages import OfferRequest
from workflows.offer.search_attributes import STAGE

with workflow.unsafe.imports_passed_through():
    from offers.agreements.agreement import Agreement
    from offers.agreements.amendment_pricing import OriginalOffer
    from offers.ids import offer_path, workflow_id
    from offers.lifecycle.record import Amendment, OfferRecord
    from offers.stage import Stage

OVER = frozenset({Stage.EXPIRED, Stage.CANCELLED})
"""Where an amendment that came to nothing ends."""


class Amendments:
    """What has become of an accepted offer's amendments; only one is under way at a time."""

    def __init__(self, record: OfferRecord, people: People) -> None:
        self._record = record
        self._people = people
        self._started = 0
        self._lives: list[asyncio.Task[None]] = []
        self._called_off: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> Amendment | None:
        """The one that the buyer may still accept, if there is one."""
        last = self._record.amendments[-1] if self._record.amendments else None
        return last if last and last.stage not in OVER and not last.agreement_id else None

    def begin(self, given: dict[str, Any]) -> int:
        """Begin one; gives its number."""
        record = self._record
        number = record.last_amendment + 1
        record.amendments += (Amendment(number=number, stage=Stage.DRAFT),)
        self._lives.append(asyncio.create_task(self._live(number, given)))
        return number

    def has_begun(self, number: int) -> bool:
        """Whether its workflow is there."""
        return self._started >= number

    def heard(self, news: Amendment) -> None:
        """It tells how far it has come."""
        self._record.amendments = tuple(
            news if each.number == news.number else each for each in self._record.amendments
        )

    def made(self, agreement: Agreement) -> bool:
        """Whether the agreement that took this one's place is an amendment's."""
        for each in self._record.amendments:
            if each.offer_id == agreement.offer_id:
                accepted = {"stage": Stage.ACCEPTED, "agreement_id": agreement.agreement_id}
                self.heard(each.model_copy(update=accepted))
                return True
        return False

    @property
    def was_accepted(self) -> bool:
        """Whether an amendment made here took, or is about to take, this offer's place."""
        return any(each.agreement_id for each in self._record.amendments)

    async def call_off(self, why: str) -> None:
        """The agreement that it was made for is no more: nobody may accept it."""
        if amendment := self.under_way:
            path = offer_path(self._record.opportunity_id, amendment.number)
            await report(workflow_id(path), "cancel", why)
            self._called_off = self._lives[-1]

    async def finished(self) -> None:
        """Wait until what was called off is void."""
        if self._called_off:
            await self._called_off

    async def _live(self, number: int, given: dict[str, Any]) -> None:
        record = self._record
        request = OfferRequest(
            opportunity_id=record.opportunity_id,
            terms=given,
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
            # It lives on when this offer is over: the agreement that it leads to takes its place.
            parent_close_policy=ParentClosePolicy.ABANDON,
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(STAGE, Stage.DRAFT.value)]
            ),
            static_summary=f"Amendment {number} of the offer for {record.opportunity_id}",
        )
        self._started = number
        try:
            await child
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                return
            self._people.call(
                "amendment-stopped",
                f"The workflow of amendment {number} was stopped",
                "See in AWS whether its offer can be accepted, and withdraw it there",
            )
            self.heard(Amendment(number=number, stage=Stage.CANCELLED))
