"""The payout report: for each invoice what was expected, invoiced, collected, paid, and is late."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from offers.lifecycle.summary import OfferSummary
from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.payouts.forecast import ExpectedPayment
from offers.payouts.model import InvoicePayout, Payout, PayoutReading
from offers.policy.payouts import PayoutRules


class PayoutLine(FrozenModel):
    """One invoice, or one part of a price that has not been invoiced yet.  Days are UTC."""

    offer: str | None
    """The offer's name; None if it is not followed here."""
    company: str | None
    """None if it is not known here."""
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
        if self.expected:
            return self.expected.amount.currency
        raise ValueError("what is not invoiced is expected")

    def concerns(self, month: date) -> bool:
        """Whether anything of it happened, is due, or should have arrived in a month."""
        days: list[date | None] = []
        if self.invoice:
            days += [self.invoice.invoiced_on, self.invoice.due_on, self.invoice.collected_on]
            days += [each.on for each in self.invoice.transfers]
        if self.expected:
            days += [self.expected.earliest, self.expected.latest]
        return any(day is not None and month_of(day) == month for day in days)


class Totals(FrozenModel):
    """The sums of one currency."""

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
    offers: Iterable[OfferSummary],
    reading: PayoutReading,
    rules: PayoutRules,
    today: date,
    unreadable: Mapping[str, str] | None = None,
) -> list[PayoutLine]:
    """The report's lines: offers that are followed here, then what the data has besides.

    The forecast follows the rules as they are now, not as they were when the offer was created.
    `unreadable` names, by offer id, offers that are followed here but whose summaries are missing.
    """
    found: list[PayoutLine] = []
    left = dict(reading.payouts)
    begin_on = rules.begin_on(today)
    for offer in offers:
        offer_id = offer.progress.offer_id
        if offer_id is None or offer.progress.agreement_id is None:
            continue
        payout = left.pop(offer_id, None)
        if begin_on and (known := offer.payout):
            payout = _whole(payout, known, begin_on)
        expected = offer.expected_payments(payout, rules, today)
        for invoice in payout.invoices if payout else ():
            coming = next((e for e in expected if e.invoice_id == invoice.invoice_id), None)
            found.append(_line(offer, offer_id, invoice, coming, today))
        found += [
            _line(offer, offer_id, None, each, today)
            for each in expected
            if each.invoice_id is None
        ]
    for offer_id, payout in sorted(left.items()):
        found += [
            PayoutLine(
                offer=(unreadable or {}).get(offer_id),
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


def _whole(payout: Payout | None, known: Payout, since: date) -> Payout | None:
    """What the data says, and what is known from before the day that the data begins on."""
    if payout:
        return payout.with_older(known, since)
    older = known.invoices_before(since)
    return known.model_copy(update={"invoices": older}) if older else None


def _line(
    offer: OfferSummary,
    offer_id: str,
    invoice: InvoicePayout | None,
    coming: ExpectedPayment | None,
    today: date,
) -> PayoutLine:
    return PayoutLine(
        offer=offer.deal.path,
        company=offer.deal.company,
        offer_id=offer_id,
        agreement_id=offer.progress.agreement_id,
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
        return month is None or (day is not None and month_of(day) == month)

    def total(amounts: Iterable[Money]) -> Money:
        # Without a Money for each sum in between: of 10,000 offers that is a second.
        return Money.of(sum((each.amount_in(currency) for each in amounts), Decimal()), currency)

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


class MonthTotals(FrozenModel):
    """What was to arrive in a month, as of the acceptance, and what did arrive."""

    expected: Money
    received: Money
    late: Money
    """What should have arrived in the month by what is known now, and has not."""


def by_month(
    offers: Iterable[OfferSummary], lines: Iterable[PayoutLine], rules: PayoutRules
) -> dict[Currency, dict[date, MonthTotals]]:
    """By currency and the first day of each month, ascending; by the rules as they are now.

    `lines`: those of the report, so that both show the same money.
    """
    expecting: dict[tuple[Currency, date], Money] = {}
    received: dict[tuple[Currency, date], Money] = {}
    late: dict[tuple[Currency, date], Money] = {}

    def add(sums: dict[tuple[Currency, date], Money], day: date, amount: Money) -> None:
        key = (amount.currency, month_of(day))
        sums[key] = sums.get(key, Money.of(0, amount.currency)) + amount

    for offer in offers:
        for each in offer.expected_at_acceptance(rules):
            add(expecting, each.latest, each.amount)
    for line in lines:
        for transfer in line.invoice.transfers if line.invoice else ():
            if transfer.on:
                add(received, transfer.on, transfer.amount)
        if line.expected and line.overdue:
            add(late, line.expected.latest, line.expected.amount)
    money: dict[Currency, dict[date, MonthTotals]] = {}
    for currency in sorted({currency for currency, _ in (*expecting, *received, *late)}):
        nothing = Money.of(0, currency)
        named = [month for c, month in (*expecting, *received, *late) if c == currency]
        money[currency] = {
            month: MonthTotals(
                expected=expecting.get((currency, month), nothing),
                received=received.get((currency, month), nothing),
                late=late.get((currency, month), nothing),
            )
            for month in months_between(min(named), max(named))
        }
    return money


def months_between(first: date, last: date) -> Iterator[date]:
    """The first days of the months from one to another."""
    while first <= last:
        yield first
        first = month_of(first + timedelta(days=31))


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)
