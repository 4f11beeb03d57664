"""Cancellation of an agreement: the buyer is asked, and has seven days to say no (AWS)."""

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import ask, refusals_in, unless
from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, RequestCancellation
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from offers.agreements.agreement import CancellationRequestInput, CancellationStatus
    from offers.lifecycle.record import OfferRecord


class Cancellation:
    """Our requests that the buyer let the agreement be cancelled, one after the other."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        ended: Callable[[], None],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._ended = ended
        self._number = 0
        self._answered = False
        self._following: asyncio.Task[None] | None = None
        self.sending = False

    @property
    def is_open(self) -> bool:
        """Whether the buyer is being asked."""
        request = self._record.cancellation
        return self.sending or (
            request is not None and request.status is CancellationStatus.PENDING_APPROVAL
        )

    async def ask_buyer(self, wish: CancellationRequestInput) -> str | None:
        """Ask; gives AWS's reason if it does not pass the question on."""
        agreement = self._record.agreement
        if agreement is None:
            return "there is no agreement"
        self.sending = True
        self._number += 1
        request = RequestCancellation(
            agreement_id=agreement.agreement_id, number=self._number, request=wish
        )
        try:
            self._record.cancellation = await ask(
                self._people,
                AwsAgreements.request_cancellation,
                request,
                expected=Failure.REJECTED,
            )
        except ActivityError as error:
            return "; ".join(f"{each.code}: {each.message}" for each in refusals_in(error))
        finally:
            self.sending = False
        self._following = asyncio.create_task(self._follow())
        return None

    def answered(self, request_id: str) -> None:
        """The request is said to have had an answer: look at once instead of at the next turn."""
        request = self._record.cancellation
        self._answered = request is not None and request.request_id == request_id

    def stop(self) -> None:
        """The agreement is over: the answer changes nothing any more."""
        if self._following:
            self._following.cancel()

    async def _follow(self) -> None:
        """Until the buyer has answered; silence approves."""
        answer = None
        while (request := self._record.cancellation) and answer is None:
            self._answered = False
            answer = await unless(
                lambda: self._answered,
                ask(self._people, AwsAgreements.wait_for_cancellation, request, patient=True),
            )
        if answer is None:
            return
        self._record.cancellation = request = answer
        self._ended()
        # What AWS ended otherwise meanwhile has a mail of its own.
        if request.status in (CancellationStatus.REJECTED, CancellationStatus.CANCELLED):
            self._correspondence.tell_owner(EmailKind.OWNER_NOT_TERMINATED, request.request_id)
