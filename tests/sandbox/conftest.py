"""A running sandbox for each test, on a clock that the test sets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.server import Sandbox


@dataclass
class TestClock:
    """Stands at `now` until the test moves it."""

    __test__ = False

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def move(self, **duration: float) -> datetime:
        """Let time pass: `clock.move(days=1)`."""
        self.now += timedelta(**duration)
        return self.now


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def sandbox(clock: TestClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(lambda: clock.now) as sandbox:
        yield sandbox
