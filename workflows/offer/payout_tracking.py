"""Payouts: what AWS has paid of an accepted offer, what is still to come, and what is overdue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception

from workflows.offer.state import OverduePayout

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from activities.temporal.payouts import Payouts, ReadPayout
    from offers.clock import start_of_day
    from offers.findings import Finding
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.expected_payments import listing_fee_of, update_expected_payments
    from offers.payouts.audit import audit_payout
    from offers.payouts.forecast import REMEDIES, ExpectedPayment
    from offers.payouts.model import Payout, PayoutReport

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


READ_TIMEOUT = timedelta(minutes=10)
"""For reading the payout data."""


class PayoutTracking:
    """The money of one offer."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    async def on_report(self, report: PayoutReport) -> str | None:
        """Somebody says that the payout data has something new: read it.

        Returns why that was not so.  If the data cannot be read, the next sweep reports again.
        """
        offer_id = self._ctx.record.offer_id
        if offer_id is None:
            return "the offer has no id yet"
        try:
            payout = await workflow.execute_local_activity_method(
                Payouts.read_payout,
                ReadPayout(offer_id=offer_id, read_since=report.read_at),
                start_to_close_timeout=READ_TIMEOUT,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except FailureError as error:  # a local activity's own, which is not wrapped
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the payout data could not be read")
            return None
        if payout and offer_id == self._ctx.record.offer_id:
            self._ctx.state.payout_tracking.reported = payout
        known = {invoice.invoice_id for invoice in payout.invoices} if payout else set()
        if report.invoice_id is None or report.invoice_id in known:
            return None
        return f"the payout data has no invoice {report.invoice_id!r} of this offer"

    def on_pause(self, at: datetime) -> None:
        """AWS pays nothing out until the seller's bank data is corrected."""
        state = self._ctx.state.payout_tracking
        day = at.astimezone(UTC).date()
        state.paused_on = max(day, state.paused_on or day)

    @property
    def has_news(self) -> bool:
        """Whether something was reported that is not on record yet."""
        paused_on = self._ctx.state.payout_tracking.paused_on
        return self._news is not None or paused_on != self._ctx.record.payouts_paused_on

    @property
    def _news(self) -> Payout | None:
        """What was reported last of this offer; an earlier revision's money is not its own."""
        reported = self._ctx.state.payout_tracking.reported
        return reported if reported and reported.offer_id == self._ctx.record.offer_id else None

    @property
    def is_complete(self) -> bool:
        """Whether the whole price has been paid out."""
        price, payout = self._ctx.record.require_terms().price, self._ctx.record.payout
        return price.amount == 0 or (payout is not None and payout.covers(price))

    @property
    def has_moved(self) -> bool:
        """Whether any of it is, or was, on its way to the bank."""
        payout = self._ctx.record.payout
        return payout is None or any(invoice.transfers for invoice in payout.invoices)

    @property
    def is_owed(self) -> bool:
        """Whether something of what was invoiced is still to come."""
        payout = self._ctx.record.payout
        return payout is not None and not payout.is_settled

    @property
    def next_check(self) -> datetime | None:
        """When something will be overdue, or finance is reminded of it (UTC)."""
        record, overdue = self._ctx.record, self._ctx.state.payout_tracking.overdue
        days = [each.overdue_on for each in record.expected_payments]
        days += self._ctx.refunds.next_check
        if overdue:
            days += [overdue.since + after for after in record.policy.payouts.remind_after]
        return min((d for d in map(start_of_day, days) if d > self._ctx.now()), default=None)

    @property
    def given_up_at(self) -> datetime | None:
        """When money is not followed any more: long after the agreement's end (UTC)."""
        agreement = self._ctx.record.agreement
        if agreement is None or agreement.ends_at is None:
            return None
        return agreement.ends_at + self._ctx.record.policy.payouts.follow_for

    def reconcile(self) -> bool:
        """Put reports on record and see whether anything is overdue.  Whether anything changed."""
        record, state = self._ctx.record, self._ctx.state.payout_tracking
        before = record.model_copy()
        news = self._news
        if news and (payout := self._accept_if_plausible(news)):
            record.payout, record.payout_fingerprint = payout, news.fingerprint
        record.payouts_paused_on = state.paused_on
        state.reported = None
        today = self._ctx.now().date()
        update_expected_payments(record, today)
        self._ctx.refunds.reconcile(today)
        self._audit()
        self._follow_overdue(record.overdue, today)
        return before != record

    def _accept_if_plausible(self, reported: Payout) -> Payout | None:
        """What was reported; None if it shows less than before, for it may be incomplete.

        It is accepted when it is reported twice, unless some of the data could not be read.
        """
        state, known = self._ctx.state.payout_tracking, self._ctx.record.payout
        if known is None:
            return reported
        begin_on = self._ctx.record.policy.payouts.begin_on(self._ctx.now().date())
        reported = reported.with_older(known, begin_on)
        repeated = reported == state.doubted and not reported.incomplete
        if not reported.shows_less_than(known) or repeated:
            state.doubted = None
            return reported
        state.doubted = reported
        return None

    def _audit(self) -> None:
        """See whether the payout is as it was expected, and tell finance what is not."""
        record = self._ctx.record
        found: tuple[Finding, ...] = ()
        if record.payout and record.terms and (fee := listing_fee_of(record)):
            found = audit_payout(record.payout, fee, record.terms.price)
        known, record.payout_findings = record.payout_findings, found
        if record.payout and any(not any(f.is_same(other) for other in known) for f in found):
            fingerprint = record.payout.fingerprint
            self._ctx.notifications.notify_finance(EmailKind.FINANCE_PAYOUT_UNEXPECTED, fingerprint)

    def _follow_overdue(self, overdue: Sequence[ExpectedPayment], today: date) -> None:
        """Tell finance of what is overdue: once, and again at the policy's times."""
        state = self._ctx.state.payout_tracking
        known, first = state.overdue, overdue[0] if overdue else None
        what = f"{first.invoice_id} {first.step} {first.overdue_on}" if first else None
        if known and known.what != what:
            self._ctx.attentions.dismiss(known.attention)
            state.overdue = known = None
        if first is None or what is None:
            return
        if known is None:
            attention = self._raise_overdue(first)
            state.overdue = OverduePayout(what=what, attention=attention, since=today)
        elif self._is_reminder_due(known, today):
            if not self._ctx.attentions.is_open(known.attention):
                known.attention = self._raise_overdue(first)
        else:
            return
        state.reminded_on = today
        self._notify_overdue(today)

    def _is_reminder_due(self, known: OverduePayout, today: date) -> bool:
        reminded_on = self._ctx.state.payout_tracking.reminded_on
        due = [known.since + after for after in self._ctx.record.policy.payouts.remind_after]
        return reminded_on is not None and any(reminded_on < day <= today for day in due)

    def _raise_overdue(self, payment: ExpectedPayment) -> int:
        return self._ctx.attentions.raise_(
            AttentionCode.PAYOUT_OVERDUE, payment.problem, REMEDIES[payment.step]
        ).number

    def _notify_overdue(self, today: date) -> None:
        payout = self._ctx.record.payout
        reversed_ = payout is not None and payout.is_reversed
        kind = EmailKind.FINANCE_PAYOUT_REVERSED if reversed_ else EmailKind.FINANCE_PAYOUT_OVERDUE
        self._ctx.notifications.notify_finance(kind, f"{today}")
