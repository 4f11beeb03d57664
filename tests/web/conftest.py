"""Fixtures: the dev server, the sandbox, workers, and the console with its API."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import add_key, api
from tests.support.console import RunningConsole, running_console
from tests.support.offer_environment import OfferEnvironment, open_offer_environment


@pytest.fixture
async def environment(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferEnvironment]:
    async with open_offer_environment(dev_server, tmp_path) as environment:
        yield environment


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with a key that may do everything a program may."""
    file = tmp_path / "api-keys.toml"
    add_key(file, "first")
    return file


@pytest.fixture
async def served(environment: OfferEnvironment, keys: Path) -> AsyncIterator[RunningConsole]:
    """The console of the environment, with the file of keys."""
    client = environment.temporal_client
    async with running_console(client, OFFERS_API_KEYS=str(keys)) as console:
        yield console


@pytest.fixture
async def program(served: RunningConsole, keys: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a key for everything."""
    async with api(served.url, add_key(keys)) as client:
        yield client
