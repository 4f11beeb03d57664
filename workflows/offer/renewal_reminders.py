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
    from offers.agreements.agreement import AgreementStatus
    from offers.agreements.renewal import RenewalSearch, first_agreement
    from offers.lifecycle.reminders import reminder_times

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
        """When the next is due (UTC), perhaps already; None: there is none."""
        record, agreement = self._ctx.record, self._ctx.record.agreement
        if agreement is None or agreement.ends_at is None:
            return None
        if agreement.status is not AgreementStatus.ACTIVE:
            return None
        reminded_until = self._ctx.state.renewal_reminders.reminded_until
        since = max(filter(None, (agreement.accepted_at, reminded_until)))
        end, days = agreement.ends_at.date(), record.policy.renewal_reminder_days
        return next(iter(reminder_times(end, days, since)), None)

    def skip_past(self) -> None:
        """Leave out what would have been sent before now."""
        self._ctx.state.renewal_reminders.reminded_until = self._ctx.now()

    async def send_due(self) -> None:
        """Send what is due: of several that an outage delayed, only the last."""
        record, state = self._ctx.record, self._ctx.state.renewal_reminders
        due = None
        while (moment := self.next) and moment <= self._ctx.now():
            state.reminded_until = due = moment
        agreement = record.agreement
        if due is None or agreement is None or agreement.ends_at is None:
            return
        if agreement.ends_at <= self._ctx.now():
            return
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
