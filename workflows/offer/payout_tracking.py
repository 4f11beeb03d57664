"""Payment: what AWS has paid of an accepted offer, what is still to come, and what is late."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from temporalio import workflow

from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.clock import start_of_day
    from offers.lifecycle.record import Attention, OfferRecord
    from offers.payouts.audit import audit_payout
    from offers.payouts.forecast import REMEDIES, ExpectedPayment
    from offers.payouts.model import Payout

LATE = "payout-late"
"""The attention under which late money waits for finance."""


class Payment:
    """The money of one offer."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._now = now
        self._reported: Payout | None = None
        self._doubted: Payout | None = None
        """What was told last and shows less than was known."""
        self._paused_on: date | None = None
        self._late: tuple[str, Attention, date] | None = None
        """What is late, the call for it, and since when finance knows."""
        self._reminded: date | None = None

    def heard(self, payout: Payout) -> None:
        """The payout data tells how far the money has come."""
        self._reported = payout

    def paused(self, at: datetime) -> None:
        """AWS pays nothing out until the seller's bank data is put right."""
        self._paused_on = max(at.date(), self._paused_on or at.date())

    @property
    def has_news(self) -> bool:
        """Whether something was told that is not on record yet."""
        return self._news is not None or self._paused_on != self._record.payouts_paused_on

    @property
    def _news(self) -> Payout | None:
        """What was told last of this offer; an earlier revision's money is not its own."""
        told = self._reported
        return told if told and told.offer_id == self._record.offer_id else None

    @property
    def is_complete(self) -> bool:
        """Whether the whole price has been paid out."""
        price, payout = self._record.require_terms().price, self._record.payout
        return price.amount == 0 or (payout is not None and payout.covers(price))

    @property
    def has_moved(self) -> bool:
        """Whether any of it is, or was, on its way to the bank."""
        payout = self._record.payout
        return payout is None or any(invoice.transfers for invoice in payout.invoices)

    @property
    def is_owed(self) -> bool:
        """Whether of what was invoiced something is to come."""
        return self._record.payout is not None and not self._record.payout.is_settled

    @property
    def next_look(self) -> datetime | None:
        """When something will be late, or finance is to be told of it again (UTC)."""
        days = [each.overdue_on for each in self._record.expected_payments]
        if self._late:
            days += [self._late[2] + after for after in self._record.policy.payouts.remind_after]
        return min((d for d in map(start_of_day, days) if d > self._now()), default=None)

    def attend(self) -> bool:
        """Put news on record and see whether anything is late.  Gives whether anything changed."""
        before = self._record.model_copy()
        if (believed := self._believed()) and self._news:
            self._record.payout, self._record.payout_fingerprint = believed, self._news.fingerprint
        self._record.payouts_paused_on = self._paused_on
        self._reported = None
        today = self._now().date()
        self._record.expect(today)
        self._check()
        self._see_to(self._record.overdue, today)
        return before != self._record

    def _believed(self) -> Payout | None:
        """What was told, if it can be: data that shows less than before may be incomplete.

        It is believed when it says so twice, but not while some of it could not be read.
        """
        told, known = self._news, self._record.payout
        if told is None or known is None:
            return told
        told = told.with_older(known, self._record.policy.payouts.begin_on(self._now().date()))
        if not told.shows_less_than(known) or (told == self._doubted and not told.incomplete):
            self._doubted = None
            return told
        self._doubted = told
        return None

    def _check(self) -> None:
        """Whether it is as it was expected, for finance."""
        fee, payout, terms = self._record.fee, self._record.payout, self._record.terms
        found = audit_payout(payout, fee, terms.price) if payout and fee and terms else ()
        known, self._record.payout_findings = self._record.payout_findings, found
        if payout and any(not any(each.is_same(other) for other in known) for each in found):
            self._correspondence.tell_finance(EmailKind.FINANCE_UNEXPECTED, payout.fingerprint)

    def _see_to(self, late: Sequence[ExpectedPayment], today: date) -> None:
        if not late:
            if self._late:
                self._people.dismiss(self._late[1])
            self._late = None
            return
        first = late[0]
        what = f"{first.invoice_id} {first.step} {first.overdue_on}"
        if self._late and self._late[0] == what:
            self._remind(today)
            return
        if self._late:
            self._people.dismiss(self._late[1])
        self._late = (what, self._call(first), today)
        self._reminded = today
        self._tell(today)

    def _remind(self, today: date) -> None:
        """Tell finance again, at the policy's times."""
        if self._late is None or self._reminded is None:
            return
        due = [self._late[2] + after for after in self._record.policy.payouts.remind_after]
        if any(self._reminded < day <= today for day in due):
            self._reminded = today
            what, call, since = self._late
            if not self._people.is_open(call):
                self._late = (what, self._call(self._record.overdue[0]), since)
            self._tell(today)

    def _call(self, late: ExpectedPayment) -> Attention:
        return self._people.call(LATE, late.problem, REMEDIES[late.step])

    def _tell(self, today: date) -> None:
        payout = self._record.payout
        taken_back = payout is not None and payout.is_taken_back
        kind = EmailKind.FINANCE_TAKEN_BACK if taken_back else EmailKind.FINANCE_LATE
        self._correspondence.tell_finance(kind, f"{today}")
