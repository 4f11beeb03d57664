"""Linking the offer to its opportunity in Clazar, so that Clazar's own sync shows it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.escalation import UNRESPONSIVE_REMEDY, execute_with_escalation
from workflows.common.waiting import wait_condition

with workflow.unsafe.imports_passed_through():
    from activities.clazar.offers import Clazar, FindOffers, LinkOffer
    from offers.diagnosis.sentences import NOT_IN_CLAZAR
    from offers.lifecycle.attentions import AttentionCode, Vendor
    from offers.preflight.marketplace import ObservedOffer

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class ClazarLink:
    """Whether the offer is linked: the Clazar watch links offers and reports them."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._task: asyncio.Task[None] | None = None

    def observe(self, observed: ObservedOffer) -> None:
        """Clazar or AWS shows an offer."""
        known = self._ctx.state.clazar_link.observed
        if observed.clazar_id or observed.offer_id not in known:  # AWS knows no id of Clazar's
            known[observed.offer_id] = observed

    def start(self) -> None:
        """Link the offer as soon as Clazar shows it, beside the stages."""
        self.stop()  # an earlier revision's
        state = self._ctx.state.clazar_link
        state.offer_id, state.overdue = self._ctx.record.require_offer_id(), False
        self.restart()

    def restart(self) -> None:
        """Go on in a run that continues another."""
        if (offer_id := self._ctx.state.clazar_link.offer_id) is not None:
            self._task = self._ctx.start(self._link(offer_id))

    def stop(self) -> None:
        """Nobody needs the link any more."""
        if self._task:
            self._task.cancel()
        state = self._ctx.state.clazar_link
        if state.attention is not None:
            self._ctx.attentions.dismiss(state.attention)
        state.offer_id = state.attention = None

    @property
    def is_idle(self) -> bool:
        """Whether Clazar is not being called: the link is made, or something is waited for."""
        state = self._ctx.state.clazar_link
        return (
            state.offer_id is None
            or state.attention is not None
            or not (self._is_shown(state.offer_id) or state.overdue)
        )

    def check_overdue(self) -> None:
        """See whether it is overdue by now.

        Called where the workflow wakes anyway: it is hardly ever overdue, and a timer costs.
        """
        state, record = self._ctx.state.clazar_link, self._ctx.record
        due = record.stage_since + record.policy.clazar_link_within
        state.overdue = state.overdue or self._ctx.now() >= due

    async def _link(self, offer_id: str) -> None:
        """A person is asked if Clazar does not show the offer in time."""
        state, attentions = self._ctx.state.clazar_link, self._ctx.attentions

        def is_shown() -> bool:
            return self._is_shown(offer_id)

        while True:
            if state.attention is None:
                await wait_condition(lambda: is_shown() or state.overdue)
                if is_shown() or await self._is_shown_after_all(offer_id):
                    break
                state.attention = attentions.raise_(
                    AttentionCode.VENDOR_UNRESPONSIVE,
                    NOT_IN_CLAZAR,
                    UNRESPONSIVE_REMEDY,
                    vendor=Vendor.CLAZAR,
                ).number
            raised = state.attention
            await wait_condition(lambda: is_shown() or not attentions.is_open(raised))  # noqa: B023
            state.attention = None
            attentions.dismiss(raised)
        await self._link_in_clazar(state.observed[offer_id])
        state.offer_id = None

    async def _link_in_clazar(self, observed: ObservedOffer) -> None:
        """The watch links what it can; what it could not is tried until it succeeds."""
        opportunity = self._ctx.record.opportunity_id
        if observed.clazar_id and observed.linked_to != opportunity:
            link = LinkOffer(clazar_id=observed.clazar_id, opportunity_id=opportunity)
            await execute_with_escalation(self._ctx.attentions, Clazar.link_offer, link)

    async def _is_shown_after_all(self, offer_id: str) -> bool:
        """Ask Clazar: perhaps nobody reads its feed."""
        created_after = self._ctx.record.history[0].at - timedelta(days=1)
        query = FindOffers(offer_id=offer_id, created_after=created_after)
        for observed in await execute_with_escalation(
            self._ctx.attentions, Clazar.find_offers, query
        ):
            self.observe(observed)
        return self._is_shown(offer_id)

    def _is_shown(self, offer_id: str) -> bool:
        found = self._ctx.state.clazar_link.observed.get(offer_id)
        return found is not None and found.clazar_id is not None
