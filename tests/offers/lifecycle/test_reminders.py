"""When reminders are sent."""

from datetime import UTC, date, datetime

from offers.lifecycle.reminders import reminder_times


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
