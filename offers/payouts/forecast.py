"""When a payment is expected: a range with its reason, and the step that it waits for.

AWS invoices at acceptance or on the charge dates, collects from the buyer, and pays out after that,
daily or on set days of the month; the bank takes another one to three days (AWS: disbursements).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from offers.model import FrozenModel
from offers.money import Money
from offers.payouts.listing_fee import ListingFee
from offers.payouts.model import InvoicePayout, Payout, PayoutState
from offers.policy.payouts import PayoutRules, PayoutSource
from offers.terms.terms import Day, Instalment, OfferTerms
from offers.text import day_text


class Step(StrEnum):
    """What a payment waits for."""

    INVOICE = "invoice"
    DUE_DATE = "due date"
    COLLECTION = "collection"
    PAYOUT_CYCLE = "payout cycle"
    BANK = "bank"
    PAUSED = "paused payouts"


REMEDIES = {
    Step.INVOICE: "Look for the invoice at the agreement in AWS; if there is none, ask AWS",
    Step.DUE_DATE: "Wait until the invoice is due",
    Step.COLLECTION: "Ask the buyer whether AWS's invoice has been paid",
    Step.PAYOUT_CYCLE: "Look at the disbursement in AWS's portal, and ask AWS",
    Step.BANK: "Look in the bank's statement, and at the bank account in AWS's portal",
    Step.PAUSED: "Put the bank data right in AWS's portal: AWS pays nothing out until then",
}


ESTIMATES_ARE_OFF_BY = Decimal("0.001")
"""At most, as a share of an amount, where a source gives only what was paid."""


class ExpectedPayment(FrozenModel):
    """Money that is still to come.  Days are UTC."""

    invoice_id: str | None
    """None: it has not been invoiced yet."""
    amount: Money
    """What is to arrive, after AWS's fee."""
    step: Step
    earliest: date
    latest: date
    """The range of days in which it should arrive."""
    overdue_on: date
    """The first day on which that step has taken too long."""
    reason: str

    @property
    def problem(self) -> str:
        """What is overdue, as text."""
        what = f"invoice {self.invoice_id}" if self.invoice_id else "an invoice"
        return f"{self.amount} ({what}) is overdue: it waits for {self.step}. {self.reason}"


class PaymentTerms(FrozenModel):
    """What of an offer's terms decides when its money comes."""

    price: Money
    payment_schedule: tuple[Instalment, ...] = ()
    net_payment_days: int | None = None
    starts_on: Day | None = None
    fee_rate: Decimal
    """AWS's listing fee, as expected."""

    @classmethod
    def of(cls, terms: OfferTerms, fee: ListingFee) -> Self:
        """Those of an offer."""
        return cls(
            price=terms.price,
            payment_schedule=terms.payment_schedule,
            net_payment_days=terms.net_payment_days,
            starts_on=terms.starts_on,
            fee_rate=fee.rate,
        )


def charges(terms: PaymentTerms, accepted_on: date) -> list[tuple[date, Money]]:
    """When which part of the price is invoiced, the earliest first."""
    if not terms.payment_schedule:
        return [(max(accepted_on, terms.starts_on or accepted_on), terms.price)]
    return [
        # A charge date that is over at acceptance is invoiced then (AWS: payment schedules).
        (max(each.on, accepted_on), Money.of(each.amount, terms.price.currency))
        for each in sorted(terms.payment_schedule, key=lambda each: each.on)
    ]


