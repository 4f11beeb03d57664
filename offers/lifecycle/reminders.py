"""When people are reminded."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

REMINDER_TIME = time(14, 0, tzinfo=UTC)
"""Within working hours on both sides of the Atlantic."""


def times_after(start: datetime, durations: Iterable[timedelta], since: datetime) -> list[datetime]:
    """The instants (ascending) that lie some time after a start and are still to come after
    `since`.
    """
    return sorted(start + each for each in durations if start + each > since)


def reminder_times(
    availability_end: date, days_before: Iterable[int], since: datetime
) -> list[datetime]:
    """When a buyer is reminded of the last day (UTC, ascending), if that is after `since`."""
    instants = {
        datetime.combine(availability_end - timedelta(days=days), REMINDER_TIME)
        for days in days_before
    }
    return sorted(instant for instant in instants if instant > since)
