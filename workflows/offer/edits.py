"""Edits: a released offer is changed in place, one request after the other."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import Aborted, aws_errors_in, execute_with_escalation
from workflows.common.waiting import wait_condition
from workflows.offer.state import EditRequest

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, EditOffer, WaitForChangeSet
    from activities.errors import Failure
    from offers.findings import Finding
    from offers.lifecycle.aws_errors import explain
    from offers.lifecycle.guards import findings_of_edit
    from offers.lifecycle.in_place_edits import Edit, apply_edit
    from offers.lifecycle.read_back import differences
    from offers.policy.policy import PublicationPolling
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

EDIT_POLLING = PublicationPolling(check_after=(), check_every=timedelta(minutes=1))
"""AWS takes some minutes to change a released offer."""

TOO_LATE = "the offer is being withdrawn"


class Edits:
    """Makes the changes in the order of the requests, beside the stages."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._task: asyncio.Task[None] | None = None

    async def submit(self, changes: dict[str, Any]) -> str | None:
        """Have a change made; why it was not, if it was not."""
        request = EditRequest(changes=changes)
        self._ctx.state.edits.pending.append(request)
        if self._task is None or self._task.done():
            self._task = self._ctx.start(self._make_all())
        await wait_condition(lambda: request.done)
        return request.rejection

    @property
    def is_busy(self) -> bool:
        """Whether a change is still to be made."""
        return bool(self._ctx.state.edits.pending)

    @property
    def is_idle(self) -> bool:
        """Whether no change is being made."""
        return self._task is None or self._task.done()

    async def drain(self) -> None:
        """Before the offer is made void: let AWS finish what it has, and begin nothing more."""
        state = self._ctx.state.edits
        state.draining = True
        await wait_condition(lambda: not state.pending)
        state.draining = False

    def reject_pending(self, why: str) -> None:
        """It is too late for the requests that still wait."""
        for request in self._ctx.state.edits.pending:
            request.done, request.rejection = True, why
        self._ctx.state.edits.pending.clear()

    async def _make_all(self) -> None:
        state = self._ctx.state.edits
        while state.pending:
            request = state.pending[0]
            rejection = TOO_LATE if state.draining else await self._make(request)
            if not request.done:  # rejected meanwhile, it has had its answer
                state.pending.remove(request)
                request.done, request.rejection = True, rejection
                self._ctx.control.replan = True

    async def _make(self, request: EditRequest) -> str | None:
        """Change the offer, in AWS and on record; why it cannot be, if it cannot."""
        record = self._ctx.record
        before = record.require_terms()
        # An earlier request may have changed what this one was checked against.
        if found := findings_of_edit(record, request.changes, self._ctx.now()):
            return _text(found)
        after = apply_edit(before, record.require_contacts(), request.changes)
        if record.stage is Stage.EXPIRED and await self._ctx.acceptance.find_agreement():
            self._ctx.acceptance.report()
            return "the buyer has accepted the offer after all"
        if after.terms != before and (rejection := await self._change_in_aws(request, after)):
            return rejection
        if not request.done:
            email = record.require_contacts().buyer_email
            record.terms, record.contacts = after.terms, after.contacts
            owner, record.owner = record.owner, after.contacts.owner
            self._ctx.notifications.owner_changed(owner)
            self._ctx.notifications.terms_changed()
            if self._ctx.state.edits.draining:
                return None  # the buyer is not to hear of an offer that is being withdrawn
            if email != after.contacts.buyer_email:
                self._ctx.notifications.notify_new_buyer()
            if before.availability_end != after.terms.availability_end:
                self._ctx.notifications.notify_buyer_extended()
        return None

    async def _change_in_aws(self, request: EditRequest, after: Edit) -> str | None:
        """Change the offer in AWS; why AWS did not, if it did not."""
        record, state = self._ctx.record, self._ctx.state.edits
        state.requests += 1
        edit = EditOffer(
            offer_id=record.require_offer_id(),
            reference=record.reference,
            revision=record.revision,
            number=state.requests,
            before=record.require_terms(),
            after=after.terms,
        )
        try:
            change_set_id = await execute_with_escalation(
                self._ctx.attentions,
                AwsCatalog.edit_offer,
                edit,
                expected=Failure.REJECTED,
                abort_if=lambda: state.draining or request.done,
            )
        except Aborted:
            return TOO_LATE
        except ActivityError as error:
            return _text(tuple(map(explain, aws_errors_in(error))))
        outcome = await execute_with_escalation(
            self._ctx.attentions,
            AwsCatalog.wait_for_change_set,
            WaitForChangeSet(change_set_id=change_set_id, polling=EDIT_POLLING),
        )
        if outcome.offer is None:
            return _text(tuple(map(explain, outcome.errors)))
        # Other differences, if there are any, are known, or were made by somebody else.
        found = differences(after.terms, outcome.offer, "Look at the offer in AWS")
        wrong = tuple(finding for finding in found if finding.field in request.changes)
        return _text(wrong) if wrong else None


def _text(findings: tuple[Finding, ...]) -> str:
    return "; ".join(map(str, findings))