def forecast(
    terms: PaymentTerms,
    accepted_on: date,
    payout: Payout | None,
    rules: PayoutRules,
    *,
    today: date,
    paused_on: date | None = None,
    ended: bool = False,
) -> tuple[ExpectedPayment, ...]:
    """All money still to come of an accepted offer, what is invoiced first.

    `paused_on` is the day on which AWS last said that it paused payouts; of an agreement that has
    `ended`, nothing more is invoiced.
    """
    calendar = _Calendar(rules)
    invoices = payout.invoices if payout else ()
    coming = [
        calendar.invoiced(invoice, terms, accepted_on, today, paused_on)
        for invoice in invoices
        if not invoice.is_settled
    ]
    if not ended:
        for on, gross in _not_invoiced(terms, accepted_on, payout):
            net = gross - Money.nearest(gross.amount * terms.fee_rate, gross.currency)
            coming.append(calendar.not_invoiced(on, net, terms))
    return tuple(coming)


def _not_invoiced(
    terms: PaymentTerms, accepted_on: date, payout: Payout | None
) -> Iterator[tuple[date, Money]]:
    """What of the price no invoice is there for: invoices come in the order of the charges."""
    nothing = Money.of(0, terms.price.currency)
    invoiced = payout.gross if payout else nothing
    if invoiced.currency != nothing.currency:
        return  # it cannot be held against the price
    # An estimate may be some cents off.
    estimated = payout is not None and any(each.estimated for each in payout.invoices)
    for on, amount in charges(terms, accepted_on):
        off = amount.amount * ESTIMATES_ARE_OFF_BY if estimated else 0
        if invoiced.amount + off >= amount.amount:
            invoiced = max(invoiced - amount, nothing, key=lambda each: each.amount)
        else:
            yield on, amount - invoiced
            invoiced = nothing


def _collected(invoice: InvoicePayout) -> date | None:
    """When AWS had the money: at the latest when it paid some of it out."""
    paid = (each.on for each in invoice.transfers if each.on and each.amount.amount > 0)
    return invoice.collected_on or min(paid, default=None)


def _day(invoice: InvoicePayout) -> str:
    day = invoice.transfers[-1].on
    return f" on {day_text(day)}" if day else ""


