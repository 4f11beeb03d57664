"""Tying the offer to its opportunity in Clazar, so that Clazar's own sync shows it."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.common.escalation import LATE_REMEDY, ask
from workflows.offer.attentions import People

with workflow.unsafe.imports_passed_through():
    from activities.clazar.offers import Clazar, FindOffers, LinkOffer
    from offers.lifecycle.record import OfferRecord
    from offers.preflight.marketplace import ObservedOffer


class Linking:
    """Whether our offers are tied to the opportunity: Clazar's watch ties them and tells."""

    def __init__(self, record: OfferRecord, people: People) -> None:
        self._record = record
        self._people = people
        self._in_clazar: dict[str, ObservedOffer] = {}
        self._is_late = False

    def heard(self, seen: ObservedOffer) -> None:
        """The feed shows an offer."""
        if seen.clazar_id:
            self._in_clazar[seen.offer_id] = seen

    def passes(self, now: datetime) -> None:
        """Time has passed: it may be late by now.  No timer of its own, for it is hardly ever."""
        budget = self._record.policy.clazar_link_within
        self._is_late = self._is_late or now >= self._record.stage_since + budget

    async def link(self) -> None:
        """Tie the offer as soon as Clazar shows it; people are called if it is late when looked."""
        offer_id = self._record.require_offer_id()
        self._is_late = False
        while True:
            await workflow.wait_condition(lambda: offer_id in self._in_clazar or self._is_late)
            if offer_id not in self._in_clazar and not await self._is_there_after_all(offer_id):
                await self._people.wait_for(
                    "late",
                    "Clazar does not show the offer",
                    LATE_REMEDY,
                    or_when=lambda: offer_id in self._in_clazar,
                )
                continue
            return await self._tie(self._in_clazar[offer_id])

    async def _tie(self, seen: ObservedOffer) -> None:
        """The watch ties what it can; what it could not is asked for with patience."""
        opportunity = self._record.opportunity_id
        if seen.clazar_id and seen.linked_to != opportunity:
            link = LinkOffer(clazar_id=seen.clazar_id, opportunity_id=opportunity)
            await ask(self._people, Clazar.link_offer, link)

    async def _is_there_after_all(self, offer_id: str) -> bool:
        """A look of one's own: perhaps nobody reads the feed."""
        query = FindOffers(
            offer_id=offer_id, created_after=self._record.history[0].at - timedelta(days=1)
        )
        for seen in await ask(self._people, Clazar.find_offers, query):
            self.heard(seen)
        return offer_id in self._in_clazar
