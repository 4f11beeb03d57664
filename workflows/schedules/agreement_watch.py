"""Watching AWS Marketplace once for all offers: one reading of the agreement feed per turn."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from temporalio import workflow

from workflows.common.activity_options import start_activity

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, FeedPosition
    from activities.temporal.signals import OfferSignals
    from offers.agreements.agreement import AgreementReport
    from offers.clock import Clock

FIRST_LOOK_BACK = timedelta(days=35)
"""How far the first reading goes back: longer than an offer is usually open."""

UNMATCHED_FOR = timedelta(days=1)
"""How long an agreement that belongs to no offer is tried again: offers are known to search some
time after AWS has made them."""


UNMATCHED_LIMIT = 2000
"""The newest of them: well within a payload's two megabytes."""


class AgreementWatchRequest(BaseModel):
    """How the feed is read."""

    model_config = ConfigDict(frozen=True)

    clock: Clock
    overlap: timedelta
    """How far each reading goes back behind the newest entry seen: entries may appear late."""


class AgreementWatchPosition(BaseModel):
    """How far the feed has been read.  Kept by the Schedule as the result of the last run."""

    newest: AwareDatetime
    """The last update of the newest agreement seen."""
    is_behind: bool = False
    """Whether there was more than one reading takes in."""
    signalled: dict[str, AwareDatetime] = Field(default_factory=dict)
    """By agreement id, the last update that was passed on, as far back as the overlap."""
    unmatched: tuple[AgreementReport, ...] = ()
    """What belongs to no offer in search: another seller's system's, or an offer of ours that
    search does not show yet.  It is tried again for a day."""

    def read_from(self, overlap: timedelta) -> datetime:
        """Where the next reading begins: a full one must not be the same again."""
        return self.newest if self.is_behind else self.newest - overlap


@workflow.defn
class AgreementWatch:
    """One turn: read what is new, and signal the offers concerned and no others."""

    @workflow.run
    async def run(self, request: AgreementWatchRequest) -> AgreementWatchPosition:
        """Gives the position from which the next turn reads."""
        position = self._last_position(request)
        since = position.read_from(request.overlap)
        page = await start_activity(AwsAgreements.read_agreement_feed, FeedPosition(since=since))
        latest = {r.agreement_id: r for r in (*position.unmatched, *page.reports)}
        news = [
            r for r in latest.values() if position.signalled.get(r.agreement_id) != r.updated_at
        ]
        passed_on = await self._pass_on(news) if news else []
        newest = max([position.newest, *(r.updated_at for r in page.reports)])
        reported = position.signalled | {r.agreement_id: r.updated_at for r in passed_on}
        return AgreementWatchPosition(
            newest=newest,
            is_behind=not page.is_complete,
            signalled={a: at for a, at in reported.items() if at >= newest - request.overlap},
            unmatched=tuple(
                r for r in news if r not in passed_on and r.updated_at >= newest - UNMATCHED_FOR
            )[-UNMATCHED_LIMIT:],
        )

    def _last_position(self, request: AgreementWatchRequest) -> AgreementWatchPosition:
        if last := workflow.get_last_completion_result(AgreementWatchPosition):
            return last
        now: datetime = request.clock.business_time(workflow.now())
        return AgreementWatchPosition(newest=now - FIRST_LOOK_BACK)

    async def _pass_on(self, news: list[AgreementReport]) -> list[AgreementReport]:
        """Signal the offers concerned."""
        told = set(await start_activity(OfferSignals.signal_agreements, news))
        return [report for report in news if report.agreement_id in told]
