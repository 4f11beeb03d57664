"""Business time and real time.

Every date in an offer's life is *business* time.  In production it is real time (`scale` 1).  The
demo lets business time run faster, so that thirty days pass in seconds: from `origin` on, each real
second counts as `scale` business seconds.  The workflow, the worker and the sandbox are given the
same clock and so agree on what time it is.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from offers.model import FrozenModel

END_OF_DAY = time(23, 59, 59, tzinfo=UTC)
"""A buyer can accept until 23:59:59 UTC of the availability end (AWS: work-with-private-offers)."""

FIRST_YEAR, LAST_YEAR = 1990, 2200
"""Of the dates that are taken from outside: with others the code cannot count."""


def bounded_day(day: date) -> date:
    """The day itself.  Raises ValueError for a day that cannot be meant."""
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        raise ValueError(f"{day} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def _bounded_instant(instant: datetime) -> datetime:
    bounded_day(instant.date())
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_bounded_instant)]
"""An instant in UTC: boto3 gives those of the machine's own time zone."""


class Clock(FrozenModel):
    """Maps real instants and durations to business ones and back.  All instants are UTC."""

    scale: float = Field(default=1.0, gt=0)
    """Business seconds in one real second; 1 in production."""

    origin: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    """The instant at which business time and real time are equal, but for `ahead`."""

    ahead: timedelta = timedelta()
    """How far business time is ahead at the origin: it was faster before."""

    def business_time(self, real: datetime) -> datetime:
        """The business instant at a real instant."""
        if self.scale == 1:
            return (real + self.ahead).astimezone(UTC)
        return (self.origin + (real - self.origin) * self.scale + self.ahead).astimezone(UTC)

    def slowed_down(self, real: datetime, scale: float) -> "Clock":
        """A clock that shows the same at a real instant, and goes on with another scale."""
        return Clock(scale=scale, origin=real, ahead=self.business_time(real) - real)

    def real_duration(self, business: timedelta) -> timedelta:
        """How long a business duration takes in real time."""
        return business if self.scale == 1 else business / self.scale


def end_of_day(day: date) -> datetime:
    """The last second of a day in UTC: an offer with that availability end expires then."""
    return datetime.combine(day, END_OF_DAY)


def start_of_day(day: date) -> datetime:
    """The first instant of a day in UTC."""
    return datetime.combine(day, time(0), UTC)