class _Calendar:
    """From one step to the next by the rules of a seller's payouts."""

    def __init__(self, rules: PayoutRules) -> None:
        self._rules = rules
        self._lag = timedelta(days=rules.data_days + 1)

    def not_invoiced(self, on: date, net: Money, terms: PaymentTerms) -> ExpectedPayment:
        due = on + self._terms(terms)
        earliest, latest = self._arrival(due), self._arrival(due + self._collection, last=True)
        return ExpectedPayment(
            invoice_id=None,
            amount=net,
            step=Step.INVOICE,
            earliest=earliest,
            latest=latest,
            overdue_on=on + self._lag,
            reason=f"To be invoiced on {day_text(on)}, {self._terms_reason(terms)},"
            f" {self._payout_reason}",
        )

    def invoiced(
        self,
        invoice: InvoicePayout,
        terms: PaymentTerms,
        accepted_on: date,
        today: date,
        paused_on: date | None,
    ) -> ExpectedPayment:
        invoiced_on = invoice.invoiced_on or accepted_on
        due = invoice.due_on or invoiced_on + self._terms(terms)
        first, last = due, due + self._collection
        if collected_on := _collected(invoice):
            first = last = collected_on
        earliest, latest = self._arrival(first), self._arrival(last, last=True)
        step, late_on = self._current_step(invoice, due, latest, today)
        if paused_on and self._is_paused(invoice, step, invoiced_on, paused_on):
            step = Step.PAUSED
        return ExpectedPayment(
            invoice_id=invoice.invoice_id,
            amount=invoice.undisbursed,
            step=step,
            earliest=earliest,
            latest=latest,
            overdue_on=late_on,
            reason=self._reason(
                invoice, invoiced_on, due, paused_on if step is Step.PAUSED else None
            ),
        )

    def _current_step(
        self, invoice: InvoicePayout, due: date, latest: date, today: date
    ) -> tuple[Step, date]:
        """The step, and the first day on which it has taken too long."""
        if invoice.state is PayoutState.FAILED:
            return Step.BANK, invoice.transfers[-1].on or due
        if invoice.state is PayoutState.REVERSED:
            return Step.PAYOUT_CYCLE, invoice.transfers[-1].on or due
        if collected_on := _collected(invoice):
            cycle = self._paid_out(collected_on)[1]
            return (Step.PAYOUT_CYCLE if today <= cycle else Step.BANK), latest + self._lag
        tells_collection = self._rules.source is PayoutSource.AWS
        late_on = (due + self._collection if tells_collection else latest) + self._lag
        return (Step.DUE_DATE if today <= due else Step.COLLECTION), late_on

    def _is_paused(
        self, invoice: InvoicePayout, step: Step, invoiced_on: date, paused_on: date
    ) -> bool:
        """Whether AWS's pause of payouts delays it.  AWS does not report the end of a pause."""
        if invoiced_on > paused_on or (invoice.disbursed_on or paused_on) > paused_on:
            return False
        not_known = step is Step.COLLECTION and self._rules.source is PayoutSource.CLAZAR
        return step in (Step.PAYOUT_CYCLE, Step.BANK) or not_known

    @property
    def _collection(self) -> timedelta:
        return timedelta(days=self._rules.collection_days)

    def _terms(self, terms: PaymentTerms) -> timedelta:
        return timedelta(days=terms.net_payment_days or self._rules.buyer_terms_days)

    def _arrival(self, collected: date, *, last: bool = False) -> date:
        """When money that is collected on a day arrives, at the earliest or at the latest."""
        day = self._paid_out(collected)[last]
        for _ in range(self._rules.bank_days[last]):
            day += timedelta(days=1)
            while day.weekday() >= 5 or day in self._rules.bank_holidays:
                day += timedelta(days=1)
        return day

    def _paid_out(self, collected: date) -> tuple[date, date]:
        """The days between which AWS pays out what is collected on a day."""
        if not self._rules.pays_on:
            return collected, collected + timedelta(days=1)
        first, last = self._rules.pays_on[0], self._rules.pays_on[-1]
        this = collected.replace(day=1)
        following = (this + timedelta(days=31)).replace(day=1)
        # What is collected while AWS pays out may or may not be among it.
        earliest = this if collected.day <= last else following
        latest = this if collected.day < first else following
        return max(earliest.replace(day=first), collected), latest.replace(day=last)

    def _reason(
        self, invoice: InvoicePayout, invoiced_on: date, due: date, paused_on: date | None
    ) -> str:
        reasons = [f"Invoiced on {day_text(invoiced_on)}", f"due on {day_text(due)}"]
        if invoice.collected_on:
            reasons.append(f"collected on {day_text(invoice.collected_on)}")
        elif _collected(invoice):
            reasons.append("collected")
        elif self._rules.source is PayoutSource.CLAZAR:
            reasons.append("Clazar does not show when it is collected")
        else:
            reasons.append("not collected")
        if invoice.state is PayoutState.FAILED:
            reasons.append(f"the bank refused the payout{_day(invoice)}")
        elif invoice.state is PayoutState.REVERSED:
            reasons.append(f"AWS took the payout back{_day(invoice)}")
        elif invoice.disbursed.amount:
            reasons.append(f"{invoice.disbursed} of {invoice.net} are paid")
        if paused_on:
            reasons.append(f"AWS paused payouts on {day_text(paused_on)}")
        return ", ".join([*reasons, self._payout_reason])

    def _terms_reason(self, terms: PaymentTerms) -> str:
        if terms.net_payment_days:
            return f"due {terms.net_payment_days} days later"
        return (
            f"due {self._rules.buyer_terms_days} days later (assumed: AWS does not show the terms)"
        )

    @property
    def _payout_reason(self) -> str:
        days = self._rules.pays_on
        when = f"between the days {days[0]} and {days[-1]} of a month" if days else "daily"
        shortest, longest = self._rules.bank_days
        return f"AWS pays out {when}, and the bank takes {shortest} to {longest} working days"
