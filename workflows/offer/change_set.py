"""Generation: AWS builds the offer, in about 45 minutes and once in a while in hours."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, RetryState, is_cancelled_exception

from workflows.common.activity_options import failure_of, start_activity
from workflows.common.escalation import ask, need
from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ChangeSetOutcome, WaitForChangeSet
    from activities.email.message import EmailKind
    from offers.lifecycle.record import Attention, OfferRecord


class Generation:
    """One activity that the server retries while AWS is at it, however long that takes."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        now: Callable[[], datetime],
        cancelling: Callable[[], bool],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._now = now
        self._cancelling = cancelling
        self._late_at = now() + record.policy.publication.delayed_after
        self._late: Attention | None = None
        self._done_reported = False
        self._stopped = False

    def report_done(self) -> None:
        """AWS is said to have finished: look at once instead of at the next turn."""
        self._done_reported = True

    async def outcome(self) -> ChangeSetOutcome:
        """AWS's verdict.  A wish to cancel stops AWS if it is early enough."""
        while True:
            if outcome := await self._ask():
                if self._late:
                    self._people.dismiss(self._late)
                return outcome
            if self._cancelling() and not self._stopped:
                self._stopped = True
                await ask(
                    self._people,
                    AwsCatalog.cancel_change_set,
                    self._record.require_change_set_id(),
                )

    async def _ask(self) -> ChangeSetOutcome | None:
        """Ask until AWS has finished; None if it is time to do something else first."""
        left = self._record.clock.real_duration(self._late_at - self._now())
        asking = start_activity(
            AwsCatalog.wait_for_change_set,
            WaitForChangeSet(
                change_set_id=self._record.require_change_set_id(),
                polling=self._record.policy.publication,
            ),
            budget=None if self._late else max(left, timedelta(seconds=1)),
        )
        await workflow.wait_condition(lambda: asking.done() or self._interrupted())
        if not asking.done():
            asking.cancel()
            with suppress(ActivityError):
                await asking
            self._done_reported = False
            return None
        try:
            return await asking
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            if error.retry_state is RetryState.TIMEOUT:
                self._call_late()
            else:
                await self._people.wait_for(*need(failure_of(error)), or_when=self._interrupted)
            return None

    def _interrupted(self) -> bool:
        return self._done_reported or (self._cancelling() and not self._stopped)

    def _call_late(self) -> None:
        self._late = self._people.call(
            "generating-late",
            f"AWS has been building the offer for {self._record.policy.publication.delayed_after}",
            "Ask AWS about the change set if it goes on; it is still followed",
        )
        self._correspondence.tell_owner(EmailKind.OWNER_LATE)
