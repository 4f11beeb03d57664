"""Payment: what AWS has paid of an accepted offer, what is still to come, and what is late."""

from collections.abc import Callable
from datetime import date, datetime

from temporalio import workflow

from workflows.correspondence import Correspondence
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.letter import MailKind
    from offers.clock import start_of_day
    from offers.expectation import REMEDIES, Expected
    from offers.fees import charged_otherwise
    from offers.payouts import Payout
    from offers.record import Attention, OfferRecord

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
        self._paused_on: date | None = None
        self._late: tuple[str, Attention, date] | None = None
        """What is late, the call for it, and since when finance knows."""
        self._reminded: date | None = None

    def heard(self, payout: Payout) -> None:
        """The payout data tells how far the money has come."""
        self._reported = payout

    def paused(self, at: datetime) -> None:
        """AWS pays nothing out until the seller's bank data is put right."""
        self._paused_on = at.date()

    @property
    def has_news(self) -> bool:
        """Whether something was told that is not on record yet."""
        return (
            self._news not in (None, self._record.payout)
            or self._paused_on != self._record.payouts_paused_on
        )

    @property
    def _news(self) -> Payout | None:
        """What was told last of this offer; an earlier revision's money is not its own."""
        told = self._reported
        return told if told and told.offer_id == self._record.offer_id else None

    @property
    def is_complete(self) -> bool:
        """Whether the whole price has been paid out."""
        price, payout = self._record.offered.price, self._record.payout
        return price.amount == 0 or (payout is not None and payout.covers(price))

    @property
    def next_look(self) -> datetime | None:
        """When something will be late, or finance is to be told of it again (UTC)."""
        days = [each.late_on for each in self._record.expected]
        if self._late:
            days += [self._late[2] + after for after in self._record.policy.payouts.remind_after]
        return min((d for d in map(start_of_day, days) if d > self._now()), default=None)

    def attend(self) -> bool:
        """Put news on record and see whether anything is late.  Gives whether anything changed."""
        before = self._record.model_copy()
        self._record.payout = self._news or self._record.payout
        self._record.payouts_paused_on = self._paused_on
        today = self._now().date()
        self._record.expect(today)
        self._check_fees()
        self._see_to([each for each in self._record.expected if each.late_on <= today], today)
        return before != self._record

    def _check_fees(self) -> None:
        fee, payout = self._record.fee, self._record.payout
        found = charged_otherwise(payout, fee) if payout and fee else ()
        known, self._record.payout_findings = self._record.payout_findings, found
        if any(not any(each.is_same(other) for other in known) for each in found):
            self._correspondence.tell_finance(MailKind.FINANCE_FEE, str(len(found)))

    def _see_to(self, late: list[Expected], today: date) -> None:
        if not late:
            if self._late:
                self._people.dismiss(self._late[1])
            self._late = None
            return
        first = late[0]
        what = f"{first.invoice_id} {first.step} {first.late_on}"
        if self._late and self._late[0] == what:
            self._remind(today)
            return
        if self._late:
            self._people.dismiss(self._late[1])
        call = self._people.call(LATE, first.problem, REMEDIES[first.step])
        self._late = (what, call, today)
        self._reminded = today
        self._tell(today)

    def _remind(self, today: date) -> None:
        """Tell finance again, at the policy's times."""
        if self._late is None or self._reminded is None:
            return
        due = [self._late[2] + after for after in self._record.policy.payouts.remind_after]
        if any(self._reminded < day <= today for day in due):
            self._reminded = today
            self._tell(today)

    def _tell(self, today: date) -> None:
        payout = self._record.payout
        taken_back = payout is not None and payout.is_taken_back
        kind = MailKind.FINANCE_TAKEN_BACK if taken_back else MailKind.FINANCE_LATE
        self._correspondence.tell_finance(kind, f"{today}")
