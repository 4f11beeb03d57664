"""A harness for each test: the time-skipping server has one clock, so tests cannot share it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.workflow_harness import WorkflowHarness, open_harness


@pytest.fixture
async def harness() -> AsyncIterator[WorkflowHarness]:
    async with open_harness() as harness:
        yield harness
