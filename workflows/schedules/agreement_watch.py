"""Watching AWS Marketplace once for all offers: one reading of the agreement feed per turn."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from temporalio import workflow

from workflows.common.activity_options import start

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, FeedPosition
    from activities.temporal.signals import Reporting
    from offers.agreements.agreement import AgreementReport
    from offers.clock import Clock

FIRST_LOOK_BACK = timedelta(days=35)
"""How far the first reading goes back: longer than an offer is usually open."""

UNCLAIMED_FOR = timedelta(days=1)
"""How long an agreement that belongs to no offer is tried again: offers are known to search some
time after AWS has made them."""


MOST_UNCLAIMED = 2000
"""The newest of them: well within a payload's two megabytes."""


class WatchRequest(BaseModel):
    """How the feed is read."""

    model_config = ConfigDict(frozen=True)

    clock: Clock
    overlap: timedelta
    """How far each reading goes back behind the newest entry seen: entries may appear late."""


class WatchPosition(BaseModel):
    """How far the feed has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime
    """The last update of the newest agreement seen."""
    is_behind: bool = False
    """Whether there was more than one reading takes in."""
    reported: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By agreement id, the last update that was passed on, as far back as the overlap."""
    unclaimed: tuple[AgreementReport, ...] = ()
    """What belongs to no offer in search: another seller's system's, or an offer of ours that
    search does not show yet.  It is tried again for a day."""

    def read_from(self, overlap: timedelta) -> datetime:
        """Where the next reading begins: a full one must not be the same again."""
        return self.newest if self.is_behind else self.newest - overlap


@workflow.defn
class MarketplaceWatch:
    """One turn: read what is new, and signal the offers concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> WatchPosition:
        """Gives the position from which the next turn reads."""
        position = self._last_position(request)
        since = position.read_from(request.overlap)
        page = await start(AwsAgreements.read_agreement_feed, FeedPosition(since=since))
        latest = {r.agreement_id: r for r in (*position.unclaimed, *page.reports)}
        news = [r for r in latest.values() if position.reported.get(r.agreement_id) != r.updated_at]
        passed_on = await self._pass_on(news) if news else []
        newest = max([position.newest, *(r.updated_at for r in page.reports)])
        reported = position.reported | {r.agreement_id: r.updated_at for r in passed_on}
        return WatchPosition(
            newest=newest,
            is_behind=not page.is_all,
            reported={a: at for a, at in reported.items() if at >= newest - request.overlap},
            unclaimed=tuple(
                r for r in news if r not in passed_on and r.updated_at >= newest - UNCLAIMED_FOR
            )[-MOST_UNCLAIMED:],
        )

    def _last_position(self, request: WatchRequest) -> WatchPosition:
        if last := workflow.get_last_completion_result(WatchPosition):
            return last
        now: datetime = request.clock.business_time(workflow.now())
        return WatchPosition(newest=now - FIRST_LOOK_BACK)

    async def _pass_on(self, news: list[AgreementReport]) -> list[AgreementReport]:
        """Signal the offers concerned."""
        told = set(await start(Reporting.report_agreements, news))
        return [report for report in news if report.agreement_id in told]
