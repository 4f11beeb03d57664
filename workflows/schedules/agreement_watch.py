"""Reading AWS's agreement feed once for all offers."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, FeedPosition
    from activities.temporal.signals import OfferSignals
    from offers.agreements.agreement import AgreementReport
    from offers.clock import Clock
    from offers.model import FrozenModel

FIRST_LOOK_BACK = timedelta(days=35)
"""How far the first reading goes back: longer than an offer is usually open."""

UNMATCHED_FOR = timedelta(days=1)
"""How long an agreement that belongs to no offer is tried again: search shows
offers some time after AWS has created them."""

UNMATCHED_LIMIT = 2000
"""The newest of them: well within a payload's two megabytes."""


class WatchRequest(FrozenModel):
    """How a feed is read."""

    clock: Clock
    overlap: timedelta
    """How far each reading goes back behind the newest entry seen: entries may appear late."""


class AgreementWatchPosition(FrozenModel):
    """How far the feed has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime
    """The last update of the newest agreement seen."""
    is_behind: bool = False
    """Whether there was more than one reading takes in."""
    signalled: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By agreement id, the last update that was signalled, as far back as the overlap."""
    unmatched: tuple[AgreementReport, ...] = ()
    """What belongs to no offer in search: another seller system's, or one of ours that search does
    not show yet.  It is tried again for a day."""

    def read_from(self, overlap: timedelta) -> datetime:
        """Where the next reading begins: one that was cut short must not be repeated."""
        return self.newest if self.is_behind else self.newest - overlap


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class AgreementWatch:
    """One run: read what is new, and signal the offers concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> AgreementWatchPosition:
        """Gives the position from which the next run reads."""
        position = self._last_position(request)
        since = position.read_from(request.overlap)
        page = await start_activity(AwsAgreements.read_agreement_feed, FeedPosition(since=since))
        latest = {r.agreement_id: r for r in (*position.unmatched, *page.reports)}
        news = [
            r for r in latest.values() if position.signalled.get(r.agreement_id) != r.updated_at
        ]
        signalled = await self._signal_offers(news) if news else []
        newest = max([position.newest, *(r.updated_at for r in page.reports)])
        reported = position.signalled | {r.agreement_id: r.updated_at for r in signalled}
        return AgreementWatchPosition(
            newest=newest,
            is_behind=not page.is_complete,
            signalled={a: at for a, at in reported.items() if at >= newest - request.overlap},
            unmatched=tuple(
                r for r in news if r not in signalled and r.updated_at >= newest - UNMATCHED_FOR
            )[-UNMATCHED_LIMIT:],
        )

    def _last_position(self, request: WatchRequest) -> AgreementWatchPosition:
        if last := workflow.get_last_completion_result(AgreementWatchPosition):
            return last
        now: datetime = request.clock.business_time(workflow.now())
        return AgreementWatchPosition(newest=now - FIRST_LOOK_BACK)

    async def _signal_offers(self, news: list[AgreementReport]) -> list[AgreementReport]:
        """Signal the offers concerned."""
        signalled = set(await start_activity(OfferSignals.signal_agreements, news))
        return [report for report in news if report.agreement_id in signalled]
