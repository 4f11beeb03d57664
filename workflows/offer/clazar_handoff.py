"""The Clazar handoff: a person creates the offer in Clazar, and it is recognised there."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import cancel_when, execute_with_escalation
from workflows.offer.state import ClazarHandoffState
from workflows.offer.waiting import wait_in_stage, wait_until

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ReleasedOffer, WaitForRelease
    from activities.clazar.offers import Clazar, FindOffers
    from activities.email.message import EmailKind
    from activities.errors import Failure
    from activities.salesforce.write_back import ClazarHandoffTask, Salesforce
    from offers.findings import Severity
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.clazar_field_sheet import clazar_reference, with_reference
    from offers.lifecycle.read_back import (
        DIFFERENCE,
        PublishedOffer,
        UnsupportedTerms,
        differences,
        terms_from_published,
    )
    from offers.lifecycle.reminders import times_after
    from offers.preflight.marketplace import ObservedOffer
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

DIFFERENCE_REMEDY = (
    "Approve it as it is, or decline to have it withdrawn and created again, or correct it in"
    " Clazar and resume"
)


class ClazarHandoff:
    """One offer that a person is to create."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._opening: asyncio.Task[None] | None = None

    @property
    def is_active(self) -> bool:
        """Whether this revision is created in Clazar."""
        return self._ctx.state.clazar_handoff is not None

    @property
    def _state(self) -> ClazarHandoffState:
        state = self._ctx.state.clazar_handoff
        if state is None:
            raise ValueError("there is no handoff")
        return state

    def begin(self) -> None:
        """From now on the offer is expected in Clazar."""
        record = self._ctx.record
        reference = clazar_reference(record.opportunity_id, record.revision)
        terms = with_reference(record.require_terms(), reference)
        record.terms = terms
        self._ctx.state.clazar_handoff = ClazarHandoffState(
            reference=reference,
            requested_terms=terms,
            since=self._ctx.now(),
            reminded_until=self._ctx.now(),
        )
        for observed in self._ctx.state.clazar_link.observed.values():
            self.observe(observed)

    def end(self) -> None:
        """The offer is created, or is not wanted any more."""
        self._ctx.state.clazar_handoff = None

    def name_offer(self, offer_id: str) -> None:
        """A person says which offer it is."""
        if self.is_active:
            self._state.named_offer_id = offer_id

    def observe(self, observed: ObservedOffer) -> None:
        """Clazar or AWS shows an offer: if its name contains the reference, it is the one."""
        if self.is_active and self._state.reference in (observed.name or ""):
            self._state.found_offer_id = self._state.found_offer_id or observed.offer_id

    def has_news(self) -> bool:
        """Whether a person names another offer, or the offer is not wanted any more."""
        return self._state.named_offer_id is not None or self._ctx.is_withdrawing()

    async def wait_created(self) -> str | None:
        """The id of the offer that was created; None if there is none and none is wanted any more.

        Raises StageInterrupted if the run is to continue as new; called again, it goes on waiting.
        """
        state, notifications = self._state, self._ctx.notifications
        if state.attention is None:
            state.attention = self._ctx.attentions.raise_(
                AttentionCode.AWAITING_CLAZAR_OFFER,
                f"The offer is to be created in Clazar, with {state.reference} in its name",
                "Copy the field sheet into Clazar's form; the offer is recognised by its name, or a"
                " person says which one it is",
            ).number
            notifications.notify_owner(EmailKind.OWNER_CLAZAR_HANDOFF)
            self._opening = notifications.run_in_background(self._open(self._salesforce_task))
        offer_id = await self._find()
        self._ctx.attentions.dismiss(state.attention)
        notifications.run_in_background(self._close(self._salesforce_task, self._opening))
        self._opening = None
        if offer_id is None:
            changed = self._ctx.control.withdraw_to is Stage.DRAFT
            notifications.notify_owner(
                EmailKind.OWNER_CLAZAR_HANDOFF_CHANGED
                if changed
                else EmailKind.OWNER_CLAZAR_HANDOFF_CANCELLED
            )
        return offer_id

    async def wait_released(self) -> ReleasedOffer | None:
        """The offer as AWS shows it once released; None if it is cancelled and never was."""
        state, record, attentions = self._state, self._ctx.record, self._ctx.attentions
        polling = record.policy.publication
        while True:
            offer_id = state.named_offer_id or record.require_offer_id()
            state.named_offer_id = None
            record.offer_id = offer_id
            wait = WaitForRelease(offer_id=offer_id, polling=polling)
            released = await cancel_when(
                self.has_news,
                execute_with_escalation(
                    attentions,
                    AwsCatalog.wait_for_release,
                    wait,
                    budget=record.clock.real_duration(polling.delayed_after),
                ),
            )
            if released:
                return released
            if state.named_offer_id:
                continue
            if not await self._is_known(offer_id):
                return None
            # AWS has begun to create it, and only what is released can be made void.
            return await execute_with_escalation(attentions, AwsCatalog.wait_for_release, wait)

    def accepts(self, published: PublishedOffer) -> bool:
        """Whether the offer is as requested, or every difference is approved.

        Approvers are shown the deal as it was created.
        """
        record, state = self._ctx.record, self._state
        rule = record.policy.rules.clazar_difference
        others = tuple(f for f in record.findings if f.code != DIFFERENCE)
        state.differences = tuple(
            finding
            for each in differences(state.requested_terms, published)
            for finding in rule.violation(
                each.code, each.field, each.problem, DIFFERENCE_REMEDY, each.seen
            )
        )
        try:
            record.terms = terms_from_published(state.requested_terms, published)
        except UnsupportedTerms as unsupported:
            state.differences = unsupported.findings
        record.findings = others + state.differences
        return not record.blocking_findings

    def rejects(self) -> bool:
        """Whether a difference is one that nobody may approve, or that somebody declined."""
        return any(
            finding.severity is Severity.REFUSE or self._ctx.record.is_declined(finding)
            for finding in self._state.differences
        )

    def is_ours(self, published: PublishedOffer) -> bool:
        """Whether an offer was created for this handoff: any other is not ours to withdraw."""
        return self._state.reference in (published.name or "")

    async def other_open_offers(self) -> list[str]:
        """Further offers that were created for this handoff and that buyers can still accept."""
        open_offers = []
        for offer_id in await self._named_in_clazar():
            if offer_id != self._ctx.record.offer_id:
                shown = await execute_with_escalation(
                    self._ctx.attentions, AwsCatalog.read_offer, offer_id
                )
                if shown.released and not shown.is_void(self._ctx.now().date()):
                    open_offers.append(offer_id)
        return open_offers

    async def _open(self, task: ClazarHandoffTask) -> None:
        await execute_with_escalation(self._ctx.attentions, Salesforce.open_handoff_task, task)

    async def _close(self, task: ClazarHandoffTask, opening: asyncio.Task[None] | None) -> None:
        if opening:  # an earlier run's has been opened long ago
            await workflow.wait([opening])
        await execute_with_escalation(self._ctx.attentions, Salesforce.close_handoff_task, task)

    @property
    def _salesforce_task(self) -> ClazarHandoffTask:
        """A task for the owner in Salesforce, open as long as the offer is waited for."""
        return ClazarHandoffTask(
            opportunity_id=self._ctx.record.opportunity_id,
            revision=self._ctx.record.revision,
            terms=self._state.requested_terms,
        )

    async def _find(self) -> str | None:
        """Wait until the offer is there; if it is not wanted any more, look once more."""
        state, acceptance = self._state, self._ctx.acceptance

        def has_news() -> bool:
            return self._is_found() or acceptance.is_earlier_reported or self._ctx.control.replan

        while not self._is_found():
            self._ctx.control.replan = False
            if acceptance.is_earlier_reported:
                if await acceptance.find_late_acceptance():
                    break
            elif (moment := self._next_reminder) is None:
                await wait_in_stage(self._ctx, has_news)
            elif not await wait_until(self._ctx, moment, "next Clazar handoff reminder", has_news):
                await self._remind(moment)
        if found := state.named_offer_id or state.found_offer_id:
            return found
        return next(iter(await self._named_in_clazar()), None)

    def _is_found(self) -> bool:
        return self._state.found_offer_id is not None or self.has_news()

    @property
    def _next_reminder(self) -> datetime | None:
        state, policy = self._state, self._ctx.record.policy
        reminders = times_after(
            state.since, policy.clazar_handoff.remind_after, state.reminded_until
        )
        return next(iter(reminders), None)

    async def _remind(self, moment: datetime) -> None:
        """Remind the owner that the offer is to be created.

        Clazar is asked first: perhaps nobody reads its feed.
        """
        state = self._state
        named = await cancel_when(self._is_found, self._named_in_clazar())
        state.reminded_until = moment
        if named:
            state.found_offer_id = named[0]
        elif not self._is_found():
            self._ctx.notifications.notify_owner(
                EmailKind.OWNER_CLAZAR_HANDOFF, f"after {moment - state.since}"
            )

    async def _named_in_clazar(self) -> list[str]:
        """The offers whose names contain the reference in Clazar now."""
        state = self._state
        query = FindOffers(reference=state.reference, created_after=state.since - timedelta(days=1))
        found = await execute_with_escalation(self._ctx.attentions, Clazar.find_offers, query)
        return [observed.offer_id for observed in found]

    async def _is_known(self, offer_id: str) -> bool:
        try:
            await execute_with_escalation(
                self._ctx.attentions, AwsCatalog.read_offer, offer_id, expected=Failure.REJECTED
            )
        except ActivityError:
            return False
        return True
