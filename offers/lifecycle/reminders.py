"""When people are reminded."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from offers.agreements.agreement import Agreement, AgreementStatus

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


def renewal_reminder_times(
    agreement: Agreement, days_before: Iterable[int], since: datetime | None
) -> list[datetime]:
    """When an owner is reminded that an agreement in force ends (UTC, ascending).

    Only those after `since`, until when they have been sent or left out; None: after the
    acceptance.
    """
    if agreement.ends_at is None or agreement.status is not AgreementStatus.ACTIVE:
        return []
    since = max(since or agreement.accepted_at, agreement.accepted_at)
    return reminder_times(agreement.ends_at.date(), days_before, since)


def due_renewal_reminder(
    agreement: Agreement, days_before: Iterable[int], since: datetime | None, now: datetime
) -> datetime | None:
    """The one that is due: of several that an outage delayed, the last; none after the end."""
    if agreement.ends_at is None or agreement.ends_at <= now:
        return None
    times = renewal_reminder_times(agreement, days_before, since)
    return max((each for each in times if each <= now), default=None)
