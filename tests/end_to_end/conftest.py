"""The dev server (visibility, Schedules, UI attributes), the sandbox and workers, in real time."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.queues import TaskQueue
from tests.house import House, keeping_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with keeping_house(tmp_path) as house:
        yield house


@pytest.fixture
async def house_without_preflight(tmp_path: Path) -> AsyncIterator[House]:
    """Offers that are started stay drafts that nobody has looked at."""
    async with keeping_house(tmp_path, (TaskQueue.OFFERS, TaskQueue.SALESFORCE)) as house:
        yield house


@pytest.fixture
def at_the_house(house: House) -> House:
    """The house, with our programs pointed at it."""
    os.environ["TEMPORAL_ADDRESS"] = house.client.service_client.config.target_host
    return house
