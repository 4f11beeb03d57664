"""The context of one offer's workflow: its state, its clock, and its components."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from temporalio import workflow

from workflows.offer.acceptance import Acceptance
from workflows.offer.agreement_cancellation import AgreementCancellation
from workflows.offer.amendments import Amendments
from workflows.offer.approvals import Approvals
from workflows.offer.attentions import Attentions
from workflows.offer.buyer_confirmation import BuyerConfirmation
from workflows.offer.change_set import ChangeSetFollower
from workflows.offer.clazar_handoff import ClazarHandoff
from workflows.offer.clazar_link import ClazarLink
from workflows.offer.edits import Edits
from workflows.offer.notifications import Notifications
from workflows.offer.payout_tracking import PayoutTracking
from workflows.offer.refunds import Refunds
from workflows.offer.renewal_reminders import RenewalReminders
from workflows.offer.salesforce_sync import SalesforceSync
from workflows.offer.state import Control, OfferState
from workflows.offer.summary_memo import SummaryMemo
from workflows.offer.webhooks import Webhooks

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.record import OfferRecord


class BackgroundTaskFailed(Exception):
    """A bug in what runs beside the stages.

    It fails the workflow task, which is tried again with the next build; what it was caused by may
    be the failure of an activity, which would end the workflow.
    """

    def __init__(self) -> None:
        super().__init__("a task beside the stages failed")


class OfferContext:
    """What stages, components and handlers work on.

    Everything that must survive a restart of the run is in `state`; a component keeps handles of
    work in flight and nothing else.
    """

    def __init__(self, state: OfferState) -> None:
        self.state = state
        self.failure: BaseException | None = None
        """The first exception of what runs beside the stages."""
        self.attentions = Attentions(self)
        self.notifications = Notifications(self)
        self.approvals = Approvals(self)
        self.buyer_confirmation = BuyerConfirmation(self)
        self.acceptance = Acceptance(self)
        self.edits = Edits(self)
        self.change_set = ChangeSetFollower(self)
        self.clazar_handoff = ClazarHandoff(self)
        self.clazar_link = ClazarLink(self)
        self.amendments = Amendments(self)
        self.agreement_cancellation = AgreementCancellation(self)
        self.payout_tracking = PayoutTracking(self)
        self.refunds = Refunds(self)
        self.renewal_reminders = RenewalReminders(self)
        self.salesforce_sync = SalesforceSync(self)
        self.summary_memo = SummaryMemo(self)
        self.webhooks = Webhooks(self)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done beside the stages; a bug in it fails the workflow task.

        Without this nobody would hear of an exception in a task that nothing waits for.
        """
        task = asyncio.create_task(work)
        task.add_done_callback(self._note_failure)
        return task

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failure = self.failure or task.exception()

    def raise_failure(self) -> None:
        """Raises BackgroundTaskFailed if something beside the stages has failed."""
        if self.failure is not None:
            raise BackgroundTaskFailed from self.failure

    @property
    def record(self) -> OfferRecord:
        """What is known of the offer."""
        return self.state.record

    @property
    def control(self) -> Control:
        """What was asked and is not done yet."""
        return self.state.control

    def now(self) -> datetime:
        """The business time (UTC)."""
        return self.record.clock.business_time(workflow.now())

    def is_withdrawing(self) -> bool:
        """Whether this revision is to be given up."""
        return self.control.withdraw_to is not None

    def is_outdated(self) -> bool:
        """Whether the last preflight report is not about the terms as they are now."""
        return self.is_withdrawing() or self.control.checked_version != self.control.changes_version
