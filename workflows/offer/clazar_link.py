"""Linking the offer to its opportunity in Clazar, so that Clazar's own sync shows it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.escalation import UNRESPONSIVE_REMEDY, execute_with_escalation

with workflow.unsafe.imports_passed_through():
    from activities.clazar.offers import Clazar, FindOffers, LinkOffer
    from offers.lifecycle.attentions import AttentionCode
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
        self._task = asyncio.create_task(self._link())

    def stop(self) -> None:
        """Nobody needs the link any more."""
        if self._task:
            self._task.cancel()

    def check_overdue(self) -> None:
        """See whether it is overdue by now.

        Called where the workflow wakes anyway: it is hardly ever overdue, and a timer costs.
        """
        state, record = self._ctx.state.clazar_link, self._ctx.record
        due = record.stage_since + record.policy.clazar_link_within
        state.overdue = state.overdue or self._ctx.now() >= due

    async def _link(self) -> None:
        """A person is asked if Clazar does not show the offer in time."""
        state = self._ctx.state.clazar_link
        offer_id = self._ctx.record.require_offer_id()
        state.overdue = False

        def is_shown() -> bool:
            return offer_id in state.observed and state.observed[offer_id].clazar_id is not None

        while True:
            await workflow.wait_condition(lambda: is_shown() or state.overdue)
            if is_shown() or await self._is_shown_after_all(offer_id):
                return await self._link_in_clazar(state.observed[offer_id])
            await self._ctx.attentions.wait_until_resolved(
                AttentionCode.VENDOR_UNRESPONSIVE,
                "Clazar does not show the offer",
                UNRESPONSIVE_REMEDY,
                or_when=is_shown,
            )

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
        found = self._ctx.state.clazar_link.observed.get(offer_id)
        return found is not None and found.clazar_id is not None
