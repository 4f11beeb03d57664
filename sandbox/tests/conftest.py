"""A running sandbox for each test, on a clock that the test sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import Seller


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
def sandbox(clock: TestClock) -> Iterator[Sandbox]:
    with Sandbox(lambda: clock.now) as sandbox:
        yield sandbox


@pytest.fixture
def seller(sandbox: Sandbox, clock: TestClock) -> Seller:
    """A seller whom AWS does not slow down."""
    sandbox.world.throttle = False
    return Seller(sandbox, clock)


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sandbox.addresses.control}/control") as client:
        yield client
