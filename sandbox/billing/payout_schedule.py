"""The dates of AWS's payouts (AWS: daily, or monthly on a day from 1 to 28)."""

from datetime import UTC, datetime, time, timedelta
from typing import Literal

SATURDAY = 5


def next_payday(earliest: datetime, schedule: Literal["daily", "monthly"], day: int) -> datetime:
    """The first payout date at or after `earliest`, at 00:00 UTC (ASSUMED)."""
    midnight = datetime.combine(earliest.date(), time(0), UTC)
    if midnight < earliest:
        midnight += timedelta(days=1)
    while schedule == "monthly" and midnight.day != day:
        midnight += timedelta(days=1)
    return midnight


def add_business_days(instant: datetime, days: int) -> datetime:
    """The instant this many bank days (Monday to Friday) later."""
    while days > 0:
        instant += timedelta(days=1)
        days -= instant.weekday() < SATURDAY
    return instant
