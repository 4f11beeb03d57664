"""The life of a private offer, from a signed opportunity to money in the bank."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

from workflows.common.escalation import ask
from workflows.common.signals import report
from workflows.offer.agreed import Agreed
from workflows.offer.messages import OfferRequest
from workflows.offer.salesforce_sync import WriteBack
from workflows.offer.search_attributes import STAGE, Values, updates, values
from workflows.offer.summary_card import card

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog
    from activities.email.message import EmailKind
    from offers.clock import end_of_day
    from offers.ids import offer_path, workflow_id
    from offers.lifecycle.record import Amendment, OfferRecord
    from offers.lifecycle.reminders import reminder_times
    from offers.lifecycle.salesforce_fields import opportunity_update
    from offers.stage import Stage

MOMENTARY = frozenset({Stage.SUBMITTED, Stage.LIVE})
"""Stages that one call ends: they are shown only if something holds the offer up in them."""

OPEN = frozenset({Stage.LIVE, Stage.SHARED, Stage.EXPIRED})
"""Stages in which wishes to change the offer in place can come true."""

TOLD_TO_ORIGINAL = frozenset(
    {Stage.LIVE, Stage.SHARED, Stage.ACCEPTED, Stage.EXPIRED, Stage.CANCELLED, Stage.TERMINATED}
)
"""Stages of an amendment that the offer it amends hears of."""


@workflow.defn
class OfferWorkflow(Agreed):
    """One opportunity's private offer.  Each stage is a coroutine that gives the next stage."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)
        self._published: Values = {
            STAGE: workflow.info().typed_search_attributes.get(STAGE),
        }
        self._write_back = WriteBack(self._people)
        self._linking: asyncio.Future[None] | None = None
        self._reminded = self._now()
        """Until when reminders have been seen to."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> OfferRecord:
        """The whole life; gives the record at its end."""
        life = asyncio.create_task(self._live_through())
        while not life.done():
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                # The UI's own "request cancellation" must not leave an acceptable offer behind.
                self._leaving = True
                self.cancel_signal("cancellation requested in Temporal")
        return await life

    async def _live_through(self) -> OfferRecord:
        stages: dict[Stage, Callable[[], Coroutine[Any, Any, Stage | None]]] = {
            Stage.DRAFT: self.draft,
            Stage.SUBMITTED: self.submitted,
            Stage.GENERATING: self.generating,
            Stage.FAILED: self.failed,
            Stage.LIVE: self.live,
            Stage.SHARED: self.shared,
            Stage.ACCEPTED: self.accepted,
            # These are ends that something may still follow for a while.
            Stage.EXPIRED: self.expired,
            Stage.CANCELLED: self.cancelled,
            Stage.DISBURSED: self.disbursed,
            Stage.REPLACED: self.replaced,
            Stage.TERMINATED: self.terminated,
        }
        writing = asyncio.create_task(self._write_back.run())
        while (stage := stages.get(self.record.stage)) and (following := await stage()):
            self._enter(following)
        await self._leave()
        await self._correspondence.finished()
        await self._write_back.finished()
        writing.cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.record

    # The stages from its release to its acceptance ------------------------------------------------

    async def live(self) -> Stage:
        """The offer exists; the buyer is told of it."""
        if self._linking:
            self._linking.cancel()  # of an earlier revision
        self._linking = asyncio.create_task(self._in_clazar.link())
        held_up = asyncio.Event()
        letter = self._correspondence.tell_buyer(EmailKind.OFFER_SHARED, held_up=held_up.set)
        await workflow.wait_condition(lambda: letter.done() or held_up.is_set())
        decided = None
        if not letter.done():
            self._publish()
            decided = await self._decided_by(lambda: self._closing_time, or_when=letter.done)
        if decided is None and letter.done():
            await letter
            return Stage.SHARED
        return decided or await self._at_closing() or Stage.SHARED

    async def shared(self) -> Stage:
        """The buyer can accept; reminders go out until the last day is over."""
        self._reminded = self._now()
        while True:
            if decided := await self._decided_by(lambda: self._next_moment):
                return decided
            self._in_clazar.passes(self._now())
            if (moment := self._next_moment) == self._closing_time:
                if decided := await self._at_closing():
                    return decided
                continue
            self._reminded = moment
            if self._now() < self._next_moment:  # of several that an outage held up, only the last
                self._correspondence.tell_buyer(EmailKind.OFFER_REMINDER, f"{moment:%F}")

    async def expired(self) -> Stage | None:
        """Nobody accepted in time; for a while it can still be extended, or made anew."""
        if self.record.amends:
            return None  # another amendment may be under way by now
        over = self._closing_time + self.record.policy.extend_expired_within
        while await self._something_comes(over, "until it can no longer be extended"):
            if await self._acceptance.is_there():
                return Stage.ACCEPTED
            if self._is_stopping():
                return await self._withdraw()
            if self._can_be_accepted:
                return Stage.SHARED
            self._publish()
        await self._edits.settle()  # what AWS was asked for in the last moment it may still do
        if not self._can_be_accepted:
            return None
        return await self._withdraw(then=Stage.CANCELLED) if self._leaving else Stage.SHARED

    async def cancelled(self) -> Stage | None:
        """Void; but AWS may list an acceptance late, and another offer may be wanted."""
        if self.record.offer_id is None:
            return None
        over = self._now() + self.record.policy.expiry_grace
        while await self._something_comes(over, "until no acceptance can come to light any more"):
            if self._acceptance.reported and await self._acceptance.is_there():
                return Stage.ACCEPTED
            if self._is_stopping():
                return self._give_up()
        return Stage.ACCEPTED if await self._acceptance.is_there() else None

    # What the stages are made of ------------------------------------------------------------------

    async def _decided_by(
        self, moment: Callable[[], datetime], or_when: Callable[[], bool] = lambda: False
    ) -> Stage | None:
        """Wait for a moment; the next stage if the offer's fate is decided before it."""
        while (left := moment() - self._now()) > timedelta() and not or_when():
            try:
                await workflow.wait_condition(
                    lambda: self._has_news() or or_when(),
                    timeout=self.record.clock.real_duration(left),
                    timeout_summary=f"until {moment():%Y-%m-%d %H:%M} UTC",
                )
            except TimeoutError:
                return None
            if self._acceptance.reported and await self._acceptance.is_there():
                return Stage.ACCEPTED
            if self._is_stopping():
                return await self._withdraw()
            self._edits.changed = False
            self._publish()
        return None

    @property
    def _next_moment(self) -> datetime:
        """The next reminder, or else when the last day is over."""
        end, days = self.record.require_terms().availability_end, self.record.policy.reminder_days
        return next(iter(reminder_times(end, days, self._reminded)), self._closing_time)

    @property
    def _closing_time(self) -> datetime:
        """When an acceptance in the last second has come to light, too."""
        return (
            end_of_day(self.record.require_terms().availability_end)
            + self.record.policy.expiry_grace
        )

    async def _at_closing(self) -> Stage | None:
        """The last day is over: accepted in time, or expired; None if somebody extended it."""
        if await self._acceptance.is_there():
            return Stage.ACCEPTED
        shown = await ask(self._people, AwsCatalog.read_offer, self.record.require_offer_id())
        if shown.availability_end is None or shown.is_void(self._now().date()):
            return Stage.EXPIRED
        self.record.extend(shown.availability_end)
        self._publish()
        return None

    # Where the offer is, for all to see -----------------------------------------------------------

    def _enter(self, stage: Stage) -> None:
        self.record.enter(stage, self._now())
        self._settle(stage)
        workflow.set_current_details(card(self.record))
        if stage not in MOMENTARY:
            self._publish()
        self._correspondence.stage_began(stage)
        if self.record.amends and stage in TOLD_TO_ORIGINAL:
            self._tell_original()

    def _settle(self, stage: Stage) -> None:
        """Wishes that came too late have had their answer."""
        if stage is Stage.ACCEPTED and self._is_stopping():
            self._correspondence.tell_owner(
                EmailKind.OWNER_TOO_LATE_TO_AMEND
                if self._stopping is Stage.DRAFT
                else EmailKind.OWNER_TOO_LATE_TO_CANCEL
            )
        can_be_made_anew = stage is Stage.EXPIRED and not self.record.amends
        making_anew = can_be_made_anew and self._stopping is Stage.DRAFT
        if (stage is Stage.ACCEPTED or stage.is_end) and not making_anew:
            self._stopping = None
        if stage not in OPEN:
            self._edits.drop(f"the offer is {stage}")

    def _tell_original(self) -> None:
        record = self.record
        original = offer_path(record.opportunity_id, record.amends.number if record.amends else 0)
        news = Amendment(
            number=record.amendment,
            stage=record.stage,
            offer_id=record.offer_id,
            agreement_id=record.agreement.agreement_id if record.agreement else None,
        )
        self._correspondence.run_errand(
            report(workflow_id(original), OfferWorkflow.amendment_reported, news)
        )

    async def _leave(self) -> None:
        """What goes on beside the story ends with it, and wishes come too late from now on."""
        self._closed = True
        self._edits.drop(f"the offer is {self.record.stage}")
        if self._linking:
            self._linking.cancel()
        self._cancellation.stop()
        if self._leaving or self.record.stage is Stage.DISBURSED:
            await self._amendments.call_off("nobody follows the original any more")
        await self._amendments.finished()

    def _publish(self, *, tell_salesforce: bool = True) -> None:
        """Show the record: in search, in the UI, and soon in Salesforce."""
        attributes = values(self.record)
        if changes := updates(self._published, attributes):
            workflow.upsert_search_attributes(changes)
        self._published = attributes
        workflow.set_current_details(card(self.record))
        if not tell_salesforce:
            return
        if self._amendments.was_accepted:
            self._write_back.drop()  # what took its place writes to the opportunity now
        else:
            self._write_back.add(opportunity_update(self.record))
