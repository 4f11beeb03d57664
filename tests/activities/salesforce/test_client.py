"""The client of Salesforce: logins and rejected credentials."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient, SalesforceLogin
from activities.salesforce.opportunities import Opportunities
from sandbox.faults import Fault
from sandbox.server import Sandbox
from tests.support.vendors import failure_type
from tests.support.workflow_harness import OPPORTUNITY


async def test_threads_share_one_login(sandbox: Sandbox, opportunities: Opportunities) -> None:
    def read_many() -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(opportunities.read, [OPPORTUNITY] * 24))

    await asyncio.to_thread(read_many)
    assert sandbox.world.calls["salesforce", "Token"] == 1
    sandbox.world.salesforce.oauth.revoke_tokens()
    await asyncio.to_thread(read_many)
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_lasting_401_ends_after_one_new_login(
    sandbox: Sandbox, opportunities: Opportunities
) -> None:
    sandbox.world.faults.waiting.append(
        Fault("salesforce", "status", "Query", status=401, code="INVALID_SESSION_ID", times=None)
    )
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["salesforce", "Query"] == 2
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_wrong_credentials_fail_without_the_secret(sandbox: Sandbox) -> None:
    login = SalesforceLogin(
        url=sandbox.addresses.salesforce, client_id="x", client_secret=SecretStr("hunter2")
    )
    client = SalesforceClient(login, sandbox.addresses.salesforce_ca)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(client.call, lambda api: api.query("SELECT Id FROM Opportunity"))
    assert failure_type(raised) == Failure.CREDENTIALS
    assert "hunter2" not in str(raised.value)
