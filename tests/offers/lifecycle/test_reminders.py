"""When reminders are sent."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from offers.agreements.agreement import AgreementStatus
from offers.clock import start_of_day
from offers.lifecycle.reminders import (
    REMINDER_TIME,
    due_renewal_reminder,
    reminder_times,
    renewal_reminder_times,
)
from tests.support.agreements import agreement

END = date(2027, 3, 5)
"""Of `agreement()`, which was accepted a year before."""
DAYS = (90, 60, 30)


def before_end(days: int, end: date = END) -> datetime:
    """The time of a reminder."""
    return datetime.combine(end - timedelta(days=days), REMINDER_TIME)


def test_future_reminders_in_order() -> None:
    end = date(2026, 4, 1)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert reminder_times(end, (2, 7), since) == [
        datetime(2026, 3, 25, 14, tzinfo=UTC),
        datetime(2026, 3, 30, 14, tzinfo=UTC),
    ]
    assert reminder_times(end, (2, 7), datetime(2026, 3, 25, 14, tzinfo=UTC)) == [
        datetime(2026, 3, 30, 14, tzinfo=UTC)
    ]


def test_owner_is_reminded_of_the_end_of_the_agreement_in_force() -> None:
    times = renewal_reminder_times(agreement(), DAYS, None)
    assert times == [before_end(days) for days in DAYS]
    assert renewal_reminder_times(agreement(), DAYS, times[0]) == times[1:]


def test_another_end_has_reminders_of_its_own() -> None:
    later = END + timedelta(days=200)
    moved = agreement(ends_at=start_of_day(later))
    since = before_end(30)
    assert renewal_reminder_times(moved, DAYS, since) == [before_end(each, later) for each in DAYS]


@pytest.mark.parametrize(
    "changes",
    [
        {"ends_at": None},
        {"status": AgreementStatus.CANCELLED},
        {"status": AgreementStatus.REPLACED},
        {"accepted_at": before_end(30)},
    ],
)
def test_no_reminder_of_the_end(changes: dict[str, Any]) -> None:
    assert renewal_reminder_times(agreement(**changes), DAYS, None) == []
    assert renewal_reminder_times(agreement(**changes), DAYS, before_end(100)) == []


def test_of_reminders_that_an_outage_delayed_the_last_is_sent() -> None:
    def due(now: datetime, since: datetime | None = None) -> datetime | None:
        return due_renewal_reminder(agreement(), DAYS, since, now)

    early = before_end(90) - timedelta(seconds=1)
    assert due(early) is None
    assert due(before_end(90)) == before_end(90)
    assert due(before_end(50)) == before_end(60)
    assert due(before_end(50), since=before_end(60)) is None
    assert due(datetime(2027, 3, 5, 13, 59, tzinfo=UTC)) == before_end(30)
    assert due(datetime(2027, 3, 5, 14, tzinfo=UTC)) is None
