"""The life of a private offer, from a signed opportunity to money in the bank."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.acceptance import Acceptance
from workflows.asking import GivenUp, ask, refusals_in
from workflows.card import card
from workflows.correspondence import Correspondence
from workflows.drafting import NoSuchOpportunity, drafted
from workflows.generation import Generation
from workflows.linking import link_in_clazar
from workflows.messages import OfferRequest
from workflows.people import People
from workflows.search_attributes import STAGE, Values, updates, values
from workflows.write_back import WriteBack

with workflow.unsafe.imports_passed_through():
    from activities.aws_marketplace import AwsMarketplace, SubmitOffer
    from activities.errors import Failure
    from activities.letters import MailKind
    from offers.agreement import AgreementReport
    from offers.clock import end_of_day
    from offers.comparison import differences
    from offers.lifecycle import Stage
    from offers.payouts import Payout
    from offers.record import OfferRecord
    from offers.refusals import plain_words
    from offers.reminders import reminder_times

MOMENTARY = frozenset({Stage.SUBMITTED, Stage.LIVE})
"""Stages that one call ends: they are shown only if something holds the offer up in them."""

BEYOND_CANCELLING = frozenset({Stage.ACCEPTED, *(stage for stage in Stage if stage.is_end)})


@workflow.defn
class OfferWorkflow:
    """One opportunity's private offer.  Each stage is a coroutine that gives the next stage."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        self._request = request
        self.record = OfferRecord(
            opportunity_id=request.opportunity_id, revision=request.revision, clock=request.clock
        )
        self._published: Values = {
            STAGE: workflow.info().typed_search_attributes.get(STAGE),
        }
        self._people = People(self.record, self._now, self._publish)
        self._correspondence = Correspondence(self.record, self._people)
        self._write_back = WriteBack(self._people)
        self._acceptance = Acceptance(self.record, self._people, self._now)
        self._generation: Generation | None = None
        self._linking: asyncio.Future[None] | None = None
        self._missing: str | None = None
        self._cancelling = False
        self._payout: Payout | None = None

    @workflow.run
    async def run(self, _request: OfferRequest) -> OfferRecord:
        """The whole life; gives the record at its end."""
        life = asyncio.create_task(self._live_through())
        while not life.done():
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                # The UI's own "request cancellation" must not leave an acceptable offer behind.
                self.cancel_from_ui("cancellation requested in Temporal")
        return await life

    async def _live_through(self) -> OfferRecord:
        stages: dict[Stage, Callable[[], Coroutine[Any, Any, Stage]]] = {
            Stage.DRAFT: self.draft,
            Stage.SUBMITTED: self.submitted,
            Stage.GENERATING: self.generating,
            Stage.FAILED: self.failed,
            Stage.LIVE: self.live,
            Stage.SHARED: self.shared,
            Stage.ACCEPTED: self.accepted,
        }
        writing = asyncio.create_task(self._write_back.run())
        while not self.record.stage.is_end:
            self._enter(await stages[self.record.stage]())
        if self._linking:
            self._linking.cancel()
        await self._correspondence.finished()
        await self._write_back.finished()
        writing.cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.record

    # The stages -----------------------------------------------------------------------------------

    async def draft(self) -> Stage:
        """Terms from the opportunity; if they are not legal, a person corrects them and resumes."""
        if self._request.earlier_offer_id:
            await self._acceptance.rule_out(self._request.earlier_offer_id, self._is_cancelling)
        while not self._cancelling:
            try:
                new = await drafted(
                    self._people,
                    self.record.opportunity_id,
                    self._request.given,
                    self._is_cancelling,
                )
            except NoSuchOpportunity as missing:
                raise await self._not_begun(str(missing)) from None
            if new is None:
                break
            self.record.take_draft(new.draft, new.policy, new.clock)
            if not self.record.findings:
                return Stage.SUBMITTED
            await self._people.wait_for(
                "terms", "These are no legal terms", self._remedy, or_when=self._is_cancelling
            )
        return Stage.CANCELLED

    async def submitted(self) -> Stage:
        """The offer is handed to AWS as one change set."""
        try:
            self.record.change_set_id = await ask(
                self._people,
                AwsMarketplace.submit_offer,
                SubmitOffer(
                    opportunity_id=self.record.opportunity_id,
                    revision=self.record.revision,
                    terms=self.record.offered,
                ),
                expected=Failure.REFUSED,
                held_up=self._publish,
                give_up=self._is_cancelling,
            )
        except GivenUp:
            return Stage.CANCELLED
        except ActivityError as error:
            self.record.findings = tuple(map(plain_words, refusals_in(error)))
            return Stage.FAILED
        return Stage.GENERATING

    async def generating(self) -> Stage:
        """AWS builds the offer; it must come out as it was asked."""
        self._generation = Generation(
            self.record, self._people, self._correspondence, self._now, self._is_cancelling
        )
        outcome = await self._generation.outcome()
        if outcome.offer is None:
            if self._cancelling:
                return Stage.CANCELLED
            self.record.findings = tuple(map(plain_words, outcome.refusals))
            return Stage.FAILED
        self.record.offer_id, self.record.offer_url = outcome.offer.offer_id, outcome.offer_url
        if self._cancelling:
            return await self._withdraw(then=Stage.CANCELLED)
        self.record.findings = differences(self.record.offered, outcome.offer)
        if self.record.findings:
            return await self._withdraw(then=Stage.FAILED)
        return Stage.LIVE

    async def failed(self) -> Stage:
        """AWS said no; a person corrects the opportunity and resumes, or cancels."""
        await self._people.wait_for(
            "failed",
            "AWS did not make the offer as it was asked",
            self._remedy,
            or_when=self._is_cancelling,
        )
        if self._cancelling:
            return Stage.CANCELLED
        self.record.start_over()
        return Stage.DRAFT

    async def live(self) -> Stage:
        """The offer exists; the buyer is told of it."""
        self._linking = asyncio.create_task(link_in_clazar(self.record, self._people))
        held_up = asyncio.Event()
        letter = self._correspondence.tell_buyer(MailKind.OFFER_SHARED, held_up=held_up.set)
        await workflow.wait_condition(lambda: letter.done() or held_up.is_set())
        decided = None
        if not letter.done():
            self._publish()
            decided = await self._decided_by(self._closing_time, or_when=letter.done)
        if decided is None and letter.done():
            await letter
            return Stage.SHARED
        return decided or await self._at_closing() or Stage.SHARED

    async def shared(self) -> Stage:
        """The buyer can accept; reminders go out until the last day is over."""
        while True:
            end, days = self.record.offered.availability_end, self.record.policy.reminder_days
            moments = reminder_times(end, days, self._now())
            for moment, following in zip(moments, [*moments[1:], self._closing_time], strict=True):
                if decided := await self._decided_by(moment):
                    return decided
                if self._now() < following:  # of several that an outage held up, only the last
                    self._correspondence.tell_buyer(MailKind.OFFER_REMINDER, f"{moment:%F}")
            if decided := await self._decided_by(self._closing_time) or await self._at_closing():
                return decided

    async def accepted(self) -> Stage:
        """An agreement is there; AWS collects from the buyer and pays out, perhaps in parts."""
        while True:
            await workflow.wait_condition(
                lambda: self._acceptance.reported or self._payout != self.record.payout
            )
            if self._acceptance.reported:
                await self._acceptance.look_again()
            self.record.payout = self._payout
            if self._payout and self._payout.covers(self.record.offered.price):
                return Stage.DISBURSED
            self._publish()

    # What the stages are made of ------------------------------------------------------------------

    async def _not_begun(self, why: str) -> ApplicationError:
        """The failure to end the run with: nothing was begun, so the id may be started again."""
        self._missing = why
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ApplicationError(why, type=Failure.NOT_FOUND, non_retryable=True)

    async def _decided_by(
        self, moment: datetime, or_when: Callable[[], bool] = lambda: False
    ) -> Stage | None:
        """Wait for a moment; the next stage if the offer's fate is decided before it."""
        while (left := moment - self._now()) > timedelta() and not or_when():
            try:
                await workflow.wait_condition(
                    lambda: self._acceptance.reported or self._cancelling or or_when(),
                    timeout=self.record.clock.real_duration(left),
                    timeout_summary=f"until {moment:%Y-%m-%d %H:%M} UTC",
                )
            except TimeoutError:
                return None
            if self._acceptance.reported and await self._acceptance.is_there():
                return Stage.ACCEPTED
            if self._cancelling:
                return await self._withdraw(then=Stage.CANCELLED)
        return None

    @property
    def _closing_time(self) -> datetime:
        """When an acceptance in the last second has come to light, too."""
        return end_of_day(self.record.offered.availability_end) + self.record.policy.expiry_grace

    async def _at_closing(self) -> Stage | None:
        """The last day is over: accepted in time, or expired; None if somebody extended it."""
        if await self._acceptance.is_there():
            return Stage.ACCEPTED
        shown = await ask(self._people, AwsMarketplace.read_offer, self.record.made)
        if shown.availability_end is None or shown.is_void(self._now().date()):
            return Stage.EXPIRED
        self.record.extend(shown.availability_end)
        self._publish()
        return None

    async def _withdraw(self, then: Stage) -> Stage:
        """Make the offer void: `then`, unless somebody accepted it first."""
        self._correspondence.stop_letters()
        if await self._acceptance.prevented():
            self._correspondence.tell_buyer_void()
            return then
        if then is Stage.CANCELLED:
            self._correspondence.tell_owner(MailKind.OWNER_TOO_LATE_TO_CANCEL)
        else:
            self._people.call(
                "accepted-otherwise",
                "The buyer accepted an offer that differs from what was asked",
                "Compare the findings with the agreement, and talk to the buyer",
            )
        return Stage.ACCEPTED

    @property
    def _remedy(self) -> str:
        if self._request.given:
            return "Cancel it, and start it again with a corrected terms file"
        return "Correct the opportunity, then resume; or cancel"

    # Where the offer is, for all to see -----------------------------------------------------------

    def _now(self) -> datetime:
        return self.record.clock.business_time(workflow.now())

    def _enter(self, stage: Stage) -> None:
        self.record.enter(stage, self._now())
        workflow.set_current_details(card(self.record))
        if stage not in MOMENTARY:
            self._publish()
        self._correspondence.stage_began(stage)

    def _publish(self) -> None:
        """Show the record: in search, in the UI, and soon in Salesforce."""
        attributes = values(self.record)
        if changes := updates(self._published, attributes):
            workflow.upsert_search_attributes(changes)
        self._published = attributes
        workflow.set_current_details(card(self.record))
        self._write_back.add(self.record.model_copy(deep=True))

    @workflow.query(name="record")
    def the_record(self) -> OfferRecord:
        """Everything that is known of the offer."""
        return self.record

    # What the world reports -----------------------------------------------------------------------

    @workflow.signal
    def change_set_done(self, change_set_id: str) -> None:
        """AWS has finished a change set: look at once."""
        if self._generation and change_set_id == self.record.change_set_id:
            self._generation.report_done()

    @workflow.signal
    def agreement_seen(self, report: AgreementReport) -> None:
        """An agreement was made or has changed; AWS is asked before it is believed."""
        if self.record.offer_id in (None, report.offer_id):
            self._acceptance.reported = True

    @workflow.signal
    def payout_seen(self, payout: Payout) -> None:
        """What has been paid so far."""
        if payout.offer_id == self.record.offer_id:
            self._payout = payout

    # What people ask ------------------------------------------------------------------------------

    @workflow.update
    async def drafted(self) -> OfferRecord:
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
    async def cancel(self, reason: str = "") -> OfferRecord:
        """Cancel before acceptance; gives the record once it is decided who was first."""
        self.cancel_from_ui(reason)
        await workflow.wait_condition(lambda: self.record.stage in BEYOND_CANCELLING)
        return self.record

    @cancel.validator
    def _refuse_cancel(self, reason: str = "") -> None:  # noqa: ARG002
        if self.record.stage in BEYOND_CANCELLING:
            raise ApplicationError(
                f"the offer is {self.record.stage} and can no longer be cancelled"
            )

    @workflow.signal(name="cancel")
    def cancel_from_ui(self, reason: str = "") -> None:
        """The same as a plain signal, which the Temporal UI can send."""
        if self.record.stage not in BEYOND_CANCELLING:
            self._cancelling = True
            self.record.cancel_reason = reason or None

    def _is_cancelling(self) -> bool:
        return self._cancelling

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
    def resume_from_ui(self, code: str | None = None) -> None:
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
