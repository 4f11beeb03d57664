"""When a buyer is reminded that an offer is about to expire."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

REMINDER_TIME = time(14, 0, tzinfo=UTC)
"""Within working hours on both sides of the Atlantic."""


def reminder_times(
    availability_end: date, days_before: Iterable[int], since: datetime
) -> list[datetime]:
    """The instants (UTC, ascending) of the reminders still to come after `since`."""
    instants = {
        datetime.combine(availability_end - timedelta(days=days), REMINDER_TIME)
        for days in days_before
    }
    return sorted(instant for instant in instants if instant > since)
