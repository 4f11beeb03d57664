"""Fixtures for tests of the activities on Clazar, with the real client against the sandbox."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from activities.clazar.client import ClazarClient
from activities.clazar.offers import Clazar
from sandbox.server import Sandbox


@pytest.fixture
async def clazar_client(sandbox: Sandbox) -> AsyncIterator[ClazarClient]:
    client = ClazarClient(
        sandbox.addresses.clazar,
        sandbox.world.clazar.oauth.client_id,
        SecretStr(sandbox.world.clazar.oauth.client_secret),
    )
    yield client
    await client.close()


@pytest.fixture
def clazar(clazar_client: ClazarClient) -> Clazar:
    return Clazar(clazar_client)
