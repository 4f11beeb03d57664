"""How a company's payouts come and are followed: a part of its policy."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from offers.findings import illegal
from offers.model import FrozenModel
from offers.policy.durations import Interval, Reminders, Wait
from offers.terms.parsing import parse_whole_number
from offers.terms.terms import Day


class PayoutSource(StrEnum):
    """Where the payout data comes from."""

    CLAZAR = "clazar"
    """Clazar's dataset of disbursements."""
    AWS = "aws"
    """AWS's seller data feed, as files in S3."""


def _pays_on(days: tuple[int, ...]) -> tuple[int, ...]:
    if len(days) > 2:
        raise illegal(
            f"{len(days)} days are named", "Name one day of the month, or the first and the last"
        )
    if not all(1 <= day <= 28 for day in days):
        raise illegal("AWS pays out on days from 1 to 28", "Write the day that AWS's portal shows")
    return tuple(sorted(days))


def _bank_days(days: tuple[int, int]) -> tuple[int, int]:
    if days[0] > days[1]:
        raise illegal("the first is above the second", "Write the shortest time first: [1, 3]")
    return days


class PayoutRules(FrozenModel, extra="forbid"):
    """When payments are expected, and when somebody is told that one is overdue."""

    source: PayoutSource = PayoutSource.CLAZAR
    every: Interval = timedelta(days=1)
    """How often the payout data is read; both sources are renewed once a day."""
    feed_months: int = Field(default=15, ge=1, le=120)
    """How many months of AWS's feed are read: longer than from an acceptance to its last payout."""
    pays_on: Annotated[
        tuple[Annotated[int, BeforeValidator(parse_whole_number)], ...], AfterValidator(_pays_on)
    ] = (7, 10)
    """The days of the month between which AWS pays out, or the one day; empty: daily.

    AWS: a monthly payout comes between the 7th and the 10th unless the seller has chosen a day.
    """
    bank_days: Annotated[
        tuple[Annotated[int, Field(ge=0, le=30)], Annotated[int, Field(ge=0, le=30)]],
        AfterValidator(_bank_days),
    ] = (1, 3)
    """How many working days the bank takes, at least and at most (AWS: disbursements)."""
    bank_holidays: tuple[Day, ...] = ()
    """Days besides Saturdays and Sundays on which banks do not work."""
    buyer_terms_days: int = Field(default=30, ge=0, le=366)
    """When an invoice is due if the offer does not say: AWS does not show a seller the terms that a
    buyer has with AWS."""
    collection_days: int = Field(default=14, ge=0, le=366)
    """How long after it is due AWS may take to collect an invoice."""
    data_days: int = Field(default=2, ge=0, le=30)
    """How many days behind the data is."""
    refund_days: int = Field(default=45, ge=1, le=366)
    """How many days after AWS has completed a refund the payout data must show it."""
    remind_after: Reminders = (timedelta(days=7), timedelta(days=14), timedelta(days=30))
    """When finance is reminded of an overdue payment, from the first mail."""
    follow_for: Wait = timedelta(days=210)
    """How long what an agreement was invoiced for is followed after it has ended."""

    def begin_on(self, today: date) -> date | None:
        """The first day of which the data is complete; None: it is complete."""
        if self.source is PayoutSource.CLAZAR:
            return None
        return first_month(today, self.feed_months)


def first_month(today: date, months: int) -> date:
    """The first day of the first of the last months; today's is the last of them."""
    count = today.year * 12 + today.month - months
    return date(count // 12, count % 12 + 1, 1)
