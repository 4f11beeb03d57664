"""Fixtures: the dev server, the sandbox, workers, and the console with its API.

The tests of a module have one event loop, so that they can share what runs in it.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.console import RunningConsole
from tests.support.offer_api import OfferApi, open_offer_api
from tests.support.offer_environment import OfferEnvironment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_module_loop = pytest.mark.asyncio(loop_scope="module")
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(in_module_loop, append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    dev_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OfferApi]:
    """For the tests of a module: each has offers and names of keys of its own."""
    async with open_offer_api(dev_server, tmp_path_factory.mktemp("shared")) as shared:
        yield shared


@pytest.fixture(scope="module")
def environment(shared: OfferApi) -> OfferEnvironment:
    return shared.environment


@pytest.fixture(scope="module")
def served(shared: OfferApi) -> RunningConsole:
    return shared.served


@pytest.fixture(scope="module")
def keys(shared: OfferApi) -> Path:
    return shared.keys


@pytest.fixture(scope="module")
def program(shared: OfferApi) -> httpx.AsyncClient:
    return shared.program


@pytest_asyncio.fixture(loop_scope="module")
async def own(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferApi]:
    """For one test: of all its offers, or of vendors that answer otherwise."""
    async with open_offer_api(dev_server, tmp_path) as own:
        yield own
