"""A running sandbox for each test, with a clock that the test sets."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import Seller
from sandbox.tests.support.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sandbox(clock: ManualClock) -> Iterator[Sandbox]:
    with Sandbox(lambda: clock.now) as sandbox:
        yield sandbox


@pytest.fixture
def seller(sandbox: Sandbox, clock: ManualClock) -> Seller:
    """A seller without AWS's rate limits."""
    sandbox.world.aws.throttle = False
    return Seller(sandbox, clock)


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{sandbox.addresses.control}/control") as client:
        yield client
