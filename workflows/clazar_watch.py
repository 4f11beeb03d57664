"""Watching Clazar once for all offers: one reading of its change feed per turn."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field
from temporalio import workflow

from workflows.calls import start
from workflows.watch import MOST_UNCLAIMED, UNCLAIMED_FOR, WatchRequest

with workflow.unsafe.imports_passed_through():
    from activities.clazar import ChangedOffer, Clazar, ClazarPosition
    from activities.reporting import Reporting

FIRST_LOOK_BACK = timedelta(days=7)
"""How far the first reading goes back: Clazar shows an offer within minutes or hours."""


class ClazarWatchPosition(BaseModel):
    """How far the feed has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime
    """The last change of the newest offer seen."""
    passed_on: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By offer id, the change that was passed on, as far back as the overlap."""
    unclaimed: tuple[ChangedOffer, ...] = ()
    """What belongs to no offer in search: made by others, or one of ours that search does not show
    yet.  It is tried again for a day."""


@workflow.defn
class ClazarWatch:
    """One turn: read what is new, and signal the offers concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> ClazarWatchPosition:
        """Gives the position from which the next turn reads."""
        position = workflow.get_last_completion_result(ClazarWatchPosition)
        if position is None:
            now: datetime = request.clock.business_time(workflow.now())
            position = ClazarWatchPosition(newest=now - FIRST_LOOK_BACK)
        since = position.newest - request.overlap
        known = position.passed_on | {
            each.offer.offer_id: each.changed_at for each in position.unclaimed
        }
        read = await start(Clazar.read_changes, ClazarPosition(since=since, known=known))
        latest = {each.offer.offer_id: each for each in (*position.unclaimed, *read.offers)}
        news = [
            each
            for offer_id, each in latest.items()
            if position.passed_on.get(offer_id) != each.changed_at
        ]
        told = set(await start(Reporting.report_offers, [e.offer for e in news]) if news else [])
        newest = max([position.newest, *(each.changed_at for each in read.offers)])
        passed_on = position.passed_on | {
            e.offer.offer_id: e.changed_at for e in news if e.offer.offer_id in told
        }
        return ClazarWatchPosition(
            newest=newest,
            passed_on={o: at for o, at in passed_on.items() if at >= newest - request.overlap},
            unclaimed=tuple(
                each
                for each in news
                if each.offer.offer_id not in told and each.changed_at >= newest - UNCLAIMED_FOR
            )[-MOST_UNCLAIMED:],
        )
