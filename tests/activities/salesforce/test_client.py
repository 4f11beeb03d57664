"""The client of Salesforce: logins and rejected credentials."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient, SalesforceLogin
from activities.salesforce.opportunities import Opportunities
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
    sandbox.world.faults.salesforce.answer(401, "Query", code="INVALID_SESSION_ID", times=None)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["salesforce", "Query"] == 2
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_login_with_a_private_key(sandbox: Sandbox) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    org = sandbox.world.salesforce
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    org.public_key = public.decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    login = SalesforceLogin(
        url=sandbox.addresses.salesforce,
        client_id=org.oauth.client_id,
        username=org.username,
        private_key=SecretStr(private.decode()),
    )
    client = SalesforceClient(login, sandbox.addresses.salesforce_ca)
    answer = await asyncio.to_thread(
        client.call, lambda api: api.query("SELECT Id FROM Opportunity")
    )
    assert answer["records"] == []
    with pytest.raises(ValueError, match="neither a client secret nor a user name and private key"):
        login.model_copy(update={"username": None}).form()


async def test_wrong_credentials_fail_without_the_secret(sandbox: Sandbox) -> None:
    login = SalesforceLogin(
        url=sandbox.addresses.salesforce, client_id="x", client_secret=SecretStr("hunter2")
    )
    client = SalesforceClient(login, sandbox.addresses.salesforce_ca)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(client.call, lambda api: api.query("SELECT Id FROM Opportunity"))
    assert failure_type(raised) == Failure.CREDENTIALS
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("kind", ["html", "truncated", "oversized"])
async def test_login_without_a_token(
    sandbox: Sandbox, opportunities: Opportunities, kind: str
) -> None:
    sandbox.world.faults.salesforce.add(kind, "Token", size=1000)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.UNAVAILABLE
    await asyncio.to_thread(opportunities.read, OPPORTUNITY)
