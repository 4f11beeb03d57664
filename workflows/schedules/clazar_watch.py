"""Reading Clazar's change feed once for all offers.

Our offers are linked to their opportunities there, so that Clazar's own sync with Salesforce shows
them.
"""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.agreement_watch import (
    UNMATCHED_FOR,
    UNMATCHED_LIMIT,
    WatchRequest,
)

with workflow.unsafe.imports_passed_through():
    from activities.clazar.offers import ChangedOffer, Clazar, ClazarPosition, LinkOffer
    from activities.temporal.signals import OfferSignals, OurOffer
    from offers.ids import opportunity_id_of
    from offers.model import FrozenModel
    from offers.preflight.marketplace import ObservedOffer

FIRST_LOOK_BACK = timedelta(days=7)
"""How far the first reading goes back: Clazar shows an offer within minutes or hours."""


class ClazarWatchPosition(FrozenModel):
    """How far the feed has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime
    """The last change of the newest offer seen."""
    signalled: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By offer id, the change that was signalled, as far back as the overlap."""
    unmatched: tuple[ChangedOffer, ...] = ()
    """What belongs to no offer in search: another seller system's, or one of ours that search does
    not show yet.  It is tried again for a day."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class ClazarWatch:
    """One run: read what is new, link our offers, and signal those concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> ClazarWatchPosition:
        """Gives the position from which the next run reads."""
        position = workflow.get_last_completion_result(ClazarWatchPosition)
        if position is None:
            now: datetime = request.clock.business_time(workflow.now())
            position = ClazarWatchPosition(newest=now - FIRST_LOOK_BACK)
        since = position.newest - request.overlap
        known = position.signalled | {
            each.offer.offer_id: each.changed_at for each in position.unmatched
        }
        read = await start_activity(Clazar.read_changes, ClazarPosition(since=since, known=known))
        latest = {each.offer.offer_id: each for each in (*position.unmatched, *read.offers)}
        news = [
            each
            for offer_id, each in latest.items()
            if position.signalled.get(offer_id) != each.changed_at
        ]
        ours = await self._link_and_signal([each.offer for each in news]) if news else set()
        newest = max([position.newest, *(each.changed_at for each in read.offers)])
        signalled = position.signalled | {
            e.offer.offer_id: e.changed_at for e in news if e.offer.offer_id in ours
        }
        return ClazarWatchPosition(
            newest=newest,
            signalled={o: at for o, at in signalled.items() if at >= newest - request.overlap},
            unmatched=tuple(
                each
                for each in news
                if each.offer.offer_id not in ours and each.changed_at >= newest - UNMATCHED_FOR
            )[-UNMATCHED_LIMIT:],
        )

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
