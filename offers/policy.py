"""The selling policy: the numbers a company chooses for all its offers."""

import string
from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt

from offers.findings import illegal

NAME_FIELDS = ("product", "company", "month", "year")


def _pattern(value: str) -> str:
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(value) if field is not None}
    except ValueError as error:
        raise illegal(f"the pattern cannot be read ({error})", "Close every brace") from None
    if unknown := sorted(used - set(NAME_FIELDS)):
        raise illegal(
            f"there is no {{{unknown[0]}}}",
            "Use only " + ", ".join(f"{{{name}}}" for name in NAME_FIELDS),
        )
    return value


def _descending(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days), reverse=True))


class Generation(BaseModel):
    """How AWS's building of an offer is followed.  All times count from the submission."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check_after: tuple[timedelta, ...] = (
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(minutes=46),
    )
    """When to look: soon once, for AWS finds most errors early; then when it should be done."""
    check_every: timedelta = timedelta(minutes=5)
    """How often to look after that."""
    late_after: timedelta = timedelta(hours=2)
    """When people are told that it takes unusually long."""

    def next_check(self, elapsed: timedelta) -> timedelta:
        """How long to wait before the next look."""
        # A look comes a moment early or late; it must not lead to another within the minute.
        return min(
            (at - elapsed for at in self.check_after if at > elapsed + timedelta(minutes=1)),
            default=self.check_every,
        )


class Policy(BaseModel):
    """What a company decides once for all its offers; every value has a default.

    The defaults are the handbook's: twelve months, thirty days to accept, a name with product,
    company and month.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_name: str = "Example Product"
    offer_name: Annotated[str, AfterValidator(_pattern)] = (
        "{product} Annual - {company} - {month}/{year}"
    )
    duration_months: PositiveInt = 12
    days_to_accept: PositiveInt = 30
    reminder_days: Annotated[tuple[PositiveInt, ...], AfterValidator(_descending)] = (7, 2)
    """The buyer is reminded this many days before the last day."""
    expiry_grace: timedelta = Field(default=timedelta(hours=1), ge=timedelta())
    """How long after the last second an acceptance may still come to light."""
    generation: Generation = Generation()
    clazar_link_budget: timedelta = timedelta(days=2)
    """How long Clazar may take to show an offer before people are told."""
    watch_every: timedelta = timedelta(minutes=5)
    """How often the agreement feed is read."""
    watch_overlap: timedelta = timedelta(minutes=15)
    """How far each reading goes back behind the newest entry already seen."""
    payouts_every: timedelta = timedelta(days=1)
    """How often the payout data is read."""
    time_zones: tuple[str, ...] = ("America/Los_Angeles", "America/New_York", "Europe/London")
    """The zones in which the last moment is given when the buyer's own is not known."""
    support_contact: str = Field(default="", max_length=200)
    """Shown to buyers at the foot of each mail."""

    def name_offer(self, company: str, today: date) -> str:
        """An offer's name by the convention, such as "Product Annual - Company - 11/2026"."""
        return self.offer_name.format(
            product=self.product_name,
            company=company,
            month=f"{today.month:02d}",
            year=today.year,
        )
