"""The days on which AWS pays out (AWS: daily, or monthly on a day from 1 to 28)."""

from datetime import UTC, datetime, time, timedelta
from typing import Literal

SATURDAY = 5


def payday(earliest: datetime, schedule: Literal["daily", "monthly"], day: int) -> datetime:
    """The first payday from then on, at 00:00 UTC (ASSUMED)."""
    midnight = datetime.combine(earliest.date(), time(0), UTC)
    if midnight < earliest:
        midnight += timedelta(days=1)
    while schedule == "monthly" and midnight.day != day:
        midnight += timedelta(days=1)
    return midnight


def business_days_after(instant: datetime, days: int) -> datetime:
    """So many days on which banks work (Monday to Friday) later."""
    while days > 0:
        instant += timedelta(days=1)
        days -= instant.weekday() < SATURDAY
    return instant
