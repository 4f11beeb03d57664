"""Changes of mind: cancel, amend, extend, or end the agreement; as updates and as plain signals.

Handlers note what is asked; the story in `workflow` and `making` reads it.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.offer.conversation import REVISABLE, Conversation, refuse_if

with workflow.unsafe.imports_passed_through():
    from offers.agreements.agreement import CancellationRequestInput
    from offers.ids import offer_path
    from offers.lifecycle import guards
    from offers.lifecycle.commands import Extension, TermChanges
    from offers.lifecycle.record import OfferRecord
    from offers.stage import ENDS, Stage

BEYOND_CANCELLING = frozenset({Stage.ACCEPTED, *ENDS})
"""Stages in which an offer's fate is decided, for the time being at least."""
AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
"""Stages in which there is an agreement."""
EDITABLE = frozenset({Stage.LIVE, Stage.SHARED, Stage.EXPIRED})
"""Stages in which a released offer can be changed in place."""


class ChangesOfMind(Conversation):
    """What people ask of an offer that AWS has."""

    @workflow.update
    async def cancel(self, reason: str = "") -> OfferRecord:
        """Cancel before acceptance; gives the record once it is decided who was first."""
        self.cancel_signal(reason)
        await workflow.wait_condition(
            lambda: not self._can_be_cancelled() or self._missing is not None
        )
        return self.record

    @cancel.validator
    def _refuse_cancel(self, reason: str = "") -> None:  # noqa: ARG002
        if not self._can_be_cancelled():
            raise ApplicationError(guards.why_cannot_cancel(self.record))

    def _can_be_cancelled(self) -> bool:
        reviving = self.record.stage is Stage.EXPIRED and self._edits.busy
        return reviving or self.record.stage not in BEYOND_CANCELLING

    @workflow.signal(name="cancel")
    def cancel_signal(self, reason: str = "") -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        if self._can_be_cancelled():
            self._stopping = Stage.CANCELLED
            self.record.cancel_reason = self.record.cancel_reason or reason or None

    @workflow.update
    async def amend(self, changes: TermChanges) -> OfferRecord:
        """Change an offer that AWS has: in place, by a new revision, or by a new agreement.

        Gives the record once the change is made, or once preflight has reported on it.  Fails if
        AWS refuses a change in place, or if the buyer was first.
        """
        if reason := await self._amended(changes):
            raise ApplicationError(reason)
        return self.record

    @amend.validator
    def _refuse_amendment(self, changes: TermChanges) -> None:
        refuse_if(self._against_amending(changes))

    @workflow.signal(name="amend")
    async def amend_signal(self, changes: TermChanges) -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        self._tell_in_vain(self._against_amending(changes) or await self._amended(changes))

    def _against_amending(self, changes: TermChanges) -> str | None:
        return self._over() or guards.why_cannot_amend(
            self.record, changes, self._now(), stopping=self._is_stopping(), busy=self._busy()
        )

    def _busy(self) -> str | None:
        """Why an agreement cannot be amended just now."""
        if under_way := self._amendments.under_way:
            return (
                f"amendment {under_way.number} is under way: revise or cancel it first"
                f" ({offer_path(self.record.opportunity_id, under_way.number)})"
            )
        if self._cancellation.is_open:
            return "the buyer is being asked to let the agreement be cancelled: wait for the answer"
        return None

    async def _amended(self, changes: TermChanges) -> str | None:
        """Make an amendment; gives the reason if it came to nothing."""
        record = self.record
        if record.stage in AGREED:
            number = self._amendments.begin(changes.terms)
            await workflow.wait_condition(lambda: self._amendments.has_begun(number))
            return None
        if record.stage in EDITABLE and guards.is_in_place_edit(record, changes):
            return await self._edited(changes)
        before, self._changes = (
            self._changes,
            self._changes.without_past_last_day(self._now().date()),
        )
        revision = self._take(changes)
        if record.stage not in REVISABLE:
            self._stopping = Stage.DRAFT
        await workflow.wait_condition(
            lambda: (
                self._checked >= revision
                or self._missing is not None
                or self._closed
                or (record.stage in BEYOND_CANCELLING and self._stopping is None)
            )
        )
        if record.stage in BEYOND_CANCELLING and self._checked < revision:
            self._changes = before
            return guards.why_amended_too_late(record)
        return None

    @workflow.update
    async def extend(self, extension: Extension) -> OfferRecord:
        """Give the buyer more time, also for a while after the last day is over."""
        if reason := await self._edited(extension.as_term_changes):
            raise ApplicationError(reason)
        return self.record

    @extend.validator
    def _refuse_extension(self, extension: Extension) -> None:
        refuse_if(self._against_extending(extension))

    def _against_extending(self, extension: Extension) -> str | None:
        return self._over() or guards.why_cannot_extend(
            self.record, extension, self._now(), self._stopping
        )

    @workflow.signal(name="extend")
    async def extend_signal(self, extension: Extension) -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        self._tell_in_vain(
            self._against_extending(extension) or await self._edited(extension.as_term_changes)
        )

    async def _edited(self, changes: TermChanges) -> str | None:
        """Change the offer in place; gives the reason if it came to nothing."""
        wanted = self._edits.want(changes.terms)
        await workflow.wait_condition(lambda: wanted.done)
        if wanted.refused is None:
            # The next revision, if there is one, is to have it, too.
            given = changes.merged_into(self._changes.terms)
            self._changes = self._changes.model_copy(update={"terms": given})
        return wanted.refused

    @workflow.update
    async def request_cancellation(self, wish: CancellationRequestInput) -> OfferRecord:
        """Ask the buyer to let the agreement be cancelled: they have seven days to say no."""
        if reason := await self._cancellation.ask_buyer(wish):
            raise ApplicationError(reason)
        self._publish()
        return self.record

    @request_cancellation.validator
    def _refuse_cancellation(self, wish: CancellationRequestInput) -> None:  # noqa: ARG002
        refuse_if(self._against_cancellation())

    @workflow.signal(name="request_cancellation")
    async def request_cancellation_signal(self, wish: CancellationRequestInput) -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        self._tell_in_vain(self._against_cancellation() or await self._cancellation.ask_buyer(wish))
        self._publish()

    def _against_cancellation(self) -> str | None:
        return self._over() or guards.why_cannot_request_cancellation(
            self.record, asked=self._cancellation.is_open, amending=self._amendments.under_way
        )

    def _tell_in_vain(self, reason: str | None) -> None:
        """A signal has no answer: what it came to is shown."""
        if reason is not None:
            self._people.call(
                "asked-in-vain",
                f"A signal could not be followed: {reason}",
                "Ask otherwise; resume",
            )
