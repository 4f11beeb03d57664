"""The life of a private offer, from a signed opportunity to money in the bank."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.asking import GivenUp, ask, refusals_in, unless
from workflows.card import card
from workflows.conversation import Conversation
from workflows.drafting import NoSuchOpportunity, checked
from workflows.generation import Generation
from workflows.hand_off import HandOff
from workflows.linking import link_in_clazar
from workflows.messages import OfferRequest
from workflows.search_attributes import STAGE, Values, updates, values
from workflows.write_back import WriteBack

with workflow.unsafe.imports_passed_through():
    from activities.aws_marketplace import AwsMarketplace, SubmitOffer
    from activities.errors import Failure
    from activities.eula_documents import EulaDocuments, PublishEula
    from activities.letters import MailKind
    from activities.preflight import CheckDeal
    from offers.clock import end_of_day
    from offers.comparison import BuiltOffer, differences
    from offers.lifecycle import Stage
    from offers.marketplace import rivalry
    from offers.policy import Road
    from offers.record import OfferRecord
    from offers.refusals import plain_words
    from offers.reminders import reminder_times
    from offers.terms import CustomEula

MOMENTARY = frozenset({Stage.SUBMITTED, Stage.LIVE})
"""Stages that one call ends: they are shown only if something holds the offer up in them."""

ACCEPTED_OTHERWISE = (
    "accepted-otherwise",
    "The buyer accepted an offer that differs from what was asked",
    "Compare the findings with the agreement, and talk to the buyer",
)
CORRECT = "Revise the terms, or correct the opportunity and resume; or cancel"


@workflow.defn
class OfferWorkflow(Conversation):
    """One opportunity's private offer.  Each stage is a coroutine that gives the next stage."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)
        self._request = request
        self._published: Values = {
            STAGE: workflow.info().typed_search_attributes.get(STAGE),
        }
        self._write_back = WriteBack(self._people)
        self._linking: asyncio.Future[None] | None = None

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
        """Preflight; mistakes are corrected and exceptions approved until nothing is in the way."""
        if self._request.earlier_offer_id:
            await self._acceptance.rule_out(self._request.earlier_offer_id, self._is_cancelling)
        while not self._cancelling:
            revision = self._changed
            deal = CheckDeal(
                opportunity_id=self.record.opportunity_id,
                given=self._changes.given,
                road=self._changes.road,
                given_up=tuple(past.offer_id for past in self.record.past if past.offer_id),
            )
            try:
                found = await checked(
                    self._people,
                    deal,
                    lambda: self._cancelling or self._changed != revision,  # noqa: B023
                )
            except NoSuchOpportunity as missing:
                if not self.record.history:
                    raise await self._not_begun(str(missing)) from None
                await self._people.wait_for(
                    "refused",
                    str(missing),
                    "Find out who deleted it; cancel, or resume",
                    or_when=self._is_cancelling,
                )
                continue
            if found is None or self._changed != revision:
                continue  # revised at the very moment of the answer
            self.record.take_report(found.report, found.policy, found.clock, found.road)
            self._checked = revision
            if not self.record.obstacles:
                return Stage.SUBMITTED
            await self._approvals.settled(CORRECT, interrupted=self._is_outdated)
        return Stage.CANCELLED

    async def submitted(self) -> Stage:
        """The offer is handed to AWS as one change set, or to a person who makes it in Clazar."""
        if self.record.road is Road.CLAZAR:
            return await self._handed_to_a_person()
        try:
            eula_url = await self._published_eula()
            if self._cancelling:
                return Stage.CANCELLED
            self.record.change_set_id = await ask(
                self._people,
                AwsMarketplace.submit_offer,
                SubmitOffer(
                    opportunity_id=self.record.opportunity_id,
                    revision=self.record.revision,
                    terms=self.record.offered,
                    eula_url=eula_url,
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
        if self._hand_off:
            return await self._made_by_a_person(self._hand_off)
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
        wrong = differences(self.record.offered, outcome.offer)
        if wrong := wrong + rivalry(self.record.offered, outcome.rivals, self.record.policy):
            self.record.findings = wrong
            return await self._withdraw(then=Stage.FAILED)
        return Stage.LIVE

    async def failed(self) -> Stage:
        """AWS said no; a person revises the terms or corrects the opportunity, or cancels."""
        await self._people.wait_for(
            "failed",
            "The offer was not made, or was withdrawn at once",
            CORRECT,
            or_when=self._is_outdated,
        )
        if self._cancelling:
            return Stage.CANCELLED
        self.record.start_over(
            "withdrawn" if self.record.offer_id else "refused by AWS", self._now()
        )
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

    async def _published_eula(self) -> str | None:
        """Where AWS reads a custom contract; None for the standard one, or if it is cancelled."""
        eula = self.record.offered.eula
        if not isinstance(eula, CustomEula):
            return None
        contract = PublishEula(
            opportunity_id=self.record.opportunity_id,
            revision=self.record.revision,
            documents=eula.documents,
            sha256=self.record.contract_sha256,
        )
        return await unless(
            self._is_cancelling,
            ask(self._people, EulaDocuments.publish, contract, expected=Failure.REFUSED),
        )

    async def _handed_to_a_person(self) -> Stage:
        self._publish()
        self._hand_off = HandOff(
            self.record, self._people, self._correspondence, self._now, self._is_cancelling
        )
        self.record.offer_id = await self._hand_off.made()
        return Stage.GENERATING if self.record.offer_id else Stage.CANCELLED

    async def _made_by_a_person(self, hand_off: HandOff) -> Stage:
        """What somebody made in Clazar is taken as it is, or goes back to be made again."""
        while True:
            released = await hand_off.released()
            if released is None:
                self.record.offer_id = None
                return Stage.CANCELLED
            offer = released.offer
            self.record.offer_id, self.record.offer_url = offer.offer_id, released.offer_url
            if self._cancelling:
                return await self._undo(hand_off, offer, then=Stage.CANCELLED)
            if hand_off.takes(offer):
                if await self._acceptance.is_there():
                    return Stage.ACCEPTED
                if not (others := await hand_off.others()):
                    self._hand_off = None
                    return Stage.LIVE
                await self._people.wait_for(
                    "made-twice",
                    f"{offer.offer_id} is right, but {', '.join(others)} can be accepted, too",
                    "Withdraw all but one in Clazar, then resume; or tell which it is with"
                    " starter.py handed-off",
                    or_when=hand_off.has_news,
                )
                continue
            await self._approvals.settled(
                "Correct it in Clazar and resume",
                interrupted=lambda: (
                    hand_off.has_news() or self._acceptance.reported or hand_off.sends_back()
                ),
            )
            if self._acceptance.reported and await self._acceptance.is_there():
                self._people.call(*ACCEPTED_OTHERWISE)
                return Stage.ACCEPTED
            if hand_off.sends_back() and not hand_off.has_news():
                return await self._undo(hand_off, offer, then=Stage.DRAFT)

    async def _undo(self, hand_off: HandOff, offer: BuiltOffer, then: Stage) -> Stage:
        """Make void what was made for this hand-off, and nothing else."""
        others = await hand_off.others()
        for offer_id in [offer.offer_id, *others] if hand_off.is_ours(offer) else others:
            self.record.offer_id = offer_id
            if (stage := await self._withdraw(then)) is not then:
                return stage
        if not hand_off.is_ours(offer):
            self._people.call(
                "not-ours",
                f"{offer.offer_id} does not carry the reference, so it was left as it is",
                "If it was made for this deal, withdraw it in AWS; resume when you have seen to it",
            )
        self._hand_off = None
        if then is Stage.DRAFT:
            self.record.start_over("sent back to be made again", self._now())
        return then

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
            self._people.call(*ACCEPTED_OTHERWISE)
        return Stage.ACCEPTED

    # Where the offer is, for all to see -----------------------------------------------------------

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
