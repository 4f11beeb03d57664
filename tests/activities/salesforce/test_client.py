"""The client of Salesforce: logins and rejected credentials."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient, SalesforceLogin
from activities.salesforce.opportunities import Opportunities
from runtime import clients
from runtime.settings import InvalidSettings, WorkerSettings, read_settings
from sandbox.server import Sandbox
from tests.support.vendors import failure_type
from tests.support.workflow_harness import (
    OPPORTUNITY,
    environment_variables,
    opportunity_fields,
)


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


async def test_wrong_credentials_fail_without_the_secret(sandbox: Sandbox) -> None:
    login = SalesforceLogin(
        url=sandbox.addresses.salesforce, client_id="x", client_secret=SecretStr("hunter2")
    )
    client = SalesforceClient(login, sandbox.addresses.salesforce_ca)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(client.call, lambda api: api.query("SELECT Id FROM Opportunity"))
    assert failure_type(raised) == Failure.CREDENTIALS
    assert "hunter2" not in str(raised.value)


def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@pytest.fixture
def registered_key(sandbox: Sandbox) -> rsa.RSAPrivateKey:
    """The key whose certificate the connected app has."""
    key, form = private_key(), serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    sandbox.world.salesforce.public_key = public.decode()
    sandbox.world.salesforce.put_opportunity(opportunity_fields(OPPORTUNITY))
    return key


def opportunities_with(sandbox: Sandbox, key: str) -> Opportunities:
    """As a worker makes them that logs in by an assertion which this key signs."""
    login = {
        "SALESFORCE_CLIENT_SECRET": "",
        "SALESFORCE_USERNAME": sandbox.world.salesforce.username,
        "SALESFORCE_PRIVATE_KEY": key,
    }
    with environment_variables(login):
        return clients.opportunities(read_settings(WorkerSettings))


async def test_login_by_a_signed_assertion(
    sandbox: Sandbox, registered_key: rsa.RSAPrivateKey
) -> None:
    opportunities = opportunities_with(sandbox, pem(registered_key))
    found = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert found.facts["company"] == "Example Corp"
    sandbox.world.salesforce.oauth.revoke_tokens()
    await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert sandbox.world.calls["salesforce", "Token"] == 2


async def test_assertion_signed_with_another_key(
    sandbox: Sandbox, registered_key: rsa.RSAPrivateKey
) -> None:
    other = pem(private_key())
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities_with(sandbox, other).read, OPPORTUNITY)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert other[100:140] not in str(raised.value)


def test_private_key_that_is_none(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidSettings, match="SALESFORCE_PRIVATE_KEY") as raised:
        opportunities_with(sandbox, "hunter2")
    assert "hunter2" not in str(raised.value)


def test_forms_of_a_login() -> None:
    by_secret = SalesforceLogin(url="https://x", client_id="id", client_secret=SecretStr("s"))
    assert by_secret.form() == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "s",
    }
    key = private_key()
    login = SalesforceLogin(
        url="https://x", client_id="id", username="u", private_key=SecretStr(pem(key))
    )
    form = login.form()
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(form["assertion"], key.public_key(), ["RS256"], audience="https://x")
    assert (claims["iss"], claims["sub"]) == ("id", "u")
    assert 0 < claims["exp"] - time.time() <= 180
    with pytest.raises(ValueError, match="neither"):
        login.model_copy(update={"username": None}).form()


def test_server_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.salesforce.client.TIMEOUT_SECONDS", (0.1, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = SalesforceClient(
            SalesforceLogin(url=url, client_id="x", client_secret=SecretStr("x"))
        )
        with pytest.raises(ApplicationError) as raised:
            client.call(lambda api: api.query("SELECT Id FROM Opportunity"))
    assert failure_type(raised) == Failure.UNAVAILABLE


def test_login_without_credentials() -> None:
    login = SalesforceLogin(url="https://example.my.salesforce.com", client_id="x", username="x")
    with pytest.raises(ValueError, match="neither a client secret nor a user name and private key"):
        login.form()


@pytest.mark.parametrize("kind", ["html", "truncated", "oversized"])
async def test_login_without_a_token(
    sandbox: Sandbox, opportunities: Opportunities, kind: str
) -> None:
    sandbox.world.faults.salesforce.add(kind, "Token", size=1000)
    with pytest.raises(ApplicationError) as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.UNAVAILABLE
    await asyncio.to_thread(opportunities.read, OPPORTUNITY)
