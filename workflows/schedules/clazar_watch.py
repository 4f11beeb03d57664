"""Reading Clazar's change feed once for all offers.

Our offers are linked to their opportunities there, so that Clazar's own sync with Salesforce shows
them.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.watch import WatchRequest, last_cursor

with workflow.unsafe.imports_passed_through():
    from activities.clazar.offers import ChangedOffer, Clazar, ClazarPosition, LinkOffer
    from activities.temporal.signals import OfferSignals, OurOffer
    from offers.feed import FeedCursor
    from offers.ids import opportunity_id_of
    from offers.preflight.marketplace import ObservedOffer

FIRST_LOOK_BACK = timedelta(days=7)
"""How far the first reading goes back: Clazar shows an offer within minutes or hours."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class ClazarWatch:
    """One run: read what is new, link our offers, and signal those concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> FeedCursor[ChangedOffer]:
        """Gives the cursor from which the next run reads."""
        cursor = last_cursor(FeedCursor[ChangedOffer], request.clock, FIRST_LOOK_BACK)
        waiting = {offer_id: each.changed_at for offer_id, each in cursor.unmatched.items()}
        position = ClazarPosition(
            since=cursor.read_from(request.overlap), known=cursor.handled | waiting
        )
        changes = await start_activity(Clazar.read_changes, position)
        read = {each.offer.offer_id: each for each in changes.offers}
        news = [each.offer for each in cursor.news(read).values()]
        ours = await self._link_and_signal(news) if news else set()
        now = request.clock.business_time(workflow.now())
        return cursor.after(read, ours, request.overlap, now)

    async def _link_and_signal(self, offers: list[ObservedOffer]) -> set[str]:
        """Link what is not linked yet, and signal it; gives the ids of our offers."""
        ours = await start_activity(OfferSignals.find_our_offers, offers)
        news = [each for each in ours if not each.is_linked]
        links = [
            LinkOffer(clazar_id=clazar_id, opportunity_id=opportunity_id_of(each.workflow_id))
            for each in news
            if each.is_known and (clazar_id := each.observed.clazar_id)
        ]
        linked = set(await start_activity(Clazar.link_offers, links) if links else [])
        if news:
            await start_activity(
                OfferSignals.signal_observed_offers, [_as_linked(each, linked) for each in news]
            )
        return {each.observed.offer_id for each in ours}


def _as_linked(ours: OurOffer, linked: set[str]) -> OurOffer:
    if ours.observed.clazar_id not in linked:
        return ours
    observed = ours.observed.model_copy(update={"linked_to": opportunity_id_of(ours.workflow_id)})
    return ours.model_copy(update={"observed": observed})
