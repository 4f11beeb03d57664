"""Renewals: the owner hears, some time before an agreement ends, that it does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from activities.temporal.renewals import Renewals
    from offers.agreements.renewal import RenewalSearch, first_agreement
    from offers.lifecycle.reminders import due_renewal_reminder, renewal_reminder_times

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

SEARCH_TIMEOUT = timedelta(seconds=30)
SEARCH_ATTEMPTS = 3
"""The owner hears of the end even if it is not known whether a renewal is on the way."""


class RenewalReminders:
    """The reminders to the owner before the end of the agreement that is in force."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    @property
    def next(self) -> datetime | None:
        """When the next is due (UTC); None: there is none."""
        record = self._ctx.record
        if record.agreement is None:
            return None
        times = renewal_reminder_times(
            record.agreement, record.policy.renewal_reminder_days, self._reminded_until
        )
        return next((each for each in times if each > self._ctx.now()), None)

    @property
    def _reminded_until(self) -> datetime | None:
        return self._ctx.state.renewal_reminders.reminded_until

    def skip_past(self) -> None:
        """Leave out what would have been sent before now."""
        self._ctx.state.renewal_reminders.reminded_until = self._ctx.now()

    async def send_due(self) -> None:
        """Send what is due, unless the renewal is accepted."""
        record = self._ctx.record
        agreement, days = record.agreement, record.policy.renewal_reminder_days
        if agreement is None:
            return
        due = due_renewal_reminder(agreement, days, self._reminded_until, self._ctx.now())
        if due is None:
            return
        self._ctx.state.renewal_reminders.reminded_until = due
        record.renewal = await _search(first_agreement(agreement))
        if not (record.renewal.offer and record.renewal.offer.is_accepted):
            self._ctx.notifications.notify_owner(
                EmailKind.OWNER_AGREEMENT_ENDING, f"{agreement.agreement_id} {due:%F}"
            )


async def _search(agreement_id: str) -> RenewalSearch:
    try:
        found = await workflow.execute_local_activity_method(
            Renewals.find_renewal,
            agreement_id,
            start_to_close_timeout=SEARCH_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=SEARCH_ATTEMPTS),
        )
    except FailureError as error:  # a local activity's own, which is not wrapped
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("the offers that renew the agreement could not be listed")
        return RenewalSearch(is_complete=False)
    return RenewalSearch(offer=found)
