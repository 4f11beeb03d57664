"""Reading AWS's agreement feed once for all offers."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

from workflows.common.activity_options import start_activity
from workflows.schedules.watch import WatchRequest, last_cursor

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements, FeedPosition
    from activities.temporal.signals import OfferSignals
    from offers.agreements.agreement import AgreementReport
    from offers.feed import FeedCursor

FIRST_LOOK_BACK = timedelta(days=35)
"""How far the first reading goes back: longer than an offer is usually open."""

READINGS = 20
"""In one run: after a long outage the feed takes several."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class AgreementWatch:
    """One run: read what is new, and signal the offers concerned and no others."""

    @workflow.run
    async def run(self, request: WatchRequest) -> FeedCursor[AgreementReport]:
        """Gives the cursor from which the next run reads."""
        cursor = last_cursor(FeedCursor[AgreementReport], request.clock, FIRST_LOOK_BACK)
        for _ in range(READINGS):
            cursor = await self._read_on(cursor, request)
            if not cursor.is_behind:
                break
        return cursor

    async def _read_on(
        self, cursor: FeedCursor[AgreementReport], request: WatchRequest
    ) -> FeedCursor[AgreementReport]:
        since = cursor.read_from(request.overlap)
        page = await start_activity(AwsAgreements.read_agreement_feed, FeedPosition(since=since))
        read = {each.agreement_id: each for each in page.reports}
        news = list(cursor.news(read).values())
        ours = await start_activity(OfferSignals.signal_agreements, news) if news else []
        now = request.clock.business_time(workflow.now())
        return cursor.after(read, set(ours), request.overlap, now, is_behind=not page.is_complete)
