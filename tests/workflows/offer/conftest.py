"""A life for each test: the time-skipping server's clock is global, so none is shared."""

from collections.abc import AsyncIterator

import pytest

from tests.support.life import Life, living


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as life:
        yield life
