"""The payout report: for each invoice what was expected, invoiced, collected, paid, and is late."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from offers.lifecycle.expected_payments import update_expected_payments
from offers.lifecycle.record import OfferRecord
from offers.money import Currency, Money
from offers.payouts.forecast import ExpectedPayment, forecast
from offers.payouts.listing_fee import expected_fee
from offers.payouts.model import InvoicePayout, Payout, PayoutReading
from offers.policy.payouts import PayoutRules


class PayoutLine(BaseModel):
    """One invoice, or one part of a price that has not been invoiced yet.  Days are UTC."""

    model_config = ConfigDict(frozen=True)

    offer: str | None
    """The offer's name; None if it is not followed here."""
    company: str | None
    offer_id: str
    agreement_id: str | None
    invoice: InvoicePayout | None
    """None: not invoiced yet."""
    expected: ExpectedPayment | None
    """None: nothing is to come any more, or the agreed price is not known here."""
    overdue: bool

    @property
    def currency(self) -> Currency:
        """The one that all its amounts are in."""
        if self.invoice:
            return self.invoice.gross.currency
        assert self.expected, "what is not invoiced is expected"
        return self.expected.amount.currency

    def concerns(self, month: date) -> bool:
        """Whether anything of it happened, is due, or should have arrived in a month."""
        days: list[date | None] = []
        if self.invoice:
            days += [self.invoice.invoiced_on, self.invoice.due_on, self.invoice.collected_on]
            days += [each.on for each in self.invoice.transfers]
        if self.expected:
            days += [self.expected.earliest, self.expected.latest]
        return any(day is not None and _month(day) == month for day in days)


class Totals(BaseModel):
    """The sums of one currency."""

    model_config = ConfigDict(frozen=True)

    invoiced: Money
    refunded: Money
    listing_fee: Money
    tax: Money
    net: Money
    """What of the invoices is ours."""
    collected: Money
    """Gross of what is known to be collected."""
    disbursed: Money
    undisbursed: Money
    expected: Money
    """Still to come, invoiced or not."""
    overdue: Money


def lines(
    records: Iterable[OfferRecord], reading: PayoutReading, rules: PayoutRules, today: date
) -> list[PayoutLine]:
    """The report's lines: offers that are followed here, then what the data has besides.

    The forecast follows the rules as they are now, not as they were when the offer was created.
    """
    found: list[PayoutLine] = []
    left = dict(reading.payouts)
    for record in records:
        if record.offer_id is None or record.agreement is None:
            continue
        payout = left.pop(record.offer_id, None)
        if record.payout:
            payout = _whole(payout, record.payout, rules.begin_on(today))
        policy = record.policy.model_copy(update={"payouts": rules})
        now = record.model_copy(update={"payout": payout, "policy": policy})
        update_expected_payments(now, today)
        for invoice in payout.invoices if payout else ():
            coming = next(
                (e for e in now.expected_payments if e.invoice_id == invoice.invoice_id), None
            )
            found.append(_line(record, invoice, coming, today))
        found += [
            _line(record, None, e, today) for e in now.expected_payments if e.invoice_id is None
        ]
    for offer_id, payout in sorted(left.items()):
        found += [
            PayoutLine(
                offer=None,
                company=None,
                offer_id=offer_id,
                agreement_id=None,
                invoice=invoice,
                expected=None,
                overdue=False,
            )
            for invoice in payout.invoices
        ]
    return found


def _whole(payout: Payout | None, known: Payout, since: date | None) -> Payout | None:
    """What the data says, and what is known from before the day that the data begins on."""
    if payout:
        return payout.with_older(known, since)
    older = known.invoices_before(since)
    return known.model_copy(update={"invoices": older}) if older else None


def _line(
    record: OfferRecord, invoice: InvoicePayout | None, coming: ExpectedPayment | None, today: date
) -> PayoutLine:
    return PayoutLine(
        offer=record.path,
        company=record.company,
        offer_id=record.require_offer_id(),
        agreement_id=record.agreement.agreement_id if record.agreement else None,
        invoice=invoice,
        expected=coming,
        overdue=coming is not None and coming.overdue_on <= today,
    )


def totals(lines: Sequence[PayoutLine], month: date | None = None) -> dict[Currency, Totals]:
    """The sums by currency; with a month (its first day) only what happened in it."""
    return {
        currency: _totals([line for line in lines if line.currency == currency], currency, month)
        for currency in sorted({line.currency for line in lines})
    }


def _totals(lines: list[PayoutLine], currency: Currency, month: date | None) -> Totals:
    def during(day: date | None) -> bool:
        return month is None or (day is not None and _month(day) == month)

    def total(amounts: Iterable[Money]) -> Money:
        return sum(amounts, start=Money.of(0, currency))

    invoices = [line.invoice for line in lines if line.invoice]
    issued = [each for each in invoices if during(each.invoiced_on)]
    coming = [line for line in lines if line.expected and during(line.expected.latest)]
    return Totals(
        invoiced=total(each.gross for each in issued),
        refunded=total(each.refunded for each in issued),
        listing_fee=total(each.listing_fee for each in issued),
        tax=total(each.tax for each in issued),
        net=total(each.net for each in issued),
        collected=total(
            each.gross for each in invoices if each.collected_on and during(each.collected_on)
        ),
        disbursed=total(t.amount for each in invoices for t in each.transfers if during(t.on)),
        undisbursed=total(each.undisbursed for each in issued),
        expected=total(line.expected.amount for line in coming if line.expected),
        overdue=total(line.expected.amount for line in coming if line.expected and line.overdue),
    )


class MonthTotals(BaseModel):
    """What was to arrive in a month, as it looked at acceptance, and what did arrive."""

    expected: Money
    received: Money


def by_month(
    records: Iterable[OfferRecord], reading: PayoutReading
) -> dict[Currency, dict[date, MonthTotals]]:
    """By currency and the first day of each month, ascending."""
    expecting: dict[tuple[Currency, date], Money] = {}
    received: dict[tuple[Currency, date], Money] = {}

    def add(sums: dict[tuple[Currency, date], Money], day: date, amount: Money) -> None:
        key = (amount.currency, _month(day))
        sums[key] = sums.get(key, Money.of(0, amount.currency)) + amount

    for record in records:
        agreement, terms = record.agreement, record.terms
        if agreement is None or terms is None:
            continue
        accepted_on = agreement.accepted_at.date()
        rules = record.policy.payouts
        fee = expected_fee(terms)
        for each in forecast(terms, fee, accepted_on, None, rules, today=accepted_on):
            add(expecting, each.latest, each.amount)
    for payout in reading.payouts.values():
        for invoice in payout.invoices:
            for transfer in invoice.transfers:
                if transfer.on:
                    add(received, transfer.on, transfer.amount)
    money: dict[Currency, dict[date, MonthTotals]] = {}
    for currency in sorted({currency for currency, _ in (*expecting, *received)}):
        nothing = Money.of(0, currency)
        named = [month for c, month in (*expecting, *received) if c == currency]
        money[currency] = {
            month: MonthTotals(
                expected=expecting.get((currency, month), nothing),
                received=received.get((currency, month), nothing),
            )
            for month in _months(min(named), max(named))
        }
    return money


def _months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = _month(first + timedelta(days=31))


def _month(day: date) -> date:
    return day.replace(day=1)
