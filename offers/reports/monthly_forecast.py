"""The money that is expected by month: agreed money, and apart from it what offers may bring."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from offers.lifecycle.summary import AGREED, OfferSummary
from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.payouts.forecast import ExpectedPayment
from offers.policy.payouts import PayoutRules
from offers.reports.payouts import month_of, months_between
from offers.stage import Stage


class AmountRange(FrozenModel):
    """What arrives in a month, after AWS's fee."""

    low: Money
    """The least: of payments that can arrive in no other month."""
    high: Money
    """The most: of all that can arrive in it.  A payment counts in each month of its range."""


class MonthForecast(FrozenModel):
    """One month and currency."""

    month: date
    """Its first day."""
    agreed: AmountRange
    """From accepted offers."""
    not_agreed: AmountRange
    """From offers that a buyer can still accept, as if on their last day.

    An amendment counts with what it changes: below 0 where it takes money away from a month.
    """


class CurrencyForecast(FrozenModel):
    """All that is expected in one currency, after AWS's fee.  A sum of months is no total."""

    months: tuple[MonthForecast, ...]
    """From the first to the last in which anything can arrive."""
    overdue: Money
    """Agreed, but late: nothing says in which month it comes."""
    agreed: Money
    """In all, what is overdue included."""
    not_agreed: Money
    """In all."""


def monthly_forecast(
    offers: Iterable[OfferSummary], rules: PayoutRules, today: date
) -> dict[Currency, CurrencyForecast]:
    """By currency; by the rules as they are now, as of a UTC day.

    What was paid is what the summaries know: it is as old as the last reading of the payout data.
    """
    agreed: list[ExpectedPayment] = []
    not_agreed: list[ExpectedPayment] = []
    not_invoiced: dict[str, list[ExpectedPayment]] = {}
    offers = list(offers)
    for offer in offers:
        if offer.progress.stage in AGREED:
            payments = offer.expected_payments(offer.payout, rules, today)
            agreed += payments
            not_invoiced.setdefault(_opportunity(offer), []).extend(
                each for each in payments if each.invoice_id is None
            )
    for offer in offers:
        if offer.progress.stage is Stage.SHARED:
            not_agreed += offer.expected_if_accepted(rules)
            # What an agreement has not been invoiced for is dropped when an amendment takes its
            # place, whose schedule carries it over (AWS: agreement-based offers).
            not_agreed += map(_dropped, not_invoiced.get(_opportunity(offer), ()))
    currencies = {each.amount.currency for each in (*agreed, *not_agreed)}
    return {
        currency: _forecast(_in(currency, agreed), _in(currency, not_agreed), currency, today)
        for currency in sorted(currencies)
    }


def _opportunity(offer: OfferSummary) -> str:
    return offer.deal.path.partition("/")[0]


def _dropped(payment: ExpectedPayment) -> ExpectedPayment:
    nothing = Money.of(0, payment.amount.currency)
    return payment.model_copy(update={"amount": nothing - payment.amount})


def _in(currency: Currency, payments: list[ExpectedPayment]) -> list[ExpectedPayment]:
    return [each for each in payments if each.amount.currency == currency]


def _forecast(
    agreed: list[ExpectedPayment],
    not_agreed: list[ExpectedPayment],
    currency: Currency,
    today: date,
) -> CurrencyForecast:
    overdue = [each for each in agreed if each.overdue_on <= today]
    coming = _by_month((each for each in agreed if each.overdue_on > today), today)
    possible = _by_month(not_agreed, today)
    named = coming.keys() | possible.keys()
    return CurrencyForecast(
        months=tuple(
            MonthForecast(
                month=month,
                agreed=_range(coming, month, currency),
                not_agreed=_range(possible, month, currency),
            )
            for month in (months_between(min(named), max(named)) if named else ())
        ),
        overdue=_total(overdue, currency),
        agreed=_total(agreed, currency),
        not_agreed=_total(not_agreed, currency),
    )


Sums = dict[date, tuple[Decimal, Decimal]]
"""By the first day of a month, the low and the high sum."""


def _by_month(payments: Iterable[ExpectedPayment], today: date) -> Sums:
    sums: Sums = {}
    for payment in payments:
        amount = payment.amount.amount
        # None of the months is over.
        first = month_of(max(payment.earliest, today))
        last = month_of(max(payment.latest, today))
        is_certain = first == last
        for month in months_between(first, last):
            low, high = sums.get(month, (Decimal(0), Decimal(0)))
            sums[month] = (
                low + (amount if is_certain else min(amount, Decimal(0))),
                high + (amount if is_certain else max(amount, Decimal(0))),
            )
    return sums


def _range(sums: Sums, month: date, currency: Currency) -> AmountRange:
    low, high = sums.get(month, (Decimal(0), Decimal(0)))
    return AmountRange(low=Money.of(low, currency), high=Money.of(high, currency))


def _total(payments: Iterable[ExpectedPayment], currency: Currency) -> Money:
    return Money.of(sum((each.amount.amount for each in payments), Decimal(0)), currency)
