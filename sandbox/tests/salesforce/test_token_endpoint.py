"""The token endpoint, and the use of tokens."""

import time
from collections.abc import Iterator

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.salesforce_org import OrgClient, status_and_code

CLIENT = ("example-salesforce-client", "example-salesforce-secret")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[OrgClient]:
    org = OrgClient(sandbox)
    with org.http:
        yield org


def request_token(
    org: OrgClient, form: dict[str, str], auth: tuple[str, str] | None = None
) -> httpx.Response:
    sent = httpx.BasicAuth(*auth) if auth else httpx.USE_CLIENT_DEFAULT
    return org.http.post("/services/oauth2/token", data=form, auth=sent)


def credentials(client_id: str, client_secret: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }


def assertion(org: OrgClient, key: rsa.RSAPrivateKey, **claims: object) -> dict[str, str]:
    said = {
        "iss": CLIENT[0],
        "sub": "offers@example.com",
        "aud": org.sandbox.addresses.salesforce,
        "exp": int(time.time()) + 180,
        **claims,
    }
    return {"grant_type": JWT_BEARER, "assertion": jwt.encode(said, key, algorithm="RS256")}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("basic", [True, False], ids=["basic", "body"])
def test_client_credentials_in_body_or_header(org: OrgClient, basic: bool) -> None:
    if basic:
        answer = request_token(org, {"grant_type": "client_credentials"}, CLIENT)
    else:
        answer = request_token(org, credentials(*CLIENT))

    body = answer.json()
    assert answer.status_code == 200
    assert body["token_type"] == "Bearer"
    assert body["instance_url"] == org.sandbox.addresses.salesforce
    assert abs(int(body["issued_at"]) / 1000 - time.time()) < 5
    org.token = body["access_token"]
    assert org.call("GET", "/limits").status_code == 200


@pytest.mark.parametrize(
    ("form", "expected_error"),
    [
        (credentials("other", CLIENT[1]), "invalid_client_id"),
        (credentials(CLIENT[0], "wrong"), "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": JWT_BEARER, "assertion": "nonsense"}, "invalid_grant"),
    ],
)
def test_rejected_token_requests(org: OrgClient, form: dict[str, str], expected_error: str) -> None:
    answer = request_token(org, form)

    assert answer.status_code == 400
    assert answer.json()["error"] == expected_error
    assert answer.json()["error_description"]


def test_malformed_basic_credentials(org: OrgClient) -> None:
    answer = org.http.post(
        "/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": "Basic %%%"},
    )

    assert answer.json()["error"] == "invalid_client"


def test_a_valid_assertion(org: OrgClient, key: rsa.RSAPrivateKey) -> None:
    answer = request_token(org, assertion(org, key))

    assert answer.status_code == 200
    assert org.world.salesforce.oauth.is_valid_token(answer.json()["access_token"])


@pytest.mark.parametrize(
    ("claims", "expected_error", "description"),
    [
        ({"aud": "https://elsewhere.example"}, "invalid_grant", "audience is invalid"),
        ({"exp": 1}, "invalid_grant", "expired assertion"),
        ({"sub": "x@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "other"}, "invalid_client_id", "client identifier invalid"),
    ],
)
def test_an_assertion_with_a_wrong_claim(
    org: OrgClient,
    key: rsa.RSAPrivateKey,
    claims: dict[str, object],
    expected_error: str,
    description: str,
) -> None:
    answer = request_token(org, assertion(org, key, **claims))

    assert answer.status_code == 400
    assert answer.json() == {"error": expected_error, "error_description": description}


def test_the_signature_is_checked_if_the_org_has_the_key(
    org: OrgClient, key: rsa.RSAPrivateKey
) -> None:
    org.world.salesforce.public_key = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert request_token(org, assertion(org, key)).status_code == 200
    assert (
        request_token(org, assertion(org, other_key)).json()["error_description"]
        == "invalid assertion"
    )


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic abc", "Bearer"])
def test_requests_without_a_valid_token_are_rejected(
    org: OrgClient, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = org.http.get("/services/data/v66.0/limits", headers=headers)

    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_a_token_expires_and_can_be_revoked(org: OrgClient) -> None:
    org.world.salesforce.oauth.token_seconds = 0
    org.token = org.world.salesforce.oauth.issue_token()
    assert status_and_code(org.call("GET", "/limits")) == (401, "INVALID_SESSION_ID")

    org.world.salesforce.oauth.token_seconds = 60
    org.token = org.world.salesforce.oauth.issue_token()
    assert org.call("GET", "/limits").status_code == 200
    org.world.salesforce.oauth.revoke_tokens()
    assert status_and_code(org.call("GET", "/limits")) == (401, "INVALID_SESSION_ID")


def test_a_fault_at_the_token_endpoint_is_an_oauth_error(org: OrgClient) -> None:
    org.world.faults.waiting.append(
        Fault("salesforce", "status", "Token", status=400, code="invalid_client")
    )

    answer = request_token(org, credentials(*CLIENT))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    assert org.world.calls["salesforce", "Token"] == 1
