"""Business time and real time: from `origin` on, business time may run faster than real time.

The product's clock has the same formula; it is repeated here because the simulator shares no code
with the product that it tests.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

END_OF_DAY = time(23, 59, 59, tzinfo=UTC)
"""A buyer can accept until 23:59:59 UTC of the availability end (AWS: work-with-private-offers)."""


@dataclass(frozen=True)
class Clock:
    """Maps real instants to business ones.  All instants are UTC."""

    scale: float = 1.0
    """Business seconds in one real second."""
    origin: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """The instant at which business time and real time are equal."""

    def business_time(self, real: datetime) -> datetime:
        if self.scale == 1:
            return real.astimezone(UTC)
        return (self.origin + (real - self.origin) * self.scale).astimezone(UTC)

    def real_duration(self, business: timedelta) -> timedelta:
        return business if self.scale == 1 else business / self.scale


def end_of_day(day: date) -> datetime:
    """The last second of a day in UTC: until then an offer with that last day can be accepted."""
    return datetime.combine(day, END_OF_DAY)


def timestamp(instant: datetime) -> str:
    """An instant in AWS's format: in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
