"""The HTTP API of an environment with offers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.api import add_key, api
from tests.support.console import RunningConsole, running_console
from tests.support.offer_environment import OfferEnvironment, open_offer_environment


@dataclass(frozen=True)
class OfferApi:
    """An environment, its console with a file of keys, and a program."""

    environment: OfferEnvironment
    served: RunningConsole
    keys: Path
    program: httpx.AsyncClient
    """It has a key for everything that a program may do."""


@asynccontextmanager
async def open_offer_api(dev_server: str, folder: Path) -> AsyncIterator[OfferApi]:
    """Start an environment and its console; `folder`: for their files."""
    keys = folder / "api-keys.toml"
    key = add_key(keys)
    async with (
        open_offer_environment(dev_server, folder) as environment,
        running_console(environment.temporal_client, OFFERS_API_KEYS=str(keys)) as served,
        api(served.url, key) as program,
    ):
        yield OfferApi(environment, served, keys, program)
