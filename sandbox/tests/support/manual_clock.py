"""A clock for tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class ManualClock:
    """Business time that only the test changes."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def advance(self, **duration: float) -> datetime:
        """Add a duration, such as `clock.advance(days=1)`."""
        self.now += timedelta(**duration)
        return self.now
