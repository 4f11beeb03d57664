"""What the world reports to an offer, and what people ask of it.

Handlers note what they are told; the story in `workflows.offer.workflow` reads it.
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.offer.acceptance import Acceptance
from workflows.offer.agreement_cancellation import Cancellation
from workflows.offer.amendments import Amendments
from workflows.offer.approvals import Approvals
from workflows.offer.attentions import People
from workflows.offer.change_set import Generation
from workflows.offer.clazar_handoff import HandOff
from workflows.offer.clazar_link import Linking
from workflows.offer.edits import Edits
from workflows.offer.messages import OfferRequest
from workflows.offer.notifications import Correspondence
from workflows.offer.payout_tracking import Payment

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from offers.agreements.agreement import AgreementReport
    from offers.lifecycle import guards
    from offers.lifecycle.commands import ApprovalDecision, TermChanges
    from offers.lifecycle.record import Amendment, OfferRecord
    from offers.payouts.model import Payout
    from offers.preflight.marketplace import ObservedOffer
    from offers.stage import Stage

REVISABLE = frozenset({Stage.DRAFT, Stage.FAILED})


class Conversation:
    """The handlers of an offer's workflow, and what they note."""

    def __init__(self, request: OfferRequest) -> None:
        self.record = OfferRecord(
            opportunity_id=request.opportunity_id,
            amendment=request.amendment,
            amends=request.amends,
            earlier_amendments=request.earlier_amendments,
            revision=request.revision,
            previous_revisions=request.previous_revisions,
            clock=request.clock,
        )
        self._people = People(self.record, self._now, self._publish)
        self._correspondence = Correspondence(self.record, self._people)
        self._approvals = Approvals(self.record, self._people, self._correspondence, self._now)
        self._acceptance = Acceptance(self.record, self._people, self._correspondence, self._now)
        self._edits = Edits(self.record, self._people, self._correspondence, self._acceptance)
        self._amendments = Amendments(self.record, self._people)
        self._cancellation = Cancellation(
            self.record, self._people, self._correspondence, self._look_again
        )
        self._payment = Payment(self.record, self._people, self._correspondence, self._now)
        self._in_clazar = Linking(self.record, self._people)
        self._generation: Generation | None = None
        self._hand_off: HandOff | None = None
        self._seen: dict[str, ObservedOffer] = {}
        """What Clazar or AWS showed of our offers, perhaps before anybody waited for it."""
        self._missing: str | None = None
        self._closed = False
        """Whether the story is over: nobody makes wishes come true any more."""
        self._stopping: Stage | None = None
        """What this revision is given up for: `cancelled`, or `draft` to be made otherwise."""
        self._changes = TermChanges(terms=request.terms, method=request.method)
        """What was given in place of the opportunity's terms."""
        self._changed = 0
        """Counts the revisions of what was given."""
        self._checked = -1
        """The revision that preflight has reported on."""

    def _now(self) -> datetime:
        return self.record.clock.business_time(workflow.now())

    def _publish(self, *, tell_salesforce: bool = True) -> None:
        raise NotImplementedError

    def _look_again(self) -> None:
        self._acceptance.reported = True

    def _is_stopping(self) -> bool:
        return self._stopping is not None

    def _is_outdated(self) -> bool:
        """Whether what preflight reported, or is about to, is not about the terms as they are."""
        return self._is_stopping() or self._checked != self._changed

    @workflow.query(name="record")
    def get_record(self) -> OfferRecord:
        """Everything that is known of the offer."""
        return self.record

    # What the world reports -----------------------------------------------------------------------

    @workflow.signal
    def change_set_finished(self, change_set_id: str) -> None:
        """AWS has finished a change set: look at once."""
        if self._generation and change_set_id == self.record.change_set_id:
            self._generation.report_done()

    @workflow.signal
    def agreement_reported(self, report: AgreementReport) -> None:
        """An agreement was made or has changed; AWS is asked before it is believed."""
        if self.record.offer_id in (None, report.offer_id):
            self._acceptance.reported = True

    @workflow.signal
    def amendment_reported(self, news: Amendment) -> None:
        """An amendment of this offer tells how far it has come."""
        self._amendments.heard(news)
        self._look_again()
        self._publish()

    @workflow.signal
    def payout_reported(self, payout: Payout) -> None:
        """What has been paid so far."""
        if payout.offer_id == self.record.offer_id:
            self._payment.heard(payout)

    @workflow.signal
    def payouts_paused(self, at: datetime) -> None:
        """AWS pays nothing out since then (UTC): the seller's bank data is not valid."""
        self._payment.paused(at)

    @workflow.signal
    def offer_observed(self, seen: ObservedOffer) -> None:
        """Clazar or AWS shows an offer of ours."""
        self._in_clazar.heard(seen)
        self._seen[seen.offer_id] = seen
        if self._hand_off:
            self._hand_off.heard(seen)

    @workflow.signal
    def cancellation_request_updated(self, request_id: str) -> None:
        """A request to cancel the agreement has had an answer: look at once."""
        self._cancellation.answered(request_id)

    # What people ask ------------------------------------------------------------------------------

    @workflow.update
    async def wait_until_drafted(self) -> OfferRecord:
        """The record as soon as there are terms, or something that a person must mend."""
        await workflow.wait_condition(
            lambda: (
                self.record.stage is not Stage.DRAFT
                or bool(self.record.attentions)
                or self._missing is not None
            )
        )
        if self._missing is not None:
            raise ApplicationError(self._missing, type=Failure.NOT_FOUND)
        return self.record

    @workflow.update
    def approve(self, verdict: ApprovalDecision) -> OfferRecord:
        """Approve exceptions that wait; only those who hold the role that each needs can."""
        self._approvals.decide(verdict, approved=True)
        return self.record

    @approve.validator
    def _refuse_approval(self, verdict: ApprovalDecision) -> None:
        if reason := self._approvals.cannot_decide(verdict):
            raise ApplicationError(reason)

    @workflow.update
    def decline(self, verdict: ApprovalDecision) -> OfferRecord:
        """Decline exceptions that wait: the terms must be revised, or the offer cancelled."""
        self._approvals.decide(verdict, approved=False)
        return self.record

    @decline.validator
    def _refuse_declining(self, verdict: ApprovalDecision) -> None:
        if not verdict.reason:
            raise ApplicationError("say why (reason): whoever corrects the terms must know")
        if reason := self._approvals.cannot_decide(verdict):
            raise ApplicationError(reason)

    @workflow.update
    async def revise(self, changes: TermChanges) -> OfferRecord:
        """Change terms before AWS has them, or after it refused them.

        Gives the record once preflight has reported on the change.
        """
        revision = self._take(changes)
        await workflow.wait_condition(
            lambda: (
                self._checked >= revision
                or self._is_stopping()
                or self._missing is not None
                or self.record.stage not in REVISABLE
            )
        )
        return self.record

    @revise.validator
    def _refuse_revision(self, changes: TermChanges) -> None:
        refuse_if(self._over() or guards.why_cannot_revise(self.record, changes))

    def _over(self) -> str | None:
        if not self._closed:
            return None
        return (
            f"the offer is {self.record.stage}, but not all have been told yet: see what it waits"
            " for with starter.py show"
        )

    def _take(self, changes: TermChanges) -> int:
        """Let changes hold from now on; gives the revision of what was given."""
        self._changes = TermChanges(
            terms=changes.merged_into(self._changes.terms),
            method=changes.method or self._changes.method,
        )
        self._changed += 1
        return self._changed

    @workflow.update
    def link_offer(self, offer_id: str) -> OfferRecord:
        """Tell which offer was made in Clazar, if it is not recognised by itself."""
        if self._hand_off:
            self._hand_off.tell_offer_id(offer_id)
        return self.record

    @link_offer.validator
    def _refuse_handed_off(self, offer_id: str) -> None:
        if self._hand_off is None or self.record.stage not in (Stage.SUBMITTED, Stage.GENERATING):
            raise ApplicationError(
                f"the offer is {self.record.stage} and waits for nobody to make it in Clazar"
            )
        if not offer_id.startswith("offer-"):
            raise ApplicationError(f"{offer_id!r} is no id of an offer: copy it, such as offer-…")

    @workflow.update
    def resume(self, code: str | None = None) -> OfferRecord:
        """Somebody has mended what the offer waits for: go on.  `code` names the attention."""
        self._people.answer(code)
        return self.record

    @resume.validator
    def _refuse_resume(self, code: str | None = None) -> None:
        if reason := self._people.cannot_answer(code):
            raise ApplicationError(reason)

    @workflow.signal(name="resume")
    def resume_signal(self, code: str | None = None) -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        if not self._people.cannot_answer(code):
            self._people.answer(code)

    @workflow.update
    def resend(self) -> OfferRecord:
        """Write to the buyer again: the mail whose fate is doubtful, or else the offer itself."""
        self._correspondence.resend()
        return self.record

    @resend.validator
    def _refuse_resend(self) -> None:
        if not self._correspondence.doubtful and self.record.stage is not Stage.SHARED:
            raise ApplicationError(
                f"the offer is {self.record.stage}: there is nothing to send again"
            )


def refuse_if(reason: str | None) -> None:
    """Raises the error by which a validator refuses, if there is a reason to."""
    if reason is not None:
        raise ApplicationError(reason)
